//! Durations as contracts and configurations write them: `30s`, `5m`, `1w`.

use std::time::Duration;

/// The longest duration that can be named: a hundred years, so that no point in time overflows.
const LONGEST: u64 = 100 * 365 * 86_400;

/// Reads a duration: whole seconds, minutes, hours, days or weeks. `None` where the text is none.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let total = number.checked_mul(seconds)?;
    (total <= LONGEST).then(|| Duration::from_secs(total))
}

/// Writes a duration in the largest unit that fits.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let fits = |(unit, _): &(u64, char)| seconds > 0 && seconds.is_multiple_of(*unit);
    match units.into_iter().find(fits) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [
            ("5m", 300),
            ("3s", 3),
            ("0s", 0),
            ("1h", 3_600),
            ("1d", 86_400),
            ("2w", 1_209_600),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "m",
            "5",
            "5 m",
            "-5m",
            "+5m",
            "5.5m",
            "1h30m",
            "5M",
            "5ms",
            "99999999999w",
            "5분",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_the_largest_unit_that_fits() {
        for text in ["1w", "90d", "36h", "10m", "90s", "0s"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
    }
}
