//! Checks daemun's tokens where they are used: in a resource server, in any Rust program that serves requests.
//!
//! This crate owns what such a program needs and nothing else: keys that are fetched and kept fresh, the set of what
//! was revoked and the stream that fills it, a tower layer, extractors. It knows what a token is (`daemun-token`) and
//! nothing of the server that made it. Checking asks nobody: keys and revocations are already here.
//!
//! - [`ResourceServer`] checks tokens; [`Guard`] puts that in front of routes.
//! - [`Profile`] says what a contract's tokens look like; [`TokenFrom`] where they stand; [`Answers`] what a refused
//!   request is told.
//! - [`OwnerOrReadOnly`] is the rule most routes need.
//! - [`RevocationSet`] and [`RevocationFeed`] are the revocations and how current they are.
#![cfg_attr(
    feature = "axum",
    doc = "- [`axum`](mod@axum) has the extractors [`Auth`](axum::Auth) and [`Caller`](axum::Caller)."
)]
#![cfg_attr(feature = "test-kit", doc = "- [`test_kit`] mints tokens in tests.")]
//!
//! Whatever cannot be known, because daemun does not answer, is a 503 with `Retry-After` and never a 401: a 401 would
//! send every client to refresh, or its user to log in, at the worst moment.

mod answers;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod clock;
mod feed;
mod introspect;
mod keys;
mod layer;
mod owner;
mod principal;
mod profile;
mod refusal;
pub mod revocations;
mod seen;
mod server;
#[cfg(feature = "test-kit")]
pub mod test_kit;
mod timing;
mod token_from;

pub use answers::{Answer, Answers};
pub use builder::{BuildError, Builder};
pub use clock::Clock;
pub use daemun_token::{Algorithm, Claims, KeyError, SigningKey, TypRule, VerifyingKey};
pub use feed::RevocationFeed;
pub use layer::{Answering, Guard, Guarded};
pub use owner::OwnerOrReadOnly;
pub use principal::{Principal, Subject};
pub use profile::Profile;
pub use refusal::{Reason, Refusal};
pub use revocations::{Entry, RevocationSet};
pub use server::{ResourceServer, Stale};
pub use timing::Timing;
pub use token_from::TokenFrom;

/// The README's examples, compiled.
#[cfg(all(doctest, feature = "axum", feature = "test-kit"))]
#[doc = include_str!("../README.md")]
struct Readme;
