//! What figures cost in bytes and processor time, by what was measured by hand on 2026-11-28 (docs/scaling.md says how).

use super::{DAY, Figures};

/// Bytes of a row with its indexes in SQLite: a million rows with user agents of 109 bytes on average.
const SQLITE_SESSION: f64 = 284.0;
const SQLITE_ACCOUNT: f64 = 287.0;
const SQLITE_AUDIT: f64 = 107.0;
/// The same in PostgreSQL 15; sessions with a fillfactor of 75, so that every update of a rotation was a HOT one.
const POSTGRES_SESSION: f64 = 482.0;
const POSTGRES_ACCOUNT: f64 = 393.0;
const POSTGRES_AUDIT: f64 = 154.0;
/// PostgreSQL's log: one rotation, and the image of a page at its first change after a checkpoint (2,360 compressed).
const WAL_ROTATION: f64 = 279.0;
const WAL_PAGE: f64 = 5_990.0;
/// Bytes of memory in Redis 7.0: a value of 330 bytes with an expiry, and a member of the account's sorted set of ten.
const REDIS_SESSION: f64 = 620.0;

/// Bytes an entry takes in a verifier's set (docs/performance.md: 43.4 MiB a million).
const SET_ENTRY: f64 = 45.5;
/// Bytes of an entry told alone, of one in a snapshot, and of a heartbeat.
const NEWS: f64 = 129.0;
const SNAPSHOT_ENTRY: f64 = 66.1;
const HEARTBEAT: f64 = 85.0;
const HEARTBEATS: f64 = DAY / 5.0;
/// Seconds from connecting to `ready` per entry in force: a million took 0.37 s.
const SNAPSHOT: f64 = 0.37e-6;
/// Seconds of the server's processor to tell one entry to one verifier, and for one login.
const TELLING: f64 = 6e-6;
const LOGIN: f64 = 0.015;

/// Days the audit trail is kept (`retention.audit`).
const AUDITED: f64 = 180.0;

/// What a day of these figures takes.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub sqlite: Bytes,
    pub postgres: Bytes,
    /// Memory of all sessions in Redis, and of those alone that live.
    pub redis: f64,
    pub redis_living: f64,
    /// Rows of the audit trail.
    pub audit_rows: f64,
    /// Bytes of PostgreSQL's log in a day: at least, and where every visit changes a page first after a checkpoint.
    pub wal: [f64; 2],
    /// Memory of the set in a verifier, in the busiest hour.
    pub set: f64,
    /// Bytes a verifier is told in a day.
    pub told: f64,
    /// Bytes, and seconds until `ready`, of a snapshot in the busiest hour.
    pub snapshot: [f64; 2],
    /// Processors that logins take in the busiest hour.
    pub hashing: f64,
    /// Processors that telling takes in the busiest hour, for each thousand verifiers.
    pub telling: f64,
}

/// Bytes by table.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub sessions: f64,
    pub audit: f64,
    pub accounts: f64,
}

impl Bytes {
    pub fn sum(self) -> f64 {
        self.sessions + self.audit + self.accounts
    }
}

impl Costs {
    /// What these figures of so many accounts cost, with so many visits that begin with a refresh in a day.
    pub fn of(figures: &Figures, accounts: f64, visits: f64) -> Self {
        // A login and an end are an entry of the trail each; rotations are none.
        let audit_rows = (figures.logins.mean * DAY + figures.entries()) * AUDITED;
        let bytes = |session, audit, account| Bytes {
            sessions: figures.rows() * session,
            audit: audit_rows * audit,
            accounts: accounts * account,
        };
        let rotated = figures.rotations.mean * DAY * WAL_ROTATION;
        let entries_at_once = figures.sign_outs.busiest + figures.cut_offs.busiest;
        Self {
            sqlite: bytes(SQLITE_SESSION, SQLITE_AUDIT, SQLITE_ACCOUNT),
            postgres: bytes(POSTGRES_SESSION, POSTGRES_AUDIT, POSTGRES_ACCOUNT),
            redis: figures.rows() * REDIS_SESSION,
            redis_living: figures.living * REDIS_SESSION,
            audit_rows,
            wal: [rotated, rotated + visits * WAL_PAGE],
            set: figures.in_force.busiest * SET_ENTRY,
            told: figures.entries() * NEWS + HEARTBEATS * HEARTBEAT,
            snapshot: [SNAPSHOT_ENTRY, SNAPSHOT].map(|each| figures.in_force.busiest * each),
            hashing: figures.logins.busiest * LOGIN,
            telling: entries_at_once * TELLING * 1_000.0,
        }
    }

    /// Shards of PostgreSQL that sessions need: by size and by writes, whichever are more.
    pub fn shards(figures: &Figures, bytes_each: f64, writes_each: f64) -> f64 {
        let by_size = figures.rows() * POSTGRES_SESSION / bytes_each;
        by_size.max(figures.busiest_writes() / writes_each).ceil()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Population, arithmetic};
    use super::*;

    #[test]
    fn what_is_more_of_costs_no_less() {
        let small = arithmetic(&Population::LARGE);
        let large = arithmetic(&Population {
            accounts: 2e8,
            sessions: 2e9,
            ..Population::LARGE
        });
        let [small, large] = [(small, 1e8), (large, 2e8)]
            .map(|(figures, accounts)| Costs::of(&figures, accounts, accounts));
        assert!((large.sqlite.sum() / small.sqlite.sum() - 2.0).abs() < 1e-9);
        assert!((large.telling / small.telling - 2.0).abs() < 1e-9);
    }

    #[test]
    fn shards_are_as_many_as_the_scarcer_of_room_and_writes_asks_for() {
        let figures = arithmetic(&Population::LARGE);
        let plenty = 1e18;
        assert_eq!(Costs::shards(&figures, plenty, plenty), 1.0);
        assert_eq!(Costs::shards(&figures, 482e9 / 4.0 + 1.0, plenty), 4.0);
        let half = figures.busiest_writes() / 2.0;
        assert_eq!(Costs::shards(&figures, plenty, half), 2.0);
    }
}
