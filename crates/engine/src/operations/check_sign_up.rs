//! Judging a sign-up without signing anybody up, for contracts that tell of all faults at once.
//!
//! What is judged here is judged again when it counts: between the two, an address may be taken.

use serde_json::Value;

use crate::{
    address::Identifier,
    engine::{Caller, Engine, Realm},
    limits::Scope,
    operations::{
        SignUpError,
        sign_up::{nickname, profile},
    },
    vocabulary::Failure,
};

/// What a request brought of a sign-up, as far as it can be judged.
#[derive(Clone, Copy)]
pub struct PartialSignUp<'a> {
    /// The address.
    pub identifier: Option<&'a str>,
    /// The password.
    pub password: Option<&'a str>,
    /// The display name.
    pub nickname: Option<&'a str>,
    /// Fields of the contract's own, by their place among those it declares.
    pub profile: &'a [(u8, Value)],
    /// Whether something else of it is at fault already.
    pub faulty: bool,
}

impl Engine {
    /// Everything that is wrong with a sign-up, as far as that can be told before it is tried.
    ///
    /// Telling that an address or nickname is taken, or is not, counts towards the limit of
    /// sign-ups, unless the sign-up itself will. A contract that conceals is not told.
    ///
    /// # Errors
    /// Too many sign-ups from this address, or no fault of the caller's.
    pub async fn check_sign_up(
        &self,
        realm: &Realm,
        caller: &Caller,
        given: PartialSignUp<'_>,
    ) -> Result<Vec<Failure>, SignUpError> {
        let policy = realm.policy();
        let mut faults = Vec::new();
        let identifier = given.identifier.map(|text| {
            Identifier::parse(text, policy.identifiers).map_err(SignUpError::InvalidIdentifier)
        });
        let identifier = sound(identifier, &mut faults);
        let name = given
            .nickname
            .map(|text| nickname(text, policy.nickname_max));
        let name = sound(name, &mut faults);
        for field in given.profile {
            sound(
                Some(profile(std::slice::from_ref(field), policy)),
                &mut faults,
            );
        }
        let address = identifier.as_ref().map_or("", Identifier::as_str);
        let password = given
            .password
            .map(|text| self.new_password(text, policy.password_min, address));
        sound(password, &mut faults);
        if !policy.conceal && (identifier.is_some() || name.is_some()) {
            let now = self.clock.now();
            let attempt = self
                .limits
                .begin(Scope::SignUp, None, caller.client.address, now)
                .await?;
            let taken = self
                .accounts
                .taken(identifier.as_ref(), name.as_deref())
                .await?;
            let told = [
                (taken.identifier, SignUpError::IdentifierTaken),
                (taken.nickname, SignUpError::NicknameTaken),
            ];
            let told = told.iter().filter(|(taken, _)| *taken);
            faults.extend(told.map(|(_, error)| Failure::from(error)));
            if given.faulty || !faults.is_empty() {
                attempt.failed().await;
            } else {
                attempt.not_evaluated().await;
            }
        }
        Ok(faults)
    }
}

/// The part that is sound; what is wrong with one that is not is noted.
fn sound<T>(part: Option<Result<T, SignUpError>>, faults: &mut Vec<Failure>) -> Option<T> {
    match part? {
        Ok(part) => Some(part),
        Err(error) => {
            faults.push(Failure::from(&error));
            None
        }
    }
}
