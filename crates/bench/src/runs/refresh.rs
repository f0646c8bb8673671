//! Refreshing over HTTP, durably: what it costs above the floor, and how long it takes on a slow disk.

use std::time::Duration;

use crate::daemun;
use crate::findings::{Findings, median};
use crate::load::{self, Chain, REFRESH, Repeat, Script};
use crate::process::Server;
use crate::wire::{self, Connection};
use crate::{Result, Scale, floor, slow_disk, store};

/// Both servers, the same load, round by round in turns, so that a change of the machine's pace meets both.
pub async fn against_floor(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = store::crowded(scale.sessions).await?;
    let (daemun, _) = installation.start().await?;
    let mut chains = chains(&daemun, scale.connections).await?;
    let refreshed = refresh_once(&daemun, &mut chains).await?;
    let floor = floor::start(&refreshed, b"{}", &installation.folder().join("floor.log")).await?;
    let request = wire::post(
        REFRESH,
        &load::refresh_body(&daemun::log_in(&daemun, 1).await?.remove(0).refresh),
    );

    let (mut costs, mut floor_costs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let constant = vec![
            Repeat {
                request: request.clone()
            };
            scale.connections
        ];
        let (below, _) = load::drive(&floor, constant, Duration::from_secs(scale.seconds)).await?;
        println!("   floor   {below}");
        let (report, grown) =
            load::drive(&daemun, chains, Duration::from_secs(scale.seconds)).await?;
        println!("   daemun  {report}");
        chains = grown;
        floor_costs.push(below.cost());
        costs.push(report.cost());
        rates.push(report.per_second());
    }
    let (cost, floor_cost) = (median(costs), median(floor_costs));
    findings.note(
        "refresh: processor time",
        format!("{cost:.1} us (floor {floor_cost:.1} us)"),
    );
    findings.note("refresh: rate", format!("{:.0} a second", median(rates)));
    findings.at_most(
        "refresh: cost against the floor",
        cost / floor_cost,
        2.5,
        "x",
    );
    Ok(())
}

/// A flush of this machine may take microseconds; a millisecond is what a real disk takes.
pub async fn on_slow_disk(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = store::crowded(scale.sessions).await?;
    let library = slow_disk::compile(installation.folder())?;
    let (daemun, _) = installation.start_with(&[("LD_PRELOAD", &library)]).await?;
    if !daemun.has_loaded(&library)? {
        return Err("the server does not load the library that slows its disk down".into());
    }
    let mut chains = chains(&daemun, scale.connections).await?;
    let mut slowest = Vec::new();
    for _ in 0..scale.rounds {
        let (report, grown) =
            load::drive(&daemun, chains, Duration::from_secs(scale.seconds)).await?;
        println!("   daemun  {report}");
        chains = grown;
        slowest.push(report.quantile(0.99));
    }
    findings.at_most("refresh on a slow disk: p99", median(slowest), 15.0, " ms");
    Ok(())
}

async fn chains(server: &Server, count: usize) -> Result<Vec<Chain>> {
    let pairs = daemun::log_in(server, count).await?;
    Ok(pairs
        .into_iter()
        .map(|pair| Chain {
            token: pair.refresh,
        })
        .collect())
}

/// The body of a real refresh, for the floor to answer as many bytes.
async fn refresh_once(server: &Server, chains: &mut [Chain]) -> Result<Vec<u8>> {
    let chain = chains.first_mut().ok_or("no connections")?;
    let mut request = Vec::new();
    chain.request(&mut request);
    let mut connection = Connection::open(server.address()).await?;
    let answer = connection.exchange(&request).await?;
    chain.answered(&answer)?;
    Ok(answer.body.to_vec())
}
