//! What was found, against what was promised: the table at the end.

use std::fmt::Display;

/// One line of the table.
struct Finding {
    what: String,
    measured: String,
    goal: String,
    held: Option<bool>,
}

/// The lines so far.
#[derive(Default)]
pub struct Findings {
    lines: Vec<Finding>,
}

impl Findings {
    /// A figure that must not exceed its goal.
    pub fn at_most(&mut self, what: &str, measured: f64, goal: f64, unit: &str) {
        self.add(
            what,
            format!("{measured:.2}{unit}"),
            format!("<= {goal}{unit}"),
            Some(measured <= goal),
        );
    }

    /// Something that must never be, with how often it was.
    pub fn never(&mut self, what: &str, count: usize, of: usize) {
        self.add(
            what,
            format!("{count} of {of}"),
            "never".into(),
            Some(count == 0),
        );
    }

    /// A figure without a goal.
    pub fn note(&mut self, what: &str, measured: impl Display) {
        self.add(what, measured.to_string(), String::new(), None);
    }

    /// A run that could not be finished.
    pub fn failed(&mut self, what: &str, why: impl Display) {
        self.add(what, format!("failed: {why}"), String::new(), Some(false));
    }

    /// Whether every goal was met.
    pub fn all_held(&self) -> bool {
        self.lines.iter().all(|line| line.held != Some(false))
    }

    /// Prints the table.
    pub fn print(&self) {
        let widest = |heading: &str, of: fn(&Finding) -> &str| {
            let widths = self.lines.iter().map(|line| of(line).chars().count());
            widths.fold(heading.len(), usize::max)
        };
        let what = widest("", |line| &line.what);
        let measured = widest("measured", |line| &line.measured);
        let goal = widest("goal", |line| &line.goal);
        let row = |first: &str, second: &str, third: &str, fourth: &str| {
            let row = format!("{first:<what$}  {second:<measured$}  {third:<goal$}  {fourth}");
            println!("{}", row.trim_end());
        };
        println!();
        row("", "measured", "goal", "");
        for line in &self.lines {
            let verdict = match line.held {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            row(&line.what, &line.measured, &line.goal, verdict);
        }
    }

    fn add(&mut self, what: &str, measured: String, goal: String, held: Option<bool>) {
        println!("   {what}: {measured} {goal}");
        self.lines.push(Finding {
            what: what.into(),
            measured,
            goal,
            held,
        });
    }
}

/// The middle value; of an even number, the upper of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
