//! How often anybody may try: per account, so that a password cannot be guessed, and per client
//! address, so that one machine cannot try everybody's.
//!
//! An [`Attempt`] is reserved *before* anything is evaluated and counts while it is under way, so
//! however many arrive at once, no more are evaluated than may fail. Accounts that do not exist
//! are counted like those that do: the key is the identifier's, not the account's. Counters live
//! in memory of a fixed bound (`in_process`), or in a store that all nodes share (`everywhere`),
//! and fade after a day. Time is told by the caller; a clock that steps back neither unlocks
//! anything nor locks it for longer than it was to be.

mod counters;
mod everywhere;
mod failures;
mod in_process;
mod quota;
mod table;

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;

pub use self::{
    counters::{SharedCounters, Swap, Swapped},
    failures::FailureLimit,
    quota::AddressLimit,
};
use self::{
    everywhere::{Counted, Everywhere},
    in_process::{Held, InProcess},
};
use crate::{ports::StoreError, time::Timestamp};

/// What is limited. Each scope counts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Presenting a password.
    Login,
    /// Presenting a code.
    VerifyCode,
    /// Having a code sent.
    SendCode,
    /// Signing up.
    SignUp,
}

/// The limits of one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeLimits {
    /// How often an account's attempts may fail in a row; unlimited where absent.
    pub account: Option<FailureLimit>,
    /// How often a client address may try; unlimited where absent.
    pub address: Option<AddressLimit>,
}

/// All limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Of [`Scope::Login`].
    pub login: ScopeLimits,
    /// Of [`Scope::VerifyCode`].
    pub verify_code: ScopeLimits,
    /// Of [`Scope::SendCode`].
    pub send_code: ScopeLimits,
    /// Of [`Scope::SignUp`].
    pub sign_up: ScopeLimits,
    /// Whether clients on this machine are free of the limits per address. For development and
    /// measuring; behind a proxy on the same machine it would free everybody.
    pub exempt_loopback: bool,
    /// How many accounts, and how many addresses, each scope remembers at most. Beyond them the
    /// ones with the least on their account are forgotten.
    pub remembered: usize,
}

impl Default for LimitsConfig {
    /// Strict where failures are counted. Generous per address, since a campus or an office may
    /// share one; where a mail or a message is sent, also per day.
    fn default() -> Self {
        let guessing = |burst, every| ScopeLimits {
            account: Some(FailureLimit::default()),
            address: Some(AddressLimit {
                burst,
                every: Duration::from_secs(every),
                daily: None,
                only_failures: true,
            }),
        };
        let sending = ScopeLimits {
            account: None,
            address: Some(AddressLimit {
                burst: 60,
                every: Duration::from_secs(20),
                daily: Some(300),
                only_failures: false,
            }),
        };
        Self {
            login: guessing(60, 2),
            verify_code: guessing(30, 5),
            send_code: sending,
            sign_up: sending,
            exempt_loopback: false,
            remembered: 65_536,
        }
    }
}

impl LimitsConfig {
    /// No limit at all.
    #[must_use]
    pub fn unlimited() -> Self {
        let none = ScopeLimits {
            account: None,
            address: None,
        };
        Self {
            login: none,
            verify_code: none,
            send_code: none,
            sign_up: none,
            exempt_loopback: true,
            remembered: 0,
        }
    }
}

/// The answer to one attempt too many. Nothing was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; the next one may be made in {retry_after:?}")]
pub struct Throttled {
    /// When an attempt may be made again.
    pub retry_after: Duration,
    /// Whose attempts were too many.
    pub by: By,
}

/// Whose attempts were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Those on the account.
    Account,
    /// Those from the client's address.
    Address,
}

impl By {
    /// A stable name, for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
        }
    }
}

/// Why there is no attempt. Nothing was evaluated.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There were too many.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// It cannot be known how many there were.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who has tried how often. Clones share it.
#[derive(Clone)]
pub struct Limits {
    counted: Where,
}

#[derive(Clone)]
enum Where {
    InProcess(InProcess),
    Everywhere(Arc<Everywhere>),
}

impl Limits {
    /// Counts in this process. Nobody has tried anything yet.
    #[must_use]
    pub fn new(config: LimitsConfig) -> Self {
        Self {
            counted: Where::InProcess(InProcess::new(config)),
        }
    }

    /// Counts where every node does that has the same `counters` and `key`, under which addresses
    /// and identifiers are hashed: a store that others may read is to tell neither.
    #[must_use]
    pub fn shared(config: LimitsConfig, counters: Arc<dyn SharedCounters>, key: hmac::Key) -> Self {
        Self {
            counted: Where::Everywhere(Arc::new(Everywhere::new(config, counters, key))),
        }
    }

    /// Reserves an attempt. `account` is the key of the identifier it is made on, where there is
    /// one, whether or not such an account exists; `address` is the client's own. The attempt
    /// counts from now on, and as failed unless told otherwise.
    ///
    /// # Errors
    /// [`Refused`] where one limit or the other is reached, or the store fails. Refusals do not
    /// count.
    pub async fn begin(
        &self,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Refused> {
        Ok(Attempt(match &self.counted {
            Where::InProcess(limits) => {
                Reserved::InProcess(limits.begin(scope, account, address, now)?)
            }
            Where::Everywhere(limits) => {
                Reserved::Everywhere(limits.begin(scope, account, address, now).await?)
            }
        }))
    }
}

/// An attempt under way. Say how it ended; one that is merely dropped counts as failed.
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt(Reserved);

enum Reserved {
    InProcess(Held),
    Everywhere(Counted),
}

impl Attempt {
    /// It was right: the account's failures are forgotten.
    pub async fn succeeded(self) {
        match self.0 {
            Reserved::InProcess(held) => held.succeeded(),
            Reserved::Everywhere(counted) => counted.succeeded().await,
        }
    }

    /// It was wrong.
    pub async fn failed(self) {
        match self.0 {
            Reserved::InProcess(held) => held.failed(),
            Reserved::Everywhere(counted) => counted.failed().await,
        }
    }

    /// It was never evaluated (the server is busy, a store is down), so it says nothing about
    /// anybody and does not count.
    pub async fn not_evaluated(self) {
        match self.0 {
            Reserved::InProcess(held) => held.not_evaluated(),
            Reserved::Everywhere(counted) => counted.not_evaluated().await,
        }
    }
}

fn throttled(retry_after: Duration, by: By) -> Throttled {
    Throttled { retry_after, by }
}
