//! News of what others add to the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use daemun_engine::{
    changes::Change,
    ports::{StoreError, Stored},
};
use tokio::sync::Notify;

/// What may have changed and nobody was told of yet.
pub(crate) struct News {
    untold: Mutex<Untold>,
    bell: Notify,
}

struct Untold {
    /// Whether news may have been missed.
    everything: bool,
    log: bool,
    is_down: bool,
}

impl Default for News {
    fn default() -> Self {
        Self {
            untold: Mutex::new(Untold {
                everything: true,
                log: false,
                is_down: false,
            }),
            bell: Notify::new(),
        }
    }
}

impl News {
    /// There is a connection, and it is not known what was missed.
    pub(crate) fn may_be_anything(&self) {
        let mut untold = self.untold();
        untold.everything = true;
        untold.is_down = false;
        drop(untold);
        self.bell.notify_waiters();
    }

    pub(crate) fn log_may_have_grown(&self) {
        self.untold().log = true;
        self.bell.notify_waiters();
    }

    /// There is no connection.
    pub(crate) fn are_none(&self) {
        self.untold().is_down = true;
        self.bell.notify_waiters();
    }

    /// Waits for some.
    pub(crate) async fn next(&self) -> Stored<Vec<Change>> {
        loop {
            // Before looking, so that what comes after the look rings.
            let bell = self.bell.notified();
            if let Some(told) = self.tell() {
                return told;
            }
            bell.await;
        }
    }

    fn tell(&self) -> Option<Stored<Vec<Change>>> {
        let mut untold = self.untold();
        if untold.is_down {
            let what = "Redis is down, and news of changes with it";
            return Some(Err(StoreError::Unavailable(what.into())));
        }
        if untold.everything {
            (untold.everything, untold.log) = (false, false);
            return Some(Ok(vec![Change::Everything]));
        }
        let log = std::mem::take(&mut untold.log);
        log.then(|| Ok(vec![Change::Log]))
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
