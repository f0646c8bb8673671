//! Rows and the engine's types. A row that cannot be is an error that names its table, column and
//! key, and nothing of its content.

use std::fmt::Write as _;

use daemun_engine::{ports::StoreError, time::Timestamp};
use rusqlite::{
    CachedStatement, Connection, ErrorCode, Params, Row,
    types::{FromSql, ValueRef},
};

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Corrupt(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Corrupt(what) => Self::Corrupt(what),
            Fault::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::Corrupt(format!("the database file is damaged ({error})"))
                }
                _ => Self::Unavailable(error.to_string()),
            },
        }
    }
}

/// One row of a table, its key in the first column.
pub(crate) struct Columns<'a> {
    table: &'static str,
    row: &'a Row<'a>,
}

impl Columns<'_> {
    pub(crate) fn get<T: FromSql>(&self, at: usize) -> Result<T, Fault> {
        self.row.get(at).map_err(|_| self.corrupt(at))
    }

    pub(crate) fn time(&self, at: usize) -> Result<Timestamp, Fault> {
        self.get(at).map(Timestamp::from_unix_micros)
    }

    pub(crate) fn maybe_time(&self, at: usize) -> Result<Option<Timestamp>, Fault> {
        let micros: Option<i64> = self.get(at)?;
        Ok(micros.map(Timestamp::from_unix_micros))
    }

    /// The value `read` makes of a column; what it makes nothing of cannot be.
    pub(crate) fn parsed<R: FromSql, T>(
        &self,
        at: usize,
        read: impl FnOnce(R) -> Option<T>,
    ) -> Result<T, Fault> {
        read(self.get(at)?).ok_or_else(|| self.corrupt(at))
    }

    pub(crate) fn corrupt(&self, at: usize) -> Fault {
        let column = self.row.as_ref().column_name(at).unwrap_or("?");
        let key = self.row.get_ref(0).map_or_else(|_| "?".into(), key_text);
        Fault::Corrupt(format!("{}.{column} of row {key}", self.table))
    }
}

fn key_text(key: ValueRef<'_>) -> String {
    match key {
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
        ValueRef::Null | ValueRef::Real(_) => "?".into(),
    }
}

/// The one row of a query, or none.
pub(crate) fn one<T>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Columns<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement: CachedStatement<'_> = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(&Columns { table, row }).map(Some),
        None => Ok(None),
    }
}

/// The rows of a query.
pub(crate) fn many<T>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Columns<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(&Columns { table, row })?);
    }
    Ok(all)
}

/// Executes a statement; how many rows it changed.
pub(crate) fn execute(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// A span as stores keep it: microseconds.
pub(crate) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
