//! What the HTTP room does on the wire.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what should not happen fails the test; clippy lets only test functions off by itself"
)]

mod transport;
