//! What a shared counter holds, and how it is judged at several clocks.
//!
//! Nodes' clocks are never quite the same. So a record knows the latest time it was judged at, and a
//! clock that is behind by less than [`SKEW`] judges by that: a record's time is that of the fastest
//! clock, and no node gives back what another's clock says is not regained yet. A time further ahead
//! was written by a clock that has stepped back since.

use std::time::Duration;

use crate::{
    limits::{
        failures::{FailureLimit, Failures},
        quota::Usage,
        table::Entry as _,
    },
    time::Timestamp,
};

/// How far apart the clocks of nodes may be.
pub(super) const SKEW: Duration = Duration::from_secs(60);

/// How long attempts may be under way after the last of them began. Whoever has not said by then
/// how they ended is gone, and they count as failed: a node that dies locks nobody out for ever.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// The layout below. A store may be older than a process, or newer.
const VERSION: u8 = 1;

/// Stands for no time.
const NEVER: i64 = i64::MIN;

/// A counter's value: the version, the kind and the record's time, then what its kind has, all
/// numbers big-endian.
pub(super) struct Record<S> {
    /// When it was last judged, by the fastest clock.
    seen: Timestamp,
    pub(super) state: S,
}

/// What a record holds beside its time.
pub(super) trait State: Clone + Default {
    /// Tells one kind of value from another.
    const KIND: u8;

    /// Whether it is as good as none.
    fn is_blank(&self) -> bool;

    fn write(&self, bytes: &mut Vec<u8>);

    fn read(bytes: &mut Reader<'_>) -> Option<Self>;
}

impl<S: State> Default for Record<S> {
    fn default() -> Self {
        Self {
            seen: Timestamp::EPOCH,
            state: S::default(),
        }
    }
}

impl<S: State> Record<S> {
    /// Asks the record for leave at `now`; `ask` is given the state, when it was last judged, and
    /// the time to judge by. Whoever is refused leaves it as it was, unless the clock has stepped
    /// back: then the wait is counted down from here.
    pub(super) fn ask<T>(
        &mut self,
        now: Timestamp,
        ask: impl FnOnce(&mut S, Timestamp, Timestamp) -> Result<T, Duration>,
    ) -> Result<T, Duration> {
        let has_stepped_back = self.seen > now + SKEW;
        let seen = if has_stepped_back { now } else { self.seen };
        let time = seen.max(now);
        let mut state = self.state.clone();
        let answer = ask(&mut state, seen, time);
        match &answer {
            Ok(_) => *self = Self { seen: time, state },
            Err(_) if has_stepped_back => *self = Self { seen, state },
            Err(_) => {}
        }
        answer.map_err(|wait| wait + time.since(now))
    }

    /// The value to keep; none where there is nothing to remember.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        if self.state.is_blank() {
            return None;
        }
        let mut bytes = vec![VERSION, S::KIND];
        bytes.extend(self.seen.unix_micros().to_be_bytes());
        self.state.write(&mut bytes);
        Some(bytes)
    }

    /// Reads a value; `None` where it is none of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Reader(bytes);
        if bytes.take()? != [VERSION, S::KIND] {
            return None;
        }
        let record = Self {
            seen: bytes.time()?,
            state: S::read(&mut bytes)?,
        };
        bytes.0.is_empty().then_some(record)
    }
}

/// What is left of a value to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        let micros = i64::from_be_bytes(self.take()?);
        Some(Timestamp::from_unix_micros(micros))
    }
}

/// The failures of one account, and the attempts under way at all nodes.
#[derive(Clone, Default)]
pub(super) struct Account {
    failures: Failures,
    /// How often what was under way was given up. An attempt of an earlier time has been counted
    /// already, and must not end in the place of one of this.
    epoch: u32,
}

/// Which attempt it was that was admitted.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    epoch: u32,
    begun: Timestamp,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) enum End {
    Succeeded,
    Failed,
    NotEvaluated,
}

impl Account {
    /// Reserves an attempt, or says how long to wait for one.
    pub(super) fn admit(
        &mut self,
        limit: &FailureLimit,
        seen: Timestamp,
        time: Timestamp,
    ) -> Result<Ticket, Duration> {
        if self.failures.under_way > 0 && time.since(seen) >= LEASE {
            self.failures.fail_all(seen);
            self.epoch = self.epoch.wrapping_add(1);
        }
        self.failures.admit(limit, time)?;
        Ok(Ticket {
            epoch: self.epoch,
            begun: time,
        })
    }
}

impl Record<Account> {
    /// Ends an attempt. Of one that was given up only success still says something.
    pub(super) fn end(&mut self, ticket: Ticket, end: End) {
        let Account { failures, epoch } = &mut self.state;
        if failures.under_way == 0 {
            // The store lost the counter, and the record's time with it.
            self.seen = self.seen.max(ticket.begun);
        }
        // Begun later than that, it was before the clock stepped back.
        let begun = ticket.begun.min(self.seen);
        match (end, *epoch == ticket.epoch) {
            (End::Succeeded, true) => failures.succeed(),
            (End::Succeeded, false) => failures.forgive(),
            (End::Failed, true) => failures.fail(begun),
            (End::NotEvaluated, true) => failures.withdraw(),
            (End::Failed | End::NotEvaluated, false) => {}
        }
    }
}

impl State for Account {
    const KIND: u8 = 1;

    /// An epoch is remembered until all attempts of an earlier one are long over.
    fn is_blank(&self) -> bool {
        self.failures.is_blank() && self.epoch == 0
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let last = self.failures.last.map_or(NEVER, Timestamp::unix_micros);
        bytes.extend(last.to_be_bytes());
        for number in [self.failures.in_a_row, self.failures.under_way, self.epoch] {
            bytes.extend(number.to_be_bytes());
        }
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let last = Some(bytes.time()?).filter(|last| last.unix_micros() != NEVER);
        let (in_a_row, under_way) = (bytes.number()?, bytes.number()?);
        Some(Self {
            failures: Failures::kept(in_a_row, under_way, last),
            epoch: bytes.number()?,
        })
    }
}

impl State for Usage {
    const KIND: u8 = 2;

    fn is_blank(&self) -> bool {
        self.regained_at == Timestamp::EPOCH
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for time in [self.regained_at, self.day_began] {
            bytes.extend(time.unix_micros().to_be_bytes());
        }
        bytes.extend(self.today.to_be_bytes());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            regained_at: bytes.time()?,
            day_began: bytes.time()?,
            today: bytes.number()?,
        })
    }
}
