//! `daemun key`: list the signing keys, rotate them.

use daemun_engine::{KeyView, KeysError};
use serde_json::json;

use super::operate::{self, tell};
use crate::{
    cli,
    compose::Core,
    report::{Answer, Failure, Kind, Outcome, table},
};

pub(super) async fn run(command: cli::Key) -> Outcome {
    match command {
        cli::Key::List { place } => Ok(shown(&operate::open(&place).await?.engine.keys())),
        cli::Key::Rotate { place } => rotate(&operate::open(&place).await?).await,
    }
}

async fn rotate(core: &Core) -> Outcome {
    core.engine.tend_keys(true).await.map_err(|error| {
        let kind = match &error {
            KeysError::Store(_) => Kind::Unreachable,
            KeysError::Contended => Kind::Conflict,
            _ => Kind::Failed,
        };
        Failure::new(kind, "the keys were not rotated").because(error)
    })?;
    tell(core)?;
    Ok(shown(&core.engine.keys()))
}

fn shown(keys: &[KeyView]) -> Answer {
    let rows: Vec<[String; 3]> = keys
        .iter()
        .map(|key| {
            [
                key.kid.to_string(),
                key.state.name().into(),
                key.since.to_string(),
            ]
        })
        .collect();
    let each = keys.iter().map(
        |key| json!({ "kid": key.kid, "state": key.state.name(), "since": key.since.to_string() }),
    );
    Answer::new(table(["key", "state", "since"], &rows), each.collect())
}
