//! Failures in a row, on one account.

use std::time::Duration;

use super::table::{Entry, KEEP};
use crate::time::Timestamp;

/// How long to wait for an attempt that is under way to end.
const SOON: Duration = Duration::from_secs(1);

/// How often an account's attempts may fail in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimit {
    /// So many are free. Further attempts are made one at a time, each after a longer wait.
    pub free: u32,
    /// The wait after the last free one fails; it doubles with every failure.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// After so many the account is locked.
    pub most: u32,
    /// How long it is locked; also how long after the last failure all is forgotten.
    pub lock: Duration,
}

impl Default for FailureLimit {
    /// Ten free ones, 30 s doubling to 15 min between further ones, and a day's lock after a
    /// hundred (NIST SP 800-63B-4 §3.2.2 allows no more).
    fn default() -> Self {
        Self {
            free: 10,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_secs(15 * 60),
            most: 100,
            lock: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl FailureLimit {
    /// How long after the last of `failures` the next attempt may be made.
    fn wait_after(&self, failures: u32) -> Duration {
        if failures >= self.most {
            return self.lock;
        }
        let Some(doublings) = failures.checked_sub(self.free) else {
            return Duration::ZERO;
        };
        let wait = self.first_wait.saturating_mul(1 << doublings.min(30));
        wait.min(self.longest_wait)
    }
}

/// The failures of one account, and the attempts under way.
#[derive(Clone, Default)]
pub(super) struct Failures {
    pub(super) in_a_row: u32,
    pub(super) under_way: u32,
    /// When the last of them was begun.
    pub(super) last: Option<Timestamp>,
    /// After how long all is forgotten; known once there is something to remember.
    forget: Duration,
}

impl Failures {
    /// Reserves an attempt, or says how long to wait for one.
    pub(super) fn admit(&mut self, limit: &FailureLimit, now: Timestamp) -> Result<(), Duration> {
        self.forget = limit.lock;
        self.settle(now);
        let since_last = self.last.map_or(Duration::MAX, |last| now.since(last));
        let wait = limit.wait_after(self.in_a_row).saturating_sub(since_last);
        if !wait.is_zero() {
            return Err(wait);
        }
        let free = self.in_a_row.saturating_add(self.under_way) < limit.free;
        if !free && self.under_way > 0 {
            return Err(SOON);
        }
        self.under_way = self.under_way.saturating_add(1);
        Ok(())
    }

    pub(super) fn succeed(&mut self) {
        self.withdraw();
        self.forgive();
    }

    pub(super) fn forgive(&mut self) {
        self.in_a_row = 0;
    }

    pub(super) fn fail(&mut self, begun: Timestamp) {
        self.withdraw();
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.last = self.last.max(Some(begun));
    }

    pub(super) fn withdraw(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Counts whatever is under way as failed, and as begun at `begun`.
    pub(super) fn fail_all(&mut self, begun: Timestamp) {
        self.in_a_row = self.in_a_row.saturating_add(self.under_way);
        self.under_way = 0;
        self.last = self.last.max(Some(begun));
    }

    /// As a store that keeps all but the limit gives it back.
    pub(super) fn kept(in_a_row: u32, under_way: u32, last: Option<Timestamp>) -> Self {
        Self {
            in_a_row,
            under_way,
            last,
            forget: Duration::ZERO,
        }
    }

    /// Forgets what is long past. What lies in the future was written by a clock that has stepped
    /// back since: it counts as just now.
    fn settle(&mut self, now: Timestamp) {
        self.last = self.last.map(|last| last.min(now));
        if self.is_over(now) {
            self.in_a_row = 0;
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.last.is_none_or(|last| now.since(last) >= self.forget)
    }
}

impl Entry for Failures {
    fn is_blank(&self) -> bool {
        self.in_a_row == 0 && self.under_way == 0
    }

    fn weight(&self, now: Timestamp) -> u64 {
        match self {
            Self { under_way: 1.., .. } => KEEP,
            _ if self.is_over(now) => 0,
            _ => self.in_a_row.into(),
        }
    }
}
