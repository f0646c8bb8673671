//! Counters in the memory of this process.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::digest;

use super::{
    By, LimitsConfig, Scope, Throttled, address_key, failures::Failures, quota::Usage,
    table::Table, throttled,
};
use crate::time::Timestamp;

/// Who has used how much of which limit.
pub(super) struct Local {
    config: LimitsConfig,
    pub(super) login: Counters,
    verify_code: Counters,
    send_code: Counters,
    sign_up: Counters,
}

/// One scope's.
pub(super) struct Counters {
    pub(super) accounts: Table<Failures>,
    pub(super) addresses: Table<Usage>,
}

impl Local {
    pub(super) fn new(config: LimitsConfig) -> Self {
        let counters = || Counters {
            accounts: Table::new(config.remembered),
            addresses: Table::new(config.remembered),
        };
        Self {
            config,
            login: counters(),
            verify_code: counters(),
            send_code: counters(),
            sign_up: counters(),
        }
    }

    /// See [`Limits::begin`](super::Limits::begin).
    pub(super) fn begin(
        self: &Arc<Self>,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Reserved, Throttled> {
        let mut reserved = Reserved {
            local: Arc::clone(self),
            scope,
            account: None,
            address: None,
            begun: now,
        };
        let counters = self.of(scope);
        if let Some(limit) = self.config.for_address(scope, address) {
            let key = address_key(address);
            counters
                .addresses
                .with(key, now, |usage| usage.admit(&limit, now))
                .map_err(|retry_after| throttled(retry_after, By::Address))?;
            reserved.address = Some(key);
        }
        if let (Some(limit), Some(account)) = (self.config.of(scope).account, account) {
            let key = account_key(account);
            counters
                .accounts
                .with(key, now, |failures| failures.admit(&limit, now))
                .map_err(|retry_after| throttled(retry_after, By::Account))?;
            reserved.account = Some(key);
        }
        Ok(reserved)
    }

    const fn of(&self, scope: Scope) -> &Counters {
        match scope {
            Scope::Login => &self.login,
            Scope::VerifyCode => &self.verify_code,
            Scope::SendCode => &self.send_code,
            Scope::SignUp => &self.sign_up,
        }
    }
}

/// An attempt under way. Dropped, it counts as failed.
pub(super) struct Reserved {
    local: Arc<Local>,
    scope: Scope,
    /// Whose failures it is counted among, until its end is known.
    account: Option<u128>,
    address: Option<u128>,
    begun: Timestamp,
}

impl Reserved {
    pub(super) fn succeeded(mut self) {
        self.settle_account(Failures::succeed);
        let limit = self.local.config.of(self.scope).address;
        if limit.is_some_and(|limit| limit.only_failures) {
            self.give_back_address();
        }
    }

    pub(super) fn not_evaluated(mut self) {
        self.settle_account(Failures::withdraw);
        self.give_back_address();
    }

    fn settle_account(&mut self, settle: impl FnOnce(&mut Failures)) {
        if let Some(key) = self.account.take() {
            self.local.of(self.scope).accounts.update(key, settle);
        }
    }

    fn give_back_address(&mut self) {
        let limit = self.local.config.of(self.scope).address;
        if let (Some(key), Some(limit)) = (self.address.take(), limit) {
            let give_back = |usage: &mut Usage| usage.give_back(&limit);
            self.local.of(self.scope).addresses.update(key, give_back);
        }
    }
}

impl Drop for Reserved {
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
