//! Erasing what is personal about accounts that were given up, once their time has come.
//!
//! It goes in small steps, each a transaction of its own, at whichever node. What says that an
//! account is due is cleared by the last of them, so whatever stops in between is gone on with
//! later. What stays is a tombstone: the id, which is never given again, and that it was given up.
//! PostgreSQL keeps the former versions of rows until it vacuums, and in its log and backups; that
//! is the operator's to see to.

use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ids::AccountId,
    import::NO_PASSWORD,
    time::Timestamp,
};

use crate::{
    changes,
    db::{Fault, Tx},
    rows::{execute, one},
    upkeep,
};

/// How many rows of a table are erased in one step.
const STEP: i64 = 200;

/// The account that is due first.
pub(crate) const NEXT: &str =
    "SELECT id FROM accounts WHERE erase_at <= $1 ORDER BY erase_at, id LIMIT 1";

/// An account that is due.
struct Due {
    id: AccountId,
    email_key: Option<Box<str>>,
    phone_key: Option<Box<str>>,
}

/// Does one step; how many rows it took, 0 where the account is not due.
pub(crate) async fn step(tx: &Tx<'_>, account: AccountId, now: Timestamp) -> Result<u64, Fault> {
    let Some(due) = due(tx, account, now).await? else {
        return Ok(0);
    };
    for sql in [
        "DELETE FROM sessions WHERE n IN
             (SELECT n FROM sessions WHERE account = $1 ORDER BY n LIMIT $2)",
        "UPDATE audit SET network = NULL WHERE seq IN
             (SELECT seq FROM audit WHERE account = $1 AND network IS NOT NULL LIMIT $2)",
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE account = $1 LIMIT $2)",
        "DELETE FROM codes WHERE account = $1 AND $2::bigint > 0",
    ] {
        let rows = execute(tx, sql, &[&due.id.0, &STEP]).await?;
        if rows > 0 {
            return Ok(rows);
        }
    }
    forget_sends(tx, &due).await?;
    bury(tx, due.id, now).await?;
    Ok(1)
}

/// Its row is locked: another node waits, and then finds it done or goes on with it.
async fn due(tx: &Tx<'_>, account: AccountId, now: Timestamp) -> Result<Option<Due>, Fault> {
    let sql = "SELECT id, email_key, phone_key FROM accounts
                WHERE id = $1 AND erase_at <= $2 FOR NO KEY UPDATE";
    one(
        tx,
        "accounts",
        sql,
        &[&account.0, &now.unix_micros()],
        |row| {
            Ok(Due {
                id: AccountId(row.get(0)?),
                email_key: row.maybe_text(1)?,
                phone_key: row.maybe_text(2)?,
            })
        },
    )
    .await
}

/// When messages were last sent to it: addresses stand there as they are.
async fn forget_sends(tx: &Tx<'_>, due: &Due) -> Result<(), Fault> {
    let keys = [&due.email_key, &due.phone_key].into_iter().flatten();
    let mut recipients: Vec<String> = keys.map(|key| format!("address:{key}")).collect();
    recipients.push(format!("account:{}", due.id));
    let sql = "DELETE FROM sends WHERE recipient = ANY ($1)";
    execute(tx, sql, &[&recipients]).await.map(drop)
}

/// Leaves the tombstone. An imported account keeps its mark, so that its source does not bring it
/// back, and none of what was digested.
async fn bury(tx: &Tx<'_>, id: AccountId, now: Timestamp) -> Result<(), Fault> {
    let sql = "UPDATE imported SET row_digest = $2, password_digest = $2 WHERE account = $1";
    execute(tx, sql, &[&id.0, &&[0_u8; 32][..]]).await?;
    let sql = "UPDATE accounts
                  SET email = NULL, email_key = NULL, phone = NULL, phone_key = NULL,
                      nickname = NULL, nickname_key = NULL, password_hash = $2, linked = '{}',
                      profile = '{}', roles = '[]', status_reason = NULL, last_login_at = NULL,
                      erase_at = NULL, updated_at = $3
                WHERE id = $1";
    execute(tx, sql, &[&id.0, &NO_PASSWORD, &now.unix_micros()]).await?;
    let event = AuditEvent {
        at: now,
        kind: AuditKind::AccountErased,
        contract: "".into(),
        account: Some(id),
        session: None,
        network: None,
        detail: None,
    };
    upkeep::record(tx, &event).await?;
    changes::tell_account(tx, id).await
}
