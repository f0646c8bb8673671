//! Counters that all nodes share: compared and set, a statement each.

use async_trait::async_trait;
use daemun_engine::{
    limits::{SharedCounters, Swap, Swapped},
    ports::Stored,
};

use crate::{PostgresStore, db::Fault, rows::all};

#[async_trait]
impl SharedCounters for PostgresStore {
    async fn swap(&self, swap: Swap<'_>) -> Stored<Swapped> {
        if self.try_swap(swap).await? {
            return Ok(Swapped::Done);
        }
        let sql = "SELECT key, value FROM counters WHERE key = $1";
        let rows = self.inner.db.query(sql, &[&swap.key]).await?;
        let found: Option<Vec<u8>> = all("counters", &rows, |row| row.get(1))?.pop();
        if found.is_none() && swap.expected.is_none() && swap.new.is_none() {
            return Ok(Swapped::Done);
        }
        Ok(Swapped::Found(found))
    }
}

impl PostgresStore {
    /// Whether the counter was as expected and is now as wanted.
    async fn try_swap(&self, swap: Swap<'_>) -> Result<bool, Fault> {
        let db = &self.inner.db;
        let until = (swap.now + swap.keep).unix_micros();
        let changed = match (swap.expected, swap.new) {
            (None, None) => 0,
            (None, Some(new)) => {
                let sql = "INSERT INTO counters (key, value, until) VALUES ($1, $2, $3)
                           ON CONFLICT DO NOTHING";
                db.execute(sql, &[&swap.key, &new, &until]).await?
            }
            (Some(expected), Some(new)) => {
                let sql = "UPDATE counters SET value = $3, until = greatest(until, $4)
                            WHERE key = $1 AND value = $2";
                db.execute(sql, &[&swap.key, &expected, &new, &until])
                    .await?
            }
            (Some(expected), None) => {
                let sql = "DELETE FROM counters WHERE key = $1 AND value = $2";
                db.execute(sql, &[&swap.key, &expected]).await?
            }
        };
        Ok(changed == 1)
    }
}
