//! Copying the log into the database, off the commit path.
//!
//! Left to itself SQLite copies within a commit, whenever the log has grown: that commit, and all
//! that wait for it, take many times as long. Here a thread with a connection of its own copies
//! while the writer goes on. What it cannot do is finish, since the log can only begin anew at a
//! moment when all of it has been copied, and there is none while somebody writes. So the writer,
//! between two transactions, copies the little that is left; the next transaction then begins at
//! the log's start again. The log stays bounded, and no commit waits for more than that little.
//!
//! Finishing flushes the database, and with it all that was copied since the last time. So the
//! thread flushes what it has copied, too: SQLite does not while somebody writes.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use crate::connection;

/// After how many operations the writer looks how long the log is.
const LOOK_EVERY: usize = 128;
/// Frames not yet copied that wake the checkpointer: 4 MB.
const ENOUGH: i64 = 2_048;
/// The part of the log the writer copies by itself, between two transactions: 0.5 MB of 4, more
/// where the log has grown longer because frames come almost as fast as they are copied.
const LITTLE: i64 = 8;
/// Frames beyond which the writer finishes whatever is left, so that the log is bounded even where
/// they come faster: 64 MB.
const TOO_MANY: i64 = 32_768;

/// Frames beyond which the writer, having finished, waits a moment for whoever still reads from the
/// log: it cannot begin anew before, and somebody may always be reading. 8 MB.
const LONG: i64 = 4_096;
/// How long that moment is.
const MOMENT: Duration = Duration::from_millis(5);

/// The writer's side: when to have the log copied, and when to finish it.
pub(crate) struct Tending {
    wake: SyncSender<()>,
    copying: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    busy_timeout: Duration,
    since_look: usize,
    /// The checkpointer was sent for since the log last began anew.
    begun: bool,
    /// Frames the log must have before anything is tried again, after a try came to nothing
    /// because somebody reads what is old.
    patience: i64,
    /// The log holds what was erased, and must be emptied as soon as nobody reads from it.
    to_empty: bool,
}

/// How far the log has got: frames in it, and frames of it that have been copied.
#[derive(Clone, Copy)]
struct Log {
    frames: i64,
    copied: i64,
}

impl Tending {
    pub(crate) fn start(path: &Path, busy_timeout: Duration) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let copying = Arc::new(AtomicBool::new(false));
        let copier = Copier {
            path: path.into(),
            busy_timeout,
            copying: Arc::clone(&copying),
        };
        let thread = thread::Builder::new()
            .name("daemun-checkpoint".into())
            .spawn(move || copier.work(&woken))?;
        Ok(Self {
            wake,
            copying,
            thread,
            busy_timeout,
            since_look: 0,
            begun: false,
            patience: 0,
            to_empty: false,
        })
    }

    /// Called between two transactions, after the answers have gone out.
    pub(crate) fn after(&mut self, connection: &Connection, operations: usize) {
        self.since_look += operations;
        if self.to_empty && !self.copying.load(Ordering::Acquire) {
            // Tried again after the next transaction where somebody reads from it just now.
            self.to_empty = !self.empty_in_a_moment(connection).unwrap_or(false);
        }
        let finishing = self.begun && !self.copying.load(Ordering::Acquire);
        if self.since_look < LOOK_EVERY && !finishing {
            return;
        }
        self.since_look = 0;
        if let Err(error) = self.tend(connection) {
            tracing::warn!(%error, "the log could not be copied into the database");
        }
    }

    /// Has the log emptied at the next occasion: what it holds was erased.
    pub(crate) fn empty_the_log(&mut self) {
        self.to_empty = true;
    }

    /// Ends the checkpointer. What was erased must not stay in a log that others keep open: for
    /// their sake it is emptied now, and readers are waited for.
    pub(crate) fn stop(self, connection: Option<&Connection>) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the checkpointer thread had died");
        }
        if let Some(connection) = connection.filter(|_| self.to_empty)
            && !empty(connection).unwrap_or(false)
        {
            tracing::warn!("the log still holds what was erased, until it begins anew");
        }
    }

    fn tend(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let log = look(connection)?;
        let little_left = log.frames - log.copied <= log.frames / LITTLE;
        let copying = self.copying.load(Ordering::Acquire);
        if log.frames < ENOUGH {
            self.begun = false;
            self.patience = 0;
        } else if (copying && log.frames <= TOO_MANY) || log.frames < self.patience {
            // Its turn, or nobody's yet.
        } else if self.begun && (little_left || log.frames > TOO_MANY) {
            let finished = self.finish(connection, log)?;
            self.begun = false;
            self.patience = if finished { 0 } else { log.frames + ENOUGH };
        } else {
            self.send_for_copier();
        }
        Ok(())
    }

    /// Copies what is left; whether the log can begin anew, as far as is known.
    fn finish(&self, connection: &Connection, log: Log) -> rusqlite::Result<bool> {
        if log.frames <= LONG {
            return copy(connection).map(|after| after.copied == after.frames);
        }
        connection.busy_timeout(MOMENT)?;
        let restarted = connection
            .prepare_cached("PRAGMA wal_checkpoint(RESTART)")?
            .query_row((), |row| row.get::<_, i64>(0).map(|busy| busy == 0));
        connection.busy_timeout(self.busy_timeout)?;
        restarted
    }

    fn empty_in_a_moment(&self, connection: &Connection) -> rusqlite::Result<bool> {
        connection.busy_timeout(MOMENT)?;
        let emptied = empty(connection);
        connection.busy_timeout(self.busy_timeout)?;
        emptied
    }

    fn send_for_copier(&mut self) {
        self.begun = true;
        self.copying.store(true, Ordering::Release);
        if self.wake.try_send(()).is_err() {
            self.copying.store(false, Ordering::Release);
        }
    }
}

/// The thread's side.
struct Copier {
    path: PathBuf,
    busy_timeout: Duration,
    copying: Arc<AtomicBool>,
}

impl Copier {
    fn work(self, woken: &Receiver<()>) {
        let mut connection = None;
        while woken.recv().is_ok() {
            if let Err(error) = self.copy(&mut connection) {
                tracing::warn!(%error, "the log could not be copied into the database");
                connection = None;
            }
            self.copying.store(false, Ordering::Release);
        }
    }

    fn copy(&self, connection: &mut Option<Connection>) -> rusqlite::Result<()> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(connection::writing(&self.path, self.busy_timeout)?),
        };
        copy(connection)?;
        if let Err(error) = flush(&self.path) {
            // Finishing will flush it, and take longer.
            tracing::warn!(%error, "the database could not be flushed ahead of time");
        }
        Ok(())
    }
}

/// Flushes what was written to the database so far, by a descriptor of our own.
///
/// Such a descriptor must never be closed: POSIX drops a process's locks on a file when any of its
/// descriptors of that file is closed, SQLite's locks included. So it is kept until the process
/// ends, once for each file.
#[cfg(unix)]
fn flush(path: &Path) -> io::Result<()> {
    use std::{
        os::unix::fs::MetadataExt,
        sync::{Mutex, PoisonError},
    };
    static DESCRIPTORS: Mutex<Vec<Arc<File>>> = Mutex::new(Vec::new());
    let wanted = std::fs::metadata(path)?;
    let is_wanted = |descriptor: &Arc<File>| {
        let file = descriptor.metadata();
        file.is_ok_and(|file| (file.dev(), file.ino()) == (wanted.dev(), wanted.ino()))
    };
    let descriptor = {
        let mut kept = DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.iter().find(|descriptor| is_wanted(descriptor)) {
            Some(descriptor) => Arc::clone(descriptor),
            None => {
                let descriptor = Arc::new(File::open(path)?);
                kept.push(Arc::clone(&descriptor));
                descriptor
            }
        }
    };
    descriptor.sync_data()
}

#[cfg(not(unix))]
fn flush(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.sync_data()
}

/// How long the log is. Does no work and takes no lock.
fn look(connection: &Connection) -> rusqlite::Result<Log> {
    checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")
}

/// Copies what can be copied without waiting for anybody.
fn copy(connection: &Connection) -> rusqlite::Result<Log> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Copies all of the log and cuts it off; false where somebody goes on reading from it.
fn empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(TRUNCATE)")?
        .query_row((), |row| row.get::<_, i64>(0).map(|busy| busy == 0))
}

fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<Log> {
    connection.prepare_cached(pragma)?.query_row((), |row| {
        Ok(Log {
            frames: row.get(1)?,
            copied: row.get(2)?,
        })
    })
}
