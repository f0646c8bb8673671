//! What was revoked before its time: sessions, accounts' or all sessions begun by a point in time, keys.
//!
//! The set knows nothing of where its entries come from, so anything that learns of revocations can hold one. It is
//! bounded by the access lifetime: an entry is forgotten once no token it could concern is alive.

mod entry;
mod shard;
mod sieve;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

pub(crate) use entry::session_id;
pub use entry::{Entry, UnreadableEntry};
use shard::{Mark, Shard, Until};
use sieve::Sieve;

/// More than there are cores, so that readers hardly ever meet at a lock.
const SHARDS: usize = 64;
/// Up to so many, what a table looks at first stays nearer to the processor than a sieve.
const FEW: usize = 65_536;
/// Before any point in time.
const NEVER: i64 = i64::MIN;

/// The revocations in force. Shared between threads as it is; a lookup allocates nothing.
pub struct RevocationSet {
    shards: [RwLock<Shard>; SHARDS],
    sieve: Sieve,
    keys: RwLock<HashMap<Box<str>, Until>>,
    keys_version: AtomicU64,
    /// By when a session must have begun to be revoked, whoever's it is, in milliseconds; [`NEVER`] where none is.
    everything_before: AtomicI64,
    /// How long that holds. Whoever changes either holds the lock.
    everything: Mutex<Option<Until>>,
    /// How many are held: nothing need be looked for where there is none.
    sessions: AtomicUsize,
    accounts: AtomicUsize,
    /// Flips with each snapshot: what does not bear it when the snapshot is complete was not in it.
    mark: AtomicBool,
}

impl Default for RevocationSet {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationSet {
    /// A set that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            sieve: Sieve::default(),
            keys: RwLock::default(),
            keys_version: AtomicU64::new(0),
            everything_before: AtomicI64::new(NEVER),
            everything: Mutex::new(None),
            sessions: AtomicUsize::new(0),
            accounts: AtomicUsize::new(0),
            mark: AtomicBool::new(false),
        }
    }

    /// Takes entries in. Order does not matter, nor does hearing them twice.
    pub fn apply(&self, entries: &[Entry]) {
        let mark = Mark(self.mark.load(Ordering::Acquire));
        for entry in entries {
            match entry {
                Entry::Session { id, until } => {
                    let until = Until::new(*until, mark);
                    self.change(low(*id), shard::session_bits(*id), |shard| {
                        shard.add_session(*id, until);
                    });
                }
                Entry::Account { id, before, until } => {
                    let until = Until::new(*until, mark);
                    self.change(spread(*id), shard::account_bits(*id), |shard| {
                        shard.add_account(*id, *before, until);
                    });
                }
                Entry::Everything { before, until } => {
                    self.add_everything(*before, Until::new(*until, mark));
                }
                Entry::Key { kid, until } => self.add_key(kid, Until::new(*until, mark)),
            }
        }
    }

    /// Whether a token of this session or account is revoked.
    ///
    /// A cut-off is compared with the beginning of the session, which its id tells to the millisecond;
    /// `issued_at`, in seconds, serves only tokens without a session. In the very unit of the cut-off a token counts
    /// as revoked: better one login too many.
    #[must_use]
    #[inline]
    pub fn is_revoked(&self, session: Option<u128>, account: Option<i64>, issued_at: i64) -> bool {
        self.is_of_the_lost(session, issued_at)
            || session.is_some_and(|id| self.has_session(id))
            || account.is_some_and(|id| self.has_begun_before(id, session, issued_at))
    }

    /// Whether it is among what a cut-off for all ends.
    #[inline]
    fn is_of_the_lost(&self, session: Option<u128>, issued_at: i64) -> bool {
        let before = self.everything_before.load(Ordering::Acquire);
        before != NEVER && had_begun(session, issued_at, before)
    }

    #[inline]
    fn has_session(&self, id: u128) -> bool {
        let shard = self.some(&self.sessions, low(id), shard::session_bits(id));
        shard.is_some_and(|shard| read(shard).has_session(id))
    }

    #[inline]
    fn has_begun_before(&self, account: i64, session: Option<u128>, issued_at: i64) -> bool {
        let shard = self.some(
            &self.accounts,
            spread(account),
            shard::account_bits(account),
        );
        let before = shard.and_then(|shard| read(shard).cut_off(account));
        before.is_some_and(|before| had_begun(session, issued_at, before))
    }

    /// Whether what this key signed is no longer believed.
    #[must_use]
    pub fn is_key_revoked(&self, kid: &str) -> bool {
        read(&self.keys).contains_key(kid)
    }

    /// Changes whenever another key is revoked, or forgotten.
    pub(crate) fn keys_version(&self) -> u64 {
        self.keys_version.load(Ordering::Acquire)
    }

    /// What follows, until [`complete_snapshot`](Self::complete_snapshot), is all there is. What was known before
    /// stays in force meanwhile, so that nothing revoked is good again for a moment. Not to be called twice without
    /// completing: a snapshot that broke off is taken up by the next.
    pub fn begin_snapshot(&self) {
        self.mark.fetch_xor(true, Ordering::AcqRel);
    }

    /// Forgets what the snapshot did not have.
    pub fn complete_snapshot(&self) {
        let mark = Mark(self.mark.load(Ordering::Acquire));
        self.keep(|until| until.bears(mark));
    }

    /// Forgets what no living token can concern any more. `now` is in Unix seconds.
    pub fn forget_expired(&self, now: i64) {
        self.keep(|until| until.seconds() > now);
    }

    fn keep(&self, wanted: impl Fn(&Until) -> bool) {
        for (at, shard) in self.shards.iter().enumerate() {
            let mut shard = write(shard);
            self.count(&mut shard, |shard| shard.keep(&wanted));
            // While the lock is held: nothing is added.
            self.sieve.retain(at, shard.bits());
        }
        let mut everything = lock(&self.everything);
        if everything.as_ref().is_some_and(|until| !wanted(until)) {
            *everything = None;
            self.everything_before.store(NEVER, Ordering::Release);
        }
        drop(everything);
        let mut keys = write(&self.keys);
        let before = keys.len();
        keys.retain(|_, until| wanted(until));
        if keys.len() != before {
            self.keys_version.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The latest of several covers the others.
    fn add_everything(&self, before: i64, until: Until) {
        let mut everything = lock(&self.everything);
        *everything = Some(everything.map_or(until, |known| until.or_later(known)));
        self.everything_before.fetch_max(before, Ordering::AcqRel);
    }

    fn add_key(&self, kid: &str, until: Until) {
        let mut keys = write(&self.keys);
        let known = keys.get(kid).copied();
        let until = known.map_or(until, |known| until.or_later(known));
        if keys.insert(kid.into(), until).is_none() {
            self.keys_version.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// How many entries are held.
    #[must_use]
    pub fn len(&self) -> usize {
        [&self.sessions, &self.accounts]
            .map(|held| held.load(Ordering::Acquire))
            .iter()
            .sum::<usize>()
            + read(&self.keys).len()
            + usize::from(lock(&self.everything).is_some())
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shard to look in, unless there is nothing to be found.
    #[inline]
    fn some(&self, held: &AtomicUsize, at: u64, bits: u64) -> Option<&RwLock<Shard>> {
        let at = index(at);
        let may_be = match held.load(Ordering::Acquire) {
            0 => false,
            1..FEW => true,
            _ => self.sieve.may_hold(at, bits),
        };
        may_be.then(|| self.shards.get(at)).flatten()
    }

    fn change(&self, at: u64, bits: u64, change: impl FnOnce(&mut Shard)) {
        let at = index(at);
        if let Some(shard) = self.shards.get(at) {
            let mut shard = write(shard);
            self.sieve.add(at, bits);
            self.count(&mut shard, change);
        }
    }

    /// Changes a shard, and the number of entries by as much as the shard's changed.
    fn count(&self, shard: &mut Shard, change: impl FnOnce(&mut Shard)) {
        let before = shard.len();
        change(shard);
        let after = shard.len();
        // Two's complement: adding the difference subtracts where it is negative.
        let held = &self.sessions;
        held.fetch_add(after.0.wrapping_sub(before.0), Ordering::AcqRel);
        let held = &self.accounts;
        held.fetch_add(after.1.wrapping_sub(before.1), Ordering::AcqRel);
    }
}

impl fmt::Debug for RevocationSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationSet({} entries)", self.len())
    }
}

/// The remainder is smaller than the number of shards, whatever a usize is.
#[inline]
const fn index(at: u64) -> usize {
    (at % SHARDS as u64) as usize
}

/// The random end of a session's id.
const fn low(id: u128) -> u64 {
    id as u64
}

/// Accounts are numbered in a row; neighbours should not share a lock with each other only.
const fn spread(id: i64) -> u64 {
    id.cast_unsigned()
}

/// Whether a session, or a token without one, began at or before `before`, in Unix milliseconds.
fn had_begun(session: Option<u128>, issued_at: i64, before: i64) -> bool {
    match session {
        Some(id) => begun_at(id) <= before,
        None => issued_at <= before.div_euclid(1_000),
    }
}

/// When a session began, in Unix milliseconds: the first 48 bits of a UUIDv7 (RFC 9562 §5.7).
const fn begun_at(id: u128) -> i64 {
    (id >> 80) as i64
}

/// No change panics half way, so a poisoned lock still guards whole data.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
