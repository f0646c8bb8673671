//! Logs: JSON lines on standard error, or lines for a person who develops at a terminal.
//!
//! What is logged is decided where it happens; here is only decided how it looks and how much of
//! it there is. Nothing that goes through here holds a token, a code, a password or a full URI.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How much is logged where nothing is said.
pub(crate) const DEFAULT: &str = "info";

/// How much a person at a terminal is told: what people do, not what the screen says already.
pub(crate) const AT_A_TERMINAL: &str = "info,daemun::server=warn,daemun::background=warn,daemun::signals=warn,daemun_store_sqlite=warn";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// One JSON object a line.
    Json,
    /// For people.
    Plain,
}

impl Look {
    /// For people where one is looking, JSON where standard error goes to a file or a collector.
    pub(crate) fn for_development() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Plain
        } else {
            Self::Json
        }
    }
}

/// Reads a filter: a level, or `target=level` and levels, separated by commas.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .with_regex(false)
        .parse(text)
        .map_err(|error| error.to_string())
}

/// Logs from now on.
pub(crate) fn start(look: Look, filter: EnvFilter) {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter);
    // Only a second call fails, and leaves the first one's logs as they are.
    let _ = match look {
        Look::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
        Look::Plain => lines.with_target(false).compact().try_init(),
    };
    log_panics_by_place();
}

/// A panic is a fault of ours, and its message may quote what it stumbled over, which may be a
/// secret: the log gets the place in the source and nothing of the message.
fn log_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place = place.unwrap_or_default(), "panicked");
    }));
}
