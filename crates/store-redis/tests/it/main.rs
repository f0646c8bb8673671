//! The store against what it stands in for, and against a Redis that forgets, dies and stalls. That it passes the suite of
//! every store is shown where stores are put together, by the server's tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the way tests do"
)]

mod counters;
mod faults;
mod keys;
mod log;
mod opening;
mod twin;
mod world;
