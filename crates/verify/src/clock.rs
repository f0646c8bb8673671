//! What time it is: the one place that asks the system, and a door for tests.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Tells the time in Unix seconds. The system's clock unless said otherwise.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> i64 + Send + Sync>>);

impl Clock {
    /// A clock of one's own, for tests.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.as_ref().map_or_else(system, |own| own())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the adapter everything else takes the time from"
)]
fn system() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 knows no token that is valid yet.
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
