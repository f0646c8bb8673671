//! Revocations: ending sessions, and the log that tells every node and verifier of it.
//!
//! Numbers of the log are given under a lock that is held to the commit: whoever has read up to a
//! number never looks back, so none may become visible later that stands before it. The lock is
//! taken last, when all else of the transaction is done.

use std::time::Duration;

use aws_lc_rs::digest;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ids::{AccountId, SessionId},
    ports::{Origin, Revoke, RevokeTarget},
    revocation::{Revocation, RevokedThing},
    session::{RevokeReason, Session},
    time::Timestamp,
};

use crate::{
    changes,
    db::{Db, Fault, Tx},
    rows::{Columns, all, execute, hex, one},
    sessions, upkeep,
};

/// Who adds to the log holds this lock.
const LOCK: i64 = 0x6461_656d_0000_0003;

/// Why, when and by whom something ends.
pub(crate) struct Ending<'a> {
    pub(crate) reason: RevokeReason,
    pub(crate) now: Timestamp,
    pub(crate) horizon: Duration,
    pub(crate) origin: &'a Origin,
}

/// Something that ended, and is yet to be logged.
pub(crate) type Ended = RevokedThing;

/// Ends what is asked for, as far as it is not over.
pub(crate) async fn revoke(tx: &Tx<'_>, revoke: &Revoke) -> Result<Vec<Revocation>, Fault> {
    let ending = Ending {
        reason: revoke.reason,
        now: revoke.now,
        horizon: revoke.horizon,
        origin: &revoke.origin,
    };
    let ended = match &revoke.target {
        RevokeTarget::Session(id) => end_session(tx, *id, None, &ending).await?,
        RevokeTarget::SessionOf(account, id) => {
            end_session(tx, *id, Some(*account), &ending).await?
        }
        RevokeTarget::Account(account) => end_account(tx, *account, true, &ending).await?,
        RevokeTarget::Caller { contract, name } => {
            let live = sessions::live_of_caller(tx, contract, name, ending.now).await?;
            end_each(tx, live, &ending).await?
        }
    };
    ending.log(tx, &ended).await
}

async fn end_session(
    tx: &Tx<'_>,
    id: SessionId,
    owner: Option<AccountId>,
    ending: &Ending<'_>,
) -> Result<Vec<Ended>, Fault> {
    let Some((n, session)) = sessions::locked(tx, id).await? else {
        return Ok(Vec::new());
    };
    let is_anothers = owner.is_some() && owner != session.subject.account();
    if is_anothers || !session.is_live(ending.now) {
        return Ok(Vec::new());
    }
    end_each(tx, [(n, session)], ending).await
}

/// Ends living sessions, each by name.
pub(crate) async fn end_each(
    tx: &Tx<'_>,
    sessions: impl IntoIterator<Item = (i64, Session)>,
    ending: &Ending<'_>,
) -> Result<Vec<Ended>, Fault> {
    let mut ended = Vec::new();
    for (n, session) in sessions {
        sessions::write_revoked(tx, &[n], ending.now, ending.reason).await?;
        let account = session.subject.account();
        let event = ending.event(AuditKind::SessionRevoked, account, Some(session.id));
        upkeep::record(tx, &event).await?;
        ended.push(RevokedThing::Session(session.id));
    }
    Ok(ended)
}

/// Ends every session of an account, and whatever else was issued to it before now. Where it has
/// no living session, that is done only if `cut_off_anyway`: tokens that have no session may live.
pub(crate) async fn end_account(
    tx: &Tx<'_>,
    account: AccountId,
    cut_off_anyway: bool,
    ending: &Ending<'_>,
) -> Result<Vec<Ended>, Fault> {
    let sql = "SELECT id, not_before FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    let before = one(tx, "accounts", sql, &[&account.0], |row| row.maybe_time(1)).await?;
    let Some(before) = before else {
        return Ok(Vec::new());
    };
    let live = sessions::live_of(tx, account, ending.now).await?;
    let moves = cut_off_anyway && before.is_none_or(|before| before < ending.now);
    if live.is_empty() && !moves {
        return Ok(Vec::new());
    }
    // A clock that stepped back must not bring back what was cut off before.
    let cut_off = before.map_or(ending.now, |before| before.max(ending.now));
    let sql = "UPDATE accounts SET not_before = $2 WHERE id = $1";
    execute(tx, sql, &[&account.0, &cut_off.unix_micros()]).await?;
    let rows: Vec<i64> = live.iter().map(|(n, _)| *n).collect();
    sessions::write_revoked(tx, &rows, ending.now, ending.reason).await?;
    let event = ending.event(AuditKind::SessionsRevoked, Some(account), None);
    upkeep::record(tx, &event).await?;
    let mut ended = vec![RevokedThing::AccountBefore(account, cut_off)];
    // Begun after the cut-off, by a clock that was ahead: the cut-off does not reach it.
    let ahead = live
        .iter()
        .filter(|(_, session)| session.id.created_millis() > cut_off.unix_millis());
    ended.extend(ahead.map(|(_, session)| RevokedThing::Session(session.id)));
    Ok(ended)
}

impl Ending<'_> {
    /// Tells the log what ended: the last thing a transaction does.
    pub(crate) async fn log(&self, tx: &Tx<'_>, ended: &[Ended]) -> Result<Vec<Revocation>, Fault> {
        log(tx, ended, self.reason, self.now + self.horizon).await
    }

    fn event(
        &self,
        kind: AuditKind,
        account: Option<AccountId>,
        session: Option<SessionId>,
    ) -> AuditEvent {
        AuditEvent {
            at: self.now,
            kind,
            contract: self.origin.contract.clone(),
            account,
            session,
            network: self.origin.network.clone(),
            detail: Some(self.reason.name().into()),
        }
    }
}

/// Adds revocations to the log, and has every node read it once they are committed.
pub(crate) async fn log(
    tx: &Tx<'_>,
    things: &[RevokedThing],
    reason: RevokeReason,
    until: Timestamp,
) -> Result<Vec<Revocation>, Fault> {
    if things.is_empty() {
        return Ok(Vec::new());
    }
    execute(tx, "SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let mut revocations = Vec::with_capacity(things.len());
    for thing in things {
        let seq = insert(tx, *thing, reason, until).await?;
        revocations.push(Revocation {
            seq: seq.cast_unsigned(),
            thing: *thing,
            reason,
            until,
        });
    }
    changes::tell(tx, changes::LOG).await?;
    Ok(revocations)
}

async fn insert(
    tx: &Tx<'_>,
    thing: RevokedThing,
    reason: RevokeReason,
    until: Timestamp,
) -> Result<i64, Fault> {
    let (session, account, cut_off) = match thing {
        RevokedThing::Session(id) => (Some(id.as_bytes().to_vec()), None, None),
        RevokedThing::AccountBefore(id, cut_off) => (None, Some(id.0), Some(cut_off.unix_micros())),
        RevokedThing::EverythingBefore(_) => {
            let what = "revocations: this store loses no sessions, and says of none that it did";
            return Err(Fault::Corrupt(what.into()));
        }
    };
    let sql = "INSERT INTO revocations (session, account, cut_off, reason, until)
               VALUES ($1, $2, $3, $4, $5) RETURNING seq";
    let params: crate::db::Params<'_> = &[
        &session,
        &account,
        &cut_off,
        &reason.name(),
        &until.unix_micros(),
    ];
    let seq = one(tx, "revocations", sql, params, |row| row.get(0)).await?;
    seq.ok_or_else(|| Fault::Corrupt("revocations: a row without a number".into()))
}

/// The first `limit` revocations after `seq` that are in force.
pub(crate) async fn after(
    db: &Db,
    seq: u64,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Revocation>, Fault> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let sql = "SELECT seq, session, account, cut_off, reason, until FROM revocations
                WHERE seq > $1 AND until > $2 ORDER BY seq LIMIT $3";
    let rows = db
        .query(sql, &[&seq, &now.unix_micros(), &i64::from(limit)])
        .await?;
    all("revocations", &rows, revocation)
}

fn revocation(row: &Columns<'_>) -> Result<Revocation, Fault> {
    let account: Option<i64> = row.get(2)?;
    let thing = match account {
        Some(id) => RevokedThing::AccountBefore(AccountId(id), row.time(3)?),
        None => RevokedThing::Session(sessions::session_id(row, 1)?),
    };
    Ok(Revocation {
        seq: row.get::<i64>(0)?.cast_unsigned(),
        thing,
        reason: row.parsed(4, |name: String| RevokeReason::from_name(&name))?,
        until: row.time(5)?,
    })
}

/// A name that another log does not have: of another cluster, another database (a dump that was
/// restored beside the old one), or of this one after a standby took over or a base backup was
/// restored, which begins another timeline.
pub(crate) async fn log_name(db: &Db) -> Result<Box<str>, Fault> {
    let sql = "SELECT concat_ws(' ', (SELECT value FROM installation WHERE name = 'log'),
                   (SELECT system_identifier FROM pg_control_system()),
                   (SELECT oid FROM pg_database WHERE datname = current_database()),
                   substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))";
    let rows = db.query(sql, &[]).await?;
    let names = all("installation", &rows, |row| row.text(0))?;
    let name = names.first().map_or("", |name| name);
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let short = digest.as_ref().get(..8).unwrap_or_default();
    Ok(hex(short).into())
}
