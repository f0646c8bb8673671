//! The contracts on the wire: what each answers, to the byte, and what none of them lets through.
//! Everything goes through the real binary over real HTTP. A number in a name (`s19_…`) is that of
//! the attack or fault it pins, on the page of them in `docs/security.md`.
//!
//! First the helpers: `call` sends and reads, `people` signs them up and logs them in, `forge` makes
//! tokens and cookies that no honest server makes, `variant` shortens a contract's times, and
//! `production` starts what development does not show. For all contracts alike, `draft` writes the
//! request a route takes, `spoilt` what can be wrong with it, and `judge` looks at the answer.

pub mod call;
mod draft;
pub mod forge;
mod judge;
pub mod people;
pub mod production;
mod spoilt;
mod variant;

mod addresses;
mod adoption;
mod arbitrary;
mod bad_input;
mod campus_account;
mod cookies;
mod email_cookie;
mod faults;
mod forged;
mod kinds;
mod limits;
mod matrix;
mod native;
mod operator;
mod origins;
mod passwords;
mod phone_pair;
mod refreshing;
mod result_code;
mod secrecy;
mod sessions;
mod timing;
mod token_server;
