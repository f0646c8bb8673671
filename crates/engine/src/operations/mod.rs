//! The operations: one method of [`Engine`](crate::engine::Engine) each, with an error enum of its
//! own that says, in the vocabulary of contracts, how it ended.

mod account_life;
mod adopt;
mod check_sign_up;
mod codes;
mod guard;
mod introspect;
mod issue;
mod log_in;
mod log_out;
mod operator;
mod refresh;
mod sessions;
mod sign_up;

pub use account_life::{AccountLifeError, GRACE, LONGEST_GRACE, Standstill};
pub use check_sign_up::PartialSignUp;
pub use codes::{ResendCode, ResendCodeError, VerifyCode, VerifyCodeError};
pub use guard::{CheckTokenError, GuardError, Principal};
pub use introspect::{GoodToken, TokenKind, TokenRevoked};
pub use issue::{Issue, IssueError};
pub use log_in::{LogIn, LogInError};
pub use log_out::{LogOut, LogOutError};
pub use operator::{By, CreateAccount, CreateAccountError, OperatorError};
pub use refresh::{Refresh, RefreshError};
pub use sessions::{EndSessionError, SessionView};
pub use sign_up::{SignUp, SignUpError};

use std::{sync::Arc, time::Duration};

use crate::{
    account::{Account, Barred},
    limits::{Refused, Throttled},
    password::HashFailure,
    ports::{NoEntropy, StoreError},
    session::Session,
    time::Timestamp,
    tokens::{TokenFault, TokenMachine},
    vocabulary::{Failure, Outcome},
};

/// What went wrong that is no fault of the caller's. Every operation can end so.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// More passwords to check than the machine can.
    #[error("the password pool is full")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// A store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(&'static str),
}

impl From<NoEntropy> for Trouble {
    fn from(_: NoEntropy) -> Self {
        Self::Internal("the system's random number generator failed")
    }
}

impl From<HashFailure> for Trouble {
    fn from(failure: HashFailure) -> Self {
        match failure {
            HashFailure::Busy { retry_after } => Self::Busy { retry_after },
            HashFailure::Unusable => Self::Internal("a stored password hash is unusable"),
            HashFailure::Internal => Self::Internal("hashing a password failed"),
        }
    }
}

impl From<&Trouble> for Failure {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Busy { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..Outcome::Busy.into()
            },
            Trouble::Store(StoreError::Unavailable(_)) => Self {
                retry_after: Some(Duration::from_secs(1)),
                ..Outcome::Unavailable.into()
            },
            Trouble::Store(StoreError::Corrupt(_)) | Trouble::Internal(_) => {
                Outcome::Internal.into()
            }
        }
    }
}

/// Lets `?` turn what ports fail with into an operation's own error.
macro_rules! troubled {
    ($($error:ty),+) => {$(
        impl From<StoreError> for $error {
            fn from(error: StoreError) -> Self {
                Self::Trouble(error.into())
            }
        }
        impl From<NoEntropy> for $error {
            fn from(error: NoEntropy) -> Self {
                Self::Trouble(error.into())
            }
        }
        impl From<HashFailure> for $error {
            fn from(error: HashFailure) -> Self {
                Self::Trouble(error.into())
            }
        }
    )+};
}
troubled!(
    SignUpError,
    ResendCodeError,
    VerifyCodeError,
    LogInError,
    RefreshError,
    IssueError,
    LogOutError,
    GuardError,
    CheckTokenError,
    EndSessionError,
    CreateAccountError,
    OperatorError,
    AccountLifeError
);

/// Lets `?` turn an attempt that may not be made into an operation's own error.
macro_rules! refused {
    ($($error:ty),+) => {$(
        impl From<Refused> for $error {
            fn from(refused: Refused) -> Self {
                match refused {
                    Refused::Throttled(Throttled { retry_after, .. }) => {
                        Self::Throttled { retry_after }
                    }
                    Refused::Store(error) => Self::Trouble(error.into()),
                }
            }
        }
    )+};
}
refused!(SignUpError, ResendCodeError, VerifyCodeError, LogInError);

/// Lets `?` turn a token that proves nothing into an operation's own error.
macro_rules! faulted {
    ($($error:ty),+) => {$(
        impl From<TokenFault> for $error {
            fn from(fault: TokenFault) -> Self {
                match fault {
                    TokenFault::Invalid => Self::InvalidToken,
                    TokenFault::WrongType => Self::WrongType,
                    TokenFault::Expired => Self::Expired,
                }
            }
        }
    )+};
}
faulted!(RefreshError, LogOutError, GuardError);

/// The outcome of being barred.
pub(crate) const fn barred_outcome(barred: Barred) -> Outcome {
    match barred {
        Barred::Unverified => Outcome::Unverified,
        Barred::Suspended => Outcome::Suspended,
        Barred::Withdrawn => Outcome::Withdrawn,
    }
}

/// The tokens of a session, and whom they speak of.
#[derive(Clone)]
pub struct Granted {
    /// The access token.
    pub access: String,
    /// When it was issued.
    pub access_issued_at: Timestamp,
    /// When it expires.
    pub access_expires_at: Timestamp,
    /// The refresh token.
    pub refresh: String,
    /// When it expires.
    pub refresh_expires_at: Timestamp,
    /// The session as it is now.
    pub session: Session,
    /// The account, where it was asked for.
    pub account: Option<Arc<Account>>,
    /// When the operation was.
    pub at: Timestamp,
}

impl Granted {
    pub(crate) fn mint(
        tokens: &TokenMachine,
        session: Session,
        account: Option<Arc<Account>>,
        now: Timestamp,
    ) -> Self {
        let email = account.as_ref().and_then(|account| account.email.as_ref());
        let email = email.map_or("", |email| email.as_str());
        let refresh = tokens.mint_refresh(&session, email);
        let refresh_expires_at = session.refresh_expires_at();
        let (access, access_issued_at, access_expires_at) = if tokens.is_sliding() {
            (refresh.clone(), session.rotated_at, refresh_expires_at)
        } else {
            let (access, expires_at) = tokens.mint_access(&session, email, now);
            (access, now, expires_at)
        };
        Self {
            access,
            access_issued_at,
            access_expires_at,
            refresh,
            refresh_expires_at,
            session,
            account,
            at: now,
        }
    }
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Granted(session {}, generation {})",
            self.session.id, self.session.generation
        )
    }
}
