//! The audit trail, and deleting what is over, a little at a time.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    code::DAY,
    ids::{AccountId, SessionId},
    ports::{AuditSubject, Retention, Stored, Upkeep},
    time::Timestamp,
};
use rusqlite::{Connection, params, types::Value};

use crate::{
    SqliteStore, erase,
    rows::{Columns, Fault, execute, many, micros, one},
    writer::{Guard, Tx},
};

/// How many rows of a table are deleted at once: none waits long for the lock.
const STEP: i64 = 200;
/// How many sessions are looked at once, without any lock, for some that are over.
const LOOK: i64 = 20_000;
/// How often to look in one call where none is over: a large table is walked in hours, not in days.
const LOOKS: usize = 25;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn record(&self, event: AuditEvent) -> Stored<()> {
        self.write(Guard::OneStatement, move |tx| record(tx.connection, &event))
            .await
    }

    async fn audit(&self, about: AuditSubject, limit: u32) -> Stored<Vec<AuditEvent>> {
        self.read(move |connection| trail(connection, about, limit))
            .await
    }

    async fn purge(&self, now: Timestamp, keep: &Retention) -> Stored<u64> {
        let keep = *keep;
        let dead = self.dead_sessions(now, keep.sessions).await?;
        let mut purged = 0;
        if !dead.is_empty() {
            purged += self
                .write(Guard::Savepoint, move |tx| {
                    purge_sessions(tx, &dead, now - keep.sessions)
                })
                .await?;
        }
        // Each an operation of its own, so that others get between them.
        for (sql, before) in sweeps(now, &keep) {
            purged += self
                .write(Guard::OneStatement, move |tx| {
                    execute(tx.connection, sql, params![before.unix_micros(), STEP])
                })
                .await?;
        }
        Ok(u64::try_from(purged).unwrap_or(u64::MAX))
    }

    async fn erase(&self, account: AccountId, now: Timestamp) -> Stored<u64> {
        let step = self.write(Guard::Savepoint, move |tx| erase::step(tx, account, now));
        Ok(u64::try_from(step.await?).unwrap_or(u64::MAX))
    }

    async fn next_erasure(&self, now: Timestamp) -> Stored<Option<AccountId>> {
        self.read(move |connection| erase::next(connection, now))
            .await
    }

    async fn horizon(&self, at_least: Duration) -> Stored<Duration> {
        let known = self.read(horizon).await?;
        if known >= at_least {
            return Ok(known);
        }
        self.write(Guard::Savepoint, move |tx| widen_horizon(tx, at_least))
            .await
    }

    async fn ping(&self) -> Stored<()> {
        // Asks the writer, for a store that reads and cannot write is of no use.
        self.write(Guard::OneStatement, |tx| {
            one(tx.connection, "migrations", "SELECT 1", (), |_| Ok(())).map(drop)
        })
        .await
    }
}

impl SqliteStore {
    /// The next few dead sessions: found by walking the table on a reader, some way at each call,
    /// so that nothing need be indexed that rotation rewrites.
    async fn dead_sessions(&self, now: Timestamp, keep: Duration) -> Stored<Vec<i64>> {
        let before = now - keep;
        for _ in 0..LOOKS {
            let from = self.inner.purged_to.load(Ordering::Acquire);
            let (dead, reached) = self
                .read(move |connection| find_dead(connection, from, before, now))
                .await?;
            self.inner.purged_to.store(reached, Ordering::Release);
            if !dead.is_empty() || reached == 0 {
                return Ok(dead);
            }
        }
        Ok(Vec::new())
    }
}

/// How long revocations are kept; nothing where nobody said.
fn horizon(connection: &Connection) -> Result<Duration, Fault> {
    let sql = "SELECT value FROM installation WHERE name = 'horizon'";
    let known = one(connection, "installation", sql, (), |row| {
        row.parsed(0, |micros: i64| u64::try_from(micros).ok())
    })?;
    Ok(Duration::from_micros(known.unwrap_or(0)))
}

fn widen_horizon(tx: &Tx<'_>, at_least: Duration) -> Result<Duration, Fault> {
    execute(
        tx.connection,
        "INSERT INTO installation (name, value) VALUES ('horizon', ?1)
         ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        [micros(at_least)],
    )?;
    horizon(tx.connection)
}

/// Adds an entry to the trail.
pub(crate) fn record(connection: &Connection, event: &AuditEvent) -> Result<(), Fault> {
    execute(
        connection,
        "INSERT INTO audit (at, kind, contract, account, session, network, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            event.at.unix_micros(),
            event.kind.name(),
            event.contract,
            event.account.map(|id| id.0),
            event.session.map(|id| *id.as_bytes()),
            event.network,
            event.detail,
        ],
    )
    .map(drop)
}

macro_rules! select_audit {
    ($rest:literal) => {
        concat!(
            "SELECT seq, at, kind, contract, account, session, network, detail FROM audit ",
            $rest,
            " ORDER BY seq DESC LIMIT ?2"
        )
    };
}

fn trail(
    connection: &Connection,
    about: AuditSubject,
    limit: u32,
) -> Result<Vec<AuditEvent>, Fault> {
    let (sql, key) = match about {
        AuditSubject::Account(id) => (select_audit!("WHERE account = ?1"), Value::Integer(id.0)),
        AuditSubject::Session(id) => return trail_of_session(connection, id, limit),
        AuditSubject::Kind(kind) => (
            select_audit!("WHERE kind = ?1"),
            Value::Text(kind.name().into()),
        ),
    };
    many(connection, "audit", sql, params![key, limit], event)
}

/// Through the account it is of, or through the index of those that are of none. Of a session that
/// is no longer there nobody knows which; then the whole trail is read.
fn trail_of_session(
    connection: &Connection,
    id: SessionId,
    limit: u32,
) -> Result<Vec<AuditEvent>, Fault> {
    let owner: Option<Option<i64>> = one(
        connection,
        "sessions",
        "SELECT account FROM sessions WHERE id = ?1",
        [id.as_bytes()],
        |row| row.get(0),
    )?;
    let (sql, account) = match owner {
        Some(Some(account)) => (
            select_audit!("WHERE account = ?3 AND session = ?1"),
            account,
        ),
        Some(None) => (
            select_audit!("WHERE account IS NULL AND session = ?1 AND ?3 = 0"),
            0,
        ),
        None => (select_audit!("WHERE session = ?1 AND ?3 = 0"), 0),
    };
    let key = id.as_bytes();
    many(
        connection,
        "audit",
        sql,
        params![key, limit, account],
        event,
    )
}

fn event(row: &Columns<'_>) -> Result<AuditEvent, Fault> {
    let account: Option<i64> = row.get(4)?;
    let session: Option<[u8; 16]> = row.get(5)?;
    Ok(AuditEvent {
        at: row.time(1)?,
        kind: row.parsed(2, |name: Box<str>| AuditKind::from_name(&name))?,
        contract: row.get(3)?,
        account: account.map(AccountId),
        session: session.and_then(|bytes| SessionId::from_slice(&bytes)),
        network: row.get(6)?,
        detail: row.get(7)?,
    })
}

/// Up to [`STEP`] sessions from row `from` on that were over before `before`, and whose foreign
/// tokens are, and up to where the
/// walk got: back to the beginning where it has come to the end.
fn find_dead(
    connection: &Connection,
    from: i64,
    before: Timestamp,
    now: Timestamp,
) -> Result<(Vec<i64>, i64), Fault> {
    let to = from.saturating_add(LOOK);
    let dead = many(
        connection,
        "sessions",
        concat!(
            "SELECT n FROM sessions WHERE n > ?1 AND n <= ?2 AND ",
            "ifnull(revoked_at, min(rotated_at + idle, expires_at)) < ?3 AND ",
            "ifnull(foreign_until, 0) < ?5 ORDER BY n LIMIT ?4"
        ),
        params![from, to, before.unix_micros(), STEP, now.unix_micros()],
        |row| row.get(0),
    )?;
    let full = i64::try_from(dead.len()).is_ok_and(|found| found == STEP);
    let last: Option<i64> = one(
        connection,
        "sessions",
        "SELECT max(n) FROM sessions",
        (),
        |row| row.get(0),
    )?
    .flatten();
    let reached = match dead.last() {
        Some(last) if full => *last,
        _ if last.is_none_or(|last| last <= to) => 0,
        _ => to,
    };
    Ok((dead, reached))
}

/// Deletes those of `dead` that are still over: one may have been rotated since it was found.
fn purge_sessions(tx: &Tx<'_>, dead: &[i64], before: Timestamp) -> Result<usize, Fault> {
    let mut purged = 0;
    for n in dead {
        purged += execute(
            tx.connection,
            "DELETE FROM sessions
              WHERE n = ?1 AND ifnull(revoked_at, min(rotated_at + idle, expires_at)) < ?2",
            params![n, before.unix_micros()],
        )?;
    }
    Ok(purged)
}

/// What else is swept: a statement that deletes up to `?2` rows that were over before `?1`.
fn sweeps(now: Timestamp, keep: &Retention) -> [(&'static str, Timestamp); 7] {
    [
        (
            "DELETE FROM foreign_tokens WHERE (contract, token) IN
                 (SELECT contract, token FROM foreign_tokens WHERE expires_at < ?1 LIMIT ?2)",
            now,
        ),
        (
            "DELETE FROM codes WHERE (account, purpose, target) IN
                 (SELECT account, purpose, target FROM codes WHERE expires_at < ?1 LIMIT ?2)",
            now,
        ),
        (
            "DELETE FROM sends WHERE (purpose, recipient) IN
                 (SELECT purpose, recipient FROM sends WHERE last_at < ?1 LIMIT ?2)",
            // Counting begins anew after a day; until then a row says how many were sent.
            now - DAY - DAY,
        ),
        (
            "DELETE FROM outbox WHERE id IN
                 (SELECT id FROM outbox WHERE useless_after < ?1 LIMIT ?2)",
            now - DAY,
        ),
        (
            "DELETE FROM revocations WHERE seq IN
                 (SELECT seq FROM revocations WHERE until < ?1 LIMIT ?2)",
            now,
        ),
        (
            // Only among the oldest: the trail is in the order of time, and not indexed by it.
            "DELETE FROM audit WHERE seq IN
                 (SELECT seq FROM (SELECT seq, at FROM audit ORDER BY seq LIMIT ?2) WHERE at < ?1)",
            now - keep.audit,
        ),
        (
            "DELETE FROM accounts WHERE id IN
                 (SELECT id FROM accounts
                   WHERE status = 'unverified' AND created_at < ?1
                     AND NOT EXISTS (SELECT 1 FROM imported WHERE account = accounts.id)
                   LIMIT ?2)",
            now - keep.unverified,
        ),
    ]
}
