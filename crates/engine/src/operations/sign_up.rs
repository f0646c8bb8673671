//! Signing up: an account that cannot be used yet, and the code that will change that; or, where a
//! contract asks for no proof of the address, one that can.
//!
//! What judges a sign-up before anything is written is in [`check_sign_up`](super::check_sign_up).

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use serde_json::Value;

use crate::{
    account::{Account, Profile, Status},
    address::{Identifier, InvalidAddress},
    audit::AuditKind,
    code::{CodePolicy, CodePurpose, PlainCode},
    engine::{Caller, Engine, Realm},
    ids::AccountId,
    limits::Scope,
    notice::{Content, Notice},
    operations::Trouble,
    password::{NewPassword, Rules, Weak},
    policy::Policy,
    ports::{
        CodeSent, NewAccount, NewCode, NewNotice, NoEntropy, Origin, OutgoingMessage, Registered,
        nickname_key,
    },
    time::Timestamp,
    vocabulary::{Failure, Input, Outcome},
};

/// The longest nickname an operator gives, in code points.
pub(super) const LONGEST_NICKNAME: usize = 50;

/// A sign-up.
#[derive(Clone, Copy)]
pub struct SignUp<'a> {
    /// The address.
    pub identifier: &'a str,
    /// The password.
    pub password: &'a str,
    /// The display name.
    pub nickname: Option<&'a str>,
    /// Fields of the contract's own, by their place among those it declares.
    pub profile: &'a [(u8, Value)],
}

/// Why nobody was signed up.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The address is none, or not of a kind asked for.
    #[error(transparent)]
    InvalidIdentifier(InvalidAddress),
    /// The nickname is empty, too long, or holds control characters.
    #[error("not a nickname")]
    InvalidNickname(&'static str),
    /// A field of the contract's own cannot hold what was given for it.
    #[error("not a value of the field")]
    InvalidField(u8, &'static str),
    /// The password is too weak.
    #[error("the password is too weak")]
    WeakPassword(Weak),
    /// The address has an account. Never said by a contract that conceals.
    #[error("the address is taken")]
    IdentifierTaken,
    /// The nickname is another's.
    #[error("the nickname is taken")]
    NicknameTaken,
    /// Too many sign-ups from this address.
    #[error("too many sign-ups")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl From<&SignUpError> for Failure {
    fn from(error: &SignUpError) -> Self {
        match error {
            SignUpError::InvalidIdentifier(invalid) => {
                let reason = match invalid {
                    InvalidAddress::TooLong => "too_long",
                    InvalidAddress::Email | InvalidAddress::Phone | InvalidAddress::Kind => {
                        "malformed"
                    }
                };
                Self::at(Outcome::InvalidField, Input::Identifier, Some(reason))
            }
            SignUpError::InvalidNickname(reason) => {
                Self::at(Outcome::InvalidField, Input::Nickname, Some(reason))
            }
            SignUpError::InvalidField(nth, reason) => {
                Self::at(Outcome::InvalidField, Input::Profile(*nth), Some(reason))
            }
            SignUpError::WeakPassword(weak) => {
                Self::at(Outcome::WeakPassword, Input::Password, Some(weak.reason()))
            }
            SignUpError::IdentifierTaken => {
                Self::at(Outcome::IdentifierTaken, Input::Identifier, None)
            }
            SignUpError::NicknameTaken => Self::at(Outcome::NicknameTaken, Input::Nickname, None),
            SignUpError::Throttled { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..Outcome::Throttled.into()
            },
            SignUpError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Makes an account and sends the code that proves its address. Where the contract asks for no
    /// proof, the account can be used at once, and is returned.
    ///
    /// Under a contract that conceals, an address that has an account ends just the same: its
    /// owner is told by mail, or, where the account was never verified, gets a new code, and the
    /// password last given counts.
    ///
    /// # Errors
    /// Why nobody was signed up.
    pub async fn sign_up(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: SignUp<'_>,
    ) -> Result<Option<Arc<Account>>, SignUpError> {
        let now = self.clock.now();
        let policy = realm.policy();
        let identifier = Identifier::parse(input.identifier, policy.identifiers)
            .map_err(SignUpError::InvalidIdentifier)?;
        let nickname = input
            .nickname
            .map(|text| nickname(text, policy.nickname_max))
            .transpose()?;
        let profile = profile(input.profile, policy)?;
        let password =
            self.new_password(input.password, policy.password_min, identifier.as_str())?;
        let attempt = self
            .limits
            .begin(Scope::SignUp, None, caller.client.address, now)
            .await?;
        let hash = self.hasher.hash(password, self.random()?).await?;
        let code = if policy.confirm_address {
            Some(self.code_for_new_account(realm, caller, &identifier, now)?)
        } else {
            None
        };
        let registered = self
            .accounts
            .register(NewAccount {
                identifier: identifier.clone(),
                nickname: nickname.clone(),
                profile: profile.clone(),
                password: hash.clone(),
                status: if policy.confirm_address {
                    Status::Unverified
                } else {
                    Status::Active { since: now }
                },
                code,
                now,
                origin: caller.origin(realm),
            })
            .await?;
        attempt.succeeded().await;
        match registered {
            Registered::Created(_) if policy.confirm_address => Ok(None),
            Registered::Created(id) => Ok(self.accounts.account(id).await?.map(Arc::new)),
            Registered::NicknameTaken => Err(SignUpError::NicknameTaken),
            Registered::IdentifierTaken(_) if !policy.conceal => Err(SignUpError::IdentifierTaken),
            Registered::IdentifierTaken(id) => {
                if let Some(nickname) = &nickname
                    && self.is_anothers(nickname, id).await?
                {
                    // As with an address that is free, or the two could be told apart.
                    return Err(SignUpError::NicknameTaken);
                }
                let replaced = self
                    .accounts
                    .replace_unverified(id, hash, nickname, profile)
                    .await?;
                if replaced {
                    self.send_confirmation(realm, caller, id, &identifier, now)
                        .await?;
                } else {
                    self.tell_already_registered(realm, caller, id, &identifier, now)
                        .await?;
                }
                Ok(None)
            }
        }
    }

    /// Whether a nickname is taken by another account than `id`.
    async fn is_anothers(&self, nickname: &str, id: AccountId) -> Result<bool, Trouble> {
        if !self.accounts.taken(None, Some(nickname)).await?.nickname {
            return Ok(false);
        }
        let account = self.accounts.account(id).await?;
        let own = account.and_then(|account| account.nickname);
        let is_own = own.is_some_and(|own| nickname_key(&own) == nickname_key(nickname));
        Ok(!is_own)
    }

    pub(crate) fn new_password(
        &self,
        text: &str,
        min_code_points: usize,
        address: &str,
    ) -> Result<NewPassword, SignUpError> {
        let forbidden = [self.service_name.as_str(), address];
        let rules = Rules {
            min_code_points,
            forbidden: &forbidden,
        };
        NewPassword::parse(text, &rules).map_err(SignUpError::WeakPassword)
    }

    /// Sends the code that proves an account's address, unless one was sent only just now.
    pub(crate) async fn send_confirmation(
        &self,
        realm: &Realm,
        caller: &Caller,
        account: AccountId,
        identifier: &Identifier,
        now: Timestamp,
    ) -> Result<CodeSent, Trouble> {
        let make = self.code_for_new_account(realm, caller, identifier, now)?;
        Ok(self.accounts.send_code(make(account)).await?)
    }

    /// Draws the code and seals its message now; what binds it to the account follows when the
    /// account's id is known.
    fn code_for_new_account(
        &self,
        realm: &Realm,
        caller: &Caller,
        identifier: &Identifier,
        now: Timestamp,
    ) -> Result<Box<dyn FnOnce(AccountId) -> NewCode + Send>, Trouble> {
        let policy = realm.policy();
        let draft = CodeDraft {
            code: PlainCode::draw(&policy.codes, || -> Result<u8, NoEntropy> {
                let [byte] = self.random()?;
                Ok(byte)
            })?,
            key: self.code_key.clone(),
            target: identifier.key(),
            policy: policy.codes.clone(),
            now,
            origin: caller.origin(realm),
        };
        let content = Content::ConfirmAddress {
            code: draft.code.expose().to_owned(),
            minutes: policy.codes.lifetime.as_secs().div_ceil(60),
        };
        let notice = Notice::to(identifier, caller.locale, &policy.contract, content);
        let message = self.outgoing(&notice, now + policy.codes.lifetime)?;
        Ok(Box::new(move |account| draft.bind(account, message)))
    }

    pub(crate) fn outgoing(
        &self,
        notice: &Notice,
        useless_after: Timestamp,
    ) -> Result<OutgoingMessage, Trouble> {
        let sealed = notice
            .seal(&self.outbox_sealer, &*self.entropy)
            .map_err(|_| Trouble::Internal("a message could not be sealed"))?;
        Ok(OutgoingMessage {
            sealed,
            useless_after,
        })
    }

    async fn tell_already_registered(
        &self,
        realm: &Realm,
        caller: &Caller,
        account: AccountId,
        identifier: &Identifier,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let policy = realm.policy();
        let notice = Notice::to(
            identifier,
            caller.locale,
            &policy.contract,
            Content::AlreadyRegistered,
        );
        let message = self.outgoing(&notice, now + Duration::from_secs(86_400))?;
        let notice = NewNotice {
            account,
            target: identifier.key(),
            kind: AuditKind::SignUpRepeated,
            policy: policy.codes.clone(),
            message,
            now,
            origin: caller.origin(realm),
        };
        self.accounts.notify(notice).await?;
        Ok(())
    }
}

/// A code that is not yet bound to an account.
struct CodeDraft {
    code: PlainCode,
    key: hmac::Key,
    target: String,
    policy: CodePolicy,
    now: Timestamp,
    origin: Origin,
}

impl CodeDraft {
    fn bind(self, account: AccountId, message: OutgoingMessage) -> NewCode {
        let purpose = CodePurpose::ConfirmAddress;
        NewCode {
            account,
            purpose,
            hash: self.code.hash(&self.key, account, purpose, &self.target),
            target: self.target,
            policy: self.policy,
            message,
            now: self.now,
            origin: self.origin,
        }
    }
}

/// A nickname of at most `longest` code points.
pub(super) fn nickname(text: &str, longest: usize) -> Result<Box<str>, SignUpError> {
    use unicode_normalization::UnicodeNormalization;
    let text: String = text.trim().nfc().collect();
    match () {
        () if text.is_empty() || text.chars().any(char::is_control) => {
            Err(SignUpError::InvalidNickname("malformed"))
        }
        () if text.chars().count() > longest => Err(SignUpError::InvalidNickname("too_long")),
        () => Ok(text.into()),
    }
}

/// What the account will keep of the fields given. Nobody gives a field that is read-only.
pub(super) fn profile(given: &[(u8, Value)], policy: &Policy) -> Result<Profile, SignUpError> {
    let mut profile = Profile::new();
    for (nth, value) in given {
        let field = policy.fields.get(usize::from(*nth));
        if let Some(field) = field.filter(|field| !field.read_only) {
            let taken = field.kind.take(value);
            let taken = taken.map_err(|reason| SignUpError::InvalidField(*nth, reason))?;
            profile.insert(field.name.clone(), taken);
        }
    }
    Ok(profile)
}
