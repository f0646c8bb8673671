//! Accounts, sessions and all else in PostgreSQL, for more nodes than one.
//!
//! It owns the connections, where they go and whether they are encrypted (`address`, `tls`), and how they
//! are used: each fact of the ports is one transaction of a
//! pooled connection (`db`), guarded by the rows it locks, and refreshes that arrive together share
//! a statement and with it a flush of the disk (`rotation`). What others changed is heard on a
//! connection of its own (`changes`). What the operations mean is the engine's to say: this room
//! calls its pure judgements inside the transaction and writes what they decided.
//!
//! Locks are taken in one order, so that nobody waits in a circle: the account's row, then what is
//! counted by address, then sessions in the order of their rows, and last, held to the commit, the
//! log of revocations, whose numbers must become visible in their order.
//!
//! `accounts`, `codes`, `sessions`, `revocations`, `outbox`, `keys`, `service_keys`, `import`,
//! `upkeep`, `erase`, `nodes` and `counters` are the ports, one table or two each; `rows` turns rows into the
//! engine's types, or into an error that names the row that cannot be.

mod accounts;
mod address;
mod changes;
mod codes;
mod counters;
mod db;
mod erase;
mod foreign;
mod import;
mod keys;
mod nodes;
mod outbox;
mod promises;
mod revocations;
mod rotation;
mod rows;
mod schema;
mod service_keys;
mod sessions;
mod tls;
mod transfer;
mod upkeep;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use tokio::sync::Notify;

pub use promises::Promises;
pub use schema::OpenError;

use crate::{changes::News, db::Db, rotation::Rotations};

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many connections there are at most, beside the one that hears of changes.
    pub connections: usize,
    /// How many refreshes may wait; one more is refused as unavailable.
    pub queue: usize,
    /// How long to wait for a connection, and for one to be made.
    pub connect_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            queue: 4_096,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// A database, open. Clones share it.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    rotations: Rotations,
    news: News,
    message_put: Notify,
    /// How far the purge of sessions has got.
    purged_to: AtomicI64,
}

impl PostgresStore {
    /// Connects, making the tables or bringing them up to date where need be. Of several that do so
    /// at once, one does it and the others wait.
    ///
    /// # Errors
    /// Why it cannot be opened, and what helps.
    pub async fn open(url: &str, options: Options) -> Result<Self, OpenError> {
        let db = Db::new(url, options)?;
        schema::migrate(&db).await?;
        Ok(Self::on(db, options))
    }

    /// Connects to a database whose tables there are, as a tool beside a server does: it neither
    /// makes nor changes any.
    ///
    /// # Errors
    /// Why it cannot be opened, and what helps.
    pub async fn open_existing(url: &str, options: Options) -> Result<Self, OpenError> {
        let db = Db::new(url, options)?;
        schema::check(&db).await?;
        Ok(Self::on(db, options))
    }

    fn on(db: Db, options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                rotations: Rotations::start(&db, options.queue),
                news: News::default(),
                db,
                message_put: Notify::new(),
                purged_to: AtomicI64::new(0),
            }),
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", self.inner.db.address())
    }
}
