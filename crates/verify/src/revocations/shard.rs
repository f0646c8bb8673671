//! One part of the set: two hash tables, packed so that an entry takes twenty bytes.
//!
//! Keys are split into 32-bit words because a `u128` would align each entry to sixteen bytes and waste a third.

use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Shard {
    sessions: HashMap<[u32; 4], Until>,
    accounts: HashMap<[u32; 2], CutOff>,
}

struct CutOff {
    /// Milliseconds.
    before: [u32; 2],
    until: Until,
}

impl Shard {
    pub(super) fn has_session(&self, id: u128) -> bool {
        self.sessions.contains_key(&quarters(id))
    }

    /// The point in time by which an account's sessions must have begun to be revoked, in milliseconds.
    pub(super) fn cut_off(&self, account: i64) -> Option<i64> {
        let cut_off = self.accounts.get(&halves(account))?;
        Some(whole(cut_off.before))
    }

    pub(super) fn add_session(&mut self, id: u128, until: Until) {
        let slot = self.sessions.entry(quarters(id)).or_insert(until);
        *slot = until.or_later(*slot);
    }

    /// The later of two cut-offs covers the earlier.
    pub(super) fn add_account(&mut self, id: i64, before: i64, until: Until) {
        let new = CutOff {
            before: halves(before),
            until,
        };
        let slot = self.accounts.entry(halves(id)).or_insert(new);
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

    pub(super) fn len(&self) -> usize {
        self.sessions.len() + self.accounts.len()
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

const fn quarters(id: u128) -> [u32; 4] {
    [
        (id >> 96) as u32,
        (id >> 64) as u32,
        (id >> 32) as u32,
        id as u32,
    ]
}

const fn halves(number: i64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

const fn whole([high, low]: [u32; 2]) -> i64 {
    ((high as i64) << 32) | low as i64
}
