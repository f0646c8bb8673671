//! The scripts. Each runs as one step, whole or not at all as far as anybody sees, and is sent once and called by its hash
//! from then on.

use std::sync::LazyLock;

/// A script and the hash it is called by.
pub(crate) struct Script {
    pub(crate) code: &'static str,
    pub(crate) hash: String,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $($file:literal)+;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: LazyLock<Script> =
                LazyLock::new(|| Script::of(concat!($(include_str!(concat!("lua/", $file))),+)));
        )*
    };
}

scripts! {
    /// Judges a presented token.
    ROTATE = "session.lua" "rotate.lua";
    /// Puts a session in.
    PUT = "session.lua" "log.lua" "put.lua";
    /// Ends one.
    END = "session.lua" "log.lua" "end.lua";
    /// Ends an account's.
    CUT_OFF = "session.lua" "log.lua" "cut_off.lua";
    /// Reads the log.
    LOG_PAGE = "log.lua" "log_page.lua";
    /// Names the log.
    LOG_NAME = "log_name.lua";
    /// Deletes an account's sessions.
    FORGET = "forget.lua";
    /// Deletes sessions that are over.
    PURGE = "session.lua" "purge.lua";
    /// Deletes entries that are.
    PURGE_LOG = "purge_log.lua";
    /// Changes a counter.
    SWAP = "swap.lua";
}

impl Script {
    fn of(code: &'static str) -> Self {
        Self {
            code,
            hash: redis::Script::new(code).get_hash().to_owned(),
        }
    }
}
