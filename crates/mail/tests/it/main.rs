//! The mail room against the real thing: a real SMTP server process, a real HTTP gateway.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what should not happen fails the test; clippy lets only test functions off by itself"
)]

mod dev;
mod mail;
mod outbox;
mod python;
mod retries;
mod secrecy;
mod support;
mod webhook;
mod worker;
