//! What nodes say of themselves: a row each.

use std::time::Duration;

use async_trait::async_trait;
use daemun_engine::{
    nodes::{Confirmed, FORGOTTEN_AFTER, Node, NodeReport, NodeSeen, Nodes},
    ports::Stored,
    stream::ListenerView,
};
use serde::{Deserialize, Serialize};

use crate::{
    PostgresStore,
    db::Fault,
    rows::{Columns, all, json},
};

/// What a row holds as JSON. A newer version may say more.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Said {
    listeners: Vec<ListenerView>,
    passed_on: Vec<Confirmed>,
}

#[async_trait]
impl Nodes for PostgresStore {
    async fn node_says(&self, report: NodeReport) -> Stored<()> {
        let NodeReport {
            node,
            listeners,
            passed_on,
        } = report;
        let said = json(&Said {
            listeners,
            passed_on,
        })?;
        let sql = "WITH forgotten AS (
                       DELETE FROM nodes
                        WHERE said_at < now() - $6 * interval '1 second' AND id <> $1
                   )
                   INSERT INTO nodes (id, name, version, since, said, said_at)
                   VALUES ($1, $2, $3, $4, $5, now())
                   ON CONFLICT (id) DO UPDATE SET said = excluded.said, said_at = now()";
        let (id, name, version) = (&*node.id, &*node.name, &*node.version);
        let since = node.since.unix_micros();
        let forgotten_after = FORGOTTEN_AFTER.as_secs_f64();
        let db = &self.inner.db;
        db.execute(
            sql,
            &[&id, &name, &version, &since, &said, &forgotten_after],
        )
        .await?;
        Ok(())
    }

    async fn node_left(&self, id: &str) -> Stored<()> {
        let sql = "DELETE FROM nodes WHERE id = $1";
        self.inner.db.execute(sql, &[&id]).await?;
        Ok(())
    }

    async fn nodes(&self) -> Stored<Option<Vec<NodeSeen>>> {
        let sql = "SELECT id, name, version, since, said,
                          extract(epoch FROM clock_timestamp() - said_at)::double precision
                     FROM nodes ORDER BY name, since, id";
        let rows = self.inner.db.query(sql, &[]).await?;
        Ok(Some(all("nodes", &rows, seen)?))
    }
}

fn seen(row: &Columns<'_>) -> Result<NodeSeen, Fault> {
    let said: Said = row.json(4)?;
    Ok(NodeSeen {
        report: NodeReport {
            node: Node {
                id: row.text(0)?,
                name: row.text(1)?,
                version: row.text(2)?,
                since: row.time(3)?,
            },
            listeners: said.listeners,
            passed_on: said.passed_on,
        },
        silent: row.parsed(5, |seconds: f64| {
            Duration::try_from_secs_f64(seconds.max(0.0)).ok()
        })?,
    })
}
