//! The schema and its migrations: numbered SQL files, each applied once, whole, in one
//! transaction, and remembered with a checksum.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// `daem`, so that a file of another program is told from one of ours.
const APPLICATION_ID: i64 = 0x6461_656d;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 5] = [
    Migration {
        version: 1,
        name: "initial",
        sql: include_str!("../migrations/0001_initial.sql"),
    },
    Migration {
        version: 2,
        name: "taking over",
        sql: include_str!("../migrations/0002_taking_over.sql"),
    },
    Migration {
        version: 3,
        name: "erasing",
        sql: include_str!("../migrations/0003_erasing.sql"),
    },
    Migration {
        version: 4,
        name: "horizon",
        sql: include_str!("../migrations/0004_horizon.sql"),
    },
    Migration {
        version: 5,
        name: "cut-offs",
        sql: include_str!("../migrations/0005_cut_offs.sql"),
    },
];

/// The schema this version works with.
const VERSION: i64 = 5;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no file.
    #[error(
        "there is no database at {path}: start the server once, which makes it, or name another directory"
    )]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error(
        "the database {path} cannot be made: {source}. The directory must exist and be writable by the user daemun runs as"
    )]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite cannot open it.
    #[error(
        "the database {path} cannot be opened: {source}. Its directory must be writable too, for SQLite keeps its log beside the file"
    )]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It belongs to another program.
    #[error("{path} is a database of another program, not of daemun: name another file")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error(
        "the database {path} has schema {found}, and this version of daemun knows no newer than {known}: run the version that wrote it, or restore a backup made before it was upgraded"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest this version knows.
        known: i64,
    },
    /// Its schema is older than what this version works with.
    #[error(
        "the database {path} has schema {found}, and this version of daemun works with {known}: start the server of this version once, which upgrades it"
    )]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// What is needed.
        known: i64,
    },
    /// A migration was changed after it had been applied.
    #[error(
        "the database {path} was made by another text of migration {version} (`{name}`) than this version has: run the version that made it"
    )]
    Altered {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        version: i64,
        /// Its name.
        name: &'static str,
    },
    /// The system gives no threads.
    #[error(
        "the store's threads cannot be started: {source}. Raise the process limit (`ulimit -u`)"
    )]
    Threads {
        /// Why.
        source: std::io::Error,
    },
}

impl OpenError {
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        Self::Sqlite {
            path: path.into(),
            source,
        }
    }
}

/// Applies what has not been applied yet.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::sqlite(path, source);
    if is_of_another_program(connection).map_err(sqlite)? {
        return Err(OpenError::Foreign { path: path.into() });
    }
    loop {
        // Immediate: two processes that start at once take turns.
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sqlite)?;
        begin(&tx).map_err(sqlite)?;
        let current = verified_version(&tx, path)?;
        let Some(next) = MIGRATIONS.iter().find(|m| m.version > current) else {
            return tx.commit().map_err(sqlite);
        };
        apply(&tx, next).map_err(sqlite)?;
        tx.commit().map_err(sqlite)?;
        tracing::info!(version = next.version, name = next.name, "schema migrated");
    }
}

/// Fails unless the schema is the one this version works with.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::sqlite(path, source);
    if is_of_another_program(connection).map_err(sqlite)? {
        return Err(OpenError::Foreign { path: path.into() });
    }
    let made = has_migrations(connection).map_err(sqlite)?;
    let found = if made {
        verified_version(connection, path)?
    } else {
        0
    };
    if found == VERSION {
        Ok(())
    } else {
        Err(OpenError::Older {
            path: path.into(),
            found,
            known: VERSION,
        })
    }
}

fn is_of_another_program(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(id != APPLICATION_ID && tables > 0)
}

fn has_migrations(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'",
            [],
            |_| Ok(()),
        )
        .optional()
        .map(|found| found.is_some())
}

fn begin(connection: &Connection) -> rusqlite::Result<()> {
    if has_migrations(connection)? {
        return Ok(());
    }
    connection.execute_batch(
        "CREATE TABLE migrations (
             version  INTEGER PRIMARY KEY,
             name     TEXT NOT NULL,
             checksum TEXT NOT NULL -- SHA-256 of the file, hexadecimal
         ) STRICT;",
    )?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// The schema's version, once every applied migration has proved to be the one we know.
fn verified_version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let sqlite = |source| OpenError::sqlite(path, source);
    let newest: i64 = connection
        .query_row(
            "SELECT ifnull(max(version), 0) FROM migrations",
            [],
            |row| row.get(0),
        )
        .map_err(sqlite)?;
    if newest > VERSION {
        return Err(OpenError::Newer {
            path: path.into(),
            found: newest,
            known: VERSION,
        });
    }
    for migration in MIGRATIONS.iter().filter(|m| m.version <= newest) {
        let applied: Option<String> = connection
            .query_row(
                "SELECT checksum FROM migrations WHERE version = ?1",
                [migration.version],
                |row| row.get(0),
            )
            .optional()
            .map_err(sqlite)?;
        if applied.as_deref() != Some(&*checksum(migration.sql)) {
            return Err(OpenError::Altered {
                path: path.into(),
                version: migration.version,
                name: migration.name,
            });
        }
    }
    Ok(newest)
}

fn apply(connection: &Connection, migration: &Migration) -> rusqlite::Result<()> {
    connection.execute_batch(migration.sql)?;
    connection.execute(
        "INSERT INTO migrations (version, name, checksum) VALUES (?1, ?2, ?3)",
        params![migration.version, migration.name, checksum(migration.sql)],
    )?;
    Ok(())
}

fn checksum(sql: &str) -> String {
    let digest = digest::digest(&digest::SHA256, sql.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
