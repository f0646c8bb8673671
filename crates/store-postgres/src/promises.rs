//! What a server is set up to promise, for whoever examines an installation.

use daemun_engine::ports::Stored;

use crate::{PostgresStore, db::Fault, rows::all};

/// What a server is set up to promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promises {
    /// Its version, as it says it.
    pub version: String,
    /// Whether what is committed is flushed to disk at all (`fsync`).
    pub fsync: bool,
    /// Whether pages torn by a crash can be mended (`full_page_writes`).
    pub full_page_writes: bool,
    /// When a commit is answered (`synchronous_commit`).
    pub synchronous_commit: String,
    /// The standbys that a commit waits for (`synchronous_standby_names`); empty for none.
    pub synchronous_standbys: String,
    /// How many connections there may be (`max_connections`).
    pub max_connections: u32,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
}

impl PostgresStore {
    /// Asks the server.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn promises(&self) -> Stored<Promises> {
        Ok(self.ask().await?)
    }

    async fn ask(&self) -> Result<Promises, Fault> {
        let sql = "SELECT current_setting('server_version'), current_setting('fsync') = 'on',
                          current_setting('full_page_writes') = 'on',
                          current_setting('synchronous_commit'),
                          current_setting('synchronous_standby_names'),
                          current_setting('max_connections')::int, pg_is_in_recovery()";
        let rows = self.inner.db.query(sql, &[]).await?;
        let promises = all("settings", &rows, |row| {
            Ok(Promises {
                version: row.get(0)?,
                fsync: row.get(1)?,
                full_page_writes: row.get(2)?,
                synchronous_commit: row.get(3)?,
                synchronous_standbys: row.get(4)?,
                max_connections: row.parsed(5, |most: i32| most.try_into().ok())?,
                is_standby: row.get(6)?,
            })
        })?;
        let none = || Fault::Corrupt("settings: none".into());
        promises.into_iter().next().ok_or_else(none)
    }
}
