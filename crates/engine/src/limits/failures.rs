//! Failures in a row, on one account.

use std::time::Duration;

use super::{
    everywhere::Kept,
    table::{Entry, KEEP},
};
use crate::time::Timestamp;

/// How long an attempt may be under way. One that is for longer was begun by a process that is no
/// more, and counts as failed.
const LEASE: Duration = Duration::from_secs(60);
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
#[derive(Default)]
pub(super) struct Failures {
    in_a_row: u32,
    under_way: u32,
    last: Option<Timestamp>,
    /// When the last attempt began.
    begun: Option<Timestamp>,
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
        self.under_way += 1;
        self.begun = Some(now);
        Ok(())
    }

    pub(super) fn succeed(&mut self) {
        self.withdraw();
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

/// In a row, under way, and in microseconds: how long it is remembered, when the last failed and
/// when the last began.
const LENGTH: usize = 4 + 4 + 8 + 8 + 8;

impl Kept for Failures {
    const KIND: u8 = 1;

    fn is_none(&self) -> bool {
        self.is_blank()
    }

    fn reclaim(&mut self, now: Timestamp) {
        self.begun = self.begun.map(|begun| begun.min(now));
        if let Some(begun) = self.begun
            && now.since(begun) > LEASE
            && self.under_way > 0
        {
            self.in_a_row = self.in_a_row.saturating_add(self.under_way);
            self.last = self.last.max(Some(begun));
            self.under_way = 0;
        }
    }

    fn write(&self) -> Vec<u8> {
        let time = |time: Option<Timestamp>| time.map_or(i64::MIN, Timestamp::unix_micros);
        let forget = u64::try_from(self.forget.as_micros()).unwrap_or(u64::MAX);
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend(self.in_a_row.to_be_bytes());
        bytes.extend(self.under_way.to_be_bytes());
        bytes.extend(forget.to_be_bytes());
        bytes.extend(time(self.last).to_be_bytes());
        bytes.extend(time(self.begun).to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (in_a_row, rest) = bytes.split_first_chunk()?;
        let (under_way, rest) = rest.split_first_chunk()?;
        let (forget, rest) = rest.split_first_chunk()?;
        let (last, rest) = rest.split_first_chunk()?;
        let (begun, rest) = rest.split_first_chunk()?;
        let time = |bytes: &[u8; 8]| {
            let micros = i64::from_be_bytes(*bytes);
            (micros != i64::MIN).then(|| Timestamp::from_unix_micros(micros))
        };
        rest.is_empty().then(|| Self {
            in_a_row: u32::from_be_bytes(*in_a_row),
            under_way: u32::from_be_bytes(*under_way),
            last: time(last),
            begun: time(begun),
            forget: Duration::from_micros(u64::from_be_bytes(*forget)),
        })
    }
}
