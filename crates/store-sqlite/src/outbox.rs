//! The outbox: messages that commit with the fact they tell of, and are handed out one worker at
//! a time.

use std::time::Duration;

use async_trait::async_trait;
use daemun_engine::{
    ids::AccountId,
    ports::{ClaimedMessage, Outbox, OutgoingMessage, Stored},
    time::Timestamp,
};
use rusqlite::params;

use crate::{
    SqliteStore,
    rows::{Fault, execute, many},
    writer::{Guard, Tx},
};

/// How long to wait at most: a message another process put in rings no bell here.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How much of an error is kept.
const ERROR_BYTES: usize = 500;

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim_messages(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Stored<Vec<ClaimedMessage>> {
        self.write(Guard::Savepoint, move |tx| claim(tx, now, lease, limit))
            .await
    }

    async fn message_sent(&self, id: i64, now: Timestamp) -> Stored<()> {
        self.write(Guard::OneStatement, move |tx| {
            execute(
                tx.connection,
                "UPDATE outbox SET payload = NULL, sent_at = ?2, last_error = NULL WHERE id = ?1",
                params![id, now.unix_micros()],
            )
            .map(drop)
        })
        .await
    }

    async fn message_failed(
        &self,
        id: i64,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Stored<()> {
        let end = error.floor_char_boundary(ERROR_BYTES);
        let error: Box<str> = error.get(..end).unwrap_or_default().into();
        self.write(Guard::OneStatement, move |tx| {
            execute(
                tx.connection,
                "UPDATE outbox
                    SET last_error = ?2, due_at = ifnull(?3, due_at),
                        payload = iif(?3 IS NULL, NULL, payload)
                  WHERE id = ?1 AND payload IS NOT NULL",
                params![id, error, retry_at.map(Timestamp::unix_micros)],
            )
            .map(drop)
        })
        .await
    }

    async fn wait_for_message(&self) {
        let rung = self.inner.message_put.notified();
        let _ = tokio::time::timeout(LOOK_EVERY, rung).await;
    }
}

/// Puts a message to an account's owner in, due at once.
pub(crate) fn put(
    tx: &Tx<'_>,
    account: AccountId,
    message: &OutgoingMessage,
    now: Timestamp,
) -> Result<(), Fault> {
    execute(
        tx.connection,
        "INSERT INTO outbox (payload, created_at, due_at, useless_after, account)
         VALUES (?1, ?2, ?2, ?3, ?4)",
        params![
            message.sealed,
            now.unix_micros(),
            message.useless_after.unix_micros(),
            account.0,
        ],
    )?;
    tx.message_was_put();
    Ok(())
}

fn claim(
    tx: &Tx<'_>,
    now: Timestamp,
    lease: Duration,
    limit: u32,
) -> Result<Vec<ClaimedMessage>, Fault> {
    give_up_the_useless(tx, now)?;
    let claimed = many(
        tx.connection,
        "outbox",
        "SELECT id, payload, attempts, created_at, useless_after FROM outbox
          WHERE payload IS NOT NULL AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2",
        params![now.unix_micros(), limit],
        |row| {
            Ok(ClaimedMessage {
                id: row.get(0)?,
                sealed: row.get(1)?,
                attempts: row.get(2)?,
                created_at: row.time(3)?,
                useless_after: row.time(4)?,
            })
        },
    )?;
    for message in &claimed {
        execute(
            tx.connection,
            "UPDATE outbox SET due_at = ?2, attempts = attempts + 1 WHERE id = ?1",
            params![message.id, (now + lease).unix_micros()],
        )?;
    }
    Ok(claimed)
}

/// A code that has died is not sent any more.
fn give_up_the_useless(tx: &Tx<'_>, now: Timestamp) -> Result<(), Fault> {
    execute(
        tx.connection,
        "UPDATE outbox SET payload = NULL, last_error = 'came too late'
          WHERE payload IS NOT NULL AND due_at <= ?1 AND useless_after <= ?1",
        [now.unix_micros()],
    )
    .map(drop)
}
