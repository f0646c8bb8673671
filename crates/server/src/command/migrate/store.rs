//! `daemun migrate store`: moving an installation from one store to another, or back.
//!
//! It goes stretch by stretch and copies what differs, so it may be run while the server still
//! writes, as often as one likes: each time copies what is missing. The last time nothing may write;
//! the lock of the data directory says so where the source is a file in one.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daemun_engine::{
    ports::Store,
    transfer::{self, Copied, Stretch, Sum, TABLES, Table, Transfer},
};
use daemun_store_postgres::PostgresStore;
use daemun_store_sqlite::SqliteStore;
use serde_json::json;

use crate::{
    cli::migrate::MoveStore,
    data::{DataDir, Lock},
    report::{Answer, Failure, Kind, Outcome, remark},
    stores::Url,
};

/// One side of a move.
struct Side {
    store: Arc<dyn Both>,
    shown: String,
    /// The directory it lies in, where it is a file in one.
    data: Option<DataDir>,
}

trait Both: Store + Transfer {}
impl<T: Store + Transfer> Both for T {}

/// How a side is named.
enum Named {
    File(PathBuf),
    Postgres(Url),
}

pub(super) async fn run(command: &MoveStore) -> Outcome {
    let (from, to) = (parse(&command.from)?, parse(&command.to)?);
    let from = open(from, End::From).await?;
    let to = open(to, End::To).await?;
    begin(&to).await?;
    let lock = lock(&from)?;
    let copied = copy(&from, &to).await?;
    let horizon = from.store.horizon(Duration::ZERO).await.map_err(failed)?;
    to.store.horizon(horizon).await.map_err(failed)?;
    let sums = compare(&from, &to).await?;
    let is_whole = sums.iter().all(|sums| sums.there == sums.here);
    let is_still = lock.is_some() || from.data.is_none();
    if is_whole && is_still {
        to.store.set_being_filled(false).await.map_err(failed)?;
    }
    answer(&from, &to, copied, &sums, is_still)
}

/// Which end of a move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    From,
    To,
}

async fn open(named: Named, end: End) -> Outcome<Side> {
    let unreachable = |shown: &str, error: &dyn std::fmt::Display| {
        let what = format!("the store {shown} cannot be opened");
        Failure::new(Kind::Unreachable, what).because(error)
    };
    match named {
        Named::Postgres(url) => {
            let options = daemun_store_postgres::Options::default();
            let opened = match end {
                End::From => PostgresStore::open_existing(url.reveal(), options).await,
                End::To => PostgresStore::open(url.reveal(), options).await,
            };
            let shown = String::from("PostgreSQL");
            let store = opened.map_err(|error| unreachable(&shown, &error))?;
            Ok(Side {
                store: Arc::new(store),
                shown,
                data: None,
            })
        }
        Named::File(path) => {
            let options = daemun_store_sqlite::Options::default();
            let opened = match end {
                End::From => SqliteStore::open_existing(&path, options),
                End::To => SqliteStore::open(&path, options),
            };
            let shown = path.display().to_string();
            let store = opened.map_err(|error| unreachable(&shown, &error))?;
            Ok(Side {
                store: Arc::new(store),
                shown,
                data: path.parent().map(DataDir::at),
            })
        }
    }
}

fn parse(named: &str) -> Outcome<Named> {
    let from_variable = match named.strip_prefix("env:") {
        Some(variable) => Some(std::env::var(variable).map_err(|_| {
            Failure::new(Kind::Usage, format!("the variable {variable} is not set"))
        })?),
        None => None,
    };
    let text = from_variable.as_deref().unwrap_or(named);
    if let Some(url) = Url::postgres(text) {
        return Ok(Named::Postgres(url));
    }
    if text.contains("://") {
        let what = "a store to move is a data directory, a SQLite file or a PostgreSQL database";
        return Err(Failure::new(Kind::Usage, what)
            .because("sessions in Redis are not moved: people log in again")
            .mend("--from /var/lib/daemun --to env:URL with postgres://… in URL"));
    }
    let path = Path::new(text);
    Ok(Named::File(if path.is_dir() {
        path.join("daemun.db")
    } else {
        path.into()
    }))
}

/// Nothing that is in use is written over: what is moved into is empty, or was being moved into.
async fn begin(to: &Side) -> Outcome<()> {
    if to.store.is_being_filled().await.map_err(failed)? {
        return Ok(());
    }
    for table in TABLES.iter().filter(|table| table.name != "keys") {
        let rows = to.store.rows(table, Stretch::default(), Some(1));
        if !rows.await.map_err(failed)?.is_empty() {
            let what = format!("{} holds an installation already", to.shown);
            return Err(Failure::new(Kind::Conflict, what)
                .because("what is there would be lost, and no move into it has begun")
                .mend("--to with an empty database"));
        }
    }
    to.store.set_being_filled(true).await.map_err(failed)
}

/// Where the source is a file in a data directory: the right to be its server, so that none starts
/// meanwhile; `None` where one runs.
fn lock(from: &Side) -> Outcome<Option<Lock>> {
    let Some(data) = &from.data else {
        return Ok(None);
    };
    match data.lock() {
        Ok(lock) => Ok(Some(lock)),
        Err(failure) if failure.kind == Kind::Conflict => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn copy(from: &Side, to: &Side) -> Outcome<Copied> {
    let is_terminal = std::io::stderr().is_terminal();
    let mut last = "";
    let mut progress = |table: &'static Table, copied: Copied| {
        let is_round = copied.seen % 100_000 < 1_000;
        if is_terminal && (table.name != last || is_round) {
            remark(&format!("{}: {} rows", table.name, copied.seen));
        }
        last = table.name;
    };
    transfer::transfer(&*from.store, &*to.store, &mut progress)
        .await
        .map_err(failed)
}

/// A table on both sides.
struct Sums {
    table: &'static Table,
    there: Sum,
    here: Sum,
}

async fn compare(from: &Side, to: &Side) -> Outcome<Vec<Sums>> {
    let mut all = Vec::new();
    for table in TABLES {
        all.push(Sums {
            table,
            there: transfer::sum(&*from.store, table).await.map_err(failed)?,
            here: transfer::sum(&*to.store, table).await.map_err(failed)?,
        });
    }
    Ok(all)
}

fn answer(from: &Side, to: &Side, copied: Copied, sums: &[Sums], is_still: bool) -> Outcome {
    let differing: Vec<&str> = sums
        .iter()
        .filter(|sums| sums.there != sums.here)
        .map(|sums| sums.table.name)
        .collect();
    let tables: Vec<_> = sums
        .iter()
        .map(|sums| {
            json!({
                "table": sums.table.name,
                "rows": sums.here.rows,
                "digest": hex(&sums.here.digest),
                "same": sums.there == sums.here,
            })
        })
        .collect();
    let details = json!({
        "from": from.shown,
        "to": to.shown,
        "seen": copied.seen,
        "written": copied.written,
        "deleted": copied.deleted,
        "tables": tables,
    });
    let table: String = sums.iter().map(line_of).collect();
    let did = format!(
        "{table}\n{} rows looked at, {} written, {} deleted.\n",
        copied.seen, copied.written, copied.deleted
    );
    let again =
        "stop whatever writes to it and run the same command again: it copies only what is missing";
    if !differing.is_empty() {
        let what = format!("{did}\nnot the same yet: {}", differing.join(", "));
        return Err(Failure::new(Kind::Failed, what)
            .because(format!("{} was written to meanwhile", from.shown))
            .mend(again)
            .with("transfer", details));
    }
    if !is_still {
        let what = format!(
            "{did}\nthe same for now, but a server still runs on {}",
            from.shown
        );
        return Err(Failure::new(Kind::Failed, what)
            .because("what it writes from now on would be missing")
            .mend(again)
            .with("transfer", details));
    }
    let end = match from.data {
        Some(_) => "Both hold the same.\n",
        None => {
            "Both hold the same; that nothing writes to the source any more is yours to know.\n"
        }
    };
    Ok(Answer::new(format!("{did}{end}"), details))
}

fn line_of(sums: &Sums) -> String {
    let digest = hex(&sums.here.digest);
    let digest = digest.get(..16).unwrap_or_default();
    let verdict = if sums.there == sums.here {
        "same"
    } else {
        "differs"
    };
    format!(
        "{:<15} {:>12} rows  {digest}…  {verdict}\n",
        sums.table.name, sums.here.rows
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(error: daemun_engine::ports::StoreError) -> Failure {
    Failure::new(Kind::Unreachable, "the move broke off")
        .because(error)
        .mend("the same command again: what was copied is not copied again")
}
