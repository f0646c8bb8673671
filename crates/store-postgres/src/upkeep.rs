//! The audit trail, and deleting what is over, a little at a time, at whichever node.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    code::DAY,
    ids::{AccountId, SessionId},
    ports::{AuditSubject, Retention, Stored, Upkeep},
    time::Timestamp,
};
use tokio_postgres::types::ToSql;

use crate::{
    PostgresStore, changes,
    db::{Fault, Tx, transaction},
    erase,
    rows::{Columns, all, execute, micros},
    sessions,
};

/// How many rows of a table are deleted at once: none waits long for a lock.
const STEP: i64 = 200;
/// How many sessions are looked at once, without any lock, for some that are over.
const LOOK: i64 = 20_000;
/// How often to look in one call where none is over: a large table is walked in hours, not in days.
const LOOKS: usize = 25;

const RECORD: &str = "INSERT INTO audit (at, kind, contract, account, session, network, detail)
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";

#[async_trait]
impl Upkeep for PostgresStore {
    async fn record(&self, event: AuditEvent) -> Stored<()> {
        Ok(transaction!(self.inner.db, tx, record(&tx, &event))?)
    }

    async fn audit(&self, about: AuditSubject, limit: u32) -> Stored<Vec<AuditEvent>> {
        Ok(self.trail(about, i64::from(limit)).await?)
    }

    async fn purge(&self, now: Timestamp, keep: &Retention) -> Stored<u64> {
        let mut purged = self.purge_sessions(now, keep.sessions).await?;
        // Each a transaction of its own, so that others get between them.
        for (sql, before) in sweeps(now, keep) {
            let before = before.unix_micros();
            purged += self.inner.db.execute(sql, &[&before, &STEP]).await?;
        }
        Ok(purged)
    }

    async fn erase(&self, account: AccountId, now: Timestamp) -> Stored<u64> {
        Ok(transaction!(
            self.inner.db,
            tx,
            erase::step(&tx, account, now)
        )?)
    }

    async fn next_erasure(&self, now: Timestamp) -> Stored<Option<AccountId>> {
        let rows = self
            .inner
            .db
            .query(erase::NEXT, &[&now.unix_micros()])
            .await?;
        Ok(all("accounts", &rows, |row| row.get(0).map(AccountId))?.pop())
    }

    async fn horizon(&self, at_least: Duration) -> Stored<Duration> {
        let known = self.known_horizon().await?;
        if known >= at_least {
            return Ok(known);
        }
        transaction!(self.inner.db, tx, widen_horizon(&tx, at_least))?;
        Ok(self.known_horizon().await?)
    }

    async fn ping(&self) -> Stored<()> {
        // A standby answers, and is of no use.
        let sql = "SELECT pg_is_in_recovery()";
        let rows = self.inner.db.query(sql, &[]).await?;
        match all("migrations", &rows, |row| row.get(0))?.first() {
            Some(false) => Ok(()),
            _ => Err(Fault::Pool("PostgreSQL is a standby, which takes no writes".into()).into()),
        }
    }
}

impl PostgresStore {
    async fn known_horizon(&self) -> Result<Duration, Fault> {
        let sql = "SELECT name, value FROM installation WHERE name = 'horizon'";
        let rows = self.inner.db.query(sql, &[]).await?;
        let known = all("installation", &rows, |row| {
            row.parsed(1, |micros: i64| u64::try_from(micros).ok())
        })?;
        Ok(Duration::from_micros(known.first().copied().unwrap_or(0)))
    }

    async fn trail(&self, about: AuditSubject, limit: i64) -> Result<Vec<AuditEvent>, Fault> {
        macro_rules! select_audit {
            ($rest:literal) => {
                concat!(
                    "SELECT seq, at, kind, contract, account, session, network, detail FROM audit ",
                    $rest,
                    " ORDER BY seq DESC LIMIT $2"
                )
            };
        }
        let rows = match about {
            AuditSubject::Account(id) => {
                let sql = select_audit!("WHERE account = $1");
                self.inner.db.query(sql, &[&id.0, &limit]).await?
            }
            AuditSubject::Kind(kind) => {
                let sql = select_audit!("WHERE kind = $1");
                self.inner.db.query(sql, &[&kind.name(), &limit]).await?
            }
            AuditSubject::Session(id) => {
                // Through the account it is of, or through the index of those that are of none. Of
                // a session that is no longer there nobody knows which; then all is read.
                let key = &id.as_bytes()[..];
                let by_account = select_audit!("WHERE session = $1 AND account = $3");
                let of_none = select_audit!("WHERE session = $1 AND account IS NULL");
                let anywhere = select_audit!("WHERE session = $1");
                match self.owner(id).await? {
                    Some(Some(account)) => {
                        let params: [&(dyn ToSql + Sync); 3] = [&key, &limit, &account];
                        self.inner.db.query(by_account, &params).await?
                    }
                    Some(None) => self.inner.db.query(of_none, &[&key, &limit]).await?,
                    None => self.inner.db.query(anywhere, &[&key, &limit]).await?,
                }
            }
        };
        all("audit", &rows, event)
    }

    /// The account of a session, where there is the session and it is of one.
    async fn owner(&self, id: SessionId) -> Result<Option<Option<i64>>, Fault> {
        let sql = "SELECT n, account FROM sessions WHERE id = $1";
        let rows = self.inner.db.query(sql, &[&&id.as_bytes()[..]]).await?;
        Ok(all("sessions", &rows, |row| row.get(1))?.pop())
    }

    /// Deletes the next few dead sessions: found by walking the table, some way at each call, so
    /// that nothing need be indexed that a refresh rewrites. Deleted are those that are still over
    /// then, and that nobody else holds at the moment.
    async fn purge_sessions(&self, now: Timestamp, keep: Duration) -> Result<u64, Fault> {
        let before = (now - keep).unix_micros();
        let mut dead = Vec::new();
        for _ in 0..LOOKS {
            let reached;
            (dead, reached) = self.find_dead(before, now.unix_micros()).await?;
            self.inner.purged_to.store(reached, Ordering::Release);
            if !dead.is_empty() || reached == 0 {
                break;
            }
        }
        if dead.is_empty() {
            return Ok(0);
        }
        let sql = "DELETE FROM sessions WHERE n IN
                       (SELECT n FROM sessions WHERE n = ANY ($1)
                           AND coalesce(revoked_at, least(rotated_at + idle, expires_at)) < $2
                         ORDER BY n FOR UPDATE SKIP LOCKED)";
        self.inner.db.execute(sql, &[&dead, &before]).await
    }

    /// Up to [`STEP`] sessions that were over before `before`, and up to where the walk got: back to
    /// the beginning where it has come to the end.
    async fn find_dead(&self, before: i64, now: i64) -> Result<(Vec<i64>, i64), Fault> {
        let from = self.inner.purged_to.load(Ordering::Acquire);
        let sql = "SELECT n FROM sessions
                    WHERE n > $1 AND n <= $1 + $5
                      AND coalesce(revoked_at, least(rotated_at + idle, expires_at)) < $2
                      AND coalesce(foreign_until, 0) < $4 ORDER BY n LIMIT $3";
        let params: [&(dyn ToSql + Sync); 5] = [&from, &before, &STEP, &now, &LOOK];
        let rows = self.inner.db.query(sql, &params).await?;
        let dead: Vec<i64> = all("sessions", &rows, |row| row.get(0))?;
        let rows = self
            .inner
            .db
            .query("SELECT max(n) FROM sessions", &[])
            .await?;
        let last: Option<i64> = all("sessions", &rows, |row| row.get(0))?.pop().flatten();
        let to = from.saturating_add(LOOK);
        let is_full = i64::try_from(dead.len()).is_ok_and(|found| found == STEP);
        let reached = match dead.last() {
            Some(last) if is_full => *last,
            _ if last.is_none_or(|last| last <= to) => 0,
            _ => to,
        };
        Ok((dead, reached))
    }
}

/// Has every node keep revocations for longer: an old one may not know the contract that asks for it.
async fn widen_horizon(tx: &Tx<'_>, at_least: Duration) -> Result<(), Fault> {
    let sql = "INSERT INTO installation (name, value) VALUES ('horizon', $1)
               ON CONFLICT (name) DO UPDATE
                  SET value = greatest(installation.value, excluded.value)";
    execute(tx, sql, &[&micros(at_least)]).await?;
    changes::tell(tx, changes::EVERYTHING).await
}

/// Adds an entry to the trail.
pub(crate) async fn record(tx: &Tx<'_>, event: &AuditEvent) -> Result<(), Fault> {
    execute(
        tx,
        RECORD,
        &[
            &event.at.unix_micros(),
            &event.kind.name(),
            &&*event.contract,
            &event.account.map(|id| id.0),
            &event.session.map(|id| id.as_bytes().to_vec()),
            &event.network.as_deref(),
            &event.detail.as_deref(),
        ],
    )
    .await
    .map(drop)
}

fn event(row: &Columns<'_>) -> Result<AuditEvent, Fault> {
    let account: Option<i64> = row.get(4)?;
    let session: Option<&[u8]> = row.row.try_get(5).map_err(|_| row.corrupt(5))?;
    Ok(AuditEvent {
        at: row.time(1)?,
        kind: row.parsed(2, |name: String| AuditKind::from_name(&name))?,
        contract: row.text(3)?,
        account: account.map(AccountId),
        session: session.map(|_| sessions::session_id(row, 5)).transpose()?,
        network: row.maybe_text(6)?,
        detail: row.maybe_text(7)?,
    })
}

/// What else is swept: a statement that deletes up to `$2` rows that were over before `$1`.
fn sweeps(now: Timestamp, keep: &Retention) -> [(&'static str, Timestamp); 8] {
    [
        (
            "DELETE FROM foreign_tokens WHERE (contract, token) IN
                 (SELECT contract, token FROM foreign_tokens WHERE expires_at < $1
                   LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now,
        ),
        (
            "DELETE FROM codes WHERE (account, purpose, target) IN
                 (SELECT account, purpose, target FROM codes WHERE expires_at < $1
                   LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now,
        ),
        (
            "DELETE FROM sends WHERE (purpose, recipient) IN
                 (SELECT purpose, recipient FROM sends WHERE last_at < $1
                   LIMIT $2 FOR UPDATE SKIP LOCKED)",
            // Counting begins anew after a day; until then a row says how many were sent.
            now - DAY - DAY,
        ),
        (
            "DELETE FROM outbox WHERE id IN
                 (SELECT id FROM outbox WHERE useless_after < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now - DAY,
        ),
        (
            "DELETE FROM revocations WHERE seq IN
                 (SELECT seq FROM revocations WHERE until < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now,
        ),
        (
            // Only among the oldest: the trail is in the order of time, and not indexed by it.
            "DELETE FROM audit WHERE seq IN
                 (SELECT seq FROM (SELECT seq, at FROM audit ORDER BY seq LIMIT $2) oldest
                   WHERE at < $1)",
            now - keep.audit,
        ),
        (
            "DELETE FROM accounts WHERE id IN
                 (SELECT id FROM accounts
                   WHERE status = 'unverified' AND created_at < $1
                     AND NOT EXISTS (SELECT 1 FROM imported WHERE account = accounts.id)
                   LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now - keep.unverified,
        ),
        (
            "DELETE FROM counters WHERE key IN
                 (SELECT key FROM counters WHERE until < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            now,
        ),
    ]
}
