//! The default store: everything in one SQLite file.
//!
//! It owns the file, and how operations become durable at the price of few flushes. One thread
//! writes (`writer`): it takes whatever operations wait, puts them into one transaction, commits,
//! and only then answers each. A few threads read beside it (`readers`); copying the log into the
//! database is a third one's work (`checkpoint`), because a commit that has to wait for it is
//! what makes a SQLite server stutter.
//!
//! What the operations mean is the engine's to say: this room calls its pure judgements inside the
//! transaction and writes what they decided, guarded by the write itself. `accounts`, `codes`,
//! `sessions`, `revocations`, `outbox`, `keys`, `service_keys`, `import` and `upkeep` are the
//! ports, one table or two each; `rows` turns rows into the engine's types, or into an error that
//! names the row that cannot be.
//!
//! Another process may open the same file at the same time, as the command line does beside a
//! running server. What it commits is learned of by [`SqliteStore::foreign_changes`].

mod accounts;
mod changes;
mod checkpoint;
mod codes;
mod connection;
mod erase;
mod foreign;
mod import;
mod keys;
mod outbox;
mod readers;
mod revocations;
mod rows;
mod schema;
mod service_keys;
mod sessions;
mod transfer;
mod upkeep;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use daemun_engine::ports::Stored;
use rusqlite::Connection;
use tokio::sync::Notify;

pub use schema::OpenError;

use crate::{
    readers::Readers,
    rows::Fault,
    writer::{Guard, Tx, Writer},
};

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many threads read.
    pub readers: usize,
    /// How many operations may wait for the writer, and as many for the readers; one more is
    /// refused as unavailable.
    pub queue: usize,
    /// How long to wait while another process writes.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 2,
            queue: 1_024,
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// A SQLite file, open. Clones share it; it is closed with the last of them, and what was accepted
/// until then is committed first.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    // In this order: readers first, since the last connection to close empties the log, and a
    // reader could not.
    readers: Readers,
    writer: Writer,
    path: PathBuf,
    message_put: Arc<Notify>,
    /// What other processes had committed when last asked.
    seen: AtomicI64,
    /// Whether anybody ever asked for changes.
    asked: AtomicBool,
    /// How far the purge of sessions has got.
    purged_to: AtomicI64,
}

impl SqliteStore {
    /// Opens the file, making it where there is none, and brings its schema up to date.
    ///
    /// Called on a Tokio runtime, its writes are answered on that runtime, which must therefore go
    /// on running; called elsewhere, on the writer's own thread, which costs more.
    ///
    /// # Errors
    /// Why it cannot be opened, and what helps.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        connection::create_private(path)?;
        let mut connection = connection::writing(path, options.busy_timeout)
            .map_err(|source| OpenError::sqlite(path, source))?;
        schema::migrate(&mut connection, path)?;
        Self::start(connection, path, options)
    }

    /// Opens a file that exists and has the schema of this version, as a tool beside the server
    /// does: it neither makes nor changes one.
    ///
    /// # Errors
    /// Why it cannot be opened, and what helps.
    pub fn open_existing(path: &Path, options: Options) -> Result<Self, OpenError> {
        if !path.is_file() {
            return Err(OpenError::Absent { path: path.into() });
        }
        let connection = connection::writing(path, options.busy_timeout)
            .map_err(|source| OpenError::sqlite(path, source))?;
        schema::check(&connection, path)?;
        Self::start(connection, path, options)
    }

    fn start(connection: Connection, path: &Path, options: Options) -> Result<Self, OpenError> {
        let message_put = Arc::new(Notify::new());
        let seen = data_version(&connection).map_err(|source| OpenError::sqlite(path, source))?;
        let threads = |source| OpenError::Threads { source };
        let writer = Writer::start(connection, path, options, Arc::clone(&message_put));
        let readers = Readers::start(path, options);
        Ok(Self {
            inner: Arc::new(Inner {
                readers: readers.map_err(threads)?,
                writer: writer.map_err(threads)?,
                path: path.into(),
                message_put,
                seen: AtomicI64::new(seen),
                asked: AtomicBool::new(false),
                purged_to: AtomicI64::new(0),
            }),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Whether another process has committed anything since this was last asked. Cheap, and may
    /// say yes for nothing, after the writer had to open its connection anew.
    ///
    /// # Errors
    /// Where the file cannot be asked.
    pub async fn foreign_changes(&self) -> Stored<bool> {
        // On the writer's own connection: SQLite counts the commits of every other, and this
        // process commits on no other.
        let version = self
            .write(Guard::OneStatement, |tx| Ok(data_version(tx.connection)?))
            .await?;
        // Nothing is waited for after this, so what is noted as seen is also told.
        Ok(self.inner.seen.swap(version, Ordering::AcqRel) != version)
    }

    async fn write<T, W>(&self, guard: Guard, work: W) -> Stored<T>
    where
        T: Send + 'static,
        W: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let answered = self.inner.writer.submit(guard, work)?;
        answered.await.unwrap_or_else(|_| Err(writer::stopped()))
    }

    async fn read<T, W>(&self, work: W) -> Stored<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let answered = self.inner.readers.submit(work)?;
        answered.await.unwrap_or_else(|_| Err(readers::stopped()))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.inner.path.display())
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}
