//! `daemun contract`: check, explain, document; files alone. [`verify`](super::verify) asks a server.

use std::path::Path;

use daemun_contract::Contract;
use serde_json::json;

use crate::{
    cli, contracts,
    report::{Answer, Failure, Kind, Outcome},
};

pub(super) fn run(command: &cli::Contract) -> Outcome {
    match command {
        cli::Contract::Check { files, .. } => check(files),
        cli::Contract::Explain { contract } => find(contract).map(|c| Answer::text(c.explain())),
        cli::Contract::Openapi { contract, url } => {
            find(contract).map(|c| Answer::text(format!("{:#}", c.openapi(url))))
        }
        cli::Contract::Verify(verify) => super::on_one_core(super::verify::run(verify)),
    }
}

pub(super) fn find(which: &str) -> Outcome<Contract> {
    Ok(contracts::find(which, Path::new(""))?)
}

/// Everything that is wrong with any of the files, and with having them side by side.
fn check(files: &[std::path::PathBuf]) -> Outcome {
    let mut sound = Vec::new();
    let mut troubles = Vec::new();
    for file in files {
        match contracts::read(file) {
            Ok(contract) => sound.push(contract),
            Err(trouble) => troubles.push(trouble),
        }
    }
    troubles.extend(contracts::side_by_side(&sound));
    if troubles.is_empty() {
        return Ok(sound_answer(&sound));
    }
    let what = troubles.iter().map(contracts::Trouble::what);
    let what = what.collect::<Vec<_>>().join("\n");
    let faults: Vec<_> = troubles
        .iter()
        .flat_map(contracts::Trouble::faults)
        .collect();
    Err(Failure::new(Kind::Failed, what).with("faults", json!(faults)))
}

fn sound_answer(sound: &[Contract]) -> Answer {
    let lines = sound.iter().map(|contract| {
        let routes = contract.routes.len();
        format!("{}: sound, {routes} routes\n", contract.name)
    });
    let each = sound
        .iter()
        .map(|contract| json!({ "name": contract.name, "routes": contract.routes.len() }));
    Answer::new(
        lines.collect::<String>(),
        json!({ "contracts": each.collect::<Vec<_>>() }),
    )
}
