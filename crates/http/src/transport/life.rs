//! What is known of one connection, shared by those who watch it.
//!
//! The stream and the requests write what they see, the connection's own task reads it to find out
//! what it is waiting for, and the crowd reads it to find who can be spared. Nobody decides
//! anything on a value that must be exact, so the fields are independent and relaxed; only an order
//! to end is published with its wake-up.

use std::{
    sync::{
        OnceLock,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    task::{Context, Waker},
    time::Instant,
};

/// What a connection is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Carry on.
    Live = 0,
    /// Answer what is under way, then close.
    Drain = 1,
    /// Close now.
    Cut = 2,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Life {
    epoch: Instant,
    order: AtomicU8,
    waker: OnceLock<Waker>,
    /// Requests being handled or answered.
    active: AtomicU32,
    /// Those of them that wait for the client to send more of its body.
    starved: AtomicU32,
    /// Requests answered so far.
    answered: AtomicU32,
    /// When the client began to keep us waiting, in microseconds of `epoch`.
    waiting_since: AtomicU64,
    /// Successful writes to the client.
    pub(super) writes: AtomicU32,
    /// Whether the client does not read what we write.
    pub(super) stalled: AtomicBool,
    /// Whether anything came since the last answer.
    pub(super) heard: AtomicBool,
    /// Whether the latest request's body was given up before its end.
    pub(super) unread: AtomicBool,
    /// Whether a request's body did not come in time.
    pub(super) late: AtomicBool,
    /// Whether the goodbye has begun.
    pub(super) closing: AtomicBool,
    /// Where the crowd keeps it.
    pub(super) slot: AtomicUsize,
}

impl Life {
    pub(super) fn new(epoch: Instant) -> Self {
        let life = Self {
            epoch,
            order: AtomicU8::new(Order::Live as u8),
            waker: OnceLock::new(),
            active: AtomicU32::new(0),
            starved: AtomicU32::new(0),
            answered: AtomicU32::new(0),
            waiting_since: AtomicU64::new(0),
            writes: AtomicU32::new(0),
            stalled: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            late: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            slot: AtomicUsize::new(0),
        };
        life.waits_since(Instant::now());
        life
    }

    /// Tells the connection how to go on; an order is never taken back.
    pub(super) fn order(&self, order: Order) {
        self.order.fetch_max(order as u8, AcqRel);
        self.wake();
    }

    /// What the connection has been told.
    pub(super) fn orders(&self) -> Order {
        match self.order.load(Acquire) {
            0 => Order::Live,
            1 => Order::Drain,
            _ => Order::Cut,
        }
    }

    /// Makes orders wake the task of `cx`, which must stay the connection's task.
    pub(super) fn attend(&self, cx: &Context<'_>) {
        self.waker.get_or_init(|| cx.waker().clone());
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn begin_request(&self) {
        self.active.fetch_add(1, Relaxed);
        self.heard.store(false, Relaxed);
        self.unread.store(false, Relaxed);
    }

    /// Over several requests at once (HTTP/2) the last may end outside the connection's task, which
    /// must learn that it is idle.
    pub(super) fn end_request(&self, multiplexed: bool) {
        self.answered.fetch_add(1, Relaxed);
        self.heard.store(false, Relaxed);
        if self.active.fetch_sub(1, AcqRel) == 1 && multiplexed {
            self.wake();
        }
    }

    pub(super) fn starve(&self) {
        self.waits_since(Instant::now());
        self.starved.fetch_add(1, Relaxed);
    }

    pub(super) fn feed(&self) {
        self.starved.fetch_sub(1, Relaxed);
    }

    pub(super) fn waits_since(&self, moment: Instant) {
        let micros = moment.saturating_duration_since(self.epoch).as_micros();
        self.waiting_since
            .store(u64::try_from(micros).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.active.load(Acquire) > 0
    }

    pub(super) fn answered(&self) -> u32 {
        self.answered.load(Relaxed)
    }

    /// How ready it is to be sacrificed: the least goes first. None while we owe it an answer.
    ///
    /// One that never sent a whole request goes before one that has.
    pub(super) fn worth(&self) -> Option<(bool, u64)> {
        let all_starved = self.starved.load(Relaxed) >= self.active.load(Relaxed);
        (all_starved && self.orders() == Order::Live)
            .then(|| (self.answered() > 0, self.waiting_since.load(Relaxed)))
    }
}
