//! The store against the suite every store passes, and what is its own: the file.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the way tests do"
)]

mod durability;
mod erasing;
mod file;
mod log;
mod moving;
mod world;

use std::sync::Arc;

use daemun_engine::ports::Store;
use daemun_store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

async fn fresh() -> (Arc<dyn Store>, TempDir) {
    let (store, directory) = fresh_sqlite();
    (Arc::new(store), directory)
}

fn fresh_sqlite() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("t.db"), Options::default()).unwrap();
    (store, directory)
}

mod conformance {
    daemun_engine::conformance_tests!(crate::fresh);
}
