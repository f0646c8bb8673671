//! Codes that prove an address: short, single-use, few tries, kept only as keyed hashes.
//!
//! A code has so few bits that a plain hash of it could be undone from a stolen database, so what
//! is stored is an HMAC under a key that is not in the database, over the code **and** what it is
//! bound to: account, purpose, address.

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{ids::AccountId, time::Timestamp};

/// What a code is for. A code for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodePurpose {
    /// Proving the address of a new account.
    ConfirmAddress,
}

impl CodePurpose {
    /// The stable name that stores use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "confirm_address",
        }
    }
}

/// How a contract's codes look and how long they live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePolicy {
    /// What they are drawn from.
    pub alphabet: CodeAlphabet,
    /// How many characters they have.
    pub length: usize,
    /// How long they live.
    pub lifetime: Duration,
    /// How many wrong tries kill one.
    pub tries: u32,
    /// How long after one was sent the next may be.
    pub resend_gap: Duration,
    /// How many are sent to one account in a day.
    pub daily_cap: u32,
}

/// What a code is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeAlphabet {
    /// `0-9`.
    Digits,
    /// `A-Z0-9`.
    UpperAlphanumeric,
}

impl CodeAlphabet {
    const fn symbols(self) -> &'static [u8] {
        match self {
            Self::Digits => b"0123456789",
            Self::UpperAlphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        }
    }
}

/// A code in the clear, on its way to its owner or from somebody who claims to be.
pub struct PlainCode(Zeroizing<String>);

impl PlainCode {
    /// Draws a code, `random` giving one byte at a time; bytes that would favour some symbols are
    /// thrown away.
    ///
    /// # Errors
    /// Whatever `random` fails with.
    pub fn draw<E>(
        policy: &CodePolicy,
        mut random: impl FnMut() -> Result<u8, E>,
    ) -> Result<Self, E> {
        let symbols = policy.alphabet.symbols();
        let unbiased = 256 - 256 % symbols.len();
        let mut code = Zeroizing::new(String::with_capacity(policy.length));
        while code.len() < policy.length {
            let byte = usize::from(random()?);
            if byte < unbiased
                && let Some(symbol) = symbols.get(byte % symbols.len())
            {
                code.push(char::from(*symbol));
            }
        }
        Ok(Self(code))
    }

    /// Takes what somebody presents: surrounding white space dropped, letters in upper case.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_ascii_uppercase()))
    }

    /// The code, to be put into the message to its owner and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The keyed hash a store keeps, bound to account, purpose and address key.
    #[must_use]
    pub fn hash(
        &self,
        key: &hmac::Key,
        account: AccountId,
        purpose: CodePurpose,
        target: &str,
    ) -> CodeHash {
        let mut context = hmac::Context::with_key(key);
        context.update(&account.0.to_be_bytes());
        for part in [purpose.name(), target, self.0.as_str()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        CodeHash(context.sign().as_ref().into())
    }
}

impl fmt::Debug for PlainCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainCode(…)")
    }
}

/// The keyed hash of a code. Equality is constant-time.
#[derive(Clone)]
pub struct CodeHash(Box<[u8]>);

impl CodeHash {
    /// Takes a hash from a store.
    #[must_use]
    pub fn from_stored(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes a store keeps.
    #[must_use]
    pub fn as_stored(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for CodeHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash(…)")
    }
}

/// A code as a store keeps it.
#[derive(Clone, Debug)]
pub struct StoredCode {
    /// Its hash.
    pub hash: CodeHash,
    /// When it dies.
    pub expires_at: Timestamp,
    /// How many wrong tries it still stands.
    pub tries_left: u32,
}

/// What a presented code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeVerdict {
    /// The right one: it is used up now.
    Right,
    /// A wrong one: a try is used up now.
    Wrong,
    /// None alive to compare with: expired or out of tries. Nothing changes.
    Dead,
}

/// Judges a presented code. The store applies the verdict in the same write: `Right` deletes the
/// code, `Wrong` takes a try.
#[must_use]
pub fn judge(stored: &StoredCode, presented: &CodeHash, now: Timestamp) -> CodeVerdict {
    if now >= stored.expires_at || stored.tries_left == 0 {
        CodeVerdict::Dead
    } else if stored.hash == *presented {
        CodeVerdict::Right
    } else {
        CodeVerdict::Wrong
    }
}

/// When codes were last sent for one account, address and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendHistory {
    /// When the last one was sent.
    pub last_at: Timestamp,
    /// When the current day of counting began.
    pub day_began: Timestamp,
    /// How many were sent since.
    pub sent_in_day: u32,
}

/// The length of a day of counting.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether another code may be sent, given what was sent before; the history to keep if it is.
///
/// # Errors
/// How long to wait.
pub fn may_send(
    history: Option<SendHistory>,
    policy: &CodePolicy,
    now: Timestamp,
) -> Result<SendHistory, Duration> {
    let Some(before) = history else {
        return Ok(SendHistory {
            last_at: now,
            day_began: now,
            sent_in_day: 1,
        });
    };
    let since_last = now.since(before.last_at);
    if since_last < policy.resend_gap {
        return Err(policy.resend_gap - since_last);
    }
    let in_day = now.since(before.day_began);
    if in_day >= DAY {
        return Ok(SendHistory {
            last_at: now,
            day_began: now,
            sent_in_day: 1,
        });
    }
    if before.sent_in_day >= policy.daily_cap {
        return Err(DAY - in_day);
    }
    Ok(SendHistory {
        last_at: now,
        day_began: before.day_began,
        sent_in_day: before.sent_in_day + 1,
    })
}
