//! The binary from outside: what is typed, what is sent, what comes back.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what should not happen fails the test; clippy lets only test functions off by itself"
)]

mod account_life;
mod admin;
mod anyone;
mod commands;
mod contracts;
mod doctor;
mod forward_auth;
mod harness;
mod interop;
mod introspection;
mod life;
mod migrate;
mod nginx;
mod nodes;
mod python;
mod resource_server;
mod revocation;
mod schemathesis;
mod service_keys;
mod stores;
mod stream;
mod verifiers;
mod verify;
mod wire;
