//! Which shard a session would be on: by the random end of its id, through a fixed number of slots.
//!
//! A sid is a UUIDv7: 48 bits of time, then random ones. By its time the newest shard would have every login; the last twelve
//! bits are random in every id there is, that of an adopted foreign token too, which ends in a hash. They are its last three
//! hexadecimal digits, so that a person can read off where a session is.

use daemun_engine::ids::SessionId;

/// Slots; fixed for ever. Shards take whole slots, and a slot is what moves.
pub const SLOTS: usize = 4_096;

/// How far from its mean the largest of a few thousand random counts may be, in standard deviations: beyond it once in a
/// thousand times.
const DEVIATIONS: f64 = 5.0;

/// The slot of a session.
pub fn slot(id: SessionId) -> usize {
    let [.., high, low] = *id.as_bytes();
    usize::from(u16::from_be_bytes([high, low])) % SLOTS
}

/// The shard of a slot where each of `shards` has a stretch of them.
pub fn shard(slot: usize, shards: usize) -> usize {
    slot * shards / SLOTS
}

/// Counts by slot.
#[derive(Clone, Debug)]
pub struct Spread(Vec<u64>);

impl Default for Spread {
    fn default() -> Self {
        Self(vec![0; SLOTS])
    }
}

impl Spread {
    /// Adds `count` to a slot.
    pub fn add(&mut self, slot: usize, count: u64) {
        if let Some(sum) = self.0.get_mut(slot) {
            *sum += count;
        }
    }

    /// The fullest shard against the average one.
    pub fn unevenness(&self, shards: usize) -> f64 {
        let mut sums = vec![0; shards];
        for (slot, count) in self.0.iter().enumerate() {
            if let Some(sum) = sums.get_mut(shard(slot, shards)) {
                *sum += count;
            }
        }
        max_over_mean(&sums)
    }

    /// All of it.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The largest against the average.
pub fn max_over_mean(counts: &[u64]) -> f64 {
    let sum: u64 = counts.iter().sum();
    let largest = counts.iter().max().copied().unwrap_or(0);
    largest as f64 * counts.len() as f64 / sum as f64
}

/// How uneven chance alone makes so many rows on so many shards, as [`max_over_mean`].
pub fn by_chance(rows: f64, shards: usize) -> f64 {
    1.0 + DEVIATIONS / (rows / shards as f64).sqrt()
}

/// Rows and writes by the age of the session they are of: what shards by time would have to bear.
#[derive(Clone, Debug, Default)]
pub struct Ages(Vec<[u64; 2]>);

/// A shard by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub rows: u64,
    pub writes: u64,
}

impl Ages {
    /// Adds a row and its writes; the age is in days, and counted in quarters.
    pub fn add(&mut self, age: f64, writes: u64) {
        let quarter = (age.max(0.0) * 4.0) as usize;
        if self.0.len() <= quarter {
            self.0.resize(quarter + 1, [0; 2]);
        }
        if let Some([rows, written]) = self.0.get_mut(quarter) {
            *rows += 1;
            *written += writes;
        }
    }

    /// Ranges of about as many rows each, the newest first.
    pub fn ranges(&self, shards: usize) -> Vec<Range> {
        let sum: u64 = self.0.iter().map(|[rows, _]| rows).sum();
        let mut ranges = vec![Range::default(); shards];
        let mut before = 0;
        for [rows, writes] in &self.0 {
            let nth = usize::try_from(before * shards as u64 / sum.max(1)).unwrap_or(0);
            if let Some(range) = ranges.get_mut(nth.min(shards - 1)) {
                range.rows += rows;
                range.writes += writes;
            }
            before += rows;
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use daemun_engine::time::Timestamp;

    #[test]
    fn the_slot_is_in_the_last_three_digits_and_knows_nothing_of_time() {
        let random = [0, 0, 0, 0, 0, 0, 0, 0, 0xfa, 0xbc];
        for seconds in [0, 1, 1_800_000_000] {
            let id = SessionId::new(Timestamp::from_unix_seconds(seconds), random);
            assert_eq!(slot(id), 0xabc);
            assert!(id.to_string().ends_with("abc"));
        }
    }

    #[test]
    fn sessions_that_begin_in_the_same_millisecond_are_spread_as_evenly_as_chance_allows() {
        let mut chance = Chance::new(1);
        let mut spread = Spread::default();
        for _ in 0..1_000_000 {
            let id = SessionId::new(Timestamp::EPOCH, chance.ten_bytes());
            spread.add(slot(id), 1);
        }
        for shards in [1, 3, 16, 64, SLOTS] {
            // Shards that are no power of two differ by a slot.
            let slots = SLOTS as f64 / shards as f64;
            let allowed = by_chance(1e6, shards) * slots.ceil() / slots;
            assert!(spread.unevenness(shards) <= allowed, "{shards} shards");
        }
    }

    #[test]
    fn every_shard_has_a_stretch_of_slots_and_none_is_left_over() {
        for shards in [1, 5, 16, 4_096] {
            let owners: Vec<_> = (0..SLOTS).map(|slot| shard(slot, shards)).collect();
            assert!(owners.is_sorted());
            assert_eq!((owners[0], owners[SLOTS - 1]), (0, shards - 1));
        }
    }

    #[test]
    fn ranges_by_time_share_rows_evenly_and_writes_as_they_come() {
        let mut ages = Ages::default();
        for day in 0..40_u64 {
            ages.add(day as f64, if day < 10 { 3 } else { 0 });
        }
        let ranges = ages.ranges(4);
        let writes: Vec<_> = ranges.iter().map(|range| range.writes).collect();
        assert!(ranges.iter().all(|range| range.rows == 10));
        assert_eq!(writes, [30, 0, 0, 0]);
    }
}
