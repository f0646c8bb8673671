//! The suite every store passes, run by stores that are put together: accounts in SQLite, sessions in Redis.

use std::{sync::Arc, time::Duration};

use daemun_engine::{
    apart::{Apart, SessionsApart},
    ports::Store,
    time::Timestamp,
};
use daemun_store_redis::RedisStore;
use daemun_store_sqlite::SqliteStore;
use daemun_test_servers::Redis;
use tempfile::TempDir;

/// Where Redis is not installed, SQLite alone, so that the suite passes; what it says on standard error tells which it was.
async fn fresh_apart() -> (Arc<dyn Store>, (TempDir, Option<Redis>)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    let accounts = SqliteStore::open(&path, daemun_store_sqlite::Options::default()).unwrap();
    let Some(redis) = Redis::start() else {
        return (Arc::new(accounts), (folder, None));
    };
    let options = daemun_store_redis::Options::default();
    let sessions = RedisStore::open(&redis.url(), options).await.unwrap();
    // A log that was never there counts as lost. This one begins long before the cases do, and says nothing to them.
    let begun = sessions.log_page(0, Timestamp::EPOCH, Duration::ZERO, 1);
    assert_eq!(begun.await.unwrap().len(), 1);
    let store = Apart::new(Arc::new(accounts), Arc::new(sessions));
    (Arc::new(store), (folder, Some(redis)))
}

mod sqlite_and_redis {
    daemun_engine::conformance_tests!(crate::stores::fresh_apart);
}
