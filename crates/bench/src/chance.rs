//! Chance that replays: SplitMix64, which is no secret's source and needs to be none.

use std::time::Duration;

/// A replayable source of chance.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The source of that seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0 and below 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How long until something that happens once in `mean` on average, whatever the unit.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// How many more, where each is followed by another so that there are `mean` more on average.
    pub fn more(&mut self, mean: f64) -> u32 {
        let stops = 1.0 / (1.0 + mean);
        // The quotient is neither negative nor large: `unit` has 53 bits.
        ((1.0 - self.unit()).ln() / (1.0 - stops).ln()) as u32
    }

    /// Ten bytes, as a session's id has them.
    pub fn ten_bytes(&mut self) -> [u8; 10] {
        let [a, b, c, d, e, f, g, h] = self.next().to_be_bytes();
        let [i, j, ..] = self.next().to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    /// Below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in `per_mille` of a thousand cases.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// A span between `least` and `most`, in milliseconds.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}
