//! Rotation under many simulated browsers and thieves.

use crate::Scale;
use crate::findings::Findings;
use crate::simulate::Tally;

pub fn run(scale: Scale, findings: &mut Findings) {
    let tally = Tally::of(scale.first_seed, scale.seeds);
    println!("{tally}");
    let count = |runs: u64| usize::try_from(runs).unwrap_or(usize::MAX);
    findings.never(
        "simulate: honest logouts beyond the budget",
        tally.honest_logouts_beyond.len(),
        count(tally.honest),
    );
    findings.note(
        "simulate: honest logouts within its terms",
        format!("{} of {}", tally.honest_logouts_in_budget, tally.honest),
    );
    findings.never(
        "simulate: thieves uncaught where due",
        tally.uncaught.len(),
        count(tally.thefts),
    );
}
