//! Connections: every one is opened here, so that all agree on what durability means.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Result, config::DbConfig};

use crate::schema::OpenError;

/// Bytes in a page. A rotation writes one page, and what it costs grows with the page (checksum,
/// copy, checkpoint); sessions that are used together lie together, and share more of a larger
/// one. Measured from 512 to 4096: this is the best of both.
pub(crate) const PAGE_BYTES: u32 = 2_048;

/// There are some fifty statements; the default cache holds sixteen.
const STATEMENTS: usize = 96;

/// Makes the file where there is none, readable by its owner alone: it holds password hashes.
/// SQLite gives its log the same permissions.
pub(crate) fn create_private(path: &Path) -> std::result::Result<(), OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Only a file that was not there is ever opened: closing one that SQLite has open would drop
    // its locks (POSIX advisory locks belong to the process, not to the descriptor).
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(OpenError::Create {
            path: path.into(),
            source,
        }),
    }
}

/// A connection that writes. A commit has been flushed when it returns; it copies nothing. What is
/// deleted is overwritten, pages that become free included: an erased account must not be found in
/// the file. Rotations free none, so that costs the purge alone (measured: 9 % more log).
pub(crate) fn writing(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reading(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)?;
    connection.execute_batch("PRAGMA cache_size = -1024;")?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags, busy_timeout: Duration) -> Result<Connection> {
    // No mutex: each connection is used by one thread at a time, which the compiler checks.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch("PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}
