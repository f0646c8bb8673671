//! A day of a hundred million accounts: arithmetic, a sample, and whether they agree.

use crate::Scale;
use crate::findings::Findings;
use crate::scale::slots::{SLOTS, by_chance};
use crate::scale::{Costs, Figures, Flow, Of, Population, Sample, arithmetic, refreshing_visits};

/// One account in so many is drawn.
const ONE_IN: u32 = 100;
/// Shards to tell of.
const SHARDS: [usize; 4] = [4, 16, 64, SLOTS];
/// Shards to compare ids' time with their random end by.
const COMPARED: usize = 16;

pub fn run(scale: Scale, findings: &mut Findings) {
    let people = Population::LARGE;
    let expected = arithmetic(&people);
    let sample = Sample::of(&people, ONE_IN, scale.first_seed);
    print_figures(&expected, &sample.figures);
    print_costs(&people, &expected);
    for (what, off, allowed) in sample.figures.off(&expected) {
        findings.at_most(
            &format!("scale: {what}, sample off arithmetic"),
            off,
            allowed,
            " %",
        );
    }
    evenness(&sample, findings);
    by_time(&sample, findings);
}

/// Shards by the random end of ids: as even as chance makes them, and no less.
fn evenness(sample: &Sample, findings: &mut Findings) {
    let rows = sample.rows.sum() as f64;
    for shards in SHARDS {
        findings.at_most(
            &format!("scale: fullest of {shards} over the mean, sample's rows"),
            percent_over(sample.rows.unevenness(shards)),
            percent_over(by_chance(rows, shards)),
            " %",
        );
    }
    findings.note(
        "scale: fullest of 4096 slots, all rows, at most",
        format!(
            "{} % over the mean",
            percent_over(by_chance(rows * f64::from(ONE_IN), SLOTS))
        ),
    );
    findings.note(
        "scale: writes of the busiest of 16 shards by slot",
        format!("{:.2} of the mean", sample.writes.unevenness(COMPARED)),
    );
}

/// Shards by the time in ids, for comparison.
fn by_time(sample: &Sample, findings: &mut Findings) {
    let ranges = sample.ages.ranges(COMPARED);
    let sum: u64 = ranges.iter().map(|range| range.writes).sum();
    let of_mean = |writes: u64| writes as f64 * COMPARED as f64 / sum as f64;
    let all = || ranges.iter().map(|range| of_mean(range.writes));
    findings.note(
        "scale: writes of the busiest of 16 shards by time",
        format!(
            "{:.2} of the mean, and every login",
            all().fold(0.0, f64::max)
        ),
    );
    let oldest = ranges.last().map_or(0, |range| range.writes);
    findings.note(
        "scale: writes of the oldest of them",
        format!("{:.2} of the mean", of_mean(oldest)),
    );
}

fn print_figures(expected: &Figures, sampled: &Figures) {
    println!("   {:<28}{:>28}{:>28}", "", "arithmetic", "sample");
    println!(
        "   {:<28}{:>14}{:>14}{:>14}{:>14}",
        "per second", "mean", "busiest", "mean", "busiest"
    );
    let flows: [(&str, Of<Flow>); 6] = [
        ("logins", |f| f.logins),
        ("refreshes that write", |f| f.rotations),
        ("refreshes replayed", |f| f.replays),
        ("sign-outs", |f| f.sign_outs),
        ("cut-offs", |f| f.cut_offs),
        ("entries in force (a number)", |f| f.in_force),
    ];
    for (name, flow) in flows {
        let (ours, theirs) = (flow(expected), flow(sampled));
        println!(
            "   {name:<28}{:>14.1}{:>14.1}{:>14.1}{:>14.1}",
            ours.mean, ours.busiest, theirs.mean, theirs.busiest
        );
    }
    let amounts: [(&str, Of<f64>); 5] = [
        ("accounts active, %", |f| f.active * 100.0),
        ("sessions living, millions", |f| f.living / 1e6),
        ("sessions over, millions", |f| f.dead / 1e6),
        ("purged a day, millions", |f| f.purged / 1e6),
        ("log entries a day, millions", |f| f.entries() / 1e6),
    ];
    for (name, amount) in amounts {
        println!(
            "   {name:<28}{:>28.2}{:>28.2}",
            amount(expected),
            amount(sampled)
        );
    }
}

fn print_costs(people: &Population, figures: &Figures) {
    let costs = Costs::of(figures, people.accounts, refreshing_visits(people));
    for (store, bytes) in [("SQLite", costs.sqlite), ("PostgreSQL", costs.postgres)] {
        println!(
            "   {store}: sessions {:.0} GB, audit {:.0} GB, accounts {:.0} GB, together {:.0} GB",
            bytes.sessions / 1e9,
            bytes.audit / 1e9,
            bytes.accounts / 1e9,
            bytes.sum() / 1e9
        );
    }
    println!(
        "   Redis: {:.0} GB of memory, {:.0} GB for those that live",
        costs.redis / 1e9,
        costs.redis_living / 1e9
    );
    println!("   audit trail: {:.2}e9 rows", costs.audit_rows / 1e9);
    let [least, most] = costs.wal.map(|bytes| bytes / 1e9);
    println!("   PostgreSQL's log, rotations: {least:.0} to {most:.0} GB a day");
    let [bytes, seconds] = costs.snapshot;
    println!(
        "   a verifier: set {:.2} MB, told {:.0} MB a day, snapshot {:.2} MB in {:.0} ms",
        costs.set / 1e6,
        costs.told / 1e6,
        bytes / 1e6,
        seconds * 1e3
    );
    println!(
        "   processors, busiest hour: {:.1} for logins, {:.2} for telling 1,000 verifiers",
        costs.hashing, costs.telling
    );
    for (bytes, writes) in [(200e9, 3_000.0), (200e9, 10_000.0), (1e12, 20_000.0)] {
        println!(
            "   shards of {:.0} GB and {writes} writes a second: {}",
            bytes / 1e9,
            Costs::shards(figures, bytes, writes)
        );
    }
}

/// By how many percent something is over the mean, to two places, upwards.
fn percent_over(times: f64) -> f64 {
    ((times - 1.0) * 1e4).ceil() / 1e2
}
