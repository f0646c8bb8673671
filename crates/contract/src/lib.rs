//! The contract language: what a front end sends and what it gets back, as data.
//!
//! A **contract** is a file that maps wire requests to the engine's operations and their outcomes to
//! wire answers. It holds no logic. This room reads such files, reports everything that is wrong
//! with one at once ([`Faults`]), compiles what is sound ([`Contract`]), and renders answers by
//! copying bytes and filling slots. A contract that loads has an answer for everything that can
//! happen.
//!
//! The room is pure: text in, compiled contract out. It opens no file, knows no HTTP library, no
//! clock and no key; whoever runs contracts brings those. The manual of the language is
//! `docs/contracts.md`.

mod answer;
mod clash;
mod contract;
mod expect;
mod explain;
mod fault;
mod input;
mod language;
mod openapi;
mod path;
mod read;
mod tables;
mod template;
mod wire;

pub use answer::{Answer, Body, Cookie, CookieAnswer, CookieCodec, MaxAge, SameSite, Secure};
pub use clash::clashes;
pub use contract::{
    Callers, Contract, Guard, GuardMode, Loopback, Message, Messages, Route, Switch,
};
pub use expect::{Expectation, ExpectedBody, Pattern, PatternPart, Shape};
pub use fault::{Fault, Faults};
pub use input::{InputPlan, Source};
pub use path::{Method, PathPattern, Segment};
pub use read::duration::{duration, duration_text};
pub use tables::vocabulary_tables;
pub use template::{Template, Value, Values, json::Json};

/// The contracts that come with daemun: name and file.
#[must_use]
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        ("native", include_str!("../../../contracts/native.toml")),
        (
            "phone-pair",
            include_str!("../../../contracts/phone-pair.toml"),
        ),
        (
            "email-cookie",
            include_str!("../../../contracts/email-cookie.toml"),
        ),
        (
            "token-server",
            include_str!("../../../contracts/token-server.toml"),
        ),
        (
            "campus-account",
            include_str!("../../../contracts/campus-account.toml"),
        ),
        (
            "result-code",
            include_str!("../../../contracts/result-code.toml"),
        ),
    ]
}
