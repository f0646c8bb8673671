//! Rows and the engine's types. A row that cannot be is an error that names its table, column and
//! key, and nothing of its content.

use std::fmt::Write as _;

use daemun_engine::time::Timestamp;
use tokio_postgres::{
    Row,
    types::{FromSqlOwned, Type},
};

use crate::db::{Fault, Params, Tx};

/// One row of a table, its key in the first column.
pub(crate) struct Columns<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a Row,
}

impl Columns<'_> {
    pub(crate) fn get<T: FromSqlOwned>(&self, at: usize) -> Result<T, Fault> {
        self.row.try_get(at).map_err(|_| self.corrupt(at))
    }

    pub(crate) fn time(&self, at: usize) -> Result<Timestamp, Fault> {
        self.get(at).map(Timestamp::from_unix_micros)
    }

    pub(crate) fn maybe_time(&self, at: usize) -> Result<Option<Timestamp>, Fault> {
        let micros: Option<i64> = self.get(at)?;
        Ok(micros.map(Timestamp::from_unix_micros))
    }

    pub(crate) fn text(&self, at: usize) -> Result<Box<str>, Fault> {
        self.get::<String>(at).map(String::into_boxed_str)
    }

    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<Box<str>>, Fault> {
        let text: Option<String> = self.get(at)?;
        Ok(text.map(String::into_boxed_str))
    }

    /// So many bytes and no other number.
    pub(crate) fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], Fault> {
        let bytes: &[u8] = self.row.try_get(at).map_err(|_| self.corrupt(at))?;
        bytes.try_into().map_err(|_| self.corrupt(at))
    }

    pub(crate) fn maybe_bytes<const N: usize>(&self, at: usize) -> Result<Option<[u8; N]>, Fault> {
        let bytes: Option<&[u8]> = self.row.try_get(at).map_err(|_| self.corrupt(at))?;
        let fixed = bytes.map(|bytes| bytes.try_into().map_err(|_| self.corrupt(at)));
        fixed.transpose()
    }

    /// The value `read` makes of a column; what it makes nothing of cannot be.
    pub(crate) fn parsed<R: FromSqlOwned, T>(
        &self,
        at: usize,
        read: impl FnOnce(R) -> Option<T>,
    ) -> Result<T, Fault> {
        read(self.get(at)?).ok_or_else(|| self.corrupt(at))
    }

    /// The value in a column of JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, at: usize) -> Result<T, Fault> {
        self.parsed(at, |json: String| serde_json::from_str(&json).ok())
    }

    pub(crate) fn corrupt(&self, at: usize) -> Fault {
        let column = self
            .row
            .columns()
            .get(at)
            .map_or("?", |column| column.name());
        Fault::Corrupt(format!("{}.{column} of row {}", self.table, self.key()))
    }

    fn key(&self) -> String {
        let kind = self
            .row
            .columns()
            .first()
            .map(|column| column.type_().clone());
        match kind {
            Some(Type::INT8) => self.row.try_get::<_, i64>(0).map(|n| n.to_string()),
            Some(Type::BYTEA) => self.row.try_get::<_, &[u8]>(0).map(hex),
            _ => self.row.try_get(0),
        }
        .unwrap_or_else(|_| "?".into())
    }
}

/// Text that says the bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The first row of a query, where there is one.
pub(crate) async fn one<T>(
    tx: &Tx<'_>,
    table: &'static str,
    sql: &str,
    params: Params<'_>,
    read: impl FnOnce(&Columns<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let statement = tx.prepare_cached(sql).await?;
    let row = tx.query_opt(&statement, params).await?;
    row.map(|row| read(&Columns { table, row: &row }))
        .transpose()
}

/// The rows of a query.
pub(crate) async fn many<T>(
    tx: &Tx<'_>,
    table: &'static str,
    sql: &str,
    params: Params<'_>,
    read: impl FnMut(&Columns<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let statement = tx.prepare_cached(sql).await?;
    let rows = tx.query(&statement, params).await?;
    all(table, &rows, read)
}

/// What `read` makes of rows.
pub(crate) fn all<T>(
    table: &'static str,
    rows: &[Row],
    mut read: impl FnMut(&Columns<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    rows.iter()
        .map(|row| read(&Columns { table, row }))
        .collect()
}

/// Executes a statement; how many rows it changed.
pub(crate) async fn execute(tx: &Tx<'_>, sql: &str, params: Params<'_>) -> Result<u64, Fault> {
    let statement = tx.prepare_cached(sql).await?;
    Ok(tx.execute(&statement, params).await?)
}

/// A span as stores keep it: microseconds.
pub(crate) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// JSON to be kept.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::Corrupt(format!("a value has no form in JSON: {error}")))
}
