//! Moving what is in a file to another, stretch by stretch, as often as it takes.

use daemun_engine::{
    ports::{Accounts, Opened, Registered, Sessions, Upkeep},
    transfer::{Cell, Copied, Stretch, TABLES, Table, Transfer, sum, transfer},
};
use daemun_store_sqlite::SqliteStore;

use crate::{
    fresh_sqlite,
    world::{now, present, registered, session, sign_up},
};

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

async fn carry(from: &SqliteStore, to: &SqliteStore) -> Copied {
    transfer(from, to, &mut |_, _| {}).await.unwrap()
}

async fn same(from: &SqliteStore, to: &SqliteStore) -> bool {
    for table in TABLES {
        if sum(from, table).await.unwrap() != sum(to, table).await.unwrap() {
            return false;
        }
    }
    true
}

/// An installation with more than a stretch of everything that grows.
async fn filled() -> (SqliteStore, tempfile::TempDir) {
    let (store, keep) = fresh_sqlite();
    for n in 0..2_100 {
        registered(&store, sign_up(&format!("someone{n}@example.com"))).await;
        let opened = session(now());
        let opened = store.open_session(opened.into()).await.unwrap();
        assert_eq!(opened, Opened::Opened(Vec::new()));
    }
    (store, keep)
}

#[tokio::test]
async fn everything_is_moved_and_a_second_time_nothing() {
    let (from, _keep) = filled().await;
    let (to, _keep_too) = fresh_sqlite();
    let copied = carry(&from, &to).await;
    assert!(copied.written > 6_000, "{copied:?}");
    assert!(same(&from, &to).await);
    let again = carry(&from, &to).await;
    assert_eq!(
        (again.seen, again.written, again.deleted),
        (copied.seen, 0, 0)
    );
    assert_eq!(sum(&to, table("sessions")).await.unwrap().rows, 2_100);
}

#[tokio::test]
async fn what_changed_meanwhile_is_moved_and_nothing_else() {
    let (from, _keep) = filled().await;
    let (to, _keep_too) = fresh_sqlite();
    carry(&from, &to).await;
    let sessions = from.sessions(None, 2).await.unwrap();
    present(&from, &sessions[0], 1, now()).await;
    registered(&from, sign_up("new@example.com")).await;
    let gone = vec![Cell::Int(7)];
    from.change(table("accounts"), vec![gone], Vec::new())
        .await
        .unwrap();
    assert!(!same(&from, &to).await);

    let copied = carry(&from, &to).await;
    // The session, the account and its entry in the trail; and the account that is no more.
    assert_eq!((copied.written, copied.deleted), (3, 1));
    assert!(same(&from, &to).await);
    let (_, rotated) = present(&to, &sessions[0], 2, now()).await;
    assert_eq!(rotated.generation, 3, "it goes on where it was");
}

#[tokio::test]
async fn what_is_only_in_the_target_goes() {
    let (from, _keep) = fresh_sqlite();
    let (to, _keep_too) = filled().await;
    carry(&from, &to).await;
    assert!(same(&from, &to).await);
    assert_eq!(to.accounts(None, 1).await.unwrap(), []);
}

#[tokio::test]
async fn no_number_is_given_twice_across_a_move() {
    let (from, _keep) = fresh_sqlite();
    let (to, _keep_too) = fresh_sqlite();
    let last = registered(&from, sign_up("last@example.com")).await;
    let gone = vec![Cell::Int(last.0)];
    from.change(table("accounts"), vec![gone], Vec::new())
        .await
        .unwrap();
    carry(&from, &to).await;
    match to.register(sign_up("next@example.com")).await.unwrap() {
        Registered::Created(next) => assert!(next > last, "{next} after {last}"),
        other => panic!("not created: {other:?}"),
    }
}

#[tokio::test]
async fn a_move_that_has_begun_is_remembered_until_it_ends() {
    let (store, keep) = fresh_sqlite();
    assert!(!store.is_being_filled().await.unwrap());
    store.set_being_filled(true).await.unwrap();
    store.set_being_filled(true).await.unwrap();
    drop(store);
    let path = keep.path().join("t.db");
    let store = SqliteStore::open(&path, daemun_store_sqlite::Options::default()).unwrap();
    assert!(store.is_being_filled().await.unwrap());
    store.set_being_filled(false).await.unwrap();
    assert!(!store.is_being_filled().await.unwrap());
    assert_eq!(
        store.horizon(std::time::Duration::ZERO).await.unwrap(),
        std::time::Duration::ZERO
    );
}

#[tokio::test]
async fn every_column_of_every_table_is_moved() {
    let (store, keep) = fresh_sqlite();
    let file = rusqlite::Connection::open(keep.path().join("t.db")).unwrap();
    let mut tables = file
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let names: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for name in names
        .iter()
        .filter(|name| !["migrations", "installation"].contains(&name.as_str()))
    {
        let moved: Vec<&str> = table(name).columns.iter().map(|c| c.name).collect();
        let mut columns = file
            .prepare(&format!("SELECT name FROM pragma_table_info('{name}')"))
            .unwrap();
        let there: Vec<String> = columns
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut missing: Vec<_> = there
            .iter()
            .filter(|c| !moved.contains(&c.as_str()))
            .collect();
        missing.sort();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
    let rows = store
        .rows(table("accounts"), Stretch::default(), None)
        .await
        .unwrap();
    assert!(rows.is_empty());
}
