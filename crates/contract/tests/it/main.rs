//! The contract room, from outside: the contracts that come with daemun say exactly what they must,
//! and files that are wrong are told everything that is wrong with them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the way tests do"
)]

mod builtin;
mod faults;
mod fields;
mod golden;
mod manual;
mod mutations;
mod sixth;
mod support;
mod tables;
