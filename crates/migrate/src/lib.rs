//! The way over: reading accounts and refresh tokens out of the back end whose place daemun takes.
//!
//! A [`source`] is where accounts lie: a Django database, a CSV or JSON-lines file. It gives rows,
//! a thousand at a time, however many there are. A [`mapping`] says which column is what; most
//! of it is guessed from the names. [`account`] makes of a row what the engine takes over, or says
//! why it cannot; [`accounts`] carries all of them into a store, or only looks at what would
//! become of them. [`tokens`] does the same for what was known of refresh tokens.
//!
//! Nothing is ever written to a source, and a report names a row by its id and a field by its
//! name, never by what stood there.

pub mod account;
pub mod accounts;
pub mod instant;
pub mod mapping;
pub mod row;
mod seen;
pub mod source;
pub mod tally;
pub mod tokens;
