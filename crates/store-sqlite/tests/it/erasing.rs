//! What was erased is in no row any more, in no page that became free, and not in the log. What
//! SQLite leaves in the unused middle of a page it once split goes with the next `VACUUM`.

use std::{fs, path::Path};

use daemun_engine::{
    account::Status,
    ids::AccountId,
    ports::{Accounts, NewAccount, RevokeTarget, Sessions, StatusChange, Upkeep},
    session::{RevokeReason, Subject},
};
use daemun_store_sqlite::SqliteStore;

use rusqlite::{Connection, types::ValueRef};

use crate::world::{HORIZON, beside, now, origin, registered, session, sign_up};

const CANARY: &str = "canary";

async fn account(store: &SqliteStore, name: &str) -> AccountId {
    let new = NewAccount {
        nickname: Some(name.into()),
        status: Status::Active { since: now() },
        profile: [("about".into(), format!("{name} {}", "x".repeat(300)).into())].into(),
        ..sign_up(&format!("{name}@example.com"))
    };
    registered(store, new).await
}

async fn set(store: &SqliteStore, account: AccountId, status: Status, words: &str) {
    let change = StatusChange {
        account,
        expected: None,
        status,
        words: Some(words.into()),
        reason: RevokeReason::Withdrawn,
        now: now(),
        horizon: HORIZON,
        origin: origin(),
    };
    store.set_status(change).await.unwrap().unwrap();
}

/// How often the canary stands in a file.
fn left(path: &Path) -> usize {
    count(&fs::read(path).unwrap_or_default())
}

fn count(bytes: &[u8]) -> usize {
    let windows = bytes.windows(CANARY.len());
    windows.filter(|w| *w == CANARY.as_bytes()).count()
}

/// How often it stands in any column of any table.
fn in_rows(database: &Connection) -> usize {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut tables = database.prepare(tables).unwrap();
    let tables = tables.query_map((), |row| row.get::<_, String>(0)).unwrap();
    let mut found = 0;
    for table in tables {
        let sql = format!("SELECT * FROM \"{}\"", table.unwrap());
        let mut statement = database.prepare(&sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for n in 0..columns {
                if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(n).unwrap() {
                    found += count(bytes);
                }
            }
        }
    }
    found
}

/// Accounts that come and change among many others, so that their pages split, merge and move.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_the_erased_is_in_a_row_or_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    let store = SqliteStore::open(&path, daemun_store_sqlite::Options::default()).unwrap();
    let mut erased = Vec::new();
    for n in 0..600 {
        let is_canary = n % 10 == 3;
        // Scattered, so that indexes split in their middle.
        let key = (n * 7_919) % 600;
        let name = if is_canary {
            format!("{CANARY}{key:05}")
        } else {
            format!("n{key:05}er")
        };
        let id = account(&store, &name).await;
        for _ in 0..3 {
            let mut session = session(now());
            session.subject = Subject::Account(id);
            session.user_agent = format!("{name} {}", "agent ".repeat(n % 20)).into();
            store.open_session(session.into()).await.unwrap();
        }
        if is_canary {
            erased.push(id);
        }
        let long = format!("{name} {}", "reason ".repeat(n % 40));
        set(
            &store,
            id,
            Status::Suspended {
                since: now(),
                until: None,
            },
            &long,
        )
        .await;
        set(&store, id, Status::Active { since: now() }, "short").await;
    }
    let target = RevokeTarget::Account(erased[0]);
    let revoke = daemun_engine::ports::Revoke {
        target,
        reason: RevokeReason::Operator,
        now: now(),
        horizon: HORIZON,
        origin: origin(),
    };
    store.revoke(revoke).await.unwrap();
    let log = beside(&path, "-wal");
    assert!(left(&path) + left(&log) > erased.len(), "before");
    let database = Connection::open(&path).unwrap();
    assert!(in_rows(&database) > erased.len(), "before");
    for id in &erased {
        let due = Status::Withdrawn {
            since: now(),
            erase_at: Some(now()),
        };
        set(&store, *id, due, CANARY).await;
    }
    while store.erase_due(now()).await.unwrap() > 0 {}
    // Emptied after the answer, between two transactions.
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(in_rows(&database), 0);
    assert_eq!(left(&log), 0, "the log");
    // Of sixty accounts with two hundred entries in indexes.
    assert!(left(&path) < 10, "{} remnants", left(&path));
    database
        .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    assert_eq!(left(&path) + left(&log), 0, "anywhere");
    assert_eq!(store.accounts(None, 1_000).await.unwrap().len(), 600);
}
