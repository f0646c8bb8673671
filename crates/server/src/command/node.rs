//! `daemun node`: which servers run over the same stores.

use serde_json::Value;

use super::operate;
use crate::{
    cli, control, node,
    report::{Answer, Outcome, cells, table},
};

pub(super) async fn run(command: cli::Node) -> Outcome {
    let cli::Node::List { place } = command;
    let core = operate::open(&place).await?;
    let listed: Vec<Value> = match operate::nodes(&core).await? {
        Some(nodes) => nodes.iter().map(node::node_json).collect(),
        None => control::listed(&core.data, control::NODE)?,
    };
    let members = ["node", "version", "since", "verifiers", "silent_seconds"];
    let headings = ["node", "version", "since", "verifiers", "silent"];
    let rows: Vec<_> = listed
        .iter()
        .map(|one| {
            let [name, version, since, verifiers, silent] = cells(one, members);
            let is_well = one["well"] == true;
            let silent = if is_well {
                "-".into()
            } else {
                format!("{silent} s")
            };
            [name, version, since, verifiers, silent]
        })
        .collect();
    Ok(Answer::new(table(headings, &rows), Value::Array(listed)))
}
