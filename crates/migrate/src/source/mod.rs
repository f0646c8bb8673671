//! Where accounts lie. A source is opened and then gives its rows a batch at a time, read ahead on
//! a thread or a task of its own; nothing is ever written to it.

mod csv;
mod json_lines;
mod postgres;
mod sqlite;

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    mapping,
    row::{Column, Row},
};

/// How many rows are in a batch.
pub const BATCH: usize = 1_000;
/// How many batches are read ahead.
const AHEAD: usize = 4;

/// Where accounts lie.
#[derive(Clone)]
pub enum Source {
    /// A SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The table; found where none is named.
        table: Option<String>,
    },
    /// A PostgreSQL database.
    Postgres {
        /// How to connect: holds a password, and is never shown.
        url: String,
        /// The table; found where none is named.
        table: Option<String>,
    },
    /// A file of comma-separated values, its first row the names of the columns.
    Csv(Input),
    /// A file with a JSON object on every line.
    JsonLines(Input),
}

/// A file or standard input.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("{what} cannot be opened: {why}")]
    Open {
        /// Which file or database.
        what: String,
        /// Why.
        why: String,
    },
    /// It cannot be read on.
    #[error("reading stopped at row {row}: {why}")]
    Read {
        /// Which row could not be read.
        row: u64,
        /// Why.
        why: String,
    },
    /// There is no such table.
    #[error("there is no table `{0}`")]
    NoTable(String),
    /// No table is named, and it cannot be told which holds the accounts.
    #[error("which table holds the accounts? {}", candidates(.0))]
    WhichTable(Vec<String>),
}

fn candidates(names: &[String]) -> String {
    match names {
        [] => "none has both a password and an address".into(),
        names => format!("these might: {}", names.join(", ")),
    }
}

/// A table that looks as if it held accounts.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// How many rows it has, or about as many.
    pub rows: u64,
}

impl Source {
    /// The tables that look as if they held accounts; none of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn tables(&self) -> Result<Vec<Table>, SourceError> {
        let tables = match self.clone() {
            Self::Sqlite { path, .. } => blocking(move || sqlite::tables(&path)).await?,
            Self::Postgres { url, .. } => postgres::tables(&url).await?,
            Self::Csv(_) | Self::JsonLines(_) => Vec::new(),
        };
        Ok(tables
            .into_iter()
            .filter(|table| mapping::looks_like_accounts(&table.columns))
            .collect())
    }

    /// Opens it: from now on its rows are read ahead.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn open(&self) -> Result<Reading, SourceError> {
        match self.clone() {
            Self::Sqlite { path, table } => {
                let table = self.table(table).await?;
                Reading::on_thread(move |feed| sqlite::read_table(&path, &table, feed)).await
            }
            Self::Postgres { url, table } => {
                let table = self.table(table).await?;
                Reading::on_task(
                    |feed| async move { postgres::read_table(&url, &table, feed).await },
                )
                .await
            }
            Self::Csv(input) => Reading::on_thread(move |feed| csv::read(&input, feed)).await,
            Self::JsonLines(input) => {
                Reading::on_thread(move |feed| json_lines::read(&input, feed)).await
            }
        }
    }

    /// Opens a query of the same database; none where this is no database.
    pub(crate) async fn query(&self, query: Query) -> Option<Result<Reading, SourceError>> {
        match self.clone() {
            Self::Sqlite { path, .. } => {
                Some(Reading::on_thread(move |feed| sqlite::read_query(&path, &query, feed)).await)
            }
            Self::Postgres { url, .. } => Some(
                Reading::on_task(
                    |feed| async move { postgres::read_query(&url, &query, feed).await },
                )
                .await,
            ),
            Self::Csv(_) | Self::JsonLines(_) => None,
        }
    }

    /// The named table, else Django's own, else the only one that looks like accounts.
    async fn table(&self, named: Option<String>) -> Result<String, SourceError> {
        if let Some(named) = named {
            return Ok(named);
        }
        let tables = self.tables().await?;
        let mut names: Vec<String> = tables.into_iter().map(|table| table.name).collect();
        let django = names.iter().any(|name| name == "auth_user");
        match names.pop() {
            _ if django => Ok("auth_user".into()),
            Some(only) if names.is_empty() => Ok(only),
            last => Err(SourceError::WhichTable(
                names.into_iter().chain(last).collect(),
            )),
        }
    }
}

/// Shows where, and no password.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, .. } => write!(f, "Sqlite({})", path.display()),
            Self::Postgres { .. } => f.write_str("Postgres(…)"),
            Self::Csv(input) => write!(f, "Csv({input:?})"),
            Self::JsonLines(input) => write!(f, "JsonLines({input:?})"),
        }
    }
}

/// A question to a database, and what its answer's columns are called.
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) columns: Vec<Column>,
}

/// A source that is being read.
pub struct Reading {
    columns: Vec<Column>,
    expected: Option<u64>,
    /// The first batch, kept so that columns can be judged by what stands in them.
    first: Option<Vec<Row>>,
    rest: mpsc::Receiver<Result<Vec<Row>, SourceError>>,
}

/// What a source says before its rows.
struct Head {
    columns: Vec<Column>,
    expected: Option<u64>,
}

/// Where a source's thread or task puts what it reads. What fails is said at the end.
pub(crate) struct Feed {
    head: Option<oneshot::Sender<Head>>,
    rows: mpsc::Sender<Result<Vec<Row>, SourceError>>,
    batch: Vec<Row>,
    count: u64,
}

/// Nobody reads on.
pub(crate) struct Abandoned;

impl Reading {
    async fn on_thread(
        read: impl FnOnce(&mut Feed) -> Result<(), SourceError> + Send + 'static,
    ) -> Result<Self, SourceError> {
        let (mut feed, head, rest) = Feed::new();
        tokio::task::spawn_blocking(move || {
            let result = read(&mut feed);
            feed.finish_blocking(result);
        });
        Self::begun(head, rest).await
    }

    async fn on_task<F>(read: impl FnOnce(Feed) -> F) -> Result<Self, SourceError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (feed, head, rest) = Feed::new();
        tokio::spawn(read(feed));
        Self::begun(head, rest).await
    }

    async fn begun(
        head: oneshot::Receiver<Head>,
        mut rest: mpsc::Receiver<Result<Vec<Row>, SourceError>>,
    ) -> Result<Self, SourceError> {
        let head = head.await.ok();
        let first = rest.recv().await.transpose()?;
        let head = head.unwrap_or(Head {
            columns: Vec::new(),
            expected: None,
        });
        Ok(Self {
            columns: head.columns,
            expected: head.expected,
            first,
            rest,
        })
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows there are, where that is known.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Its first rows, before they are taken.
    #[must_use]
    pub fn sample(&self) -> &[Row] {
        self.first.as_deref().unwrap_or_default()
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    /// Why it cannot be read on.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, SourceError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.rest.recv().await.transpose(),
        }
    }
}

impl Feed {
    #[expect(
        clippy::type_complexity,
        reason = "the two ends of what is named on the next lines"
    )]
    fn new() -> (
        Self,
        oneshot::Receiver<Head>,
        mpsc::Receiver<Result<Vec<Row>, SourceError>>,
    ) {
        let (head, head_receiver) = oneshot::channel();
        let (rows, rows_receiver) = mpsc::channel(AHEAD);
        let feed = Self {
            head: Some(head),
            rows,
            batch: Vec::with_capacity(BATCH),
            count: 0,
        };
        (feed, head_receiver, rows_receiver)
    }

    /// Says what is coming. Before the first row.
    pub(crate) fn begin(&mut self, columns: Vec<Column>, expected: Option<u64>) {
        if let Some(head) = self.head.take() {
            let _ = head.send(Head { columns, expected });
        }
    }

    /// The number of the row that comes next, from 1.
    pub(crate) fn at(&self) -> u64 {
        self.count + 1
    }

    /// Puts a row; true where the batch is full and must be handed on.
    pub(crate) fn put(&mut self, cells: Vec<crate::row::Cell>) -> bool {
        self.count += 1;
        self.batch.push(Row {
            number: self.count,
            cells,
        });
        self.batch.len() >= BATCH
    }

    /// Hands on what was put, from a thread.
    pub(crate) fn flush_blocking(&mut self) -> Result<(), Abandoned> {
        let batch = self.taken();
        self.rows.blocking_send(Ok(batch)).map_err(|_| Abandoned)
    }

    /// Hands on what was put, from a task.
    pub(crate) async fn flush(&mut self) -> Result<(), Abandoned> {
        let batch = self.taken();
        self.rows.send(Ok(batch)).await.map_err(|_| Abandoned)
    }

    fn taken(&mut self) -> Vec<Row> {
        std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH))
    }

    fn finish_blocking(mut self, result: Result<(), SourceError>) {
        if !self.batch.is_empty() && self.flush_blocking().is_err() {
            return;
        }
        if let Err(error) = result {
            let _ = self.rows.blocking_send(Err(error));
        }
    }

    pub(crate) async fn finish(mut self, result: Result<(), SourceError>) {
        if !self.batch.is_empty() && self.flush().await.is_err() {
            return;
        }
        if let Err(error) = result {
            let _ = self.rows.send(Err(error)).await;
        }
    }
}

impl Input {
    fn open(&self) -> Result<Box<dyn Read>, SourceError> {
        match self {
            Self::Stdin => Ok(Box::new(io::stdin())),
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(BufReader::with_capacity(1 << 16, file))),
                Err(error) => Err(SourceError::Open {
                    what: path.display().to_string(),
                    why: error.to_string(),
                }),
            },
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| {
        Err(SourceError::Read {
            row: 0,
            why: error.to_string(),
        })
    })
}

/// A name as SQL quotes it; `schema.table` is two names.
fn quoted(name: &str) -> String {
    let parts = name.split('.');
    let quoted: Vec<String> = parts
        .map(|part| format!("\"{}\"", part.replace('"', "\"\"")))
        .collect();
    quoted.join(".")
}

/// The order in which a table is read: by id where it has one, so that reading it again gives the
/// same rows first.
fn order(columns: &[Column]) -> &'static str {
    if columns.iter().any(|column| &*column.name == "id") {
        " ORDER BY \"id\""
    } else {
        ""
    }
}
