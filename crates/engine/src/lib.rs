//! The engine: what daemun does, apart from any wire format and any database.
//!
//! It owns accounts, sessions, codes and the policies over them. A caller (the HTTP room, the
//! command line) asks for one of a closed set of **operations** ([`vocabulary`]) and gets exactly
//! one of that operation's **outcomes**. What an operation needs of the world (time, chance,
//! stores, mail) are [`ports`], handed in once; nothing here reads a clock or opens a socket.
//!
//! Every operation has three beats: load, decide, commit once. Deciding is a pure function of
//! state, policy and now ([`session::decide`], [`code::judge`]), so it can be simulated and tested
//! without a store; committing is one call of a port, guarded by the write itself.
//!
//! The other rooms see this one, never the reverse: the engine knows no HTTP, no SQL, no TOML.

pub mod account;
mod account_cache;
pub mod address;
pub mod apart;
pub mod assertion;
pub mod audit;
pub mod changes;
pub mod client;
pub mod code;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod engine;
pub mod foreign;
pub mod ids;
pub mod import;
mod keys;
pub mod legacy;
pub mod limits;
pub mod nodes;
pub mod notice;
pub mod operations;
pub mod password;
pub mod policy;
pub mod ports;
pub mod profile;
pub mod revocation;
pub mod seal;
pub mod service_key;
pub mod session;
pub mod stream;
pub mod time;
mod tokens;
pub mod transfer;
pub mod vocabulary;

pub use engine::{Caller, Engine, Parts, Realm, StartError};
pub use keys::{KeyView, KeysError};

/// Cookie values signed as Django signs them, for contracts whose cookies are.
pub mod signed_cookies {
    pub use daemun_token::django::{CookieKeys, CookieSigner, Django};
}
