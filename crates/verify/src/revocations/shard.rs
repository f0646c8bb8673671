//! One part of the set: two hash tables, packed so that an entry takes twenty bytes.
//!
//! Keys are split into 32-bit words because a `u128` would align each entry to sixteen bytes and waste a third. Whatever
//! gets into the tables was made by daemun, so their hash need not withstand an adversary, only spread numbers.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
};

#[derive(Default)]
pub(super) struct Shard {
    sessions: Table<SessionKey, Until>,
    accounts: Table<AccountKey, CutOff>,
}

type Table<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

#[derive(PartialEq, Eq)]
struct SessionKey([u32; 4]);

#[derive(PartialEq, Eq)]
struct AccountKey([u32; 2]);

impl SessionKey {
    fn bits(&self) -> u64 {
        let [a, b, c, d] = self.0.map(u64::from);
        (a << 32 | b) ^ (c << 32 | d).rotate_left(32)
    }
}

impl AccountKey {
    fn bits(&self) -> u64 {
        let [a, b] = self.0.map(u64::from);
        a << 32 | b
    }
}

impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.bits());
    }
}

impl Hash for AccountKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.bits());
    }
}

/// What a [`Sieve`](super::sieve::Sieve) knows a session by.
pub(super) fn session_bits(id: u128) -> u64 {
    session_key(id).bits()
}

/// What a [`Sieve`](super::sieve::Sieve) knows an account by.
pub(super) fn account_bits(id: i64) -> u64 {
    account_key(id).bits()
}

/// Leaves no two neighbours alike (the finaliser of SplitMix64).
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.rotate_left(23) ^ word;
    }
}

struct CutOff {
    /// Milliseconds.
    before: [u32; 2],
    until: Until,
}

impl Shard {
    pub(super) fn has_session(&self, id: u128) -> bool {
        self.sessions.contains_key(&session_key(id))
    }

    /// The point in time by which an account's sessions must have begun to be revoked, in milliseconds.
    pub(super) fn cut_off(&self, account: i64) -> Option<i64> {
        let cut_off = self.accounts.get(&account_key(account))?;
        Some(whole(cut_off.before))
    }

    pub(super) fn add_session(&mut self, id: u128, until: Until) {
        let slot = self.sessions.entry(session_key(id)).or_insert(until);
        *slot = until.or_later(*slot);
    }

    /// The later of two cut-offs covers the earlier.
    pub(super) fn add_account(&mut self, id: i64, before: i64, until: Until) {
        let new = CutOff {
            before: halves(before),
            until,
        };
        let slot = self.accounts.entry(account_key(id)).or_insert(new);
        slot.before = halves(before.max(whole(slot.before)));
        slot.until = until.or_later(slot.until);
    }

    pub(super) fn keep(&mut self, wanted: impl Fn(&Until) -> bool) {
        self.sessions.retain(|_, until| wanted(until));
        self.accounts.retain(|_, cut_off| wanted(&cut_off.until));
        // A wave that has passed gives its memory back.
        if self.sessions.len() < self.sessions.capacity() / 4 {
            self.sessions.shrink_to(self.sessions.len() * 2);
        }
        if self.accounts.len() < self.accounts.capacity() / 4 {
            self.accounts.shrink_to(self.accounts.len() * 2);
        }
    }

    /// What a [`Sieve`](super::sieve::Sieve) knows each entry by.
    pub(super) fn bits(&self) -> impl Iterator<Item = u64> {
        let sessions = self.sessions.keys().map(SessionKey::bits);
        sessions.chain(self.accounts.keys().map(AccountKey::bits))
    }

    /// How many sessions and how many accounts.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.sessions.len(), self.accounts.len())
    }
}

/// Which snapshot an entry was last heard in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) bool);

/// When an entry may be forgotten, in Unix seconds, rounded up to an even one; the last bit is the mark. Enough until
/// the year 2106; what lies beyond is held until then.
#[derive(Clone, Copy)]
pub(super) struct Until(u32);

impl Until {
    pub(super) fn new(seconds: i64, mark: Mark) -> Self {
        let seconds = u32::try_from(seconds.max(0)).unwrap_or(u32::MAX - 1);
        let even = seconds.saturating_add(seconds & 1) & !1;
        Self(even | u32::from(mark.0))
    }

    pub(super) const fn seconds(self) -> i64 {
        (self.0 & !1) as i64
    }

    pub(super) const fn bears(self, mark: Mark) -> bool {
        (self.0 & 1 == 1) == mark.0
    }

    /// This mark with the later of the two times.
    pub(super) fn or_later(self, other: Self) -> Self {
        Self((self.0 & !1).max(other.0 & !1) | self.0 & 1)
    }
}

const fn session_key(id: u128) -> SessionKey {
    SessionKey([
        (id >> 96) as u32,
        (id >> 64) as u32,
        (id >> 32) as u32,
        id as u32,
    ])
}

const fn account_key(id: i64) -> AccountKey {
    AccountKey(halves(id))
}

const fn halves(number: i64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

const fn whole([high, low]: [u32; 2]) -> i64 {
    ((high as i64) << 32) | low as i64
}
