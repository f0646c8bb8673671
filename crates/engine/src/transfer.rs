//! Moving everything from one store to another, while the one it comes from may be in use.
//!
//! Both hold the same tables; [`TABLES`] says which. [`transfer`] goes through each in the order of
//! its key, a stretch at a time, compares the stretch on both sides and copies it where they differ.
//! So it needs no memory of what it did: stopped anywhere, or run again after the source went on, it
//! copies what is missing. [`compare`] then counts and digests both sides; only where nothing was
//! written meanwhile can they be equal.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};

use crate::ports::{StoreError, Stored};

mod tables;

pub use tables::TABLES;

/// How many rows are compared and copied at once.
const STRETCH: u32 = 1_000;

/// A table that is moved.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, those of the key first.
    pub columns: &'static [Column],
    /// How many of them are the key, in whose order it is gone through: numbers by size, texts and
    /// bytes byte by byte.
    pub key: usize,
    /// Whether the key is a number that the store gives to new rows, and never twice.
    pub numbered: bool,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds, or nothing.
    pub kind: Kind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// What is in a column of a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
}

/// What is in a row, in the order of the table's columns.
pub type Row = Vec<Cell>;

/// A part of a table: the keys after one, up to and including another; without an end on either
/// side where that is absent.
#[derive(Clone, Default)]
pub struct Stretch {
    /// After which key.
    pub after: Option<Row>,
    /// Up to which key.
    pub upto: Option<Row>,
}

/// A store that can be read and written as tables. Only for moving: it goes past every guard.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// The rows of a stretch in order of their keys, at most `limit` where given.
    async fn rows(
        &self,
        table: &'static Table,
        stretch: Stretch,
        limit: Option<u32>,
    ) -> Stored<Vec<Row>>;

    /// Takes rows out, by their keys, and puts others in, in one transaction.
    async fn change(&self, table: &'static Table, gone: Vec<Row>, new: Vec<Row>) -> Stored<()>;

    /// Has numbers that are given from now on be higher than all there are, and than `most`, the
    /// highest that the other store ever gave.
    async fn number_after(&self, table: &'static Table, most: i64) -> Stored<()>;

    /// The highest number the store ever gave in that table.
    async fn highest_number(&self, table: &'static Table) -> Stored<i64>;

    /// Whether a move into this store has begun and not ended.
    async fn is_being_filled(&self) -> Stored<bool>;

    /// Says that one has begun, or ended.
    async fn set_being_filled(&self, filling: bool) -> Stored<()>;
}

/// What a transfer did in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were not there, or otherwise, and were written.
    pub written: u64,
    /// Rows that are no more at the source, and were deleted.
    pub deleted: u64,
}

/// How many rows a table has, and what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub rows: u64,
    /// SHA-256 of all of them in order.
    pub digest: [u8; 32],
}

/// Makes `to` hold what `from` holds, table by table. `progress` is told after every stretch.
///
/// # Errors
/// Where either store fails. Begin again: what was copied is not copied again.
pub async fn transfer(
    from: &dyn Transfer,
    to: &dyn Transfer,
    progress: &mut (dyn FnMut(&'static Table, Copied) + Send),
) -> Stored<Copied> {
    let mut all = Copied::default();
    for table in TABLES {
        let copied = copy(from, to, table, progress).await?;
        all.seen += copied.seen;
        all.written += copied.written;
        all.deleted += copied.deleted;
        if table.numbered {
            to.number_after(table, from.highest_number(table).await?)
                .await?;
        }
    }
    Ok(all)
}

async fn copy(
    from: &dyn Transfer,
    to: &dyn Transfer,
    table: &'static Table,
    progress: &mut (dyn FnMut(&'static Table, Copied) + Send),
) -> Stored<Copied> {
    let mut copied = Copied::default();
    let mut stretch = Stretch::default();
    loop {
        stretch.upto = None;
        let rows = from.rows(table, stretch.clone(), Some(STRETCH)).await?;
        let is_last = rows.len() < usize::try_from(STRETCH).unwrap_or(usize::MAX);
        if !is_last {
            stretch.upto = rows.last().map(|row| table.key_of(row));
        }
        copied.seen += count(&rows);
        let there = to.rows(table, stretch.clone(), None).await?;
        if there != rows {
            let (gone, new) = table.differences(there, rows);
            copied.written += count(&new);
            copied.deleted += table.without(&gone, &new);
            to.change(table, gone, new).await?;
        }
        progress(table, copied);
        if is_last {
            return Ok(copied);
        }
        stretch.after = stretch.upto.take();
    }
}

/// Counts and digests a table.
///
/// # Errors
/// Where the store fails.
pub async fn sum(store: &dyn Transfer, table: &'static Table) -> Stored<Sum> {
    let mut context = Context::new(&SHA256);
    let mut rows = 0;
    let mut stretch = Stretch::default();
    loop {
        let page = store.rows(table, stretch.clone(), Some(STRETCH)).await?;
        page.iter()
            .flatten()
            .for_each(|cell| cell.digest(&mut context));
        rows += count(&page);
        match page.last() {
            Some(last) => stretch.after = Some(table.key_of(last)),
            None => break,
        }
    }
    let digest = context.finish();
    let digest = digest.as_ref().try_into();
    let digest = digest.map_err(|_| StoreError::Corrupt("a digest of another length".into()))?;
    Ok(Sum { rows, digest })
}

impl Table {
    fn key_of(&self, row: &Row) -> Row {
        row.iter().take(self.key).cloned().collect()
    }

    /// How many of those that go have none that comes in their place.
    fn without(&self, gone: &[Row], new: &[Row]) -> u64 {
        let new: BTreeSet<Row> = new.iter().map(|row| self.key_of(row)).collect();
        let without = gone.iter().filter(|key| !new.contains(*key));
        u64::try_from(without.count()).unwrap_or(u64::MAX)
    }

    /// The keys of what must go for `wanted` to be there, and what must come.
    fn differences(&self, there: Vec<Row>, wanted: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
        let mut gone: BTreeMap<Row, Row> = there
            .into_iter()
            .map(|row| (self.key_of(&row), row))
            .collect();
        let mut new = Vec::new();
        for row in wanted {
            let key = self.key_of(&row);
            match gone.remove(&key) {
                Some(same) if same == row => {}
                Some(other) => {
                    gone.insert(key, other);
                    new.push(row);
                }
                None => new.push(row),
            }
        }
        (gone.into_keys().collect(), new)
    }
}

impl Cell {
    /// What it is, then how long, then itself: no two rows look the same.
    fn digest(&self, context: &mut Context) {
        let mut part = |kind: u8, bytes: &[u8]| {
            context.update(&[kind]);
            context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(bytes);
        };
        match self {
            Self::Null => part(0, &[]),
            Self::Int(number) => part(1, &number.to_be_bytes()),
            Self::Text(text) => part(2, text.as_bytes()),
            Self::Bytes(bytes) => part(3, bytes),
        }
    }
}

fn count(rows: &[Row]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}
