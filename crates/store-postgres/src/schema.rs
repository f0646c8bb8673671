//! The schema and its migrations: numbered SQL files, each applied once, whole, in one transaction
//! under a lock, and remembered with a checksum.
//!
//! Nodes of two versions work side by side while an installation is upgraded: a migration says
//! which is the oldest schema whose code can still work with the tables as it leaves them. Code is
//! refused only by a migration that says that it is too old.

use aws_lc_rs::digest;

use crate::{
    db::{Db, Fault, Tx, told},
    rows::hex,
};

/// Who changes the schema holds this lock.
const LOCK: i64 = 0x6461_656d_0000_0001;

struct Migration {
    version: i64,
    name: &'static str,
    /// The oldest schema version whose code works with what this leaves.
    oldest: i64,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "initial",
        oldest: 1,
        sql: include_str!("../migrations/0001_initial.sql"),
    },
    Migration {
        version: 2,
        name: "nodes",
        oldest: 1,
        sql: include_str!("../migrations/0002_nodes.sql"),
    },
    Migration {
        version: 3,
        name: "cut-offs",
        oldest: 1,
        sql: include_str!("../migrations/0003_cut_offs.sql"),
    },
];

/// The schema this version works with.
const VERSION: i64 = 3;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is none.
    #[error(
        "the database's URL cannot be read. It is postgres://USER:PASSWORD@HOST:PORT/DATABASE; a socket's directory is a HOST with %2F for /, and so are other signs of a password written: %40 for @"
    )]
    Address,
    /// A kind of encryption that protects from nobody.
    #[error(
        "the database's URL has an sslmode that is not known here: say sslmode=verify-full (the server's certificate is checked; sslrootcert=FILE names its authority), or sslmode=disable where the network is yours alone"
    )]
    SslMode,
    /// No certificates to check the server's with.
    #[error(
        "the database's certificate could not be checked: {why}. Name the file of its authority: sslrootcert=FILE in the URL"
    )]
    Trust {
        /// Why.
        why: String,
    },
    /// The server does not answer, or refuses.
    #[error(
        "the database cannot be opened: {0}. Is the server up, and are host, user, password and database right? psql with the same URL says more"
    )]
    Unreachable(String),
    /// There are no tables of ours.
    #[error(
        "there is no installation in this database: start the server once, which makes it, or name another database"
    )]
    Absent,
    /// It belongs to another program.
    #[error(
        "this database has a table `migrations` that is not daemun's: give daemun a database of its own (createdb)"
    )]
    Foreign,
    /// A newer version changed it such that this one cannot work with it.
    #[error(
        "the database has schema {found}, which this version of daemun (schema {known}) cannot work with: run a newer version, or restore a backup made before it was upgraded"
    )]
    Newer {
        /// Its schema.
        found: i64,
        /// The newest this version knows.
        known: i64,
    },
    /// Its schema is older than what this version works with.
    #[error(
        "the database has schema {found}, and this version of daemun works with {known}: start the server of this version once, which upgrades it"
    )]
    Older {
        /// Its schema.
        found: i64,
        /// What is needed.
        known: i64,
    },
    /// A migration was changed after it had been applied.
    #[error(
        "the database was made by another text of migration {version} (`{name}`) than this version has: run the version that made it"
    )]
    Altered {
        /// Which migration.
        version: i64,
        /// Its name.
        name: &'static str,
    },
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Unreachable(match fault {
            Fault::Sql(error) => told(&error),
            Fault::Pool(what) | Fault::Corrupt(what) => what,
        })
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::from(error).into()
    }
}

/// Applies what has not been applied yet.
pub(crate) async fn migrate(db: &Db) -> Result<(), OpenError> {
    let mut client = db.client().await?;
    let tx = client.transaction().await?;
    // Whoever migrates may take longer than a statement may.
    tx.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        .await?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    if !is_made(&tx).await? {
        tx.batch_execute(
            "CREATE TABLE migrations (
                 version  bigint PRIMARY KEY,
                 name     text NOT NULL,
                 checksum text NOT NULL, -- SHA-256 of the file, hexadecimal
                 oldest   bigint NOT NULL -- the oldest schema whose code works with this one
             )",
        )
        .await?;
    }
    let current = verified_version(&tx).await?;
    for migration in MIGRATIONS.iter().filter(|m| m.version > current) {
        tx.batch_execute(migration.sql).await?;
        tx.execute(
            "INSERT INTO migrations (version, name, checksum, oldest) VALUES ($1, $2, $3, $4)",
            &[
                &migration.version,
                &migration.name,
                &checksum(migration.sql),
                &migration.oldest,
            ],
        )
        .await?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "schema migrated"
        );
    }
    tx.commit().await?;
    Ok(())
}

/// Fails unless this version can work with the tables that are there.
pub(crate) async fn check(db: &Db) -> Result<(), OpenError> {
    let mut client = db.client().await?;
    let tx = client.transaction().await?;
    if !is_made(&tx).await? {
        return Err(OpenError::Absent);
    }
    match verified_version(&tx).await? {
        found if found < VERSION => Err(OpenError::Older {
            found,
            known: VERSION,
        }),
        _ => Ok(()),
    }
}

/// Whether there is a table of migrations, and it is ours.
async fn is_made(client: &Tx<'_>) -> Result<bool, OpenError> {
    let sql = "SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
                WHERE attrelid = to_regclass('migrations') AND attnum > 0 AND NOT attisdropped";
    let columns: Option<Vec<String>> = client.query_one(sql, &[]).await?.try_get(0)?;
    match columns {
        None => Ok(false),
        Some(columns) if columns == ["checksum", "name", "oldest", "version"] => Ok(true),
        Some(_) => Err(OpenError::Foreign),
    }
}

/// The schema's version, once every applied migration has proved to be the one we know, and none
/// that we do not know says that we are too old.
async fn verified_version(client: &Tx<'_>) -> Result<i64, OpenError> {
    let rows = client
        .query(
            "SELECT version, checksum, oldest FROM migrations ORDER BY version",
            &[],
        )
        .await?;
    let mut newest = 0;
    for row in rows {
        let (version, sum, oldest): (i64, String, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        newest = version;
        match MIGRATIONS.iter().find(|m| m.version == version) {
            Some(known) if checksum(known.sql) != sum => {
                return Err(OpenError::Altered {
                    version,
                    name: known.name,
                });
            }
            None if oldest > VERSION => {
                return Err(OpenError::Newer {
                    found: version,
                    known: VERSION,
                });
            }
            _ => {}
        }
    }
    Ok(newest)
}

fn checksum(sql: &str) -> String {
    hex(digest::digest(&digest::SHA256, sql.as_bytes()).as_ref())
}
