//! Signing keys, sealed.

use std::collections::BTreeSet;

use async_trait::async_trait;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ports::{KeyChange, KeyState, KeyStore, Stored, StoredKey},
    time::Timestamp,
};

use crate::{
    PostgresStore, changes,
    db::{Fault, Tx, transaction},
    rows::{Columns, all, execute, many},
    upkeep,
};

/// Who changes the keys holds this lock: what is expected of all of them is checked under it.
const LOCK: i64 = 0x6461_656d_0000_0002;

const SELECT: &str =
    "SELECT kid, state, sealed, since FROM keys WHERE state <> 'retired' ORDER BY since, kid";

#[async_trait]
impl KeyStore for PostgresStore {
    async fn keys(&self) -> Stored<Vec<StoredKey>> {
        let rows = self.inner.db.query(SELECT, &[]).await?;
        Ok(all("keys", &rows, key)?)
    }

    async fn change_keys(&self, expected: &[Box<str>], change: KeyChange) -> Stored<bool> {
        let expected: BTreeSet<Box<str>> = expected.iter().cloned().collect();
        Ok(transaction!(
            self.inner.db,
            tx,
            change_keys(&tx, &expected, &change)
        )?)
    }
}

fn key(row: &Columns<'_>) -> Result<StoredKey, Fault> {
    Ok(StoredKey {
        kid: row.text(0)?,
        state: row.parsed(1, |name: String| KeyState::from_name(&name))?,
        sealed: row.get(2)?,
        since: row.time(3)?,
    })
}

async fn change_keys(
    tx: &Tx<'_>,
    expected: &BTreeSet<Box<str>>,
    change: &KeyChange,
) -> Result<bool, Fault> {
    execute(tx, "SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let held = many(tx, "keys", SELECT, &[], |row| row.text(0)).await?;
    if held.into_iter().collect::<BTreeSet<_>>() != *expected {
        return Ok(false);
    }
    if let Some(key) = &change.add {
        let sql = "INSERT INTO keys (kid, state, sealed, since) VALUES ($1, $2, $3, $4)
                   ON CONFLICT DO NOTHING";
        let since = key.since.unix_micros();
        let (kid, state) = (&*key.kid, key.state.name());
        if execute(tx, sql, &[&kid, &state, &key.sealed, &since]).await? == 0 {
            return Ok(false);
        }
        record(tx, &key.kid, key.state, change.now).await?;
    }
    for (kid, state) in &change.set {
        set_state(tx, kid, *state, change.now).await?;
    }
    changes::tell(tx, changes::KEYS).await?;
    Ok(true)
}

/// A retired key's seed is erased; its id stays, so that it is never given again.
async fn set_state(tx: &Tx<'_>, kid: &str, state: KeyState, now: Timestamp) -> Result<(), Fault> {
    let sql = "UPDATE keys
                  SET state = $2, since = $3,
                      sealed = CASE WHEN $2 = 'retired' THEN ''::bytea ELSE sealed END
                WHERE kid = $1 AND state <> $2";
    if execute(tx, sql, &[&kid, &state.name(), &now.unix_micros()]).await? == 1 {
        record(tx, kid, state, now).await?;
    }
    Ok(())
}

async fn record(tx: &Tx<'_>, kid: &str, state: KeyState, at: Timestamp) -> Result<(), Fault> {
    let event = AuditEvent {
        at,
        kind: AuditKind::KeyChanged,
        contract: "".into(),
        account: None,
        session: None,
        network: None,
        detail: Some(format!("{kid} {}", state.name()).into()),
    };
    upkeep::record(tx, &event).await
}
