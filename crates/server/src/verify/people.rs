//! The people of a run: the test account, those who are signed up for it, and those who are nobody.

use std::fmt;

use daemun_engine::{address::IdentifierKinds, ports::Entropy};
use zeroize::Zeroizing;

use crate::{
    adapters::SystemEntropy,
    report::{Failure, Kind, Outcome},
};

/// Somebody who has an account, or will.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) address: String,
    pub(super) password: Zeroizing<String>,
    pub(super) nickname: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

/// Where new people's addresses come from.
pub(super) struct Addresses {
    pattern: String,
}

/// What stands in a pattern for what is drawn.
const HOLE: &str = "{}";

impl Addresses {
    /// Addresses after a pattern with `{}` in it: eight letters and digits, for phone numbers eight
    /// digits. Without one, addresses that belong to nobody; phone numbers of that sort there are
    /// not, so to a server elsewhere none is made up.
    pub(super) fn new(
        pattern: Option<&str>,
        kinds: IdentifierKinds,
        is_here: bool,
    ) -> Outcome<Option<Self>> {
        let pattern = match pattern {
            Some(pattern) if pattern.contains(HOLE) => pattern,
            Some(_) => {
                let what = "the pattern of --sign-up has no {} for what differs";
                return Err(Failure::new(Kind::Usage, what).mend("--sign-up 'test+{}@example.com'"));
            }
            None if kinds.email => "daemun-verify-{}@example.com",
            None if is_here => "010{}",
            None => return Ok(None),
        };
        Ok(Some(Self {
            pattern: pattern.to_owned(),
        }))
    }

    /// Another one.
    pub(super) fn another(&self) -> Outcome<String> {
        let drawn = match self.pattern.contains('@') {
            true => random(8, b"abcdefghijkmnpqrstuvwxyz23456789")?,
            false => random(8, b"0123456789")?,
        };
        Ok(self.pattern.replace(HOLE, &drawn))
    }
}

/// Somebody new, at that address.
pub(super) fn somebody(address: String) -> Outcome<Person> {
    Ok(Person {
        address,
        password: Zeroizing::new(password()?),
        nickname: Some(nickname()?),
    })
}

/// A password that no server finds too weak: letters of both kinds, a digit, a sign.
pub(super) fn password() -> Outcome<String> {
    Ok(format!("Vy7!-{}", random(20, LETTERS)?))
}

pub(super) fn nickname() -> Outcome<String> {
    Ok(format!("verify-{}", random(8, LETTERS)?))
}

const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz";

/// So many characters out of these.
pub(super) fn random(length: usize, of: &[u8]) -> Outcome<String> {
    let mut bytes = vec![0; length];
    SystemEntropy
        .fill(&mut bytes)
        .map_err(|_| Failure::new(Kind::Failed, "the system gives no randomness"))?;
    let pick = |byte: &u8| of.get(usize::from(*byte) % of.len().max(1)).copied();
    Ok(bytes.iter().filter_map(pick).map(char::from).collect())
}
