//! Service keys: their hashes, never themselves.

use async_trait::async_trait;
use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ports::{Origin, Stored},
    service_key::{ServiceKey, ServiceKeys, ServiceScope},
    time::Timestamp,
};

use crate::{
    PostgresStore, changes,
    db::{Fault, Tx, transaction},
    rows::{Columns, all, execute, json, one},
    upkeep,
};

#[async_trait]
impl ServiceKeys for PostgresStore {
    async fn add_service_key(&self, key: ServiceKey, origin: Origin) -> Stored<bool> {
        Ok(transaction!(self.inner.db, tx, add(&tx, &key, &origin))?)
    }

    async fn revoke_service_key(
        &self,
        name: &str,
        now: Timestamp,
        origin: Origin,
    ) -> Stored<Option<ServiceKey>> {
        Ok(transaction!(
            self.inner.db,
            tx,
            revoke(&tx, name, now, &origin)
        )?)
    }

    async fn service_keys(&self) -> Stored<Vec<ServiceKey>> {
        let sql = "SELECT id, name, hash, scopes, created_at, revoked_at FROM service_keys
                    ORDER BY created_at, id";
        let rows = self.inner.db.query(sql, &[]).await?;
        Ok(all("service_keys", &rows, key)?)
    }
}

async fn add(tx: &Tx<'_>, key: &ServiceKey, origin: &Origin) -> Result<bool, Fault> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let sql = "INSERT INTO service_keys (id, name, hash, scopes, created_at)
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let created_at = key.created_at.unix_micros();
    let (id, name, hash) = (&*key.id, &*key.name, &key.hash[..]);
    let scopes = json(&scopes)?;
    let added = execute(tx, sql, &[&id, &name, &hash, &scopes, &created_at]).await?;
    if added == 1 {
        record(tx, &format!("{name} made"), key.created_at, origin).await?;
    }
    Ok(added == 1)
}

async fn revoke(
    tx: &Tx<'_>,
    name: &str,
    now: Timestamp,
    origin: &Origin,
) -> Result<Option<ServiceKey>, Fault> {
    let sql = "UPDATE service_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL
               RETURNING id, name, hash, scopes, created_at, revoked_at";
    let revoked = one(tx, "service_keys", sql, &[&name, &now.unix_micros()], key).await?;
    if revoked.is_some() {
        record(tx, &format!("{name} revoked"), now, origin).await?;
    }
    Ok(revoked)
}

fn key(row: &Columns<'_>) -> Result<ServiceKey, Fault> {
    let names: Vec<Box<str>> = row.json(3)?;
    let scopes = names.iter().map(|name| ServiceScope::from_name(name));
    Ok(ServiceKey {
        id: row.text(0)?,
        name: row.text(1)?,
        hash: row.bytes(2)?,
        scopes: scopes
            .collect::<Option<_>>()
            .ok_or_else(|| row.corrupt(3))?,
        created_at: row.time(4)?,
        revoked_at: row.maybe_time(5)?,
    })
}

async fn record(tx: &Tx<'_>, detail: &str, at: Timestamp, origin: &Origin) -> Result<(), Fault> {
    let event = AuditEvent {
        at,
        kind: AuditKind::ServiceKeyChanged,
        contract: origin.contract.clone(),
        account: None,
        session: None,
        network: origin.network.clone(),
        detail: Some(detail.into()),
    };
    upkeep::record(tx, &event).await?;
    changes::tell(tx, changes::SERVICE_KEYS).await
}
