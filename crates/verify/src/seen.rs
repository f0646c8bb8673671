//! The memory of verified tokens.
//!
//! To find a token here costs a fraction of any signature, but to put one in costs more than an HMAC: the text is
//! copied, and what leaves in its stead is long out of the processor's caches. So tokens under public keys are kept
//! at once, and tokens under secrets when they come again. That one came before is told by a few bits of it.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::Principal;

/// How many verified tokens are remembered.
const REMEMBERED: usize = 8_192;
/// Longer tokens are not remembered, so that memory stays bounded.
const LONGEST_REMEMBERED: usize = 2_048;

/// When a verified token is worth its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// As soon as it was checked.
    AtOnce,
    /// When it was checked for the second time.
    WhenItComesAgain,
}

/// Whom tokens speak of that were checked under the keys of some version.
pub(crate) struct Seen {
    kept: Cache<Box<str>, Kept, UnitWeighter, Ends>,
    /// Which may be kept, so that a token that comes for the first time is not looked for.
    may_be_kept: Marks<8>,
    came_once: Marks<16>,
    ends: Ends,
}

#[derive(Clone)]
struct Kept {
    principal: Arc<Principal>,
    ends: i64,
    version: u64,
}

/// What is to be done with a token that was not found, once it is verified.
pub(crate) enum Place {
    /// Nothing: it is too long.
    None,
    /// It is noted that it was here.
    Note(u64),
    /// It is kept.
    Keep,
}

impl Seen {
    pub(crate) fn new() -> Self {
        let ends = Ends::default();
        let (size, lifecycle) = (REMEMBERED, DefaultLifecycle::default());
        Self {
            kept: Cache::with(size, size as u64, UnitWeighter, ends, lifecycle),
            // Twice the room, so that hardly any of those kept is pushed out. Small: they stay near the processor.
            may_be_kept: Marks::new(REMEMBERED * 2),
            came_once: Marks::new(REMEMBERED),
            ends,
        }
    }

    /// Whom a token speaks of and when it ends, if it is kept; or else where it would go.
    #[inline]
    pub(crate) fn find(
        &self,
        token: &str,
        version: u64,
        keep: Keep,
    ) -> Result<(Arc<Principal>, i64), Place> {
        if token.len() > LONGEST_REMEMBERED {
            return Err(Place::None);
        }
        if keep == Keep::WhenItComesAgain {
            let hash = self.ends.of(token.as_bytes());
            if !self.may_be_kept.contain(hash) {
                return Err(if self.came_once.contain(hash) {
                    Place::Keep
                } else {
                    Place::Note(hash)
                });
            }
        }
        match self.kept.get(token) {
            Some(kept) if kept.version == version => Ok((kept.principal, kept.ends)),
            _ => Err(Place::Keep),
        }
    }

    /// Does with a verified token what is to be done.
    #[inline]
    pub(crate) fn put(&self, place: &Place, token: &str, version: u64, principal: &Arc<Principal>) {
        match place {
            Place::None => {}
            Place::Note(hash) => self.came_once.add(*hash),
            Place::Keep => {
                self.may_be_kept.add(self.ends.of(token.as_bytes()));
                let principal = Arc::clone(principal);
                let kept = Kept {
                    ends: principal.expires_at(),
                    principal,
                    version,
                };
                self.kept.insert(token.into(), kept);
            }
        }
    }
}

/// Which tokens were here lately, as far as `BITS` bits tell them apart: each word holds the last few. To be wrong
/// costs a little time: only what was verified comes in, and nothing is believed for being here.
struct Marks<const BITS: u32> {
    words: Box<[AtomicU64]>,
    /// How far to the right the bits of a hash are that choose a word.
    shift: u32,
}

impl<const BITS: u32> Marks<BITS> {
    /// The lowest bit of each mark in a word.
    const ONES: u64 = u64::MAX / Self::MARK;
    /// All bits of the first.
    const MARK: u64 = (1 << BITS) - 1;

    /// Room for so many; a power of two.
    fn new(marks: usize) -> Self {
        let words = marks * BITS as usize / u64::BITS as usize;
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            shift: u64::BITS - words.ilog2(),
        }
    }

    fn contain(&self, hash: u64) -> bool {
        let held = self
            .word(hash)
            .map_or(0, |word| word.load(Ordering::Relaxed));
        // A mark is zero where it is the one that is looked for.
        let differ = held ^ Self::ONES.wrapping_mul(Self::mark(hash));
        differ.wrapping_sub(Self::ONES) & !differ & (Self::ONES << (BITS - 1)) != 0
    }

    /// Of two at the same moment one may get lost, which is as if it had not been here.
    fn add(&self, hash: u64) {
        if let Some(word) = self.word(hash) {
            let held = word.load(Ordering::Relaxed);
            word.store(held << BITS | Self::mark(hash), Ordering::Relaxed);
        }
    }

    fn word(&self, hash: u64) -> Option<&AtomicU64> {
        self.words.get((hash >> self.shift) as usize)
    }

    /// Never zero, which an empty word is full of.
    const fn mark(hash: u64) -> u64 {
        let mark = hash & Self::MARK;
        if mark == 0 { 1 } else { mark }
    }
}

/// Hashes the end of a token, which lies in its signature: nobody can choose it who has no key, and whoever chooses
/// it without one is never put in.
#[derive(Clone, Copy)]
struct Ends {
    key: u64,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            key: RandomState::new().hash_one(0),
        }
    }
}

impl Ends {
    fn of(self, bytes: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

impl BuildHasher for Ends {
    type Hasher = End;

    fn build_hasher(&self) -> End {
        End(self.key)
    }
}

struct End(u64);

impl Hasher for End {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(end) = bytes.last_chunk::<16>() else {
            for byte in bytes {
                self.mix((*byte).into(), 0);
            }
            return;
        };
        let [one, other] = [0, 8].map(|from| {
            let half = end.get(from..).and_then(<[u8]>::first_chunk);
            half.map_or(0, |half| u64::from_le_bytes(*half))
        });
        self.mix(one, other);
    }

    /// What a string says after its bytes. Nothing else is hashed here.
    fn write_u8(&mut self, _: u8) {}
}

impl End {
    /// Both halves of a product, folded: every bit of either factor reaches all of them.
    fn mix(&mut self, one: u64, other: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(one ^ self.0) * u128::from(other ^ ODD);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: [u64; 6] = [0, 1, u64::MAX, 0xffff_0000_0000_0000, 0x00ff, 0x1_0000];

    #[test]
    fn a_mark_is_known_until_as_many_others_came_to_its_word() {
        for hash in HASHES {
            let marks = Marks::<16>::new(1_024);
            assert!(!marks.contain(hash), "{hash:x}");
            marks.add(hash);
            assert!(marks.contain(hash), "{hash:x}");
            let other = |n: u64| (hash & !0xffff) | (hash.wrapping_add(n) & 0xffff);
            (2..5).for_each(|n| marks.add(other(n)));
            assert!(marks.contain(hash), "{hash:x}");
            marks.add(other(5));
            assert!(!marks.contain(hash), "{hash:x}");
        }
    }

    #[test]
    fn marks_of_eight_bits_are_eight_to_a_word() {
        let marks = Marks::<8>::new(1_024);
        (1..=8).for_each(|mark| marks.add(mark));
        assert!((1..=8).all(|mark| marks.contain(mark)));
        assert!(!marks.contain(9));
    }

    #[test]
    fn tokens_are_told_apart_by_their_ends() {
        let ends = Ends::default();
        let one = "a token that is long enough";
        assert_eq!(ends.hash_one(one), ends.hash_one(one));
        assert_eq!(ends.hash_one(one), ends.of(one.as_bytes()));
        assert_ne!(
            ends.hash_one(one),
            ends.hash_one("a token that is long enougH")
        );
        assert_ne!(ends.hash_one("ab"), ends.hash_one("ba"));
    }
}
