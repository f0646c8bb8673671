//! Points in time: microseconds since 1970-01-01T00:00:00Z, as every store keeps them.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A point in time, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The beginning of 1970, UTC.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch, as JWT claims have them (RFC 7519 §2, NumericDate).
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Reads RFC 3339 (`2026-11-21T07:00:00Z`, any offset); `None` where the text is no such thing.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let point: jiff::Timestamp = text.parse().ok()?;
        Some(Self(point.as_microsecond()))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero where it is not later (clocks step back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Timestamp {
    /// RFC 3339 in UTC as Python's frameworks write it: to the microsecond, of which there is no
    /// word where there are none.
    #[must_use]
    pub fn to_micros_text(self) -> String {
        let whole = self.to_string();
        let micros = self.0.rem_euclid(1_000_000);
        match (whole.strip_suffix('Z'), micros) {
            (Some(seconds), 1..) => format!("{seconds}.{micros:06}Z"),
            _ => whole,
        }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second: `2026-11-21T07:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.unix_seconds()) {
            Ok(point) => point.fmt(f),
            Err(_) => write!(f, "{}s", self.unix_seconds()),
        }
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_told_as_python_tells_them() {
        for (micros, text) in [
            (1_795_262_764_069_380, "2026-11-21T12:06:04.069380Z"),
            (1_795_262_764_000_001, "2026-11-21T12:06:04.000001Z"),
            (1_795_262_764_000_000, "2026-11-21T12:06:04Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::from_unix_micros(micros).to_micros_text(), text);
        }
    }
}
