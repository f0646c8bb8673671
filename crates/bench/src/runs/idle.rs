//! What the server costs while nobody asks anything, and how soon it is there.

use std::time::Duration;

use crate::Result;
use crate::daemun::Installation;
use crate::findings::{Findings, median};

/// Starts that are timed; the median is reported.
const STARTS: usize = 5;

/// What is lazily set up after the start has time to be.
const SETTLING: Duration = Duration::from_secs(2);

pub async fn run(findings: &mut Findings) -> Result<()> {
    let mut first = Vec::new();
    let mut again = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..STARTS {
        let installation = Installation::empty()?;
        let (server, ready) = installation.start().await?;
        first.push(ready.as_secs_f64());
        server.terminate().await?;
        let (server, ready) = installation.start().await?;
        again.push(ready.as_secs_f64());
        tokio::time::sleep(SETTLING).await;
        resident.push(server.resident()? as f64 / f64::from(1 << 20));
        server.terminate().await?;
    }
    findings.at_most("idle: memory", median(resident), 40.0, " MiB");
    findings.at_most("idle: ready, first start", median(first), 0.5, " s");
    findings.at_most("idle: ready, later starts", median(again), 0.5, " s");
    Ok(())
}
