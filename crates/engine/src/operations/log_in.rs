//! Logging in: from an address and a password to a session.

use std::{sync::Arc, time::Duration};

use crate::{
    account::{Account, Barred, PasswordHash},
    address::Identifier,
    audit::AuditKind,
    engine::{Caller, Engine, Realm},
    ids::AccountId,
    limits::{By, Refused, Scope, Throttled},
    operations::{Granted, Trouble, barred_outcome},
    password::Candidate,
    session::Subject,
    time::Timestamp,
    vocabulary::{Failure, Outcome},
};

/// A login.
#[derive(Clone, Copy)]
pub struct LogIn<'a> {
    /// The address.
    pub identifier: &'a str,
    /// The password.
    pub password: &'a str,
    /// Whether to stay logged in for longer.
    pub keep: bool,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// No account has that address. Never said by a contract that conceals.
    #[error("no account has that address")]
    UnknownAccount,
    /// The password is wrong; or, where the contract conceals, anything else that must look so.
    #[error("the password is wrong")]
    WrongPassword,
    /// The account cannot be used.
    #[error("the account cannot be used")]
    Barred(Barred),
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

impl From<&LogInError> for Failure {
    fn from(error: &LogInError) -> Self {
        match error {
            LogInError::UnknownAccount => Outcome::UnknownAccount.into(),
            LogInError::WrongPassword => Outcome::WrongPassword.into(),
            LogInError::Barred(barred) => barred_outcome(*barred).into(),
            LogInError::Throttled { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..Outcome::Throttled.into()
            },
            LogInError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Opens a session and gives its first tokens.
    ///
    /// Whatever the outcome, one password is hashed, so that the time taken does not tell whether
    /// the account exists. (One longer than any password can be is hashed for nobody.)
    ///
    /// # Errors
    /// Why nobody was logged in.
    pub async fn log_in(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: LogIn<'_>,
    ) -> Result<Granted, LogInError> {
        let now = self.clock.now();
        let policy = realm.policy();
        let identifier = Identifier::parse(input.identifier, policy.identifiers).ok();
        let key = identifier
            .as_ref()
            .map_or_else(|| input.identifier.trim().to_lowercase(), Identifier::key);
        let attempt = match self
            .limits
            .begin(Scope::Login, Some(&key), caller.client.address, now)
            .await
        {
            Ok(attempt) => attempt,
            Err(Refused::Throttled(throttled)) => {
                return Err(self.throttled(realm, caller, throttled, now).await);
            }
            Err(refused) => return Err(refused.into()),
        };
        let evaluated = self.evaluate(identifier.as_ref(), input.password).await;
        let Evaluated {
            account,
            stored,
            matches,
            upgraded,
        } = match evaluated {
            Ok(evaluated) => evaluated,
            Err(trouble) => {
                attempt.not_evaluated().await;
                return Err(trouble);
            }
        };
        let verdict = judge(account, matches, policy.status_first, now);
        let (account, stored) = match (verdict, stored) {
            (Ok(account), Some(stored)) => (account, stored),
            (Err(refusal), _) => {
                match refusal.1 {
                    LogInError::Barred(_) if matches => attempt.succeeded().await,
                    _ => attempt.failed().await,
                }
                return Err(self.refuse(realm, caller, refusal, now).await);
            }
            (Ok(_), None) => {
                return Err(LogInError::Trouble(Trouble::Internal(
                    "an account without a password",
                )));
            }
        };
        attempt.succeeded().await;
        if let Some(new) = upgraded {
            self.accounts
                .replace_password_hash(account.id, &stored, &new, now)
                .await?;
        }
        self.open_own_session(realm, caller, account, input.keep, now)
            .await
    }

    async fn evaluate(
        &self,
        identifier: Option<&Identifier>,
        password: &str,
    ) -> Result<Evaluated, LogInError> {
        let found = match identifier {
            Some(identifier) => self.accounts.account_by_identifier(identifier).await?,
            None => None,
        };
        let (account, stored) = found.unzip();
        let (matches, upgraded) = self.check_password(password, stored.clone()).await?;
        Ok(Evaluated {
            account,
            stored,
            matches,
            upgraded,
        })
    }

    async fn check_password(
        &self,
        password: &str,
        stored: Option<PasswordHash>,
    ) -> Result<(bool, Option<PasswordHash>), LogInError> {
        match Candidate::parse(password) {
            Ok(candidate) => {
                let checked = self
                    .hasher
                    .verify(candidate, stored, self.random()?)
                    .await?;
                Ok((checked.matches, checked.upgraded))
            }
            // Longer than any password there is: refused before hashing, for known and unknown alike.
            Err(_) => Ok((false, None)),
        }
    }

    async fn open_own_session(
        &self,
        realm: &Realm,
        caller: &Caller,
        account: Account,
        keep: bool,
        now: Timestamp,
    ) -> Result<Granted, LogInError> {
        let policy = realm.policy();
        let idle = match policy.sessions.keep {
            Some(longer) if keep => longer,
            _ => policy.tokens.refresh.lifetime,
        };
        let subject = Subject::Account(account.id);
        let opened = self.open_session(realm, caller, subject, idle, now).await?;
        let Some(session) = opened else {
            return Err(self.why_shut_meanwhile(account.id, now).await?);
        };
        let account = Arc::new(Account {
            last_login_at: Some(now),
            ..account
        });
        self.cache.forget(account.id);
        Ok(Granted::mint(&realm.tokens(), session, Some(account), now))
    }

    /// Why an account was shut out between the check and the write.
    async fn why_shut_meanwhile(
        &self,
        id: AccountId,
        now: Timestamp,
    ) -> Result<LogInError, LogInError> {
        let account = self.accounts.account(id).await?;
        let barred = account.and_then(|account| account.status.admits(now).err());
        Ok(barred.map_or(LogInError::UnknownAccount, LogInError::Barred))
    }

    async fn refuse(
        &self,
        realm: &Realm,
        caller: &Caller,
        refusal: Refusal,
        now: Timestamp,
    ) -> LogInError {
        let Refusal(account, error) = refusal;
        let why = match &error {
            LogInError::UnknownAccount => "unknown_account",
            LogInError::WrongPassword => "wrong_password",
            LogInError::Barred(barred) => barred_outcome(*barred).name(),
            LogInError::Throttled { .. } => "throttled",
            LogInError::Trouble(_) => "trouble",
        };
        let recorded = self
            .record(
                AuditKind::LoginRefused,
                caller.origin(realm),
                (account, None),
                why,
                now,
            )
            .await;
        match (recorded, error) {
            (Err(store), _) => LogInError::Trouble(store.into()),
            (Ok(()), LogInError::UnknownAccount) if realm.policy().conceal => {
                LogInError::WrongPassword
            }
            (Ok(()), error) => error,
        }
    }

    /// A locked account answers as a wrong password does where the contract conceals, and takes
    /// as long; an address that floods is told so.
    async fn throttled(
        &self,
        realm: &Realm,
        caller: &Caller,
        throttled: Throttled,
        now: Timestamp,
    ) -> LogInError {
        let retry_after = throttled.retry_after;
        let refusal = Refusal(None, LogInError::Throttled { retry_after });
        match (throttled.by, realm.policy().conceal) {
            (By::Account, true) => {
                if let Err(trouble) = self.check_password("", None).await {
                    return trouble;
                }
                match self.refuse(realm, caller, refusal, now).await {
                    LogInError::Throttled { .. } => LogInError::WrongPassword,
                    other => other,
                }
            }
            (By::Account | By::Address, _) => LogInError::Throttled { retry_after },
        }
    }
}

/// What a login's address and password came to.
struct Evaluated {
    account: Option<Account>,
    stored: Option<PasswordHash>,
    matches: bool,
    upgraded: Option<PasswordHash>,
}

/// Why a login is refused, and whose it was.
struct Refusal(Option<AccountId>, LogInError);

fn judge(
    account: Option<Account>,
    matches: bool,
    status_first: bool,
    now: Timestamp,
) -> Result<Account, Refusal> {
    let Some(account) = account else {
        return Err(Refusal(None, LogInError::UnknownAccount));
    };
    let barred = account.status.admits(now).err();
    match (barred, matches) {
        (Some(barred), true) => Err(Refusal(Some(account.id), LogInError::Barred(barred))),
        (Some(barred), false) if status_first => {
            Err(Refusal(Some(account.id), LogInError::Barred(barred)))
        }
        (_, false) => Err(Refusal(Some(account.id), LogInError::WrongPassword)),
        (None, true) => Ok(account),
    }
}

impl From<Trouble> for LogInError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}
