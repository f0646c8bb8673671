//! Erasing what is personal about accounts that were given up, once their time has come.
//!
//! It goes in small steps, each a transaction of its own. What says that an account is due is
//! cleared by the last of them, so whatever stops in between is gone on with later. What stays is a
//! tombstone: the id, which is never given again, and that it was given up.
//!
//! A file keeps what was deleted until something is written over it. So SQLite overwrites what it
//! deletes (`secure_delete`, see `connection`), and after a step the log, which holds pages as they
//! were before, is emptied as soon as nobody reads from it.

use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ids::AccountId,
    import::NO_PASSWORD,
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    rows::{Fault, execute, one},
    upkeep,
    writer::Tx,
};

/// How many rows of a table are erased in one step.
const STEP: i64 = 200;

/// An account that is due.
struct Due {
    id: AccountId,
    email_key: Option<String>,
    phone_key: Option<String>,
}

/// Does one step; how many rows it took, 0 where the account is not due.
pub(crate) fn step(tx: &Tx<'_>, account: AccountId, now: Timestamp) -> Result<usize, Fault> {
    let Some(due) = due(tx.connection, account, now)? else {
        return Ok(0);
    };
    tx.something_was_erased();
    for sql in [
        "DELETE FROM sessions WHERE n IN (SELECT n FROM sessions WHERE account = ?1 LIMIT ?2)",
        "UPDATE audit SET network = NULL WHERE seq IN
             (SELECT seq FROM audit WHERE account = ?1 AND network IS NOT NULL LIMIT ?2)",
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE account = ?1 LIMIT ?2)",
        "DELETE FROM codes WHERE account = ?1 AND ?2",
    ] {
        let rows = execute(tx.connection, sql, params![due.id.0, STEP])?;
        if rows > 0 {
            return Ok(rows);
        }
    }
    forget_sends(tx, &due)?;
    bury(tx, due.id, now)?;
    Ok(1)
}

/// The account that is due first.
pub(crate) fn next(connection: &Connection, now: Timestamp) -> Result<Option<AccountId>, Fault> {
    let sql = "SELECT id FROM accounts WHERE erase_at <= ?1 ORDER BY erase_at, id LIMIT 1";
    one(connection, "accounts", sql, [now.unix_micros()], |row| {
        row.get(0).map(AccountId)
    })
}

fn due(connection: &Connection, account: AccountId, now: Timestamp) -> Result<Option<Due>, Fault> {
    let sql = "SELECT id, email_key, phone_key FROM accounts WHERE id = ?1 AND erase_at <= ?2";
    let key = params![account.0, now.unix_micros()];
    one(connection, "accounts", sql, key, |row| {
        Ok(Due {
            id: AccountId(row.get(0)?),
            email_key: row.get(1)?,
            phone_key: row.get(2)?,
        })
    })
}

/// When messages were last sent to it: addresses stand there as they are.
fn forget_sends(tx: &Tx<'_>, due: &Due) -> Result<(), Fault> {
    let keys = [&due.email_key, &due.phone_key].into_iter().flatten();
    let addresses = keys.map(|key| format!("address:{key}"));
    for recipient in addresses.chain([format!("account:{}", due.id)]) {
        let sql = "DELETE FROM sends WHERE recipient = ?1";
        execute(tx.connection, sql, [recipient])?;
    }
    Ok(())
}

/// Leaves the tombstone. An imported account keeps its mark, so that its source does not bring it
/// back, and none of what was digested.
fn bury(tx: &Tx<'_>, id: AccountId, now: Timestamp) -> Result<(), Fault> {
    execute(
        tx.connection,
        "UPDATE imported SET row_digest = zeroblob(32), password_digest = zeroblob(32)
          WHERE account = ?1",
        [id.0],
    )?;
    execute(
        tx.connection,
        "UPDATE accounts
            SET email = NULL, email_key = NULL, phone = NULL, phone_key = NULL, nickname = NULL,
                nickname_key = NULL, password_hash = ?2, linked = '{}', profile = '{}',
                roles = '[]', status_reason = NULL, last_login_at = NULL, erase_at = NULL,
                updated_at = ?3
          WHERE id = ?1",
        params![id.0, NO_PASSWORD, now.unix_micros()],
    )?;
    let event = AuditEvent {
        at: now,
        kind: AuditKind::AccountErased,
        contract: "".into(),
        account: Some(id),
        session: None,
        network: None,
        detail: None,
    };
    upkeep::record(tx.connection, &event)
}
