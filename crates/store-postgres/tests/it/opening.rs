//! Opening a database: addresses, encryption, schemas of other versions, and no password anywhere.

use daemun_engine::{nodes::Nodes, ports::Upkeep};
use daemun_store_postgres::{OpenError, Options, PostgresStore};
use daemun_test_servers::Postgres;

use crate::fresh_postgres;

const PASSWORD: &str = "a-password";

async fn refused(url: &str) -> OpenError {
    let error = PostgresStore::open(url, Options::default())
        .await
        .unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains(PASSWORD),
        "{error:?}"
    );
    error
}

#[tokio::test]
async fn s86_what_is_no_address_is_refused_and_shows_no_password() {
    for url in [
        "",
        "postgres://",
        "mysql://u:a-password@h/d",
        "postgres://u:a-password@h:port/d",
        "postgres://u:a-password@h/d?no_such_word=1",
    ] {
        assert!(matches!(refused(url).await, OpenError::Address), "{url}");
    }
    for mode in ["allow", "prefer", "verify-ca", "yes"] {
        let url = format!("postgres://u:a-password@h/d?sslmode={mode}");
        assert!(matches!(refused(&url).await, OpenError::SslMode), "{mode}");
    }
    let nobody = refused("postgres://u:a-password@127.0.0.1:1/d").await;
    assert!(matches!(nobody, OpenError::Unreachable(_)));
    let url = "postgres://u:a-password@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/no/such";
    assert!(matches!(refused(url).await, OpenError::Trust { .. }));
}

#[tokio::test]
async fn s86_an_open_store_shows_no_password() {
    let (store, _server) = fresh_postgres().await;
    let shown = format!("{store:?}");
    assert!(
        shown.contains("/postgres") && !shown.contains(PASSWORD),
        "{shown}"
    );
}

#[tokio::test]
async fn many_nodes_that_open_one_database_make_it_once() {
    let server = Postgres::start().unwrap();
    let opening = (0..8).map(|_| {
        let url = server.url();
        tokio::spawn(async move { PostgresStore::open(&url, Options::default()).await })
    });
    for opened in opening.collect::<Vec<_>>() {
        opened.await.unwrap().unwrap();
    }
    let migrations = "SELECT count(*) - count(DISTINCT version) FROM migrations";
    assert_eq!(server.query(migrations), "0");
}

#[tokio::test]
async fn a_tool_neither_makes_nor_changes_a_database() {
    let server = Postgres::start().unwrap();
    let open = || async { PostgresStore::open_existing(&server.url(), Options::default()).await };
    assert!(matches!(open().await.unwrap_err(), OpenError::Absent));
    assert_eq!(
        server.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0"
    );
    PostgresStore::open(&server.url(), Options::default())
        .await
        .unwrap();
    open().await.unwrap();
}

/// N−1 beside N: a newer schema is worked with as long as it says that this version can.
#[tokio::test]
async fn a_newer_schema_is_worked_with_while_it_allows_that() {
    let (store, server) = fresh_postgres().await;
    server.execute("ALTER TABLE accounts ADD COLUMN hobby text;");
    server.execute("INSERT INTO migrations VALUES (4, 'later', '', 3)");
    store.ping().await.unwrap();
    let open = || async { PostgresStore::open(&server.url(), Options::default()).await };
    open().await.unwrap();
    server.execute("INSERT INTO migrations VALUES (5, 'much later', '', 5)");
    let refused = open().await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found: 5, known: 3 }),
        "{refused}"
    );
}

/// A database of the first schema is brought up to date, and a node that knows only that one goes on.
#[tokio::test]
async fn an_older_database_is_brought_up_to_date_beside_who_works_on_it() {
    let (older, server) = fresh_postgres().await;
    server.execute("DROP TABLE nodes; DROP INDEX accounts_by_cut_off; DELETE FROM migrations WHERE version > 1");
    let url = server.url();
    let open_existing = PostgresStore::open_existing(&url, Options::default());
    let refused = open_existing.await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Older { found: 1, known: 3 }),
        "{refused}"
    );
    let newer = PostgresStore::open(&server.url(), Options::default())
        .await
        .unwrap();
    assert_eq!(newer.nodes().await.unwrap(), Some(Vec::new()));
    let oldest = "SELECT DISTINCT oldest FROM migrations";
    assert_eq!(server.query(oldest), "1", "code of the first still works");
    older.ping().await.unwrap();
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let (_store, server) = fresh_postgres().await;
    server.execute("UPDATE migrations SET checksum = '00'");
    for error in [
        PostgresStore::open(&server.url(), Options::default()).await,
        PostgresStore::open_existing(&server.url(), Options::default()).await,
    ] {
        assert!(matches!(
            error.unwrap_err(),
            OpenError::Altered { version: 1, .. }
        ));
    }
}
