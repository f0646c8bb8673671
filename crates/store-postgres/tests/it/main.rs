//! The store against the suite every store passes, and what is its own: nodes beside each other.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the way tests do"
)]

use std::sync::Arc;

use daemun_engine::{limits::SharedCounters, ports::Store};
use daemun_store_postgres::{Options, PostgresStore};
use daemun_test_servers::Postgres;

async fn fresh_postgres() -> (PostgresStore, Postgres) {
    let server = Postgres::start().unwrap_or_else(|| panic!("PostgreSQL is needed"));
    let store = PostgresStore::open(&server.url(), Options::default()).await;
    (store.unwrap(), server)
}

async fn fresh() -> (Arc<dyn Store>, Postgres) {
    let (store, server) = fresh_postgres().await;
    (Arc::new(store), server)
}

async fn fresh_counters() -> (Arc<dyn SharedCounters>, Postgres) {
    let (store, server) = fresh_postgres().await;
    (Arc::new(store), server)
}

mod conformance {
    daemun_engine::conformance_tests!(crate::fresh);
}

mod counters {
    daemun_engine::counter_conformance_tests!(crate::fresh_counters);
}

mod nodes;
mod opening;
