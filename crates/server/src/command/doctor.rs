//! `daemun doctor`: what `serve` would refuse, why, and what else an operator should know, what the
//! configured stores promise included.

use std::fmt::Write as _;

use serde_json::json;

use crate::{
    cli,
    config::{self, Note},
    promises,
    report::{Answer, Failure, Kind, Outcome},
};

pub(super) async fn run(doctor: cli::Doctor) -> Outcome {
    let environment = config::environment();
    let examined = config::examine(doctor.config.as_deref(), environment, &doctor.contracts)?;
    let mut notes = examined.notes;
    let mut faults = Vec::new();
    if let Some(config) = &examined.config {
        let stores = promises::ask(&config.installation.stores).await;
        notes.extend(stores.notes);
        faults = stores.problems;
    }
    let text = to_know(&notes);
    if examined.problems.is_empty() && faults.is_empty() {
        let verdict = "daemun serve would start with this configuration.\n";
        let json = json!({ "problems": [], "notes": notes });
        let gap = if text.is_empty() { "" } else { "\n" };
        return Ok(Answer::new(format!("{verdict}{gap}{text}"), json));
    }
    let failure = if examined.problems.is_empty() {
        let what = format!(
            "daemun serve would not keep its promises on these stores:\n{}\n{text}",
            listed(&faults)
        );
        let problems = json!(faults);
        Failure::new(Kind::Failed, what.trim_end()).with("problems", problems)
    } else {
        let what = format!(
            "daemun serve would not start with this configuration: {}\n\n{}\n{text}",
            examined.problems.count(),
            examined.problems.list(true),
        );
        let problems = json!(examined.problems);
        Failure::new(Kind::Failed, what.trim_end()).with("problems", problems)
    };
    Err(failure.with("notes", json!(notes)))
}

fn to_know(notes: &[Note]) -> String {
    match notes {
        [] => String::new(),
        notes => format!("To know:\n{}", listed(notes)),
    }
}

fn listed(notes: &[Note]) -> String {
    let mut text = String::new();
    for note in notes {
        let at = match &*note.at {
            "" => String::new(),
            at => format!("{at}: "),
        };
        let _ = write!(text, "\n  -  {at}{}\n", note.what);
        if !note.why.is_empty() {
            let _ = writeln!(text, "     {}", note.why);
        }
    }
    text
}
