//! The one thread that writes.
//!
//! It takes whatever operations wait, runs them in one transaction, commits, and only then answers
//! each: sixty-four concurrent rotations cost one flush. An operation that fails is rolled back
//! alone, by a savepoint of its own; if the commit fails, every operation of the batch has failed.
//! When nothing waits the thread sleeps.
//!
//! The answers of a batch are given on the runtime, by one task, where there is a runtime: given
//! from here, each would wake a sleeping thread of its own, and that costs more than a rotation.

use std::{
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use daemun_engine::ports::{StoreError, Stored};
use rusqlite::{Connection, ErrorCode};
use tokio::{
    runtime::Handle,
    sync::{
        Notify,
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
};

use crate::{
    Options,
    checkpoint::Tending,
    connection,
    rows::{Fault, execute},
};

/// How many operations share a transaction at most, so that none waits long for its answer.
const BATCH: usize = 256;

/// What an operation needs so that it fails alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing: it has at most one writing statement, which SQLite makes atomic by itself.
    OneStatement,
    /// A savepoint around all its statements.
    Savepoint,
}

/// The transaction an operation runs in.
pub(crate) struct Tx<'a> {
    pub(crate) connection: &'a Connection,
    message_put: Cell<bool>,
    erased: Cell<bool>,
}

impl Tx<'_> {
    /// Does all of `work` or none of it.
    pub(crate) fn atomically<T>(
        &self,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        execute(self.connection, "SAVEPOINT operation", ())?;
        let result = work();
        if result.is_err() && !self.connection.is_autocommit() {
            execute(self.connection, "ROLLBACK TO operation", ())?;
        }
        if !self.connection.is_autocommit() {
            execute(self.connection, "RELEASE operation", ())?;
        }
        result
    }

    /// A message was put into the outbox: whoever sends is woken once it is committed.
    pub(crate) fn message_was_put(&self) {
        self.message_put.set(true);
    }

    /// What must be nowhere any more was deleted: once it is committed the log is emptied.
    pub(crate) fn something_was_erased(&self) {
        self.erased.set(true);
    }
}

/// The queue in front of the thread.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        path: &Path,
        options: Options,
        message_put: Arc<Notify>,
    ) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(options.queue);
        let desk = Desk {
            tending: Tending::start(path, options.busy_timeout)?,
            connection: Some(connection),
            path: path.into(),
            busy_timeout: options.busy_timeout,
            message_put,
            settled: answer_on_the_runtime(),
        };
        let thread = thread::Builder::new()
            .name("daemun-writer".into())
            .spawn(move || desk.work(&waiting))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Puts an operation into the queue. It is done whether or not its answer is waited for; where
    /// no answer comes, the thread has [`stopped`].
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        guard: Guard,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Stored<oneshot::Receiver<Stored<T>>> {
        let (answer, answered) = oneshot::channel();
        let job = Operation {
            guard,
            work: Some(work),
            result: None,
            answer,
        };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable("too many operations wait to be written".into())
            }
            TrySendError::Disconnected(_) => stopped(),
        })?;
        Ok(answered)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread had died");
        }
    }
}

pub(crate) fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

trait Job: Send {
    /// Does the work and keeps its result.
    fn run(&mut self, tx: &Tx<'_>);
    /// Answers, once it is known how the transaction ended.
    fn answer(self: Box<Self>, end: &Result<(), BatchError>);
}

struct Operation<W, T> {
    guard: Guard,
    work: Option<W>,
    result: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Stored<T>>,
}

impl<W, T> Job for Operation<W, T>
where
    W: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn run(&mut self, tx: &Tx<'_>) {
        let Some(work) = self.work.take() else { return };
        self.result = Some(match self.guard {
            Guard::OneStatement => work(tx),
            Guard::Savepoint => tx.atomically(|| work(tx)),
        });
    }

    fn answer(self: Box<Self>, end: &Result<(), BatchError>) {
        let answer = match (self.result, end) {
            (Some(Err(fault)), _) => Err(fault.into()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(StoreError::Unavailable(error.to_string())),
            (None, Ok(())) => Err(stopped()),
        };
        // Nobody may be waiting any more: a request that was given up.
        let _ = self.answer.send(answer);
    }
}

/// Why a whole batch failed.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error("the transaction was lost to an operation that failed in it")]
    Lost,
    #[error("an operation panicked")]
    Panicked,
}

/// A batch whose end is known.
struct Settled {
    batch: Vec<Box<dyn Job>>,
    end: Result<(), BatchError>,
}

impl Settled {
    fn answer(self) {
        for job in self.batch {
            job.answer(&self.end);
        }
    }
}

fn answer_on_the_runtime() -> Option<UnboundedSender<Settled>> {
    let runtime = Handle::try_current().ok()?;
    let (sender, mut settled) = unbounded_channel::<Settled>();
    runtime.spawn(async move {
        while let Some(settled) = settled.recv().await {
            settled.answer();
        }
    });
    Some(sender)
}

/// What the thread works with.
struct Desk {
    tending: Tending,
    /// Absent after a failure that might be the connection's own; opened anew for the next batch.
    connection: Option<Connection>,
    path: PathBuf,
    busy_timeout: Duration,
    message_put: Arc<Notify>,
    /// The task that gives the answers.
    settled: Option<UnboundedSender<Settled>>,
}

impl Desk {
    fn work(mut self, waiting: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv() {
            let mut batch = Vec::with_capacity(BATCH);
            batch.push(first);
            batch.extend(waiting.try_iter().take(BATCH - 1));
            let operations = batch.len();
            let end = catch_unwind(AssertUnwindSafe(|| self.commit(&mut batch)))
                .unwrap_or(Err(BatchError::Panicked));
            if let Err(error) = &end {
                tracing::error!(%error, operations, "a transaction failed");
                self.recover(error);
            }
            self.settle(Settled { batch, end });
            if let Some(connection) = &self.connection {
                self.tending.after(connection, operations);
            }
        }
        self.close();
    }

    fn settle(&self, settled: Settled) {
        let unsent = match &self.settled {
            Some(task) => task.send(settled).err().map(|unsent| unsent.0),
            None => Some(settled),
        };
        // No runtime, or none any more.
        if let Some(settled) = unsent {
            settled.answer();
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), BatchError> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(connection::writing(&self.path, self.busy_timeout)?),
        };
        let tx = Tx {
            connection,
            message_put: Cell::new(false),
            erased: Cell::new(false),
        };
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        for job in batch {
            job.run(&tx);
            // A full disk or a failing one may end the whole transaction.
            if connection.is_autocommit() {
                return Err(BatchError::Lost);
            }
        }
        connection.prepare_cached("COMMIT")?.execute(())?;
        if tx.message_put.get() {
            self.message_put.notify_one();
        }
        if tx.erased.get() {
            self.tending.empty_the_log();
        }
        Ok(())
    }

    /// Ends a transaction that failed. The connection is kept only where nothing can be wrong
    /// with it: another process was writing too long, and no transaction had begun.
    fn recover(&mut self, error: &BatchError) {
        let busy = matches!(error, BatchError::Sql(sql)
            if sql.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if let Some(connection) = self.connection.take()
            && busy
            && connection.is_autocommit()
        {
            self.connection = Some(connection);
        }
    }

    /// Closes the connections, the writing one last: it copies the log into the database and
    /// deletes it, unless another process has the file open.
    fn close(self) {
        self.tending.stop(self.connection.as_ref());
        if let Some(connection) = self.connection
            && let Err((_, error)) = connection.close()
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }
}

#[cfg(test)]
mod tests;
