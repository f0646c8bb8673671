//! The crate from outside: real sockets where there is a network, the test kit where there is none.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what should not happen fails the test; clippy lets only test functions off by itself"
)]

mod attacks;
mod extractors;
mod fake;
mod feed;
mod guard;
mod jwks;
mod owner;
mod profiles;
mod stale;
