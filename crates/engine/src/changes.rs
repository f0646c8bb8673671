//! What others change: another process on the same file, another node on the same database.
//!
//! A store says what it learned of, as soon as it does; the engine takes it in. Nothing is promised
//! about order or number: a change may be told twice, or as part of a larger one.

use async_trait::async_trait;

use crate::{engine::Engine, ids::AccountId, keys::KeysError, ports::Stored};

/// Something that may have been changed by another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The log of revocations grew.
    Log,
    /// An account: its status, its roles, its address.
    Account(AccountId),
    /// The signing keys.
    Keys,
    /// The service keys.
    ServiceKeys,
    /// Anything: news may have been missed.
    Everything,
}

/// Where news of changes comes from.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Waits until others may have changed something, and says what. After a break in which news may
    /// have been missed, and at the first call, that is [`Change::Everything`]. To give up waiting
    /// loses nothing.
    ///
    /// # Errors
    /// Where there is no news to be had: ask again in a moment.
    async fn changes(&self) -> Stored<Vec<Change>>;
}

impl Engine {
    /// Waits for what others changed, once. It is to be taken in by [`take_in`](Self::take_in).
    ///
    /// # Errors
    /// Where there is no news to be had.
    pub async fn changes(&self) -> Stored<Vec<Change>> {
        self.changes.changes().await
    }

    /// Takes in what others changed.
    ///
    /// # Errors
    /// Where the store fails; then it must be taken in again.
    pub async fn take_in(&self, changes: &[Change]) -> Result<(), KeysError> {
        if changes.contains(&Change::Everything) {
            return self.sync().await;
        }
        for change in changes {
            match change {
                Change::Log => self.read_log().await?,
                Change::Account(id) => self.cache.forget(*id),
                Change::Keys => {
                    self.tend_keys(false).await?;
                }
                Change::ServiceKeys => self.load_service_keys().await?,
                Change::Everything => {}
            }
        }
        Ok(())
    }
}
