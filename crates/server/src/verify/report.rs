//! What a run found, for people and for scripts. Everything in it has gone through
//! [`Secrets::hide`](super::secrets::Secrets::hide).

use std::fmt::Write as _;

use daemun_contract::{Contract, Route};
use serde_json::{Value, json};

use super::case::{Case, Skipped};

/// What was found.
pub(crate) struct Report {
    contract: String,
    against: String,
    lines: Vec<Line>,
    not_provoked: Vec<NotProvoked>,
    /// What else is worth knowing: what the run has left behind.
    pub(super) notes: Vec<String>,
}

/// A case that was run.
pub(super) struct Line {
    /// Its place among the cases, as the contract has them.
    at: usize,
    name: String,
    outcome: String,
    /// What differs: where, what is there, what the contract says.
    pub(super) differences: Vec<[String; 3]>,
    /// The outcome whose answer it is instead.
    pub(super) instead: Option<&'static str>,
}

/// An answer that was not provoked.
struct NotProvoked {
    route: String,
    outcome: String,
    why: String,
}

impl Report {
    pub(super) fn new(contract: &Contract, against: &str) -> Self {
        Self {
            contract: contract.name.to_string(),
            against: against.to_owned(),
            lines: Vec::new(),
            not_provoked: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn agrees(&mut self, contract: &Contract, at: usize, case: &Case) {
        self.lines.push(line(contract, at, case));
    }

    pub(super) fn differs(
        &mut self,
        contract: &Contract,
        at: usize,
        case: &Case,
        differences: Vec<[String; 3]>,
        instead: Option<&'static str>,
    ) {
        self.lines.push(Line {
            differences,
            instead,
            ..line(contract, at, case)
        });
    }

    pub(super) fn not_provoked(&mut self, contract: &Contract, skipped: &Skipped) {
        let route = contract.routes.get(skipped.route);
        let input = skipped.input.map(|input| contract.input_name(input));
        self.not_provoked.push(NotProvoked {
            route: route.map_or_else(String::new, name),
            outcome: outcome(skipped.outcome.name(), input, skipped.by_guard),
            why: skipped.why.clone(),
        });
    }

    /// Brings the lines into the order of the contract.
    pub(super) fn sort(&mut self) {
        self.lines.sort_by_key(|line| line.at);
    }

    fn differing(&self) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| !line.differences.is_empty()).count()
    }

    /// Whether all that was provoked agrees.
    pub(crate) fn all_agree(&self) -> bool {
        self.differing() == 0
    }

    /// In a sentence.
    pub(crate) fn summary(&self) -> String {
        let differ = self.differing();
        format!(
            "{}: {} agree, {differ} differ, {} not provoked",
            self.contract,
            self.lines.len() - differ,
            self.not_provoked.len(),
        )
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} against {}\n\n", self.contract, self.against);
        // Writing into a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let mut absent: Vec<&str> = Vec::new();
        for line in &self.lines {
            if !self.is_absent(&line.name) {
                line.write(out)?;
            } else if !absent.contains(&line.name.as_str()) {
                absent.push(&line.name);
                let lines = self.lines.iter();
                let many = lines.filter(|other| other.name == line.name).count();
                writeln!(
                    out,
                    "differs {}: no such path is there (404 to all {many})",
                    line.name
                )?;
            }
        }
        self.write_not_provoked(out)?;
        for note in &self.notes {
            writeln!(out, "\n{note}")?;
        }
        writeln!(out, "\n{}", self.summary())
    }

    /// Whether the server has no such path: whatever is sent there, it answers 404, and nothing that
    /// the contract says.
    fn is_absent(&self, name: &str) -> bool {
        let mut lines = self.lines.iter().filter(|line| line.name == name);
        lines.all(|line| {
            let mut differences = line.differences.iter();
            line.instead.is_none() && differences.any(|[at, is, _]| at == "status" && is == "404")
        })
    }

    /// By reason and routes, with the outcomes they hold of.
    fn write_not_provoked(&self, out: &mut String) -> std::fmt::Result {
        if self.not_provoked.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nnot provoked:")?;
        // Reason, routes, outcomes.
        let mut groups: Vec<(&str, Vec<&str>, Vec<&str>)> = Vec::new();
        for one in &self.not_provoked {
            let same =
                |other: &&NotProvoked| (&other.why, &other.outcome) == (&one.why, &one.outcome);
            let routes = self.not_provoked.iter().filter(same);
            let routes: Vec<&str> = routes.map(|other| other.route.as_str()).collect();
            let group = groups
                .iter_mut()
                .find(|(why, known, _)| *why == one.why && *known == routes);
            match group {
                Some((.., outcomes)) if outcomes.contains(&one.outcome.as_str()) => {}
                Some((.., outcomes)) => outcomes.push(&one.outcome),
                None => groups.push((&one.why, routes, vec![&one.outcome])),
            }
        }
        for (why, routes, outcomes) in groups {
            let routes = match routes.as_slice() {
                [first, _, _, _, ..] => format!("{first} and {} more", routes.len() - 1),
                few => few.join(", "),
            };
            writeln!(out, "  {} ({why}): {routes}", outcomes.join(", "))?;
        }
        Ok(())
    }

    /// For scripts.
    pub(crate) fn json(&self) -> Value {
        let cases = self.lines.iter().map(|line| {
            let differences = line.differences.iter();
            json!({
                "route": line.name,
                "outcome": line.outcome,
                "agrees": line.differences.is_empty(),
                "differences": differences
                    .map(|[at, is, says]| json!({ "at": at, "is": is, "contract": says }))
                    .collect::<Vec<_>>(),
                "answered_as": line.instead,
            })
        });
        let not_provoked = self.not_provoked.iter();
        let not_provoked = not_provoked
            .map(|one| json!({ "route": one.route, "outcome": one.outcome, "why": one.why }));
        let differ = self.differing();
        json!({
            "contract": self.contract,
            "against": self.against,
            "cases": cases.collect::<Vec<_>>(),
            "not_provoked": not_provoked.collect::<Vec<_>>(),
            "notes": self.notes,
            "summary": {
                "agree": self.lines.len() - differ,
                "differ": differ,
                "not_provoked": self.not_provoked.len(),
            },
        })
    }
}

impl Line {
    /// Where it is the answer to something else, that says more than what is different in it.
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let agrees = self.differences.is_empty();
        let word = if agrees { "ok" } else { "differs" };
        writeln!(out, "{word:<8}{} → {}", self.name, self.outcome)?;
        for [at, is, says] in &self.differences {
            let says = match says.as_str() {
                "" => String::new(),
                says => format!(", the contract says {says}"),
            };
            if self.instead.is_none() || at == "status" {
                writeln!(out, "          {at}: {is}{says}")?;
            }
        }
        match self.instead {
            Some(instead) => writeln!(out, "          it is answered as `{instead}`"),
            None => Ok(()),
        }
    }
}

fn line(contract: &Contract, at: usize, case: &Case) -> Line {
    let route = contract.routes.get(case.route);
    let input = case.input.map(|input| contract.input_name(input));
    let mut outcome = outcome(case.outcome.name(), input, case.by_guard);
    if !case.about.is_empty() {
        let _ = write!(outcome, " ({})", case.about);
    }
    let name = route.map_or_else(String::new, |route| match case.path {
        0 => name(route),
        nth => {
            let path = route.paths().nth(nth);
            let path = path.map_or_else(String::new, ToString::to_string);
            format!("{} {path}", route.method)
        }
    });
    Line {
        at,
        name,
        outcome,
        differences: Vec::new(),
        instead: None,
    }
}

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn outcome(outcome: &str, input: Option<String>, by_guard: bool) -> String {
    let guard = if by_guard { "guard: " } else { "" };
    let input = input.map_or_else(String::new, |input| format!(" of {input}"));
    format!("{guard}{outcome}{input}")
}
