//! `daemun doctor`: what `serve` would refuse, why, and what else an operator should know.

use std::fmt::Write as _;

use serde_json::json;

use crate::{
    cli, config,
    report::{Answer, Failure, Kind, Outcome},
};

pub(super) fn run(doctor: &cli::Doctor) -> Outcome {
    let environment = config::environment();
    let examined = config::examine(doctor.config.as_deref(), environment, &doctor.contracts)?;
    let mut text = String::new();
    for note in &examined.notes {
        let at = if note.at.is_empty() {
            String::new()
        } else {
            format!("{}: ", note.at)
        };
        let _ = write!(text, "\n  -  {at}{}\n     {}\n", note.what, note.why);
    }
    if !text.is_empty() {
        text = format!("To know:\n{text}");
    }
    if examined.problems.is_empty() {
        let verdict = "daemun serve would start with this configuration.\n";
        let json = json!({ "problems": [], "notes": examined.notes });
        let gap = if text.is_empty() { "" } else { "\n" };
        return Ok(Answer::new(format!("{verdict}{gap}{text}"), json));
    }
    let what = format!(
        "daemun serve would not start with this configuration: {}\n\n{}\n{text}",
        examined.problems.count(),
        examined.problems.list(true),
    );
    Err(Failure::new(Kind::Failed, what.trim_end())
        .with("problems", json!(examined.problems))
        .with("notes", json!(examined.notes)))
}
