//! How often anybody may try: per account, so that a password cannot be guessed, and per client
//! address, so that one machine cannot try everybody's.
//!
//! An [`Attempt`] is reserved *before* anything is evaluated and counts while it is under way, so
//! however many arrive at once, no more are evaluated than may fail. Accounts that do not exist
//! are counted like those that do: the key is the identifier's, not the account's. Counters live
//! in memory of a fixed bound and fade after a day. Time is told by the caller; a clock that steps
//! back neither unlocks anything nor locks it for longer than it was to be.

mod counters;
mod failures;
mod quota;
mod table;

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::digest;

pub use self::{
    counters::{SharedCounters, Swap, Swapped},
    failures::FailureLimit,
    quota::AddressLimit,
};
use self::{failures::Failures, quota::Usage, table::Table};
use crate::time::Timestamp;

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

/// The counters. Clones share them.
#[derive(Clone)]
pub struct Limits {
    shared: Arc<Shared>,
}

struct Shared {
    login: Counters,
    verify_code: Counters,
    send_code: Counters,
    sign_up: Counters,
    exempt_loopback: bool,
}

/// One scope's limits and who has used how much of them.
struct Counters {
    limits: ScopeLimits,
    accounts: Table<Failures>,
    addresses: Table<Usage>,
}

impl Limits {
    /// Nobody has tried anything yet.
    #[must_use]
    pub fn new(config: LimitsConfig) -> Self {
        let counters = |limits| Counters {
            limits,
            accounts: Table::new(config.remembered),
            addresses: Table::new(config.remembered),
        };
        let shared = Shared {
            login: counters(config.login),
            verify_code: counters(config.verify_code),
            send_code: counters(config.send_code),
            sign_up: counters(config.sign_up),
            exempt_loopback: config.exempt_loopback,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Reserves an attempt. `account` is the key of the identifier it is made on, where there is
    /// one, whether or not such an account exists; `address` is the client's own. The attempt
    /// counts from now on, and as failed unless told otherwise.
    ///
    /// # Errors
    /// [`Throttled`] where one limit or the other is reached. Refusals do not count.
    pub fn begin(
        &self,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Throttled> {
        let mut attempt = Attempt {
            shared: Arc::clone(&self.shared),
            scope,
            account: None,
            address: None,
            begun: now,
        };
        let counters = self.shared.of(scope);
        if let Some(limit) = self.shared.address_limit(scope, address) {
            let key = address_key(address);
            counters
                .addresses
                .with(key, now, |usage| usage.admit(&limit, now))
                .map_err(|retry_after| throttled(retry_after, By::Address))?;
            attempt.address = Some(key);
        }
        if let (Some(limit), Some(account)) = (counters.limits.account, account) {
            let key = account_key(account);
            counters
                .accounts
                .with(key, now, |failures| failures.admit(&limit, now))
                .map_err(|retry_after| throttled(retry_after, By::Account))?;
            attempt.account = Some(key);
        }
        Ok(attempt)
    }
}

impl Shared {
    fn of(&self, scope: Scope) -> &Counters {
        match scope {
            Scope::Login => &self.login,
            Scope::VerifyCode => &self.verify_code,
            Scope::SendCode => &self.send_code,
            Scope::SignUp => &self.sign_up,
        }
    }

    fn address_limit(&self, scope: Scope, address: IpAddr) -> Option<AddressLimit> {
        let exempt = self.exempt_loopback && address.to_canonical().is_loopback();
        self.of(scope).limits.address.filter(|_| !exempt)
    }
}

/// An attempt under way. Say how it ended; one that is merely dropped counts as failed.
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt {
    shared: Arc<Shared>,
    scope: Scope,
    /// Whose failures it is counted among, until its end is known.
    account: Option<u128>,
    address: Option<u128>,
    begun: Timestamp,
}

impl Attempt {
    /// It was right: the account's failures are forgotten.
    pub fn succeeded(mut self) {
        self.settle_account(Failures::succeed);
        let limit = self.shared.of(self.scope).limits.address;
        if limit.is_some_and(|limit| limit.only_failures) {
            self.give_back_address();
        }
    }

    /// It was wrong.
    pub fn failed(self) {}

    /// It was never evaluated (the server is busy, a store is down), so it says nothing about
    /// anybody and does not count.
    pub fn not_evaluated(mut self) {
        self.settle_account(Failures::withdraw);
        self.give_back_address();
    }

    fn settle_account(&mut self, settle: impl FnOnce(&mut Failures)) {
        if let Some(key) = self.account.take() {
            let accounts = &self.shared.of(self.scope).accounts;
            accounts.update(key, settle);
        }
    }

    fn give_back_address(&mut self) {
        let counters = self.shared.of(self.scope);
        if let (Some(key), Some(limit)) = (self.address.take(), counters.limits.address) {
            let give_back = |usage: &mut Usage| usage.give_back(&limit);
            counters.addresses.update(key, give_back);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let begun = self.begun;
        self.settle_account(|failures| failures.fail(begun));
    }
}

fn throttled(retry_after: Duration, by: By) -> Throttled {
    Throttled { retry_after, by }
}

/// Identifiers are not kept: only enough of a digest to tell them apart.
fn account_key(identifier: &str) -> u128 {
    let digest = digest::digest(&digest::SHA256, identifier.as_bytes());
    digest
        .as_ref()
        .first_chunk()
        .map_or(0, |bytes| u128::from_be_bytes(*bytes))
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
