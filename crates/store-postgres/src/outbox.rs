//! The outbox: messages that commit with the fact they tell of, and are handed out one worker at
//! a time, whichever node it is at.

use std::time::Duration;

use async_trait::async_trait;
use daemun_engine::{
    ids::AccountId,
    ports::{ClaimedMessage, Outbox, OutgoingMessage, Stored},
    time::Timestamp,
};

use crate::{
    PostgresStore,
    db::{Fault, Tx, transaction},
    rows::{execute, many},
};

/// How long to wait at most: a message that another node put in rings no bell here.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How much of an error is kept.
const ERROR_BYTES: usize = 500;

#[async_trait]
impl Outbox for PostgresStore {
    async fn claim_messages(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Stored<Vec<ClaimedMessage>> {
        let limit = i64::from(limit);
        Ok(transaction!(
            self.inner.db,
            tx,
            claim(&tx, now, lease, limit)
        )?)
    }

    async fn message_sent(&self, id: i64, now: Timestamp) -> Stored<()> {
        let sql = "UPDATE outbox SET payload = NULL, sent_at = $2, last_error = NULL WHERE id = $1";
        self.inner
            .db
            .execute(sql, &[&id, &now.unix_micros()])
            .await?;
        Ok(())
    }

    async fn message_failed(
        &self,
        id: i64,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Stored<()> {
        let end = error.floor_char_boundary(ERROR_BYTES);
        let error = error.get(..end).unwrap_or_default().replace('\0', "");
        let retry_at = retry_at.map(Timestamp::unix_micros);
        let sql = "UPDATE outbox
                      SET last_error = $2, due_at = coalesce($3, due_at),
                          payload = CASE WHEN $3::bigint IS NULL THEN NULL ELSE payload END
                    WHERE id = $1 AND payload IS NOT NULL";
        self.inner
            .db
            .execute(sql, &[&id, &error, &retry_at])
            .await?;
        Ok(())
    }

    async fn wait_for_message(&self) {
        let rung = self.inner.message_put.notified();
        let _ = tokio::time::timeout(LOOK_EVERY, rung).await;
    }
}

impl PostgresStore {
    /// Wakes whoever sends at this node.
    pub(crate) fn message_was_put(&self) {
        self.inner.message_put.notify_one();
    }
}

/// Puts a message to an account's owner in, due at once.
pub(crate) async fn put(
    tx: &Tx<'_>,
    account: AccountId,
    message: &OutgoingMessage,
    now: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO outbox (payload, created_at, due_at, useless_after, account)
               VALUES ($1, $2, $2, $3, $4)";
    let useless_after = message.useless_after.unix_micros();
    let now = now.unix_micros();
    execute(
        tx,
        sql,
        &[&message.sealed, &now, &useless_after, &account.0],
    )
    .await?;
    Ok(())
}

async fn claim(
    tx: &Tx<'_>,
    now: Timestamp,
    lease: Duration,
    limit: i64,
) -> Result<Vec<ClaimedMessage>, Fault> {
    // A code that has died is not sent any more.
    let give_up = "UPDATE outbox SET payload = NULL, last_error = 'came too late'
                    WHERE payload IS NOT NULL AND due_at <= $1 AND useless_after <= $1";
    execute(tx, give_up, &[&now.unix_micros()]).await?;
    let sql = "WITH due AS (
                   SELECT id FROM outbox WHERE payload IS NOT NULL AND due_at <= $1
                    ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)
               UPDATE outbox SET due_at = $3, attempts = attempts + 1
                 FROM due WHERE outbox.id = due.id
               RETURNING outbox.id, payload, attempts - 1, created_at, useless_after";
    let until = (now + lease).unix_micros();
    let params: crate::db::Params<'_> = &[&now.unix_micros(), &limit, &until];
    let mut claimed = many(tx, "outbox", sql, params, |row| {
        Ok(ClaimedMessage {
            id: row.get(0)?,
            sealed: row.get(1)?,
            attempts: row.parsed(2, |attempts: i64| attempts.try_into().ok())?,
            created_at: row.time(3)?,
            useless_after: row.time(4)?,
        })
    })
    .await?;
    claimed.sort_by_key(|message| (message.created_at, message.id));
    Ok(claimed)
}
