//! Opening a database: addresses, encryption, schemas of other versions, and no password anywhere.

use daemun_engine::ports::Upkeep;
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
    assert_eq!(server.query("SELECT count(*) FROM migrations"), "1");
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
    server.execute("INSERT INTO migrations VALUES (2, 'later', '', 1)");
    store.ping().await.unwrap();
    let open = || async { PostgresStore::open(&server.url(), Options::default()).await };
    open().await.unwrap();
    server.execute("INSERT INTO migrations VALUES (3, 'much later', '', 3)");
    let refused = open().await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found: 3, known: 1 }),
        "{refused}"
    );
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
