//! Learning of what other processes commit to the file: by looking, for SQLite rings no bell.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use daemun_engine::{
    changes::{Change, Changes},
    nodes::Nodes,
    ports::Stored,
};

use crate::SqliteStore;

/// How often to look. A command also says so by itself, over the control socket; this is for those
/// that could not.
const LOOK: Duration = Duration::from_millis(500);

#[async_trait]
impl Changes for SqliteStore {
    async fn changes(&self) -> Stored<Vec<Change>> {
        // What is seen is not seen again: it is told before anything else can be given up.
        while !self.foreign_changes().await? && self.inner.asked.swap(true, Ordering::AcqRel) {
            tokio::time::sleep(LOOK).await;
        }
        self.inner.asked.store(true, Ordering::Release);
        Ok(vec![Change::Everything])
    }
}

/// The file is one process's.
impl Nodes for SqliteStore {}
