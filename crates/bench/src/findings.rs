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
        let width = |of: fn(&Finding) -> &str| {
            self.lines
                .iter()
                .map(|line| of(line).chars().count())
                .max()
                .unwrap_or(0)
        };
        let (what, measured) = (width(|line| &line.what), width(|line| &line.measured));
        println!("\n{:<what$}  {:<measured$}  goal", "", "measured");
        for line in &self.lines {
            let verdict = match line.held {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            println!(
                "{:<what$}  {:<measured$}  {:<10} {verdict}",
                line.what, line.measured, line.goal
            );
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
