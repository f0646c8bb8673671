//! Signing keys, sealed.

use std::collections::BTreeSet;

use async_trait::async_trait;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ports::{KeyChange, KeyState, KeyStore, Stored, StoredKey},
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    rows::{Fault, execute, many, one},
    upkeep,
    writer::{Guard, Tx},
};

#[async_trait]
impl KeyStore for SqliteStore {
    async fn keys(&self) -> Stored<Vec<StoredKey>> {
        self.read(keys).await
    }

    async fn change_keys(&self, expected: &[Box<str>], change: KeyChange) -> Stored<bool> {
        let expected: BTreeSet<Box<str>> = expected.iter().cloned().collect();
        self.write(Guard::Savepoint, move |tx| {
            change_keys(tx, &expected, &change)
        })
        .await
    }
}

fn keys(connection: &Connection) -> Result<Vec<StoredKey>, Fault> {
    many(
        connection,
        "keys",
        "SELECT kid, state, sealed, since FROM keys WHERE state <> 'retired' ORDER BY since, kid",
        (),
        |row| {
            Ok(StoredKey {
                kid: row.get(0)?,
                state: row.parsed(1, |name: Box<str>| KeyState::from_name(&name))?,
                sealed: row.get(2)?,
                since: row.time(3)?,
            })
        },
    )
}

fn change_keys(
    tx: &Tx<'_>,
    expected: &BTreeSet<Box<str>>,
    change: &KeyChange,
) -> Result<bool, Fault> {
    let held: BTreeSet<Box<str>> = keys(tx.connection)?
        .into_iter()
        .map(|key| key.kid)
        .collect();
    if held != *expected {
        return Ok(false);
    }
    if let Some(key) = &change.add {
        if is_known(tx.connection, &key.kid)? {
            return Ok(false);
        }
        execute(
            tx.connection,
            "INSERT INTO keys (kid, state, sealed, since) VALUES (?1, ?2, ?3, ?4)",
            params![
                key.kid,
                key.state.name(),
                key.sealed,
                key.since.unix_micros()
            ],
        )?;
        record(tx, &key.kid, key.state, change.now)?;
    }
    for (kid, state) in &change.set {
        set_state(tx, kid, *state, change.now)?;
    }
    Ok(true)
}

/// A retired key's seed is erased; its id stays, so that it is never given again.
fn set_state(tx: &Tx<'_>, kid: &str, state: KeyState, now: Timestamp) -> Result<(), Fault> {
    let changed = execute(
        tx.connection,
        "UPDATE keys SET state = ?2, since = ?3, sealed = iif(?2 = 'retired', x'', sealed)
          WHERE kid = ?1 AND state <> ?2",
        params![kid, state.name(), now.unix_micros()],
    )?;
    if changed == 1 {
        record(tx, kid, state, now)?;
    }
    Ok(())
}

fn is_known(connection: &Connection, kid: &str) -> Result<bool, Fault> {
    let sql = "SELECT kid FROM keys WHERE kid = ?1";
    one(connection, "keys", sql, [kid], |_| Ok(())).map(|found| found.is_some())
}

fn record(tx: &Tx<'_>, kid: &str, state: KeyState, at: Timestamp) -> Result<(), Fault> {
    let event = AuditEvent {
        at,
        kind: AuditKind::KeyChanged,
        contract: "".into(),
        account: None,
        session: None,
        network: None,
        detail: Some(format!("{kid} {}", state.name()).into()),
    };
    upkeep::record(tx.connection, &event)
}
