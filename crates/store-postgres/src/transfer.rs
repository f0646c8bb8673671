//! The database read and written as tables, for moving what is in it to another store or back.

use async_trait::async_trait;
use daemun_engine::{
    ports::Stored,
    transfer::{Cell, Kind, Row, Stretch, Table, Transfer},
};
use tokio_postgres::types::ToSql;

use crate::{
    PostgresStore,
    db::{Fault, Tx, transaction},
    rows::{Columns, all, execute},
};

type Param = Box<dyn ToSql + Sync + Send>;

#[async_trait]
impl Transfer for PostgresStore {
    async fn rows(
        &self,
        table: &'static Table,
        stretch: Stretch,
        limit: Option<u32>,
    ) -> Stored<Vec<Row>> {
        let (within, params) = within(table, &stretch);
        let limit = limit.map_or_else(|| "ALL".into(), |limit| limit.to_string());
        let sql = format!(
            "SELECT {} FROM {} WHERE {within} ORDER BY {} LIMIT {limit}",
            names(table, table.columns.len()),
            table.name,
            names(table, table.key),
        );
        let rows = self.inner.db.query(&sql, &borrowed(&params)).await?;
        Ok(all(table.name, &rows, |row| cells(table, row))?)
    }

    async fn change(&self, table: &'static Table, gone: Vec<Row>, new: Vec<Row>) -> Stored<()> {
        Ok(transaction!(
            self.inner.db,
            tx,
            change(&tx, table, &gone, &new)
        )?)
    }

    async fn number_after(&self, table: &'static Table, most: i64) -> Stored<()> {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), greatest($1::bigint, 1), $1::bigint > 0)
               FROM (SELECT coalesce(max({1}), 0) AS highest FROM {0}) there
              WHERE $1::bigint >= highest",
            table.name,
            names(table, 1),
        );
        self.inner.db.execute(&sql, &[&most]).await?;
        Ok(())
    }

    async fn highest_number(&self, table: &'static Table) -> Stored<i64> {
        let sql = format!(
            "SELECT greatest(coalesce(pg_sequence_last_value(
                        pg_get_serial_sequence('{0}', '{1}')::regclass), 0),
                    (SELECT coalesce(max({1}), 0) FROM {0}))",
            table.name,
            names(table, 1),
        );
        let rows = self.inner.db.query(&sql, &[]).await?;
        let highest = all(table.name, &rows, |row| row.get(0))?;
        Ok(highest.first().copied().unwrap_or(0))
    }

    async fn is_being_filled(&self) -> Stored<bool> {
        let sql = "SELECT name FROM installation WHERE name = 'being_filled'";
        Ok(!self.inner.db.query(sql, &[]).await?.is_empty())
    }

    async fn set_being_filled(&self, filling: bool) -> Stored<()> {
        let sql = if filling {
            "INSERT INTO installation (name, value) VALUES ('being_filled', 1)
             ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM installation WHERE name = 'being_filled'"
        };
        self.inner.db.execute(sql, &[]).await?;
        Ok(())
    }
}

/// `key > (…) AND key <= (…)`, as far as the stretch has ends, and what the numbered places hold.
fn within(table: &Table, stretch: &Stretch) -> (String, Vec<Param>) {
    let mut params = Vec::new();
    let mut sql = String::from("true");
    for (sign, end) in [(">", &stretch.after), ("<=", &stretch.upto)] {
        if let Some(end) = end {
            let from = params.len();
            let places = places(from, end.len());
            sql += &format!(" AND ({}) {sign} ({places})", names(table, table.key));
            params.extend(
                end.iter()
                    .enumerate()
                    .map(|(at, cell)| param(table, at, cell)),
            );
        }
    }
    (sql, params)
}

fn names(table: &Table, first: usize) -> String {
    let names: Vec<&str> = table.columns.iter().take(first).map(|c| c.name).collect();
    names.join(", ")
}

/// `$3, $4, $5`
fn places(from: usize, count: usize) -> String {
    let places: Vec<String> = (from + 1..=from + count)
        .map(|at| format!("${at}"))
        .collect();
    places.join(", ")
}

fn cells(table: &Table, row: &Columns<'_>) -> Result<Row, Fault> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(at, column)| {
            Ok(match column.kind {
                Kind::Int => row.get::<Option<i64>>(at)?.map_or(Cell::Null, Cell::Int),
                Kind::Text => row.maybe_text(at)?.map_or(Cell::Null, Cell::Text),
                Kind::Bytes => row
                    .get::<Option<Vec<u8>>>(at)?
                    .map_or(Cell::Null, |bytes| Cell::Bytes(bytes.into())),
            })
        })
        .collect()
}

async fn change(
    tx: &Tx<'_>,
    table: &'static Table,
    gone: &[Row],
    new: &[Row],
) -> Result<(), Fault> {
    let delete = format!(
        "DELETE FROM {} WHERE ({}) = ({})",
        table.name,
        names(table, table.key),
        places(0, table.key),
    );
    for key in gone {
        execute(tx, &delete, &borrowed(&params(table, key))).await?;
    }
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        names(table, table.columns.len()),
        places(0, table.columns.len()),
    );
    for row in new {
        execute(tx, &insert, &borrowed(&params(table, row))).await?;
    }
    Ok(())
}

fn params(table: &Table, row: &Row) -> Vec<Param> {
    let cells = row.iter().enumerate();
    cells.map(|(at, cell)| param(table, at, cell)).collect()
}

/// A value of the column's type, for nothing has a type of its own here.
fn param(table: &Table, at: usize, cell: &Cell) -> Param {
    match cell {
        Cell::Int(number) => Box::new(*number),
        // PostgreSQL keeps no NUL in text.
        Cell::Text(text) => Box::new(text.replace('\0', "\u{fffd}")),
        Cell::Bytes(bytes) => Box::new(bytes.to_vec()),
        Cell::Null => match table.columns.get(at).map(|column| column.kind) {
            Some(Kind::Int) => Box::new(None::<i64>),
            Some(Kind::Bytes) => Box::new(None::<Vec<u8>>),
            _ => Box::new(None::<String>),
        },
    }
}

fn borrowed(params: &[Param]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|param| &**param as _).collect()
}
