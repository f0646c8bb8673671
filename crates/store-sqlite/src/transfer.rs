//! The file read and written as tables, for moving what is in it to another store or back.

use async_trait::async_trait;
use daemun_engine::{
    ports::Stored,
    transfer::{Cell, Kind, Row, Stretch, Table, Transfer},
};
use rusqlite::{Connection, params_from_iter, types::Value};

use crate::{
    SqliteStore,
    rows::{Columns, Fault, execute, many, one},
    writer::{Guard, Tx},
};

#[async_trait]
impl Transfer for SqliteStore {
    async fn rows(
        &self,
        table: &'static Table,
        stretch: Stretch,
        limit: Option<u32>,
    ) -> Stored<Vec<Row>> {
        self.read(move |connection| rows(connection, table, &stretch, limit))
            .await
    }

    async fn change(&self, table: &'static Table, gone: Vec<Row>, new: Vec<Row>) -> Stored<()> {
        self.write(Guard::Savepoint, move |tx| change(tx, table, &gone, &new))
            .await
    }

    async fn number_after(&self, table: &'static Table, most: i64) -> Stored<()> {
        self.write(Guard::Savepoint, move |tx| number_after(tx, table, most))
            .await
    }

    async fn highest_number(&self, table: &'static Table) -> Stored<i64> {
        self.read(move |connection| highest_number(connection, table))
            .await
    }

    async fn is_being_filled(&self) -> Stored<bool> {
        self.read(|connection| {
            let sql = "SELECT value FROM installation WHERE name = 'being_filled'";
            Ok(one(connection, "installation", sql, (), |_| Ok(()))?.is_some())
        })
        .await
    }

    async fn set_being_filled(&self, filling: bool) -> Stored<()> {
        let sql = if filling {
            "INSERT OR IGNORE INTO installation (name, value) VALUES ('being_filled', 1)"
        } else {
            "DELETE FROM installation WHERE name = 'being_filled'"
        };
        self.write(Guard::OneStatement, move |tx| {
            execute(tx.connection, sql, ()).map(drop)
        })
        .await
    }
}

/// `key > (…) AND key <= (…)`, as far as the stretch has ends, and what stands for the question
/// marks.
fn within(table: &Table, stretch: &Stretch) -> (String, Vec<Value>) {
    let key = names(table, table.key);
    let marks = vec!["?"; table.key].join(", ");
    let ends = [(">", &stretch.after), ("<=", &stretch.upto)];
    let mut values = Vec::new();
    let mut sql = String::from("1");
    for (sign, end) in ends {
        if let Some(end) = end {
            sql += &format!(" AND ({key}) {sign} ({marks})");
            values.extend(end.iter().map(value));
        }
    }
    (sql, values)
}

fn names(table: &Table, first: usize) -> String {
    let names: Vec<&str> = table.columns.iter().take(first).map(|c| c.name).collect();
    names.join(", ")
}

fn rows(
    connection: &Connection,
    table: &'static Table,
    stretch: &Stretch,
    limit: Option<u32>,
) -> Result<Vec<Row>, Fault> {
    let (within, values) = within(table, stretch);
    let limit = limit.map_or(-1, i64::from);
    let sql = format!(
        "SELECT {} FROM {} WHERE {within} ORDER BY {} LIMIT {limit}",
        names(table, table.columns.len()),
        table.name,
        names(table, table.key),
    );
    many(
        connection,
        table.name,
        &sql,
        params_from_iter(values),
        |row| cells(table, row),
    )
}

fn cells(table: &Table, row: &Columns<'_>) -> Result<Row, Fault> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(at, column)| {
            Ok(match column.kind {
                Kind::Int => row.get::<Option<i64>>(at)?.map_or(Cell::Null, Cell::Int),
                Kind::Text => row
                    .get::<Option<Box<str>>>(at)?
                    .map_or(Cell::Null, Cell::Text),
                Kind::Bytes => row
                    .get::<Option<Box<[u8]>>>(at)?
                    .map_or(Cell::Null, Cell::Bytes),
            })
        })
        .collect()
}

fn change(tx: &Tx<'_>, table: &Table, gone: &[Row], new: &[Row]) -> Result<(), Fault> {
    let marks = |count: usize| vec!["?"; count].join(", ");
    let delete = format!(
        "DELETE FROM {} WHERE ({}) = ({})",
        table.name,
        names(table, table.key),
        marks(table.key),
    );
    for key in gone {
        execute(
            tx.connection,
            &delete,
            params_from_iter(key.iter().map(value)),
        )?;
    }
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        names(table, table.columns.len()),
        marks(table.columns.len()),
    );
    for row in new {
        execute(
            tx.connection,
            &insert,
            params_from_iter(row.iter().map(value)),
        )?;
    }
    Ok(())
}

/// Only tables with AUTOINCREMENT never give a number twice, and have it in `sqlite_sequence`; the
/// others go on after the highest there is.
fn number_after(tx: &Tx<'_>, table: &Table, most: i64) -> Result<(), Fault> {
    let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
    if execute(tx.connection, sql, (table.name, most))? == 0 && keeps_count(tx, table)? {
        let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
        execute(tx.connection, sql, (table.name, most))?;
    }
    Ok(())
}

fn keeps_count(tx: &Tx<'_>, table: &Table) -> Result<bool, Fault> {
    let sql = "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema WHERE name = ?1";
    let counts = one(tx.connection, "sqlite_schema", sql, [table.name], |row| {
        row.get(0)
    })?;
    Ok(counts.unwrap_or(false))
}

fn highest_number(connection: &Connection, table: &Table) -> Result<i64, Fault> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    let given: Option<i64> = one(connection, "sqlite_sequence", sql, [table.name], |row| {
        row.get(0)
    })?;
    let sql = format!(
        "SELECT ifnull(max({}), 0) FROM {}",
        names(table, 1),
        table.name
    );
    let there: Option<i64> = one(connection, table.name, &sql, (), |row| row.get(0))?;
    Ok(given.unwrap_or(0).max(there.unwrap_or(0)))
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::Integer(*number),
        Cell::Text(text) => Value::Text(text.to_string()),
        Cell::Bytes(bytes) => Value::Blob(bytes.to_vec()),
    }
}
