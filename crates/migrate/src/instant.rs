//! Points in time as sources write them.

use daemun_engine::time::Timestamp;
use jiff::{civil, tz::TimeZone};

use crate::row::Cell;

/// From where on a number counts milliseconds: as seconds it would be beyond the year 5000.
const MILLIS_FROM: i64 = 100_000_000_000;

/// The point in time in a cell; none where there is none that can be read.
#[must_use]
pub fn of(cell: &Cell) -> Option<Timestamp> {
    match cell {
        Cell::Int(number) => Some(number_since_1970(*number)),
        Cell::Real(seconds) => from_seconds(*seconds),
        Cell::Text(text) => parse(text),
        _ => None,
    }
}

/// Reads `2024-01-02 03:04:05.678`, with `T` or a blank, with an offset (`Z`, `+09:00`, `+00`) or
/// without, which means UTC; a date alone; seconds or milliseconds since 1970.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Some(number_since_1970(number));
    }
    if let Ok(point) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_unix_micros(point.as_microsecond()));
    }
    let civil = text.parse::<civil::DateTime>().ok()?;
    let point = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::from_unix_micros(point.as_microsecond()))
}

fn number_since_1970(number: i64) -> Timestamp {
    if number.abs() < MILLIS_FROM {
        Timestamp::from_unix_seconds(number)
    } else {
        Timestamp::from_unix_micros(number.saturating_mul(1_000))
    }
}

/// Rounded, for a fraction of a second is hardly ever exact.
fn from_seconds(seconds: f64) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what would not fit is none"
    )]
    let micros = (seconds * 1e6).round() as i64;
    (seconds.abs() < 1e12).then(|| Timestamp::from_unix_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_django_postgres_and_json_are_one_point_in_time() {
        let expected = Some(Timestamp::from_unix_micros(1_704_164_645_678_000));
        for text in [
            "2024-01-02 03:04:05.678",
            "2024-01-02 03:04:05.678000+00",
            "2024-01-02T03:04:05.678Z",
            "2024-01-02T12:04:05.678+09:00",
            " 1704164645678 ",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(of(&Cell::Real(1_704_164_645.678)), expected);
        let midnight = Some(Timestamp::from_unix_seconds(1_704_153_600));
        assert_eq!(parse("2024-01-02"), midnight);
        assert_eq!(of(&Cell::Int(1_704_153_600)), midnight);
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse(""), None);
    }
}
