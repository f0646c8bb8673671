//! Service keys: their hashes, never themselves.

use async_trait::async_trait;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ports::{Origin, Stored},
    service_key::{ServiceKey, ServiceKeys, ServiceScope},
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    rows::{Columns, Fault, execute, many, one},
    upkeep,
    writer::{Guard, Tx},
};

#[async_trait]
impl ServiceKeys for SqliteStore {
    async fn add_service_key(&self, key: ServiceKey, origin: Origin) -> Stored<bool> {
        self.write(Guard::Savepoint, move |tx| add(tx, &key, origin))
            .await
    }

    async fn revoke_service_key(
        &self,
        name: &str,
        now: Timestamp,
        origin: Origin,
    ) -> Stored<Option<ServiceKey>> {
        let name: Box<str> = name.into();
        self.write(Guard::Savepoint, move |tx| revoke(tx, &name, now, origin))
            .await
    }

    async fn service_keys(&self) -> Stored<Vec<ServiceKey>> {
        self.read(all).await
    }
}

fn add(tx: &Tx<'_>, key: &ServiceKey, origin: Origin) -> Result<bool, Fault> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let scopes = serde_json::to_string(&scopes)
        .map_err(|error| Fault::Corrupt(format!("service_keys: {error}")))?;
    let added = execute(
        tx.connection,
        "INSERT INTO service_keys (id, name, hash, scopes, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![
            key.id,
            key.name,
            key.hash,
            scopes,
            key.created_at.unix_micros()
        ],
    )?;
    if added == 1 {
        record(tx, &format!("{} made", key.name), key.created_at, origin)?;
    }
    Ok(added == 1)
}

fn revoke(
    tx: &Tx<'_>,
    name: &str,
    now: Timestamp,
    origin: Origin,
) -> Result<Option<ServiceKey>, Fault> {
    let revoked = one(
        tx.connection,
        "service_keys",
        "UPDATE service_keys SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL
         RETURNING id, name, hash, scopes, created_at, revoked_at",
        params![name, now.unix_micros()],
        key,
    )?;
    if revoked.is_some() {
        record(tx, &format!("{name} revoked"), now, origin)?;
    }
    Ok(revoked)
}

fn all(connection: &Connection) -> Result<Vec<ServiceKey>, Fault> {
    many(
        connection,
        "service_keys",
        "SELECT id, name, hash, scopes, created_at, revoked_at FROM service_keys
          ORDER BY created_at, id",
        (),
        key,
    )
}

fn key(row: &Columns<'_>) -> Result<ServiceKey, Fault> {
    Ok(ServiceKey {
        id: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        scopes: row.parsed(3, |json: Box<str>| scopes(&json))?,
        created_at: row.time(4)?,
        revoked_at: row.maybe_time(5)?,
    })
}

fn scopes(json: &str) -> Option<Vec<ServiceScope>> {
    let names: Vec<Box<str>> = serde_json::from_str(json).ok()?;
    names
        .iter()
        .map(|name| ServiceScope::from_name(name))
        .collect()
}

fn record(tx: &Tx<'_>, detail: &str, at: Timestamp, origin: Origin) -> Result<(), Fault> {
    let event = AuditEvent {
        at,
        kind: AuditKind::ServiceKeyChanged,
        contract: origin.contract,
        account: None,
        session: None,
        network: origin.network,
        detail: Some(detail.into()),
    };
    upkeep::record(tx.connection, &event)
}
