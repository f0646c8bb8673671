//! What it costs to let a request with a valid access token in.

use std::time::Duration;

use crate::daemun::{self, GUARDED, GUARDED_NATIVE, Installation};
use crate::findings::{Findings, median};
use crate::load::{self, Repeat};
use crate::process::Server;
use crate::{Result, Scale, floor, wire};

pub async fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let (daemun, _) = installation.start().await?;
    let pair = daemun::log_in(&daemun, 1).await?.remove(0);
    let native = daemun::log_in_native(&daemun).await?;
    for (name, path, token) in [
        ("HS256", GUARDED, &pair.access),
        ("EdDSA", GUARDED_NATIVE, &native.access),
    ] {
        let guarded = wire::get(path, Some(token));
        let body = wire::once(daemun.address(), &guarded).await?;
        let ratio = against_floor(&daemun, &installation, &guarded, token, &body, scale).await?;
        findings.at_most(
            &format!("guard, {name}: cost against the floor"),
            ratio,
            1.4,
            "x",
        );
    }
    Ok(())
}

/// The floor gets a request with the same token, does not look at it, and answers `body`: as many bytes.
pub async fn against_floor(
    daemun: &Server,
    installation: &Installation,
    guarded: &[u8],
    token: &str,
    body: &[u8],
    scale: Scale,
) -> Result<f64> {
    let floor = floor::start(b"{}", body, &installation.folder().join("floor.log")).await?;
    let bare = wire::get(floor::GUARDED, Some(token));
    let (mut costs, mut floor_costs) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        for (server, request, costs, name) in [
            (&floor, &*bare, &mut floor_costs, "floor "),
            (daemun, guarded, &mut costs, "daemun"),
        ] {
            let scripts = vec![
                Repeat {
                    request: request.to_vec()
                };
                scale.connections
            ];
            let (report, _) =
                load::drive(server, scripts, Duration::from_secs(scale.seconds)).await?;
            println!("   {name}  {report}");
            costs.push(report.cost());
        }
    }
    Ok(median(costs) / median(floor_costs))
}
