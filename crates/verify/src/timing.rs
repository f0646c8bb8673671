//! How long things may take and how often they are done.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// How long things may take and how often they are done. The defaults suit; tests want them shorter.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// Keys are fetched again no sooner than this, whatever the issuer's `Cache-Control` says.
    pub keys_at_least: Duration,
    /// And no later than this.
    pub keys_at_most: Duration,
    /// Keys that could not be fetched again for this long are no longer used.
    pub keys_good_for: Duration,
    /// An unknown `kid` makes keys be fetched at most this often.
    pub refetch_gap: Duration,
    /// How long daemun may take to answer one question.
    pub answer_within: Duration,
    /// A revocation stream without a whole event for this long is dead.
    pub silence: Duration,
    /// How long to wait before a failed connection is tried again: at first,
    pub retry_from: Duration,
    /// and at most.
    pub retry_to: Duration,
    /// Applied revocations are acknowledged at most this often.
    pub acknowledge_gap: Duration,
    /// How long [`build`](crate::Builder::build) waits for revocations before it goes on without.
    pub start_within: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            keys_at_least: Duration::from_secs(30),
            keys_at_most: Duration::from_secs(3_600),
            keys_good_for: Duration::from_secs(86_400),
            refetch_gap: Duration::from_secs(10),
            answer_within: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            retry_from: Duration::from_millis(250),
            retry_to: Duration::from_secs(30),
            acknowledge_gap: Duration::from_secs(1),
            start_within: Duration::from_secs(3),
        }
    }
}

/// Waits that double, so that a server that comes back is not run over by everybody at once.
pub(crate) struct Backoff {
    next: Duration,
    timing: Timing,
}

impl Backoff {
    pub(crate) fn new(timing: Timing) -> Self {
        Self {
            next: timing.retry_from,
            timing,
        }
    }

    /// It worked; the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.next = self.timing.retry_from;
    }

    /// Between half of the wait and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.timing.retry_to);
        // A fresh hasher's keys are random; a good enough die, and no secret comes of it.
        let die = RandomState::new().hash_one(()) % 1_024;
        wait / 2 + wait / 2 * u32::try_from(die).unwrap_or(0) / 1_024
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Timing};

    #[test]
    fn waits_double_to_a_limit_and_begin_again_after_success() {
        let timing = Timing::default();
        let mut backoff = Backoff::new(timing);
        let mut expected = timing.retry_from;
        for _ in 0..12 {
            let wait = backoff.next();
            assert!(wait >= expected / 2 && wait <= expected, "{wait:?}");
            expected = (expected * 2).min(timing.retry_to);
        }
        backoff.reset();
        assert!(backoff.next() <= timing.retry_from);
    }
}
