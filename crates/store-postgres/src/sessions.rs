//! Sessions: opening, finding, listing. Refreshing them is in [`rotation`](crate::rotation).

use std::time::Duration;

use async_trait::async_trait;
use daemun_engine::{
    audit::AuditKind,
    client::ClientPrint,
    foreign::{Adopted, Adoption, ForeignId, ForeignState},
    ids::{AccountId, SessionId},
    ports::{Opened, Opening, Origin, Revoke, Rotated, Rotation, Sessions, Stored},
    revocation::Revocation,
    session::{Burst, CallerSubject, Recovery, RevokeReason, Revoked, Session, Subject},
    time::Timestamp,
};

use crate::{
    PostgresStore, accounts,
    db::{Fault, Params, Tx, transaction},
    foreign,
    revocations::{self, Ended, Ending},
    rows::{Columns, all, execute, many, micros, one},
    upkeep,
};

/// The columns in the order [`session`] reads them.
macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT n, id, account, caller, contract, generation, rotated_at, rotated_by, \
             burst_from, burst_at, burst_before, recovered, recovered_at, recovered_by, \
             created_at, idle, expires_at, revoked_at, revoke_reason, user_agent, network, \
             caller_type FROM sessions ",
            $rest
        )
    };
}
pub(crate) use select_session;

#[async_trait]
impl Sessions for PostgresStore {
    async fn open_session(&self, opening: Opening) -> Stored<Opened> {
        Ok(transaction!(self.inner.db, tx, open(&tx, &opening))?)
    }

    async fn adopt(&self, adoption: Adoption) -> Stored<Adopted> {
        Ok(transaction!(
            self.inner.db,
            tx,
            foreign::adopt(&tx, &adoption)
        )?)
    }

    async fn foreign_token(
        &self,
        contract: &str,
        token: ForeignId,
    ) -> Stored<Option<ForeignState>> {
        let key: Params<'_> = &[&contract, &&token.0[..]];
        let rows = self.inner.db.query(foreign::STATE, key).await?;
        Ok(all("foreign_tokens", &rows, foreign::state)?.pop())
    }

    async fn rotate(&self, rotation: Rotation) -> Stored<Rotated> {
        self.inner.rotations.rotate(rotation).await
    }

    async fn session(&self, id: SessionId) -> Stored<Option<Session>> {
        let sql = select_session!("WHERE id = $1");
        let rows = self.inner.db.query(sql, &[&&id.as_bytes()[..]]).await?;
        Ok(all("sessions", &rows, session)?.pop())
    }

    async fn sessions_of(&self, account: AccountId, now: Timestamp) -> Stored<Vec<Session>> {
        let sql = select_session!("WHERE account = $1 AND revoked_at IS NULL ORDER BY id DESC");
        let rows = self.inner.db.query(sql, &[&account.0]).await?;
        let mut sessions = all("sessions", &rows, session)?;
        sessions.retain(|session| session.is_live(now));
        Ok(sessions)
    }

    async fn sessions(&self, after: Option<SessionId>, limit: u32) -> Stored<Vec<Session>> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let sql = select_session!("WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self
            .inner
            .db
            .query(sql, &[&after, &i64::from(limit)])
            .await?;
        Ok(all("sessions", &rows, session)?)
    }

    async fn revoke(&self, revoke: Revoke) -> Stored<Vec<Revocation>> {
        Ok(transaction!(
            self.inner.db,
            tx,
            revocations::revoke(&tx, &revoke)
        )?)
    }

    async fn revocations_after(&self, seq: u64, now: Timestamp) -> Stored<Vec<Revocation>> {
        self.revocations_page(seq, now, u32::MAX).await
    }

    async fn revocations_page(
        &self,
        seq: u64,
        now: Timestamp,
        limit: u32,
    ) -> Stored<Vec<Revocation>> {
        Ok(revocations::after(&self.inner.db, seq, now, limit).await?)
    }

    async fn log_name(&self) -> Stored<Option<Box<str>>> {
        Ok(Some(revocations::log_name(&self.inner.db).await?))
    }
}

async fn open(tx: &Tx<'_>, opening: &Opening) -> Result<Opened, Fault> {
    let session = &opening.session;
    if let Some(id) = session.subject.account()
        && !accounts::admit(tx, id, session.created_at).await?
    {
        return Ok(Opened::Refused);
    }
    let replaced = if opening.replaces {
        end_others(tx, session, opening.horizon).await?
    } else {
        Vec::new()
    };
    let kind = match session.subject {
        Subject::Account(_) => AuditKind::LoggedIn,
        Subject::Caller(_) => AuditKind::SessionIssued,
    };
    if !begin(tx, session, None, kind).await? {
        // A random id drawn twice: nobody's session is given away.
        return Ok(Opened::Refused);
    }
    log_replaced(tx, session, opening.horizon, &replaced)
        .await
        .map(Opened::Opened)
}

/// Ends the subject's other sessions of the same contract, and sees to it that no other of them
/// begins before this transaction ends. They are yet to be logged.
pub(crate) async fn end_others(
    tx: &Tx<'_>,
    session: &Session,
    horizon: Duration,
) -> Result<Vec<Ended>, Fault> {
    let origin = origin(session);
    let ending = replacing(session, horizon, &origin);
    let others = match &session.subject {
        // Whoever opens a session of an account has locked its row.
        Subject::Account(id) => live_of(tx, *id, ending.now).await?,
        Subject::Caller(caller) => {
            let lock =
                "SELECT pg_advisory_xact_lock(hashtextextended($1, hashtextextended($2, 1)))";
            execute(tx, lock, &[&&*session.contract, &&*caller.name]).await?;
            live_of_caller(tx, &session.contract, &caller.name, ending.now).await?
        }
    };
    let others = others
        .into_iter()
        .filter(|(_, other)| other.contract == session.contract);
    revocations::end_each(tx, others, &ending).await
}

/// Tells the log of what [`end_others`] ended.
pub(crate) async fn log_replaced(
    tx: &Tx<'_>,
    session: &Session,
    horizon: Duration,
    replaced: &[Ended],
) -> Result<Vec<Revocation>, Fault> {
    let origin = origin(session);
    replacing(session, horizon, &origin).log(tx, replaced).await
}

fn origin(session: &Session) -> Origin {
    Origin {
        contract: session.contract.clone(),
        network: Some(session.network.clone()),
    }
}

fn replacing<'a>(session: &Session, horizon: Duration, origin: &'a Origin) -> Ending<'a> {
    Ending {
        reason: RevokeReason::Replaced,
        now: session.created_at,
        horizon,
        origin,
    }
}

/// Puts a session into the table, and its beginning into the trail; false where there is one of its
/// id. One that a foreign token was adopted into is kept until that token expires.
pub(crate) async fn begin(
    tx: &Tx<'_>,
    session: &Session,
    foreign_until: Option<Timestamp>,
    kind: AuditKind,
) -> Result<bool, Fault> {
    if !insert(tx, session, foreign_until).await? {
        return Ok(false);
    }
    upkeep::record(tx, &session.begun(kind)).await?;
    Ok(true)
}

async fn insert(
    tx: &Tx<'_>,
    session: &Session,
    foreign_until: Option<Timestamp>,
) -> Result<bool, Fault> {
    let account = session.subject.account().map(|id| id.0);
    let caller = session.subject.caller();
    let inserted = execute(
        tx,
        "INSERT INTO sessions (id, account, caller, contract, generation, rotated_at, rotated_by,
                               burst_from, burst_at, burst_before, recovered, recovered_at,
                               recovered_by, created_at, idle, expires_at, revoked_at,
                               revoke_reason, user_agent, network, caller_type,
                               foreign_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                 $19, $20, $21, $22)
         ON CONFLICT (id) DO NOTHING",
        &[
            &&session.id.as_bytes()[..],
            &account,
            &caller.map(|caller| &*caller.name),
            &&*session.contract,
            &session.generation.cast_signed(),
            &session.rotated_at.unix_micros(),
            &&session.rotated_by.0[..],
            &session.burst.from.cast_signed(),
            &session.burst.at.unix_micros(),
            &session.burst.before.cast_signed(),
            &session.recovered.map(|last| last.generation.cast_signed()),
            &session.recovered.map(|last| last.at.unix_micros()),
            &session.recovered.map(|last| last.by.0.to_vec()),
            &session.created_at.unix_micros(),
            &micros(session.idle),
            &session.expires_at.unix_micros(),
            &session.revoked.map(|revoked| revoked.at.unix_micros()),
            &session.revoked.map(|revoked| revoked.reason.name()),
            &without_nul(&session.user_agent),
            &&*session.network,
            &caller.map(|caller| &*caller.kind),
            &foreign_until.map(Timestamp::unix_micros),
        ],
    )
    .await?;
    Ok(inserted == 1)
}

/// PostgreSQL keeps no NUL in text, and a browser may call itself anything.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Marks sessions as ended.
pub(crate) async fn write_revoked(
    tx: &Tx<'_>,
    rows: &[i64],
    at: Timestamp,
    reason: RevokeReason,
) -> Result<(), Fault> {
    let sql = "UPDATE sessions SET revoked_at = $2, revoke_reason = $3 WHERE n = ANY ($1)";
    execute(tx, sql, &[&rows, &at.unix_micros(), &reason.name()]).await?;
    Ok(())
}

/// The session of that id, and its row number. The row is locked.
pub(crate) async fn locked(tx: &Tx<'_>, id: SessionId) -> Result<Option<(i64, Session)>, Fault> {
    let sql = select_session!("WHERE id = $1 FOR UPDATE");
    one(tx, "sessions", sql, &[&&id.as_bytes()[..]], numbered).await
}

/// The sessions of an account that are not over, with their row numbers. The rows are locked.
pub(crate) async fn live_of(
    tx: &Tx<'_>,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<(i64, Session)>, Fault> {
    let sql = select_session!("WHERE account = $1 AND revoked_at IS NULL ORDER BY n FOR UPDATE");
    live(tx, sql, &[&account.0], now).await
}

/// The sessions of a caller's subject that are not over, with their row numbers. The rows are
/// locked.
pub(crate) async fn live_of_caller(
    tx: &Tx<'_>,
    contract: &str,
    name: &str,
    now: Timestamp,
) -> Result<Vec<(i64, Session)>, Fault> {
    let sql = select_session!(
        "WHERE contract = $1 AND caller = $2 AND revoked_at IS NULL ORDER BY n FOR UPDATE"
    );
    live(tx, sql, &[&contract, &name], now).await
}

async fn live(
    tx: &Tx<'_>,
    sql: &str,
    params: Params<'_>,
    now: Timestamp,
) -> Result<Vec<(i64, Session)>, Fault> {
    let mut all = many(tx, "sessions", sql, params, numbered).await?;
    all.retain(|(_, session)| session.is_live(now));
    Ok(all)
}

pub(crate) fn numbered(row: &Columns<'_>) -> Result<(i64, Session), Fault> {
    Ok((row.get(0)?, session(row)?))
}

pub(crate) fn session(row: &Columns<'_>) -> Result<Session, Fault> {
    Ok(Session {
        id: session_id(row, 1)?,
        subject: subject(row)?,
        contract: row.text(4)?,
        generation: generation(row, 5)?,
        rotated_at: row.time(6)?,
        rotated_by: ClientPrint(row.bytes(7)?),
        burst: Burst {
            from: generation(row, 8)?,
            at: row.time(9)?,
            before: generation(row, 10)?,
        },
        recovered: recovered(row)?,
        created_at: row.time(14)?,
        idle: row.parsed(15, |micros: i64| {
            u64::try_from(micros).ok().map(Duration::from_micros)
        })?,
        expires_at: row.time(16)?,
        revoked: revoked(row)?,
        user_agent: row.text(19)?,
        network: row.text(20)?,
    })
}

pub(crate) fn session_id(row: &Columns<'_>, at: usize) -> Result<SessionId, Fault> {
    SessionId::from_slice(&row.bytes::<16>(at)?).ok_or_else(|| row.corrupt(at))
}

fn generation(row: &Columns<'_>, at: usize) -> Result<u64, Fault> {
    row.get(at).map(i64::cast_unsigned)
}

fn recovered(row: &Columns<'_>) -> Result<Option<Recovery>, Fault> {
    let generation: Option<i64> = row.get(11)?;
    let Some(generation) = generation.map(i64::cast_unsigned) else {
        return Ok(None);
    };
    Ok(Some(Recovery {
        generation,
        at: row.time(12)?,
        by: ClientPrint(row.bytes(13)?),
    }))
}

fn subject(row: &Columns<'_>) -> Result<Subject, Fault> {
    let account: Option<i64> = row.get(2)?;
    match account {
        Some(id) => Ok(Subject::Account(AccountId(id))),
        None => Ok(Subject::Caller(CallerSubject {
            name: row.text(3)?,
            kind: row.maybe_text(21)?.unwrap_or_default(),
        })),
    }
}

fn revoked(row: &Columns<'_>) -> Result<Option<Revoked>, Fault> {
    let Some(at) = row.maybe_time(17)? else {
        return Ok(None);
    };
    let reason = row.parsed(18, |name: String| RevokeReason::from_name(&name))?;
    Ok(Some(Revoked { at, reason }))
}
