//! Proving an address: sending its code again, and presenting it.

use std::time::Duration;

use crate::{
    account::{Account, PasswordHash, Status},
    address::Identifier,
    audit::AuditKind,
    code::{CodePurpose, PlainCode},
    engine::{Caller, Engine, Realm},
    limits::Scope,
    operations::Trouble,
    password::Candidate,
    ports::{CodeAttempt, CodeRedeemed, CodeSent},
    time::Timestamp,
    vocabulary::{Failure, Outcome},
};

/// Asks for the code again.
#[derive(Clone, Copy)]
pub struct ResendCode<'a> {
    /// The address.
    pub identifier: &'a str,
    /// The password, where the contract asks for it.
    pub password: Option<&'a str>,
}

/// Why no code was sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendCodeError {
    /// No account has that address.
    #[error("no account has that address")]
    UnknownAccount,
    /// The password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The address was proved before.
    #[error("the address was proved before")]
    AlreadyVerified,
    /// One was sent only just now, or too many today.
    #[error("a code was sent only just now")]
    TooSoon {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many tries.
    #[error("too many tries")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&ResendCodeError> for Failure {
    fn from(error: &ResendCodeError) -> Self {
        match error {
            ResendCodeError::UnknownAccount => Outcome::UnknownAccount.into(),
            ResendCodeError::WrongPassword => Outcome::WrongPassword.into(),
            ResendCodeError::AlreadyVerified => Outcome::AlreadyVerified.into(),
            ResendCodeError::TooSoon { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..Outcome::TooSoon.into()
            },
            ResendCodeError::Throttled { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..Outcome::Throttled.into()
            },
            ResendCodeError::Trouble(trouble) => trouble.into(),
        }
    }
}

/// Presents a code.
#[derive(Clone, Copy)]
pub struct VerifyCode<'a> {
    /// The address it was sent to.
    pub identifier: &'a str,
    /// The code.
    pub code: &'a str,
}

/// Why an address was not proved.
#[derive(Debug, thiserror::Error)]
pub enum VerifyCodeError {
    /// Wrong, expired, used up, or there was none.
    #[error("the code is wrong or dead")]
    InvalidCode,
    /// Too many tries.
    #[error("too many tries")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&VerifyCodeError> for Failure {
    fn from(error: &VerifyCodeError) -> Self {
        match error {
            VerifyCodeError::InvalidCode => Outcome::InvalidCode.into(),
            VerifyCodeError::Throttled { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..Outcome::Throttled.into()
            },
            VerifyCodeError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Sends the code again; the one before is dead then.
    ///
    /// Under a contract that conceals, everything but being throttled ends in `Ok`.
    ///
    /// # Errors
    /// Why none was sent.
    pub async fn resend_code(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: ResendCode<'_>,
    ) -> Result<(), ResendCodeError> {
        match self.resend(realm, caller, input).await {
            Err(
                ResendCodeError::UnknownAccount
                | ResendCodeError::WrongPassword
                | ResendCodeError::AlreadyVerified
                | ResendCodeError::TooSoon { .. },
            ) if realm.policy().conceal => Ok(()),
            other => other,
        }
    }

    async fn resend(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: ResendCode<'_>,
    ) -> Result<(), ResendCodeError> {
        let now = self.clock.now();
        let attempt = self
            .limits
            .begin(Scope::SendCode, None, caller.client.address, now)
            .await?;
        let identifier = Identifier::parse(input.identifier, realm.policy().identifiers).ok();
        let account = match self
            .resender(caller, identifier.as_ref(), input.password, now)
            .await
        {
            Err(ResendCodeError::Trouble(trouble)) => {
                attempt.not_evaluated().await;
                return Err(ResendCodeError::Trouble(trouble));
            }
            other => other?,
        };
        attempt.succeeded().await;
        let (Some(account), Some(identifier)) = (account, identifier) else {
            self.withheld(realm, caller, None, "unknown", now).await?;
            return Err(ResendCodeError::UnknownAccount);
        };
        if account.status != Status::Unverified {
            self.withheld(realm, caller, Some(account.id), "verified", now)
                .await?;
            return Err(ResendCodeError::AlreadyVerified);
        }
        match self
            .send_confirmation(realm, caller, account.id, &identifier, now)
            .await
        {
            Ok(CodeSent::Sent) => Ok(()),
            Ok(CodeSent::Wait(retry_after)) => Err(ResendCodeError::TooSoon { retry_after }),
            Err(trouble) => Err(ResendCodeError::Trouble(trouble)),
        }
    }

    /// The account that asks for its code, its password checked where one was given.
    async fn resender(
        &self,
        caller: &Caller,
        identifier: Option<&Identifier>,
        password: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Account>, ResendCodeError> {
        let found = match identifier {
            Some(identifier) => self.accounts.account_by_identifier(identifier).await?,
            None => None,
        };
        let (account, stored) = found.unzip();
        let Some(password) = password else {
            return Ok(account);
        };
        let key = identifier.map(Identifier::key);
        let guess = self
            .limits
            .begin(Scope::Login, key.as_deref(), caller.client.address, now)
            .await?;
        match (self.matches(password, stored).await, &account) {
            (Ok(true), Some(_)) => guess.succeeded().await,
            (Ok(false), Some(_)) => {
                guess.failed().await;
                return Err(ResendCodeError::WrongPassword);
            }
            (Ok(_), None) => guess.failed().await,
            (Err(trouble), _) => {
                guess.not_evaluated().await;
                return Err(trouble);
            }
        }
        Ok(account)
    }

    async fn matches(
        &self,
        password: &str,
        stored: Option<PasswordHash>,
    ) -> Result<bool, ResendCodeError> {
        match Candidate::parse(password) {
            Ok(candidate) => Ok(self
                .hasher
                .verify(candidate, stored, self.random()?)
                .await?
                .matches),
            Err(_) => Ok(false),
        }
    }

    /// Writes what sending a code would have written, so that neither the trail nor the time
    /// taken tells the cases apart.
    async fn withheld(
        &self,
        realm: &Realm,
        caller: &Caller,
        account: Option<crate::ids::AccountId>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), crate::ports::StoreError> {
        self.record(
            AuditKind::CodeWithheld,
            caller.origin(realm),
            (account, None),
            why,
            now,
        )
        .await
    }

    /// Proves an address by the code sent to it. An account that was unverified is active then.
    ///
    /// # Errors
    /// Why it was not proved. An unknown address and a wrong code are the same.
    pub async fn verify_code(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: VerifyCode<'_>,
    ) -> Result<(), VerifyCodeError> {
        let now = self.clock.now();
        let identifier = Identifier::parse(input.identifier, realm.policy().identifiers).ok();
        let attempt = self
            .limits
            .begin(Scope::VerifyCode, None, caller.client.address, now)
            .await?;
        match self
            .redeem(realm, caller, input, identifier.as_ref(), now)
            .await
        {
            Ok(()) => {
                attempt.succeeded().await;
                Ok(())
            }
            Err(VerifyCodeError::Trouble(trouble)) => {
                attempt.not_evaluated().await;
                Err(VerifyCodeError::Trouble(trouble))
            }
            Err(refused) => {
                attempt.failed().await;
                Err(refused)
            }
        }
    }

    async fn redeem(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: VerifyCode<'_>,
        identifier: Option<&Identifier>,
        now: Timestamp,
    ) -> Result<(), VerifyCodeError> {
        let found = match identifier {
            Some(identifier) => self.accounts.account_by_identifier(identifier).await?,
            None => None,
        };
        let (Some((account, _)), Some(identifier)) = (found, identifier) else {
            self.record(
                AuditKind::CodeRefused,
                caller.origin(realm),
                (None, None),
                "unknown",
                now,
            )
            .await?;
            return Err(VerifyCodeError::InvalidCode);
        };
        let purpose = CodePurpose::ConfirmAddress;
        let target = identifier.key();
        let redeemed = self
            .accounts
            .redeem_code(CodeAttempt {
                account: account.id,
                purpose,
                hash: PlainCode::presented(input.code).hash(
                    &self.code_key,
                    account.id,
                    purpose,
                    &target,
                ),
                target,
                now,
                origin: caller.origin(realm),
            })
            .await?;
        self.cache.forget(account.id);
        match redeemed {
            CodeRedeemed::Proved => Ok(()),
            CodeRedeemed::Refused => Err(VerifyCodeError::InvalidCode),
        }
    }
}
