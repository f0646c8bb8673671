//! Accounts lately asked for, so that "who am I" costs no question to the store.
//!
//! An entry is never older than the last change made through this process, and changes made by
//! others clear the cache when they are learned of.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::sync::Cache;

use crate::{account::Account, ids::AccountId};

const CAPACITY: usize = 8_192;

pub(crate) struct AccountCache {
    accounts: Cache<AccountId, Arc<Account>>,
    epoch: AtomicU64,
}

impl Default for AccountCache {
    fn default() -> Self {
        Self {
            accounts: Cache::new(CAPACITY),
            epoch: AtomicU64::new(0),
        }
    }
}

impl AccountCache {
    pub(crate) fn get(&self, id: AccountId) -> Option<Arc<Account>> {
        self.accounts.get(&id)
    }

    /// To be read before asking the store, and handed to [`keep`](Self::keep) after.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Keeps what the store said, unless anything was forgotten since `epoch`: it might be stale.
    pub(crate) fn keep(&self, epoch: u64, account: &Arc<Account>) {
        self.accounts.insert(account.id, Arc::clone(account));
        if self.epoch() != epoch {
            self.accounts.remove(&account.id);
        }
    }

    pub(crate) fn forget(&self, id: AccountId) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.accounts.remove(&id);
    }

    pub(crate) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.accounts.clear();
    }
}

impl fmt::Debug for AccountCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountCache({} accounts)", self.accounts.len())
    }
}
