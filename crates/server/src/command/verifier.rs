//! `daemun verifier`: who listens to the stream of revocations. Only the running server knows.

use serde_json::Value;

use super::operate;
use crate::{
    cli, control,
    report::{Answer, Failure, Kind, Outcome, table},
};

pub(super) fn run(command: &cli::Verifier) -> Outcome {
    let cli::Verifier::List { place } = command;
    let data = operate::data(place)?;
    let listed = control::verifiers(&data)?;
    let listed = listed.ok_or_else(|| {
        Failure::new(Kind::Unreachable, "no server runs on this data")
            .because("verifiers are known to the running server alone")
            .mend("start it, or name its data with --data or its configuration with --config")
    })?;
    let rows: Vec<[String; 6]> = listed.iter().map(row).collect();
    let headings = ["name", "key", "network", "since", "confirmed", "behind"];
    Ok(Answer::new(table(headings, &rows), Value::Array(listed)))
}

fn row(verifier: &Value) -> [String; 6] {
    let members = ["name", "service", "network", "since", "confirmed", "behind"];
    members.map(|member| match verifier.get(member) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    })
}
