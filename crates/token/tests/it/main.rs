//! What the token layer promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod claims;
mod django;
mod forge;
mod forgery;
mod form;
mod keys;
mod oracle;
mod properties;
mod redaction;
mod rotation;
mod times;
