//! The threads that read. Each has a connection that can only read, sees what was committed when
//! its question began, and never waits for the writer.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use daemun_engine::ports::{StoreError, Stored};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{Options, connection, rows::Fault};

type Question = Box<dyn FnOnce(Result<&Connection, rusqlite::Error>) -> Health + Send>;

/// Whether the connection may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Sound,
    Doubtful,
}

/// The queue in front of the threads.
pub(crate) struct Readers {
    questions: Option<SyncSender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(path: &Path, options: Options) -> io::Result<Self> {
        let (questions, asked) = sync_channel(options.queue);
        let asked = Arc::new(Mutex::new(asked));
        let threads = (0..options.readers.max(1)).map(|_| {
            let reader = Reader {
                path: path.into(),
                busy_timeout: options.busy_timeout,
                asked: Arc::clone(&asked),
            };
            thread::Builder::new()
                .name("daemun-reader".into())
                .spawn(move || reader.work())
        });
        Ok(Self {
            threads: threads.collect::<io::Result<_>>()?,
            questions: Some(questions),
        })
    }

    /// Puts a question into the queue; where no answer comes, the threads have [`stopped`].
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Stored<oneshot::Receiver<Stored<T>>> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            let result = connection.map_err(Fault::from).and_then(work);
            let health = match &result {
                Err(Fault::Sql(_)) => Health::Doubtful,
                _ => Health::Sound,
            };
            let _ = answer.send(result.map_err(StoreError::from));
            health
        });
        let questions = self.questions.as_ref().ok_or_else(stopped)?;
        questions.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable("too many questions wait to be read".into())
            }
            TrySendError::Disconnected(_) => stopped(),
        })?;
        Ok(answered)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.questions.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader thread had died");
            }
        }
    }
}

pub(crate) fn stopped() -> StoreError {
    StoreError::Unavailable("the readers have stopped".into())
}

struct Reader {
    path: PathBuf,
    busy_timeout: Duration,
    asked: Arc<Mutex<Receiver<Question>>>,
}

impl Reader {
    fn work(self) {
        let mut connection = None;
        while let Some(question) = self.next() {
            let health = match self.connect(&mut connection) {
                Ok(connection) => question(Ok(connection)),
                Err(error) => question(Err(error)),
            };
            if health == Health::Doubtful {
                connection = None;
            }
        }
    }

    /// The next question; the others wait for the lock meanwhile, which is as good a place as any.
    fn next(&self) -> Option<Question> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.recv().ok()
    }

    fn connect<'a>(
        &self,
        connection: &'a mut Option<Connection>,
    ) -> rusqlite::Result<&'a Connection> {
        match connection {
            Some(connection) => Ok(connection),
            None => Ok(connection.insert(connection::reading(&self.path, self.busy_timeout)?)),
        }
    }
}
