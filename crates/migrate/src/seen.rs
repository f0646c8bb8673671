//! What a source has had already: two of its rows may have one address.
//!
//! It lies in a temporary database that spills to disk, so that memory stays flat however long the
//! source is. Kept are 64 bits of a hash, and which row was first.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::{Connection, OptionalExtension, params};

/// Everything that must be one row's alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unique {
    Id,
    Email,
    Phone,
    Nickname,
}

/// What was seen.
pub(crate) struct Seen {
    database: Connection,
}

impl Seen {
    pub(crate) fn new() -> rusqlite::Result<Self> {
        // An empty name: a temporary file that goes with the connection.
        let database = Connection::open("")?;
        database.execute_batch(
            "PRAGMA journal_mode = OFF;
             PRAGMA synchronous = OFF;
             PRAGMA cache_size = -16384;
             CREATE TABLE seen (key INTEGER PRIMARY KEY, id INTEGER NOT NULL) STRICT;
             BEGIN",
        )?;
        Ok(Self { database })
    }

    /// Remembers that the account `id` has `key`. Where one before it has, that one's id.
    pub(crate) fn before(&self, what: Unique, key: &str, id: i64) -> rusqlite::Result<Option<i64>> {
        let mut hasher = DefaultHasher::new();
        (what, key).hash(&mut hasher);
        let hash = hasher.finish().cast_signed();
        let insert = "INSERT INTO seen (key, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if self
            .database
            .prepare_cached(insert)?
            .execute(params![hash, id])?
            == 1
        {
            return Ok(None);
        }
        self.database
            .prepare_cached("SELECT id FROM seen WHERE key = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_is_remembered() {
        let seen = Seen::new().unwrap();
        assert_eq!(seen.before(Unique::Email, "a", 1).unwrap(), None);
        assert_eq!(seen.before(Unique::Phone, "a", 2).unwrap(), None);
        assert_eq!(seen.before(Unique::Email, "b", 3).unwrap(), None);
        assert_eq!(seen.before(Unique::Email, "a", 4).unwrap(), Some(1));
        assert_eq!(seen.before(Unique::Email, "a", 5).unwrap(), Some(1));
    }
}
