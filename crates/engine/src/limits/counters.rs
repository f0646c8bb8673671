//! Where counters are kept that several processes share.

use std::time::Duration;

use async_trait::async_trait;

use crate::{ports::Stored, time::Timestamp};

/// Small values by key, each changed as a whole and only by who knows what it was: the judging is
/// this room's, so a store can be anything that compares and sets.
///
/// Losing one forgives what was counted; it harms nobody else. What it cannot answer is denied.
#[async_trait]
pub trait SharedCounters: Send + Sync {
    /// Puts `new` in the place of `expected`; `None` stands for no value. Where another value is
    /// there, that one is returned and nothing is changed. The value is kept for `keep` from `now`
    /// on and may be forgotten after; one past its time may count as none.
    ///
    /// # Errors
    /// Where the store fails.
    async fn swap(&self, swap: Swap<'_>) -> Stored<Swapped>;
}

/// A change of one counter.
#[derive(Clone, Copy, Debug)]
pub struct Swap<'a> {
    /// Which counter. At most 64 bytes.
    pub key: &'a [u8],
    /// What must be there.
    pub expected: Option<&'a [u8]>,
    /// What is to be there. At most 64 bytes.
    pub new: Option<&'a [u8]>,
    /// When.
    pub now: Timestamp,
    /// For how long it matters.
    pub keep: Duration,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It was made.
    Done,
    /// Something else was there.
    Found(Option<Vec<u8>>),
}
