//! Counting in this process alone, in memory of a fixed bound.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::digest;

use super::{
    AddressLimit, By, LimitsConfig, Scope, ScopeLimits, Throttled, failures::Failures,
    quota::Usage, table::Table, throttled,
};
use crate::time::Timestamp;

/// The counters. Clones share them.
#[derive(Clone)]
pub(super) struct InProcess {
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

impl InProcess {
    /// Nobody has tried anything yet.
    pub(super) fn new(config: LimitsConfig) -> Self {
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

    /// As [`Limits::begin`](super::Limits::begin).
    pub(super) fn begin(
        &self,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Held, Throttled> {
        let mut attempt = Held {
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
pub(super) struct Held {
    shared: Arc<Shared>,
    scope: Scope,
    /// Whose failures it is counted among, until its end is known.
    account: Option<u128>,
    address: Option<u128>,
    begun: Timestamp,
}

impl Held {
    /// It was right: the account's failures are forgotten.
    pub(super) fn succeeded(mut self) {
        self.settle_account(Failures::succeed);
        let limit = self.shared.of(self.scope).limits.address;
        if limit.is_some_and(|limit| limit.only_failures) {
            self.give_back_address();
        }
    }

    /// It was wrong.
    pub(super) fn failed(self) {}

    /// It was never evaluated (the server is busy, a store is down), so it says nothing about
    /// anybody and does not count.
    pub(super) fn not_evaluated(mut self) {
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

impl Drop for Held {
    fn drop(&mut self) {
        let begun = self.begun;
        self.settle_account(|failures| failures.fail(begun));
    }
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
pub(super) fn address_key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests;
