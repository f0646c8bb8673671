//! Sessions: opening, rotating, listing. Rotation is the hot path of the whole server.

use std::time::Duration;

use async_trait::async_trait;
use daemun_engine::{
    audit::AuditKind,
    client::ClientPrint,
    foreign::{Adopted, Adoption, ForeignId, ForeignState},
    ids::{AccountId, SessionId},
    ports::{Opened, Opening, Origin, Revoke, Rotated, Rotation, Sessions, Stored},
    revocation::{Revocation, RevokedThing},
    session::{
        Burst, CallerSubject, Recovery, RevokeReason, Revoked, Session, Subject, Verdict, decide,
    },
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore, accounts, foreign,
    revocations::{self, Ending},
    rows::{Columns, Fault, execute, many, micros, one},
    upkeep,
    writer::{Guard, Tx},
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

#[async_trait]
impl Sessions for SqliteStore {
    async fn open_session(&self, opening: Opening) -> Stored<Opened> {
        self.write(Guard::Savepoint, move |tx| open(tx, &opening))
            .await
    }

    async fn adopt(&self, adoption: Adoption) -> Stored<Adopted> {
        self.write(Guard::Savepoint, move |tx| foreign::adopt(tx, adoption))
            .await
    }

    async fn foreign_token(
        &self,
        contract: &str,
        token: ForeignId,
    ) -> Stored<Option<ForeignState>> {
        let contract = contract.to_owned();
        self.read(move |connection| foreign::state(connection, &contract, token))
            .await
    }

    async fn rotate(&self, rotation: Rotation) -> Stored<Rotated> {
        self.write(Guard::OneStatement, move |tx| rotate(tx, &rotation))
            .await
    }

    async fn session(&self, id: SessionId) -> Stored<Option<Session>> {
        self.read(move |connection| {
            let found = by_id(connection, id)?;
            Ok(found.map(|(_, session)| session))
        })
        .await
    }

    async fn sessions_of(&self, account: AccountId, now: Timestamp) -> Stored<Vec<Session>> {
        self.read(move |connection| {
            let sql = select_session!("WHERE account = ?1 AND revoked_at IS NULL ORDER BY id DESC");
            let mut all = many(connection, "sessions", sql, [account.0], session)?;
            all.retain(|session| session.is_live(now));
            Ok(all)
        })
        .await
    }

    async fn sessions(&self, after: Option<SessionId>, limit: u32) -> Stored<Vec<Session>> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        self.read(move |connection| {
            let sql = select_session!("WHERE id > ?1 ORDER BY id LIMIT ?2");
            many(connection, "sessions", sql, params![after, limit], session)
        })
        .await
    }

    async fn revoke(&self, revoke: Revoke) -> Stored<Vec<Revocation>> {
        self.write(Guard::Savepoint, move |tx| revocations::revoke(tx, &revoke))
            .await
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
        self.read(move |connection| revocations::after(connection, seq, now, limit))
            .await
    }
}

fn open(tx: &Tx<'_>, opening: &Opening) -> Result<Opened, Fault> {
    let session = &opening.session;
    let now = session.created_at;
    if let Some(id) = session.subject.account()
        && !accounts::admit(tx, id, now)?
    {
        return Ok(Opened::Refused);
    }
    let replaced = if opening.replaces {
        replace_others(tx, session, opening.horizon)?
    } else {
        Vec::new()
    };
    let kind = match session.subject {
        Subject::Account(_) => AuditKind::LoggedIn,
        Subject::Caller(_) => AuditKind::SessionIssued,
    };
    begin(tx, session, None, kind)?;
    Ok(Opened::Opened(replaced))
}

/// Ends the subject's other sessions of the same contract.
pub(crate) fn replace_others(
    tx: &Tx<'_>,
    session: &Session,
    horizon: Duration,
) -> Result<Vec<Revocation>, Fault> {
    let origin = Origin {
        contract: session.contract.clone(),
        network: Some(session.network.clone()),
    };
    let ending = Ending {
        reason: RevokeReason::Replaced,
        now: session.created_at,
        horizon,
        origin: &origin,
    };
    let others = match &session.subject {
        Subject::Account(id) => live_of(tx.connection, *id, ending.now)?,
        Subject::Caller(caller) => {
            live_of_caller(tx.connection, &session.contract, &caller.name, ending.now)?
        }
    };
    let others = others
        .into_iter()
        .filter(|(_, other)| other.contract == session.contract);
    revocations::end_all(tx, others, &ending)
}

/// Puts a session into the table, and its beginning into the trail. One that a foreign token was
/// adopted into is kept until that token expires.
pub(crate) fn begin(
    tx: &Tx<'_>,
    session: &Session,
    foreign_until: Option<Timestamp>,
    kind: AuditKind,
) -> Result<(), Fault> {
    insert(tx, session, foreign_until)?;
    upkeep::record(tx.connection, &session.begun(kind))
}

fn insert(tx: &Tx<'_>, session: &Session, foreign_until: Option<Timestamp>) -> Result<(), Fault> {
    let account = session.subject.account().map(|id| id.0);
    let caller = session.subject.caller();
    execute(
        tx.connection,
        "INSERT INTO sessions (id, account, caller, contract, generation, rotated_at, rotated_by,
                               burst_from, burst_at, burst_before, recovered, recovered_at,
                               recovered_by, created_at, idle, expires_at, revoked_at,
                               revoke_reason, user_agent, network, caller_type,
                               foreign_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                 ?19, ?20, ?21, ?22)",
        params![
            session.id.as_bytes(),
            account,
            caller.map(|caller| &caller.name),
            session.contract,
            session.generation.cast_signed(),
            session.rotated_at.unix_micros(),
            session.rotated_by.0,
            session.burst.from.cast_signed(),
            session.burst.at.unix_micros(),
            session.burst.before.cast_signed(),
            session.recovered.map(|last| last.generation.cast_signed()),
            session.recovered.map(|last| last.at.unix_micros()),
            session.recovered.map(|last| last.by.0),
            session.created_at.unix_micros(),
            micros(session.idle),
            session.expires_at.unix_micros(),
            session.revoked.map(|revoked| revoked.at.unix_micros()),
            session.revoked.map(|revoked| revoked.reason.name()),
            session.user_agent,
            session.network,
            caller.map(|caller| &caller.kind),
            foreign_until.map(Timestamp::unix_micros),
        ],
    )
    .map(drop)
}

/// One look and, as a rule, one statement that writes one page: no savepoint is needed, since
/// SQLite undoes a single statement by itself. The rare verdicts that write more bring their own.
pub(crate) fn rotate(tx: &Tx<'_>, rotation: &Rotation) -> Result<Rotated, Fault> {
    let Some((n, mut session)) = by_id(tx.connection, rotation.session)? else {
        return Ok(Rotated::Unknown);
    };
    if session.subject != rotation.subject || session.contract != rotation.contract {
        return Ok(Rotated::Contradicts);
    }
    let verdict = decide(&mut session, rotation.presented, rotation.policy);
    let revocation = match verdict {
        Verdict::Rotated => {
            write_generation(tx, n, &session)?;
            None
        }
        Verdict::Replayed | Verdict::Revoked(_) | Verdict::Expired => None,
        Verdict::RolledForward | Verdict::Recovered | Verdict::Reused => {
            tx.atomically(|| write_exception(tx, n, &session, rotation, verdict))?
        }
    };
    Ok(Rotated::Judged {
        verdict,
        session: Box::new(session),
        revocation,
    })
}

fn write_exception(
    tx: &Tx<'_>,
    n: i64,
    session: &Session,
    rotation: &Rotation,
    verdict: Verdict,
) -> Result<Option<Revocation>, Fault> {
    let at = rotation.presented.at;
    let revocation = match verdict {
        Verdict::Recovered => {
            write_recovery(tx, n, session)?;
            None
        }
        Verdict::Reused => {
            write_revoked(tx, n, at, RevokeReason::Reused)?;
            Some(revocations::insert(
                tx,
                RevokedThing::Session(session.id),
                RevokeReason::Reused,
                at + rotation.horizon,
            )?)
        }
        _ => {
            write_generation(tx, n, session)?;
            None
        }
    };
    if let Some(event) = rotation.audit(session, verdict) {
        upkeep::record(tx.connection, &event)?;
    }
    Ok(revocation)
}

fn write_generation(tx: &Tx<'_>, n: i64, session: &Session) -> Result<(), Fault> {
    execute(
        tx.connection,
        "UPDATE sessions
            SET generation = ?2, rotated_at = ?3, rotated_by = ?4,
                burst_from = ?5, burst_at = ?6, burst_before = ?7
          WHERE n = ?1",
        params![
            n,
            session.generation.cast_signed(),
            session.rotated_at.unix_micros(),
            session.rotated_by.0,
            session.burst.from.cast_signed(),
            session.burst.at.unix_micros(),
            session.burst.before.cast_signed(),
        ],
    )
    .map(drop)
}

fn write_recovery(tx: &Tx<'_>, n: i64, session: &Session) -> Result<(), Fault> {
    execute(
        tx.connection,
        "UPDATE sessions SET recovered = ?2, recovered_at = ?3, recovered_by = ?4 WHERE n = ?1",
        params![
            n,
            session.recovered.map(|last| last.generation.cast_signed()),
            session.recovered.map(|last| last.at.unix_micros()),
            session.recovered.map(|last| last.by.0),
        ],
    )
    .map(drop)
}

/// Marks a session as ended.
pub(crate) fn write_revoked(
    tx: &Tx<'_>,
    n: i64,
    at: Timestamp,
    reason: RevokeReason,
) -> Result<(), Fault> {
    execute(
        tx.connection,
        "UPDATE sessions SET revoked_at = ?2, revoke_reason = ?3 WHERE n = ?1",
        params![n, at.unix_micros(), reason.name()],
    )
    .map(drop)
}

/// Whether there is a session of that id.
pub(crate) fn exists(connection: &Connection, id: SessionId) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM sessions WHERE id = ?1";
    let found = one(connection, "sessions", sql, [id.as_bytes()], |_| Ok(()))?;
    Ok(found.is_some())
}

/// The session of that id, and its row number.
pub(crate) fn by_id(
    connection: &Connection,
    id: SessionId,
) -> Result<Option<(i64, Session)>, Fault> {
    one(
        connection,
        "sessions",
        select_session!("WHERE id = ?1"),
        [id.as_bytes()],
        |row| Ok((row.get(0)?, session(row)?)),
    )
}

/// The sessions of an account that are not over, with their row numbers.
pub(crate) fn live_of(
    connection: &Connection,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<(i64, Session)>, Fault> {
    let sql = select_session!("WHERE account = ?1 AND revoked_at IS NULL ORDER BY id");
    let mut all = many(connection, "sessions", sql, [account.0], |row| {
        Ok((row.get(0)?, session(row)?))
    })?;
    all.retain(|(_, session)| session.is_live(now));
    Ok(all)
}

/// The sessions of a caller's subject that are not over, with their row numbers.
pub(crate) fn live_of_caller(
    connection: &Connection,
    contract: &str,
    name: &str,
    now: Timestamp,
) -> Result<Vec<(i64, Session)>, Fault> {
    let sql =
        select_session!("WHERE contract = ?1 AND caller = ?2 AND revoked_at IS NULL ORDER BY id");
    let mut all = many(connection, "sessions", sql, [contract, name], |row| {
        Ok((row.get(0)?, session(row)?))
    })?;
    all.retain(|(_, session)| session.is_live(now));
    Ok(all)
}

fn session(row: &Columns<'_>) -> Result<Session, Fault> {
    Ok(Session {
        id: row.parsed(1, |bytes: [u8; 16]| SessionId::from_slice(&bytes))?,
        subject: subject(row)?,
        contract: row.get(4)?,
        generation: generation(row, 5)?,
        rotated_at: row.time(6)?,
        rotated_by: ClientPrint(row.get(7)?),
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
        user_agent: row.get(19)?,
        network: row.get(20)?,
    })
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
        by: ClientPrint(row.get(13)?),
    }))
}

fn subject(row: &Columns<'_>) -> Result<Subject, Fault> {
    let account: Option<i64> = row.get(2)?;
    match account {
        Some(id) => Ok(Subject::Account(AccountId(id))),
        None => Ok(Subject::Caller(CallerSubject {
            name: row.get(3)?,
            kind: row.get::<Option<Box<str>>>(21)?.unwrap_or_default(),
        })),
    }
}

fn revoked(row: &Columns<'_>) -> Result<Option<Revoked>, Fault> {
    let Some(at) = row.maybe_time(17)? else {
        return Ok(None);
    };
    let reason = row.parsed(18, |name: Box<str>| RevokeReason::from_name(&name))?;
    Ok(Some(Revoked { at, reason }))
}
