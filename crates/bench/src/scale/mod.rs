//! How large it may get: a day of a hundred million accounts and a thousand million sessions, by arithmetic and by sampling.
//!
//! [`Population`] says what is assumed of people, [`arithmetic`] what follows from it in closed form, and [`Sample`] what a
//! hundredth of them do when each is drawn by chance: the same [`Figures`] twice, which must agree. Where they do not, the
//! arithmetic has left something out. [`Costs`] turns figures into bytes by what was measured. [`slots`] is the map from a
//! session's id to a shard: daemun has one database and no shards; it is here so that what is said of sharding is computed.
//!
//! Everything is a function of a seed. Times are in days, and the day that is counted is the one from 0 to 1.

mod arithmetic;
mod costs;
mod curve;
mod population;
mod sample;
pub mod slots;

pub use arithmetic::{arithmetic, refreshing_visits};
pub use costs::Costs;
pub use population::Population;
pub use sample::Sample;

/// A figure, by how to read it off.
pub type Of<T> = fn(&Figures) -> T;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// By how many percent a sample of a million accounts may be off.
const ALLOWED: f64 = 2.0;

/// How often something happens, or how much of it there is: on average and in the busiest hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    pub mean: f64,
    pub busiest: f64,
}

/// What a day comes to. Flows are per second, except [`Self::in_force`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Sessions opened.
    pub logins: Flow,
    /// Refreshes that write.
    pub rotations: Flow,
    /// Refreshes of other tabs within the grace, which get the same answer and write nothing.
    pub replays: Flow,
    /// Sessions ended by their owners: an entry of the log each.
    pub sign_outs: Flow,
    /// Accounts all of whose sessions are ended (new password, suspension): one entry of the log each.
    pub cut_offs: Flow,
    /// Entries of the log that are in force at a time, which is what every verifier holds.
    pub in_force: Flow,
    /// The share of accounts that do anything that day.
    pub active: f64,
    /// Sessions that live.
    pub living: f64,
    /// Sessions that are over and kept to say why.
    pub dead: f64,
    /// Rows of sessions deleted that day; as many become over.
    pub purged: f64,
}

impl Figures {
    /// Rows of the table of sessions.
    pub fn rows(&self) -> f64 {
        self.living + self.dead
    }

    /// Writes to that table in a second of the busiest hour.
    pub fn busiest_writes(&self) -> f64 {
        self.logins.busiest + self.rotations.busiest + self.sign_outs.busiest
    }

    /// Entries added to the log that day; as many are purged.
    pub fn entries(&self) -> f64 {
        (self.sign_outs.mean + self.cut_offs.mean) * DAY
    }

    /// How far these are from others, figure by figure: name, percent, and the percent allowed.
    ///
    /// The busiest hour is allowed more: the arithmetic puts every refresh into the hour in which its visit began.
    /// Cut-offs are so few that a sample has little to say of them.
    pub fn off(&self, others: &Self) -> Vec<(&'static str, f64, f64)> {
        let flows: [([&str; 2], Of<Flow>); 5] = [
            (["logins", "logins, busiest hour"], |f| f.logins),
            (["refreshes", "refreshes, busiest hour"], |f| f.rotations),
            (["replays", "replays, busiest hour"], |f| f.replays),
            (["sign-outs", "sign-outs, busiest hour"], |f| f.sign_outs),
            (["in force", "in force, busiest hour"], |f| f.in_force),
        ];
        let amounts: [(&str, Of<f64>, f64); 5] = [
            ("cut-offs", |f| f.cut_offs.mean, 10.0 * ALLOWED),
            ("accounts active", |f| f.active, ALLOWED),
            ("sessions that live", |f| f.living, ALLOWED),
            ("sessions kept after their end", |f| f.dead, ALLOWED),
            ("sessions purged", |f| f.purged, ALLOWED),
        ];
        let mut all = Vec::new();
        for ([name, busiest], flow) in flows {
            let (ours, theirs) = (flow(self), flow(others));
            all.push((name, percent(ours.mean, theirs.mean), ALLOWED));
            all.push((
                busiest,
                percent(ours.busiest, theirs.busiest),
                3.0 * ALLOWED,
            ));
        }
        for (name, amount, allowed) in amounts {
            all.push((name, percent(amount(self), amount(others)), allowed));
        }
        all
    }
}

fn percent(value: f64, of: f64) -> f64 {
    (value / of - 1.0).abs() * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_and_a_sample_agree_whatever_the_seed() {
        let people = Population::LARGE;
        for seed in 0..3 {
            let sample = Sample::of(&people, 500, seed);
            for (what, off, allowed) in sample.figures.off(&arithmetic(&people)) {
                // A fifth of the people that the run draws: chance alone is 2.2 times as wide.
                assert!(off <= 2.2 * allowed, "{what}: {off} % (seed {seed})");
            }
        }
    }

    #[test]
    fn a_sample_replays_from_its_seed() {
        let people = Population::LARGE;
        let of = |seed| Sample::of(&people, 20_000, seed).figures;
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn an_arithmetic_of_other_people_does_not_agree() {
        let people = Population::LARGE;
        let longer_visits = Population {
            visit: people.visit * 1.1,
            ..people
        };
        let sample = Sample::of(&people, 500, 0).figures;
        let off = sample.off(&arithmetic(&longer_visits));
        assert!(off.iter().any(|(_, off, allowed)| off > allowed), "{off:?}");
    }
}
