//! What is surely not in the set, told without a lock.
//!
//! Nearly every token that is looked for is not there, and a table of a million entries is out of the processor's
//! caches. Here each entry is three bits of one word: where they are not set there is nothing to look for (a Bloom
//! filter that touches memory once, and no lock, so that nothing has to wait for it).

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use super::SHARDS;

/// Of each shard: one mebibyte in all, in which of a million entries one in twenty others seems to be.
const WORDS: usize = 2_048;

/// Bits for each entry, some of which others have too. It is made with the first, and grows no more.
#[derive(Default)]
pub(super) struct Sieve(OnceLock<Box<[AtomicU64]>>);

impl Sieve {
    /// Whether an entry may be in that shard. Never says no of one that is.
    #[inline]
    pub(super) fn may_hold(&self, shard: usize, entry: u64) -> bool {
        let (at, bits) = place(shard, entry);
        let word = self.0.get().and_then(|words| words.get(at));
        word.is_some_and(|word| word.load(Ordering::Acquire) & bits == bits)
    }

    pub(super) fn add(&self, shard: usize, entry: u64) {
        let (at, bits) = place(shard, entry);
        let words = self.0.get_or_init(|| {
            let words = 0..SHARDS * WORDS;
            words.map(|_| AtomicU64::new(0)).collect()
        });
        if let Some(word) = words.get(at) {
            word.fetch_or(bits, Ordering::Release);
        }
    }

    /// Leaves a shard the bits of these alone. Each word is replaced at once, so that none of them is missing for a
    /// moment; nothing may be added to the shard meanwhile.
    pub(super) fn retain(&self, shard: usize, entries: impl Iterator<Item = u64>) {
        let part = shard * WORDS..(shard + 1) * WORDS;
        let Some(words) = self.0.get().and_then(|words| words.get(part)) else {
            return;
        };
        let mut wanted = vec![0; WORDS];
        for (at, bits) in entries.map(|entry| place(0, entry)) {
            if let Some(word) = wanted.get_mut(at) {
                *word |= bits;
            }
        }
        for (word, wanted) in words.iter().zip(wanted) {
            word.store(wanted, Ordering::Release);
        }
    }
}

/// Which word, and which three bits of it. The product spreads numbers that come in a row.
#[inline]
const fn place(shard: usize, entry: u64) -> (usize, u64) {
    let hash = entry.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let at = (hash >> (u64::BITS - WORDS.ilog2())) as usize;
    let bits = 1 << (hash >> 46 & 63) | 1 << (hash >> 40 & 63) | 1 << (hash >> 34 & 63);
    (shard * WORDS + at, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_passes_and_hardly_anything_else_until_it_is_left_out() {
        let sieve = Sieve::default();
        assert!(!sieve.may_hold(3, 7));
        (0..16_000).for_each(|entry| sieve.add(3, entry));
        assert!((0..16_000).all(|entry| sieve.may_hold(3, entry)));
        let wrong = (16_000..32_000).filter(|entry| sieve.may_hold(3, *entry));
        assert!(wrong.count() < 1_600);
        assert!((0..16_000).all(|entry| !sieve.may_hold(2, entry) && !sieve.may_hold(4, entry)));
        sieve.add(4, 1);
        sieve.retain(3, 0..100);
        assert!((0..100).all(|entry| sieve.may_hold(3, entry)));
        let wrong = (100..16_000).filter(|entry| sieve.may_hold(3, *entry));
        assert!(wrong.count() < 16);
        assert!(sieve.may_hold(4, 1));
    }
}
