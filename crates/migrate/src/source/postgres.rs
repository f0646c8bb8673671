//! A PostgreSQL database, read through a cursor in a transaction that can only read: what comes is
//! of one moment, and only a batch of it is in memory.

use std::str::FromStr;

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::{BATCH, Feed, Query, SourceError, Table, order, quoted};
use crate::row::{Cell, Column};

const WHAT: &str = "the PostgreSQL database";

pub(super) async fn tables(url: &str) -> Result<Vec<Table>, SourceError> {
    let client = connect(url).await?;
    let sql = "SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p', 'v', 'm')
                  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                ORDER BY 1, 2";
    let mut tables = Vec::new();
    for row in rows(&client, sql).await? {
        let text = |at| row.get(at).unwrap_or_default();
        let name = match (text(0), text(1)) {
            ("public", table) => table.to_owned(),
            (schema, table) => format!("{schema}.{table}"),
        };
        tables.push(Table {
            columns: columns(&client, &name).await?,
            rows: text(2).parse().unwrap_or(0),
            name,
        });
    }
    Ok(tables)
}

pub(super) async fn read_table(url: &str, table: &str, mut feed: Feed) {
    let result = async {
        let client = connect(url).await?;
        let columns = columns(&client, table).await?;
        if columns.is_empty() {
            return Err(SourceError::NoTable(table.into()));
        }
        let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        let from = quoted(table);
        let count = rows(&client, &format!("SELECT count(*) FROM {from}")).await?;
        let count = count.first().and_then(|row| row.get(0)?.parse().ok());
        let sql = format!("SELECT {} FROM {from}{}", names.join(", "), order(&columns));
        feed.begin(columns.clone(), count);
        through_cursor(&client, &sql, &columns, &mut feed).await
    };
    let result = result.await;
    feed.finish(result).await;
}

pub(super) async fn read_query(url: &str, query: &Query, mut feed: Feed) {
    let result = async {
        let client = connect(url).await?;
        feed.begin(query.columns.clone(), None);
        through_cursor(&client, &query.sql, &query.columns, &mut feed).await
    };
    let result = result.await;
    feed.finish(result).await;
}

async fn through_cursor(
    client: &Client,
    sql: &str,
    columns: &[Column],
    feed: &mut Feed,
) -> Result<(), SourceError> {
    let begin = format!("DECLARE daemun NO SCROLL CURSOR FOR {sql}");
    rows(client, &begin).await?;
    let fetch = format!("FETCH {BATCH} FROM daemun");
    loop {
        let fetched = rows(client, &fetch).await;
        let fetched = fetched.map_err(|error| SourceError::Read {
            row: feed.at(),
            why: error.to_string(),
        })?;
        let is_last = fetched.len() < BATCH;
        for row in &fetched {
            let cells = columns.iter().enumerate();
            feed.put(
                cells
                    .map(|(at, column)| cell(row.get(at), column))
                    .collect(),
            );
        }
        if is_last || feed.flush().await.is_err() {
            return Ok(());
        }
    }
}

fn cell(text: Option<&str>, column: &Column) -> Cell {
    let Some(text) = text else {
        return Cell::Null;
    };
    let typed = match &*column.kind {
        "int2" | "int4" | "int8" => text.parse().ok().map(Cell::Int),
        "float4" | "float8" | "numeric" => text.parse().ok().map(Cell::Real),
        "bool" => Some(Cell::Bool(text == "t")),
        "json" | "jsonb" => serde_json::from_str(text).ok().map(Cell::from_json),
        _ => None,
    };
    typed.unwrap_or_else(|| Cell::Text(text.into()))
}

async fn connect(url: &str) -> Result<Client, SourceError> {
    // The crate's words about an address that it cannot read might quote the password in it.
    let config = Config::from_str(url).map_err(|_| SourceError::Open {
        what: WHAT.into(),
        why: "its address is none: postgres://user:password@host/database".into(),
    })?;
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        // What ends the connection is told to whoever waits for an answer on it.
        let _ = connection.await;
    });
    let begin = "SET TIME ZONE 'UTC'; SET DATESTYLE TO 'ISO';
                 BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    client
        .batch_execute(begin)
        .await
        .map_err(|error| failed(&error))?;
    Ok(client)
}

async fn columns(client: &Client, table: &str) -> Result<Vec<Column>, SourceError> {
    let table = quoted(table).replace('\'', "''");
    let sql = format!(
        "SELECT a.attname, t.typname
           FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          WHERE a.attrelid = to_regclass('{table}') AND a.attnum > 0 AND NOT a.attisdropped
          ORDER BY a.attnum"
    );
    let column = |row: &SimpleQueryRow| Column {
        name: row.get(0).unwrap_or_default().into(),
        kind: row.get(1).unwrap_or_default().into(),
    };
    Ok(rows(client, &sql).await?.iter().map(column).collect())
}

/// The rows of a statement, every value as text.
async fn rows(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, SourceError> {
    let messages = client
        .simple_query(sql)
        .await
        .map_err(|error| failed(&error))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.collect())
}

fn failed(error: &tokio_postgres::Error) -> SourceError {
    let why = match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => std::error::Error::source(error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    };
    SourceError::Open {
        what: WHAT.into(),
        why,
    }
}

/// A column's name may hold a dot, and is one name all the same.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
