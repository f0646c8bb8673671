//! PostgreSQL with a standby, which can be promoted when the primary is gone.

use crate::{Postgres, until};

/// Whether the primary waits for its standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// Nothing is acknowledged that the standby has not received.
    Synchronous,
    /// The standby may be behind.
    Asynchronous,
}

const OPTIONS: [&str; 6] = [
    "-c",
    "fsync=off",
    "-c",
    "wal_level=replica",
    "-c",
    "max_wal_senders=4",
];
const WAITS: [&str; 2] = ["-c", "synchronous_standby_names=*"];

/// A primary and its standby.
pub struct Replicated {
    /// What takes writes at first.
    pub primary: Postgres,
    /// What follows it.
    pub standby: Postgres,
}

impl Replicated {
    /// Both, once the one follows the other; `None`, loudly, where PostgreSQL is not installed.
    #[must_use]
    pub fn start(replication: Replication) -> Option<Self> {
        let waits: &[&str] = match replication {
            Replication::Synchronous => &WAITS,
            Replication::Asynchronous => &[],
        };
        let primary = Postgres::start_in_memory(&[&OPTIONS, waits].concat())?;
        let standby = primary.copied(&OPTIONS);
        let pair = Self { primary, standby };
        until("the standby does not follow", || pair.followers() == "1");
        Some(pair)
    }

    /// How to connect to whichever takes writes.
    #[must_use]
    pub fn url(&self) -> String {
        Postgres::url_of(&[&self.primary, &self.standby])
    }

    /// Waits until the standby has everything.
    pub fn until_even(&self) {
        let even = "SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication";
        until("the standby lags", || self.primary.query(even) == "t");
    }

    /// Has the standby receive nothing from now on.
    pub fn part(&self) {
        self.standby
            .execute("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf();");
        until("the standby still follows", || self.followers() == "0");
    }

    /// Has the standby take writes. The primary must be gone.
    pub fn promote(&self) {
        let promoted = self.standby.query("SELECT pg_promote()");
        assert_eq!(promoted, "t", "the standby is not promoted");
    }

    fn followers(&self) -> String {
        let following = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        self.primary.query(following)
    }
}
