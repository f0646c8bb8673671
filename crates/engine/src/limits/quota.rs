//! How often one client address may try.

use std::time::Duration;

use super::table::Entry;
use crate::time::Timestamp;

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a client address may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressLimit {
    /// So many at once.
    pub burst: u32,
    /// One more in every such span.
    pub every: Duration,
    /// So many in a day, counted from the first.
    pub daily: Option<u32>,
    /// Whether an attempt that succeeds is given back, so that many honest people behind one
    /// address do not use it up.
    pub only_failures: bool,
}

/// What an address has used. Attempts are paced by the time at which everything used will have
/// been regained (the generic cell rate algorithm).
#[derive(Clone)]
pub(super) struct Usage {
    pub(super) regained_at: Timestamp,
    pub(super) day_began: Timestamp,
    pub(super) today: u32,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            regained_at: Timestamp::EPOCH,
            day_began: Timestamp::EPOCH,
            today: 0,
        }
    }
}

impl AddressLimit {
    /// How long it takes until everything used is regained.
    pub(super) fn span(&self) -> Duration {
        self.every.saturating_mul(self.burst)
    }
}

impl Usage {
    /// Uses one attempt, or says how long to wait for one.
    pub(super) fn admit(&mut self, limit: &AddressLimit, now: Timestamp) -> Result<(), Duration> {
        self.settle(limit, now);
        if limit.daily.is_some_and(|daily| self.today >= daily) {
            return Err((self.day_began + DAY).since(now));
        }
        let slack = limit.every.saturating_mul(limit.burst.saturating_sub(1));
        let wait = self.regained_at.since(now).saturating_sub(slack);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.regained_at = self.regained_at + limit.every;
        self.today = self.today.saturating_add(1);
        Ok(())
    }

    /// Gives one attempt back.
    pub(super) fn give_back(&mut self, limit: &AddressLimit) {
        self.regained_at = self.regained_at - limit.every;
        self.today = self.today.saturating_sub(1);
    }

    /// Begins a new day where the old is over. What lies further ahead than it can was written by
    /// a clock that has stepped back since: it counts as just now.
    fn settle(&mut self, limit: &AddressLimit, now: Timestamp) {
        let fullest = now + limit.span();
        self.regained_at = self.regained_at.max(now).min(fullest);
        self.day_began = self.day_began.min(now);
        if self.day_is_over(now) {
            self.day_began = now;
            self.today = 0;
        }
    }

    fn day_is_over(&self, now: Timestamp) -> bool {
        now.since(self.day_began) >= DAY
    }
}

impl Entry for Usage {
    /// What is regained by and by takes its place until another needs it.
    fn is_blank(&self) -> bool {
        false
    }

    fn weight(&self, now: Timestamp) -> u64 {
        let today = if self.day_is_over(now) { 0 } else { self.today };
        let regained_in = self.regained_at.since(now).as_millis();
        u64::try_from(regained_in)
            .unwrap_or(u64::MAX - 1)
            .saturating_add(today.into())
    }
}
