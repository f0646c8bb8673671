//! `daemun verifier`: who listens to the stream of revocations, at whichever node.

use serde_json::Value;

use super::operate;
use crate::{
    cli, control, node,
    report::{Answer, Outcome, cells, table},
};

pub(super) async fn run(command: cli::Verifier) -> Outcome {
    let cli::Verifier::List { place } = command;
    let core = operate::open(&place).await?;
    let listed = match operate::nodes(&core).await? {
        Some(nodes) => nodes
            .iter()
            .filter(|seen| seen.is_well())
            .flat_map(|seen| node::listeners_json(&seen.report.node, &seen.report.listeners))
            .collect(),
        None => control::listed(&core.data, control::VERIFIERS)?,
    };
    let headings = [
        "name",
        "service",
        "network",
        "node",
        "since",
        "confirmed",
        "behind",
    ];
    let rows: Vec<_> = listed.iter().map(|one| cells(one, headings)).collect();
    Ok(Answer::new(table(headings, &rows), Value::Array(listed)))
}
