//! Passwords: which are taken, how they are kept, and how one is checked.
//!
//! A text becomes a [`NewPassword`] or a [`Candidate`] here or nowhere, so whatever reaches the
//! [`Hasher`] is bounded and in one normal form. The hasher runs Argon2id on a small pool of its
//! own with a bounded queue: a flood of logins is told to come back, and never slows what else the
//! server does. Hashes that another back end made verify as they are and are replaced by our own
//! at the first login.

mod argon2id;
mod common;
mod foreign;
mod hasher;
mod policy;
mod pool;

pub use foreign::make_of;
pub use hasher::{Checked, HashFailure, Hasher, HashingConfig, HashingFault};
pub use policy::{Candidate, LONGEST, NewPassword, Rules, Weak};

#[cfg(test)]
mod tests;
