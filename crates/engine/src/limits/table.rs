//! A table that never grows beyond its bound.
//!
//! It is made of small shards, each a handful of entries behind a lock of its own. Where a shard
//! is full, the entry that matters least makes room. Which shard a key falls into is decided by a
//! secret of the process, so nobody can choose keys that push out a certain other one.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::time::Timestamp;

/// The weight of an entry that must not make room.
pub(super) const KEEP: u64 = u64::MAX;

/// How many entries a shard holds: few enough to look through all of them in less time than a
/// hash table's miss in memory costs.
const SHARD: usize = 64;

/// How long to wait where not even one entry can make room.
const SOON: Duration = Duration::from_secs(1);

/// What a table holds for a key.
pub(super) trait Entry: Default {
    /// Whether it is as good as none.
    fn is_blank(&self) -> bool;

    /// How much forgetting it would matter: nothing at 0, too much at [`KEEP`].
    fn weight(&self, now: Timestamp) -> u64;
}

/// Entries by key.
pub(super) struct Table<E> {
    shards: Box<[Mutex<Shard<E>>]>,
    secret: RandomState,
}

type Shard<E> = Vec<(u128, E)>;

impl<E: Entry> Table<E> {
    /// A table of at most `most` entries, rounded up to whole shards.
    pub(super) fn new(most: usize) -> Self {
        let shards = most.div_ceil(SHARD).max(1);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            secret: RandomState::new(),
        }
    }

    /// Asks the entry of `key`, or a new one, for leave. There is none either, for a moment, where
    /// all that could make room are in use.
    pub(super) fn with(
        &self,
        key: u128,
        now: Timestamp,
        ask: impl FnOnce(&mut E) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let mut shard = self.shard(key);
        if let Some((_, entry)) = shard.iter_mut().find(|(k, _)| *k == key) {
            return ask(entry);
        }
        if shard.len() >= SHARD {
            make_room(&mut shard, now)?;
        }
        let mut entry = E::default();
        let answer = ask(&mut entry);
        shard.push((key, entry));
        answer
    }

    /// Changes the entry of `key`, where there still is one, and drops it where
    /// nothing is left to remember.
    pub(super) fn update(&self, key: u128, change: impl FnOnce(&mut E)) {
        let mut shard = self.shard(key);
        let found = shard.iter_mut().enumerate().find(|(_, (k, _))| *k == key);
        let Some((at, (_, entry))) = found else {
            return;
        };
        change(entry);
        if entry.is_blank() {
            shard.swap_remove(at);
        }
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard<E>> {
        let hash = usize::try_from(self.secret.hash_one(key) >> 1).unwrap_or(0);
        #[expect(
            clippy::indexing_slicing,
            reason = "a remainder; there is always one shard"
        )]
        let shard = &self.shards[hash % self.shards.len()];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let lengths = self.shards.iter().map(|shard| shard.lock().unwrap().len());
        lengths.sum()
    }
}

fn make_room<E: Entry>(shard: &mut Shard<E>, now: Timestamp) -> Result<(), Duration> {
    let weights = shard.iter().map(|(_, entry)| entry.weight(now));
    let lightest = weights.enumerate().min_by_key(|(_, weight)| *weight);
    match lightest {
        Some((at, weight)) if weight < KEEP => {
            shard.swap_remove(at);
            Ok(())
        }
        _ => Err(SOON),
    }
}
