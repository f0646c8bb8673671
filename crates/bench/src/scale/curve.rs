//! How busy each hour of a day is.

/// Shares of the hours, from midnight on, in no unit: a service whose people live in one time zone, quiet at four and
/// busiest at nine in the evening. An assumption; people all over the world make it flatter.
const HOURS: [f64; 24] = [
    35.0, 20.0, 12.0, 8.0, 8.0, 12.0, 30.0, 60.0, 95.0, 110.0, 115.0, 120.0, 130.0, 125.0, 120.0,
    120.0, 125.0, 130.0, 140.0, 160.0, 185.0, 195.0, 165.0, 90.0,
];

/// The busiest hour against the average one.
pub fn peak() -> f64 {
    let busiest = HOURS.into_iter().fold(0.0, f64::max);
    busiest * 24.0 / HOURS.iter().sum::<f64>()
}

/// When something happens that would happen at `even` if all hours were alike. Times are in days.
pub fn moment(even: f64) -> f64 {
    let day = even.floor();
    let mut left = (even - day) * HOURS.iter().sum::<f64>();
    for (hour, share) in (0_u32..).zip(HOURS) {
        if left < share {
            return day + (f64::from(hour) + left / share) / 24.0;
        }
        left -= share;
    }
    day + 1.0
}

/// Amounts by the hour of the day.
#[derive(Clone, Debug, Default)]
pub struct Hours([f64; 24]);

impl Hours {
    /// Adds one at that time. What begins before midnight and ends after it counts for the first hours: the day before
    /// did the same to this one.
    pub fn add(&mut self, at: f64) {
        let hour = at.rem_euclid(1.0) * 24.0;
        if let Some(amount) = self.0.get_mut(hour as usize) {
            *amount += 1.0;
        }
    }

    /// Adds, to each hour it touches, the part of that hour that a span takes.
    pub fn add_span(&mut self, from: f64, length: f64) {
        let (mut at, end) = (from * 24.0, (from + length) * 24.0);
        while at < end {
            let next = (at.floor() + 1.0).min(end);
            let hour = at.rem_euclid(24.0);
            if let Some(amount) = self.0.get_mut(hour as usize) {
                *amount += next - at;
            }
            at = next;
        }
    }

    /// On average and in the busiest, each divided by `by`.
    pub fn flow(&self, by: f64) -> super::Flow {
        super::Flow {
            mean: self.0.iter().sum::<f64>() / 24.0 / by,
            busiest: self.0.into_iter().fold(0.0, f64::max) / by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_fall_into_hours_as_their_shares_say() {
        let mut hours = Hours::default();
        for nth in 0..100_000 {
            hours.add(moment(f64::from(nth) / 100_000.0));
        }
        let flow = hours.flow(1.0);
        assert!((flow.busiest / flow.mean / peak() - 1.0).abs() < 1e-3);
        assert!(moment(-0.25) < 0.0 && moment(-0.25) > -1.0);
    }

    #[test]
    fn a_span_is_shared_among_the_hours_it_touches() {
        let mut hours = Hours::default();
        hours.add_span(23.5 / 24.0, 1.0 / 24.0);
        assert!((hours.0[23] - 0.5).abs() < 1e-9 && (hours.0[0] - 0.5).abs() < 1e-9);
    }
}
