//! S1: many callers, one refresh token, at once. As tabs of a browser do; each must get the same successor.

use std::collections::BTreeSet;

use crate::daemun::{self, Installation};
use crate::findings::Findings;
use crate::load::{REFRESH, refresh_body};
use crate::wire::{self, Connection};
use crate::{Result, Scale};

pub async fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let (server, _) = installation.start().await?;
    let mut token = daemun::log_in(&server, 1).await?.remove(0).refresh;
    let mut callers = Vec::new();
    for _ in 0..scale.connections {
        callers.push(Connection::open(server.address()).await?);
    }
    let (mut several, mut refused, mut broken) = (0, 0, 0);
    for _ in 0..scale.races {
        let race = race(&mut callers, &token).await?;
        several += usize::from(race.successors.len() > 1);
        refused += race.refused;
        broken += race.broken;
        token = race
            .successors
            .into_iter()
            .next()
            .ok_or("a round without any successor")?;
    }
    let answers = scale.races * scale.connections;
    let mut never = |what: &str, count: usize, of: usize| {
        findings.never(&format!("one token: {what}"), count, of);
    };
    never("rounds with more than one successor", several, scale.races);
    never("callers refused", refused, answers);
    never("answers 5xx", broken, answers);
    Ok(())
}

#[derive(Default)]
struct Race {
    successors: BTreeSet<String>,
    refused: usize,
    broken: usize,
}

/// All requests are on their way before the first answer is read.
async fn race(callers: &mut [Connection], token: &str) -> Result<Race> {
    let request = wire::post(REFRESH, &refresh_body(token));
    for caller in callers.iter_mut() {
        caller.send(&request).await?;
    }
    let mut race = Race::default();
    for caller in callers {
        let answer = caller.receive().await?;
        match (answer.status, answer.text("refresh")) {
            (200, Some(successor)) => {
                race.successors.insert(successor.to_owned());
            }
            (500.., _) => race.broken += 1,
            _ => race.refused += 1,
        }
    }
    Ok(race)
}
