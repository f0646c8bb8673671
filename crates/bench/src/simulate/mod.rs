//! Simulates rotation: honest browsers on bad networks, and thieves.
//!
//! Every run follows from its seed alone. The judge is the engine's own
//! [`decide`](daemun_engine::session::decide); around it stand a browser with one to eight tabs, a
//! network that loses, repeats, delays and reorders what passes, and, in half of the runs, a thief
//! who copies the token at some moment and presents it at moments of his own, from elsewhere.
//!
//! Two claims are checked. An honest browser is logged out only if, within as many rotations as
//! the recovery gap, it presented a replaced token late or from another network twice, or once
//! while its other tabs had gone on by more than one step. That is the budget; what the network
//! did tells whether it was spent, not what the judge said. And a thief who rides along, he and the
//! browser each acting at least once in so many rotations, is caught at the second step out of
//! line, which is at most one gap before the browser's first act beside him and one gap after.
//! While one of the two sleeps nothing can show, and the first to come back is out of line.

mod world;

use std::{collections::BTreeMap, fmt};

use daemun_engine::session::RotationPolicy;

use world::{Outcome, World};

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Runs with an honest browser alone.
    pub honest: u64,
    /// Of those, how many ended in a logout within the budget's terms.
    pub honest_logouts_in_budget: u64,
    /// Seeds of honest runs that were logged out though the budget was not spent.
    pub honest_logouts_beyond: Vec<u64>,
    /// Rotations of honest runs.
    pub honest_rotations: u64,
    /// Recoveries granted in honest runs.
    pub honest_recoveries: u64,
    /// Runs with a thief who acted.
    pub thefts: u64,
    /// Runs that ended before a second step out of line: nobody had come back yet.
    pub undecided: u64,
    /// Caught thieves who rode along, by how many tokens the thief got.
    pub caught_riding: BTreeMap<u64, u64>,
    /// Caught thieves after one of the two had slept through more than the gap, by how many tokens
    /// the thief got.
    pub caught_after_sleep: BTreeMap<u64, u64>,
    /// Seeds of runs in which a thief who rode along got more rotations than two gaps.
    pub uncaught: Vec<u64>,
}

impl Tally {
    /// Runs the seeds from `first` on.
    #[must_use]
    pub fn of(first: u64, runs: u64) -> Self {
        let mut tally = Self::default();
        for seed in first..first + runs {
            tally.add(seed, &World::new(seed).run());
        }
        tally
    }

    fn add(&mut self, seed: u64, outcome: &Outcome) {
        if !outcome.thief {
            self.honest += 1;
            self.honest_rotations += outcome.rotations;
            self.honest_recoveries += outcome.recoveries;
            match (outcome.revoked, outcome.budget_spent) {
                (true, true) => self.honest_logouts_in_budget += 1,
                (true, false) => self.honest_logouts_beyond.push(seed),
                (false, _) => {}
            }
            return;
        }
        if outcome.first_act.is_none() {
            return;
        }
        self.thefts += 1;
        if outcome.rode_along
            && outcome.acts_granted > 2 * world::recovery_gap(RotationPolicy::default())
        {
            self.uncaught.push(seed);
        } else if !outcome.revoked {
            self.undecided += 1;
        } else if outcome.rode_along {
            *self.caught_riding.entry(outcome.acts_granted).or_default() += 1;
        } else {
            *self
                .caught_after_sleep
                .entry(outcome.acts_granted)
                .or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "honest browsers: {} runs, {} rotations, {} recoveries",
            self.honest, self.honest_rotations, self.honest_recoveries
        )?;
        writeln!(
            f,
            "  logged out: {} beyond the budget, {} within its terms",
            self.honest_logouts_beyond.len(),
            self.honest_logouts_in_budget
        )?;
        writeln!(f, "thieves who acted: {}", self.thefts)?;
        writeln!(
            f,
            "  not caught where they should have been: {}",
            self.uncaught.len()
        )?;
        writeln!(
            f,
            "  not yet due to be caught when the run ended: {}",
            self.undecided
        )?;
        writeln!(f, "  caught while riding along, by tokens the thief got:")?;
        for (tokens, runs) in &self.caught_riding {
            writeln!(f, "    {tokens}: {runs}")?;
        }
        writeln!(
            f,
            "  caught when one came back from sleep, by tokens the thief got:"
        )?;
        for (tokens, runs) in &self.caught_after_sleep {
            writeln!(f, "    {tokens}: {runs}")?;
        }
        for seed in self
            .honest_logouts_beyond
            .iter()
            .chain(&self.uncaught)
            .take(5)
        {
            writeln!(f, "  to replay: seed {seed}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_honest_logout_beyond_the_budget_and_every_thief_caught() {
        let tally = Tally::of(0, 3_000);
        assert!(
            tally.honest_logouts_beyond.is_empty() && tally.uncaught.is_empty(),
            "{tally}"
        );
        assert!(
            tally.honest_recoveries > 0,
            "the network must be bad enough to matter\n{tally}"
        );
        assert!(tally.thefts > 500, "{tally}");
    }

    #[test]
    fn a_run_replays_from_its_seed() {
        assert_eq!(World::new(7).run(), World::new(7).run());
    }
}
