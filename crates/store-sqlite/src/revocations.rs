//! Revocations: ending sessions, and the log that tells every verifier of it.

use std::time::Duration;

use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ids::{AccountId, SessionId},
    ports::{Origin, Revoke, RevokeTarget},
    revocation::{Revocation, RevokedThing},
    session::{RevokeReason, Session},
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    rows::{Columns, Fault, execute, many, one},
    sessions, upkeep,
    writer::Tx,
};

/// Why, when and by whom something ends.
pub(crate) struct Ending<'a> {
    pub(crate) reason: RevokeReason,
    pub(crate) now: Timestamp,
    pub(crate) horizon: Duration,
    pub(crate) origin: &'a Origin,
}

/// Ends what is asked for, as far as it is not over.
pub(crate) fn revoke(tx: &Tx<'_>, revoke: &Revoke) -> Result<Vec<Revocation>, Fault> {
    let ending = Ending {
        reason: revoke.reason,
        now: revoke.now,
        horizon: revoke.horizon,
        origin: &revoke.origin,
    };
    match &revoke.target {
        RevokeTarget::Session(id) => end_session(tx, *id, None, &ending),
        RevokeTarget::SessionOf(account, id) => end_session(tx, *id, Some(*account), &ending),
        RevokeTarget::Account(account) => end_account(tx, *account, true, &ending),
        RevokeTarget::Caller { contract, name } => {
            let live = sessions::live_of_caller(tx.connection, contract, name, ending.now)?;
            end_all(tx, live, &ending)
        }
    }
}

fn end_session(
    tx: &Tx<'_>,
    id: SessionId,
    owner: Option<AccountId>,
    ending: &Ending<'_>,
) -> Result<Vec<Revocation>, Fault> {
    let Some((n, session)) = sessions::by_id(tx.connection, id)? else {
        return Ok(Vec::new());
    };
    let account = session.subject.account();
    let is_anothers = owner.is_some() && owner != account;
    if is_anothers || !session.is_live(ending.now) {
        return Ok(Vec::new());
    }
    end_all(tx, [(n, session)], ending)
}

/// Ends living sessions, one by one.
pub(crate) fn end_all(
    tx: &Tx<'_>,
    sessions: impl IntoIterator<Item = (i64, Session)>,
    ending: &Ending<'_>,
) -> Result<Vec<Revocation>, Fault> {
    let end = |(n, session): (i64, Session)| {
        sessions::write_revoked(tx, n, ending.now, ending.reason)?;
        let account = session.subject.account();
        ending.record(tx, AuditKind::SessionRevoked, account, Some(session.id))?;
        ending.log(tx, RevokedThing::Session(session.id))
    };
    sessions.into_iter().map(end).collect()
}

/// Ends every session of an account, and whatever else was issued to it before now. Where it has
/// no living session, that is done only if `cut_off_anyway`: tokens that have no session may live.
pub(crate) fn end_account(
    tx: &Tx<'_>,
    account: AccountId,
    cut_off_anyway: bool,
    ending: &Ending<'_>,
) -> Result<Vec<Revocation>, Fault> {
    let Some(before) = cut_off(tx.connection, account)? else {
        return Ok(Vec::new());
    };
    let live = sessions::live_of(tx.connection, account, ending.now)?;
    let moves = cut_off_anyway && before.is_none_or(|before| before < ending.now);
    if live.is_empty() && !moves {
        return Ok(Vec::new());
    }
    // A clock that stepped back must not bring back what was cut off before.
    let cut_off = before.map_or(ending.now, |before| before.max(ending.now));
    execute(
        tx.connection,
        "UPDATE accounts SET not_before = ?2 WHERE id = ?1",
        params![account.0, cut_off.unix_micros()],
    )?;
    let mut revocations = vec![ending.log(tx, RevokedThing::AccountBefore(account, cut_off))?];
    for (n, session) in live {
        sessions::write_revoked(tx, n, ending.now, ending.reason)?;
        // Begun after the cut-off, by a clock that was ahead: the cut-off does not reach it.
        if session.id.created_millis() > cut_off.unix_millis() {
            revocations.push(ending.log(tx, RevokedThing::Session(session.id))?);
        }
    }
    ending.record(tx, AuditKind::SessionsRevoked, Some(account), None)?;
    Ok(revocations)
}

/// The account's cut-off so far; `None` where there is no such account.
fn cut_off(
    connection: &Connection,
    account: AccountId,
) -> Result<Option<Option<Timestamp>>, Fault> {
    let sql = "SELECT id, not_before FROM accounts WHERE id = ?1";
    one(connection, "accounts", sql, [account.0], |row| {
        row.maybe_time(1)
    })
}

impl Ending<'_> {
    fn log(&self, tx: &Tx<'_>, thing: RevokedThing) -> Result<Revocation, Fault> {
        insert(tx, thing, self.reason, self.now + self.horizon)
    }

    fn record(
        &self,
        tx: &Tx<'_>,
        kind: AuditKind,
        account: Option<AccountId>,
        session: Option<SessionId>,
    ) -> Result<(), Fault> {
        let event = AuditEvent {
            at: self.now,
            kind,
            contract: self.origin.contract.clone(),
            account,
            session,
            network: self.origin.network.clone(),
            detail: Some(self.reason.name().into()),
        };
        upkeep::record(tx.connection, &event)
    }
}

/// Adds a revocation to the log.
pub(crate) fn insert(
    tx: &Tx<'_>,
    thing: RevokedThing,
    reason: RevokeReason,
    until: Timestamp,
) -> Result<Revocation, Fault> {
    let (session, account, cut_off) = match thing {
        RevokedThing::Session(id) => (Some(*id.as_bytes()), None, None),
        RevokedThing::AccountBefore(id, cut_off) => (None, Some(id.0), Some(cut_off.unix_micros())),
        RevokedThing::EverythingBefore(_) => {
            let what = "revocations: this store loses no sessions, and says of none that it did";
            return Err(Fault::Corrupt(what.into()));
        }
    };
    execute(
        tx.connection,
        "INSERT INTO revocations (session, account, cut_off, reason, until)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            session,
            account,
            cut_off,
            reason.name(),
            until.unix_micros()
        ],
    )?;
    Ok(Revocation {
        seq: tx.connection.last_insert_rowid().cast_unsigned(),
        thing,
        reason,
        until,
    })
}

/// The first `limit` revocations after `seq` that are in force.
pub(crate) fn after(
    connection: &Connection,
    seq: u64,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Revocation>, Fault> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    many(
        connection,
        "revocations",
        "SELECT seq, session, account, cut_off, reason, until FROM revocations
          WHERE seq > ?1 AND until > ?2 ORDER BY seq LIMIT ?3",
        params![seq, now.unix_micros(), limit],
        revocation,
    )
}

fn revocation(row: &Columns<'_>) -> Result<Revocation, Fault> {
    let account: Option<i64> = row.get(2)?;
    let thing = match account {
        Some(id) => RevokedThing::AccountBefore(AccountId(id), row.time(3)?),
        None => {
            RevokedThing::Session(row.parsed(1, |bytes: [u8; 16]| SessionId::from_slice(&bytes))?)
        }
    };
    Ok(Revocation {
        seq: row.get::<i64>(0)?.cast_unsigned(),
        thing,
        reason: row.parsed(4, |name: Box<str>| RevokeReason::from_name(&name))?,
        until: row.time(5)?,
    })
}
