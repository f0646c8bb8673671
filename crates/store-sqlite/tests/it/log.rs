//! The write-ahead log, and the size of things.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use daemun_engine::{
    ports::{Retention, Sessions, Upkeep},
    session::Verdict,
};
use daemun_store_sqlite::SqliteStore;

use crate::{
    fresh_sqlite,
    world::{beside, now, present, session},
};

const MEGABYTE: u64 = 1_048_576;

/// Under load without a pause, read from all the while, the log begins anew again and again.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_bounded_under_load() {
    let (store, _keep) = fresh_sqlite();
    let store = Arc::new(store);
    let (largest, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let watcher = tokio::spawn(watch(
        Arc::clone(&store),
        Arc::clone(&largest),
        Arc::clone(&over),
    ));
    let workers: Vec<_> = (0..64)
        .map(|n| tokio::spawn(rotate_many(Arc::clone(&store), n, 40, 15)))
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    over.store(true, Ordering::Release);
    watcher.await.unwrap();
    let largest = largest.load(Ordering::Acquire);
    println!("{} MB at most", largest / MEGABYTE);
    assert!(largest > 3 * MEGABYTE, "{largest}: there was no load");
    assert!(largest < 32 * MEGABYTE, "{largest}");
}

/// Opens sessions and rotates each, in an order of the worker's own: what several do at a time
/// lies on many pages.
async fn rotate_many(store: Arc<SqliteStore>, worker: usize, sessions: usize, rotations: u64) {
    let mut mine = Vec::new();
    for _ in 0..sessions {
        let session = session(now());
        store.open_session(session.clone().into()).await.unwrap();
        mine.push(session);
    }
    for generation in 1..=rotations {
        for n in 0..sessions {
            let session = &mine[(worker + n * 7) % sessions];
            let (verdict, _) = present(&store, session, generation, now()).await;
            assert_eq!(verdict, Verdict::Rotated);
        }
    }
}

async fn watch(store: Arc<SqliteStore>, largest: Arc<AtomicU64>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Acquire) {
        store.sessions(None, 100).await.unwrap();
        largest.fetch_max(log_bytes(store.path()), Ordering::AcqRel);
        tokio::task::yield_now().await;
    }
}

/// However often a session rotates, it takes no more room.
#[tokio::test]
async fn ten_thousand_rotations_leave_the_file_as_large_as_it_was() {
    let (store, _keep) = fresh_sqlite();
    let session = session(now());
    store.open_session(session.clone().into()).await.unwrap();
    let before = pages(store.path());
    for generation in 1..=10_000 {
        let at = now() + Duration::from_millis(generation);
        let (verdict, _) = present(&store, &session, generation, at).await;
        assert_eq!(verdict, Verdict::Rotated);
    }
    assert_eq!(pages(store.path()), before);
}

/// SECURITY S15: dead sessions by the thousand go a few hundred at a time, and the living stay.
#[tokio::test(flavor = "multi_thread")]
async fn f15_a_purge_takes_small_steps() {
    let (store, _keep) = fresh_sqlite();
    let store = Arc::new(store);
    let openers: Vec<_> = (0..32)
        .map(|_| tokio::spawn(open_many(Arc::clone(&store), 100)))
        .collect();
    for opener in openers {
        opener.await.unwrap();
    }
    let at = now() + Duration::from_secs(86_400 * 60);
    let alive = session(at);
    store.open_session(alive.clone().into()).await.unwrap();
    let mut purged = 0;
    loop {
        let step = store.purge(at, &Retention::default()).await.unwrap();
        assert!(step <= 7 * 200);
        if step == 0 {
            break;
        }
        purged += step;
    }
    assert_eq!(purged, 3_200);
    let left = store.sessions(None, 10).await.unwrap();
    assert_eq!(left, [alive]);
}

async fn open_many(store: Arc<SqliteStore>, sessions: usize) {
    for _ in 0..sessions {
        store.open_session(session(now()).into()).await.unwrap();
    }
}

/// A tool that reads for long keeps the log from beginning anew; when it is done, it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_delays_the_log_and_no_more() {
    let (store, _keep) = fresh_sqlite();
    let store = Arc::new(store);
    rotate_many(Arc::clone(&store), 0, 1, 1).await;
    let reader = rusqlite::Connection::open(store.path()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM sessions;")
        .unwrap();
    load(&store).await;
    let held = log_bytes(store.path());
    println!("{} MB held by the reader", held / MEGABYTE);
    assert!(held > 17 * MEGABYTE, "{held}: the reader holds nothing up");
    reader.execute_batch("COMMIT").unwrap();
    load(&store).await;
    let after = log_bytes(store.path());
    assert!(after <= 17 * MEGABYTE, "{after}");
}

async fn load(store: &Arc<SqliteStore>) {
    let workers: Vec<_> = (0..64)
        .map(|n| tokio::spawn(rotate_many(Arc::clone(store), n, 20, 15)))
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(beside(path, "-wal")).map_or(0, |file| file.len())
}

fn pages(path: &Path) -> i64 {
    rusqlite::Connection::open(path)
        .unwrap()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap()
}
