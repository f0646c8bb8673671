//! How often anybody may try: per account, so that a password cannot be guessed, and per client
//! address, so that one machine cannot try everybody's.
//!
//! An [`Attempt`] is reserved *before* anything is evaluated and counts while it is under way, so
//! however many arrive at once, no more are evaluated than may fail. Accounts that do not exist
//! are counted like those that do: the key is the identifier's, not the account's. Time is told by
//! the caller; a clock that steps back neither unlocks anything nor locks it for longer than it was
//! to be.
//!
//! One process counts in memory of a fixed bound ([`Limits::new`]); several that serve the same
//! accounts count together, in a store that compares and sets ([`Limits::shared`]). Either way
//! counters fade after a day, and one and the same code judges them.

mod counters;
mod failures;
mod local;
mod quota;
mod shared;
mod table;

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;

pub use self::{
    counters::{SharedCounters, Swap, Swapped},
    failures::FailureLimit,
    quota::AddressLimit,
};
use self::{
    local::Local,
    shared::{End, Shared},
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

    const fn of(&self, scope: Scope) -> &ScopeLimits {
        match scope {
            Scope::Login => &self.login,
            Scope::VerifyCode => &self.verify_code,
            Scope::SendCode => &self.send_code,
            Scope::SignUp => &self.sign_up,
        }
    }

    fn for_address(&self, scope: Scope, address: IpAddr) -> Option<AddressLimit> {
        let exempt = self.exempt_loopback && address.to_canonical().is_loopback();
        self.of(scope).address.filter(|_| !exempt)
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

/// Why an attempt may not be made. Nothing was evaluated.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It would be one too many.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The store of the counters cannot answer, and what cannot be counted is denied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The counters. Clones share them.
#[derive(Clone)]
pub struct Limits(Kept);

/// Where they are kept.
#[derive(Clone)]
enum Kept {
    Here(Arc<Local>),
    Shared(Arc<Shared>),
}

impl Limits {
    /// Counters in the memory of this process. Nobody has tried anything yet.
    #[must_use]
    pub fn new(config: LimitsConfig) -> Self {
        Self(Kept::Here(Arc::new(Local::new(config))))
    }

    /// Counters that all processes over the same `counters` share; `config.remembered` does not
    /// apply to them. `key` must be the same at each
    /// ([`MasterKey::hmac`](crate::seal::MasterKey::hmac)): under it identifiers and addresses
    /// become keys, so that what the store holds tells nobody whose they are. Asked only within a
    /// tokio runtime.
    #[must_use]
    pub fn shared(config: LimitsConfig, counters: Arc<dyn SharedCounters>, key: hmac::Key) -> Self {
        Self(Kept::Shared(Arc::new(Shared::new(config, counters, key))))
    }

    /// Reserves an attempt. `account` is the key of the identifier it is made on, where there is
    /// one, whether or not such an account exists; `address` is the client's own. The attempt
    /// counts from now on, and as failed unless told otherwise.
    ///
    /// Counters in this process answer at once, without waiting for anything.
    ///
    /// # Errors
    /// [`Refused::Throttled`] where one limit or the other is reached; an account's refusals do not
    /// count among its failures. [`Refused::Store`] where shared counters cannot be had.
    pub async fn begin(
        &self,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Refused> {
        let reserved = match &self.0 {
            Kept::Here(local) => Reserved::Here(local.begin(scope, account, address, now)?),
            Kept::Shared(shared) => {
                Reserved::Shared(shared.begin(scope, account, address, now).await?)
            }
        };
        Ok(Attempt(reserved))
    }
}

/// An attempt under way. Say how it ended; one that is merely dropped counts as failed.
///
/// To say so is to be waited for before anybody is answered: then whoever tries next, wherever it
/// is, is judged by it. Once begun it goes through, also where the waiting is given up. It cannot
/// fail: where shared counters cannot be had, what is left under way counts as failed by and by.
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt(Reserved);

enum Reserved {
    Here(local::Reserved),
    Shared(shared::Reserved),
}

impl Attempt {
    /// It was right: the account's failures are forgotten.
    pub async fn succeeded(self) {
        match self.0 {
            Reserved::Here(reserved) => reserved.succeeded(),
            Reserved::Shared(reserved) => reserved.end(End::Succeeded).await,
        }
    }

    /// It was wrong.
    pub async fn failed(self) {
        match self.0 {
            Reserved::Here(reserved) => drop(reserved),
            Reserved::Shared(reserved) => reserved.end(End::Failed).await,
        }
    }

    /// It was never evaluated (the server is busy, a store is down), so it says nothing about
    /// anybody and does not count.
    pub async fn not_evaluated(self) {
        match self.0 {
            Reserved::Here(reserved) => reserved.not_evaluated(),
            Reserved::Shared(reserved) => reserved.end(End::NotEvaluated).await,
        }
    }
}

const fn throttled(retry_after: Duration, by: By) -> Throttled {
    Throttled { retry_after, by }
}

/// An IPv4 address counts by itself, an IPv6 one by its /64: whoever has one has all of it.
fn address_key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests;
