//! HTTP: runs compiled contracts on the engine.
//!
//! It owns everything between a socket and an operation: connections and their limits
//! ([`transport`]), whose address a request is from, which route of which contract it is for,
//! reading its inputs, keeping other sites' requests out, and rendering the contract's answer. It
//! decides nothing about accounts or sessions and sees no store. What belongs to no contract (keys,
//! health, metrics, documentation, dev mode's outbox) is served beside them.

mod admin;
mod app;
mod body;
mod collect;
mod cookies;
mod fields;
mod forward_auth;
mod introspect;
mod metrics;
mod mounted;
mod origin;
mod pages;
mod request;
mod respond;
mod revocations;
mod run;
mod table;
pub mod transport;
mod trust;
mod values;
mod verifiers;

pub use admin::{account_json, event_json, session_json, session_state, session_why};
pub use app::{App, AppError, AppParts, OutboxView, SentMessage};
