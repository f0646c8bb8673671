//! A SQLite file, opened so that nothing can be written to it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::ValueRef};

use super::{Feed, Query, SourceError, Table, order, quoted};
use crate::row::{Cell, Column};

pub(super) fn tables(path: &Path) -> Result<Vec<Table>, SourceError> {
    let database = open(path)?;
    let failed = |error| unreadable(path, &error);
    let names = names(&database).map_err(failed)?;
    let table = |name: String| {
        let columns = columns(&database, &name)?;
        let sql = format!("SELECT count(*) FROM {}", quoted(&name));
        let rows: i64 = database.query_row(&sql, [], |row| row.get(0))?;
        Ok(Table {
            name,
            columns,
            rows: rows.unsigned_abs(),
        })
    };
    let tables: rusqlite::Result<_> = names.into_iter().map(table).collect();
    tables.map_err(failed)
}

pub(super) fn read_table(path: &Path, table: &str, feed: &mut Feed) -> Result<(), SourceError> {
    let database = open(path)?;
    let failed = |error| unreadable(path, &error);
    let columns = columns(&database, table).map_err(failed)?;
    if columns.is_empty() {
        return Err(SourceError::NoTable(table.into()));
    }
    let sql = format!("SELECT count(*) FROM {}", quoted(table));
    let rows: i64 = database
        .query_row(&sql, [], |row| row.get(0))
        .map_err(failed)?;
    let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
    let from = quoted(table);
    let sql = format!("SELECT {} FROM {from}{}", names.join(", "), order(&columns));
    feed.begin(columns.clone(), Some(rows.unsigned_abs()));
    rows_of(&database, &sql, &columns, feed)
}

pub(super) fn read_query(path: &Path, query: &Query, feed: &mut Feed) -> Result<(), SourceError> {
    let database = open(path)?;
    feed.begin(query.columns.clone(), None);
    rows_of(&database, &query.sql, &query.columns, feed)
}

fn rows_of(
    database: &Connection,
    sql: &str,
    columns: &[Column],
    feed: &mut Feed,
) -> Result<(), SourceError> {
    let failed = |row: u64, error: rusqlite::Error| SourceError::Read {
        row,
        why: error.to_string(),
    };
    let flags: Vec<bool> = columns
        .iter()
        .map(|column| column.kind.to_ascii_lowercase().starts_with("bool"))
        .collect();
    let mut statement = database.prepare(sql).map_err(|error| failed(0, error))?;
    let mut rows = statement.query([]).map_err(|error| failed(0, error))?;
    while let Some(row) = rows.next().map_err(|error| failed(feed.at(), error))? {
        let cells = flags.iter().enumerate().map(|(at, is_flag)| {
            let value = row.get_ref(at).unwrap_or(ValueRef::Null);
            cell(value, *is_flag)
        });
        let cells = cells.collect();
        if feed.put(cells) && feed.flush_blocking().is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn cell(value: ValueRef<'_>, is_flag: bool) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) if is_flag => Cell::Bool(number != 0),
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Cell::Text(String::from_utf8_lossy(bytes).into())
        }
    }
}

fn open(path: &Path) -> Result<Connection, SourceError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags);
    database.map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> SourceError {
    SourceError::Open {
        what: path.display().to_string(),
        why: error.to_string(),
    }
}

fn names(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema
                WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    database
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn columns(database: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let sql = "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid";
    database
        .prepare(sql)?
        .query_map([table], |row| {
            let name: String = row.get(0)?;
            let kind: String = row.get(1)?;
            Ok(Column {
                name: name.into(),
                kind: kind.into(),
            })
        })?
        .collect()
}

/// A column's name may hold a dot, and is one name all the same.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
