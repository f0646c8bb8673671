//! S3 and S13: the server ends under load, and whatever it had acknowledged still holds once it is back.
//!
//! Acknowledged is what a client read to its end. Of a request that was on its way nothing is known, which is why the
//! token it carried must still be good: its successor may have been committed and lost on the way back.

use std::net::SocketAddr;
use std::time::Duration;

use rusqlite::{Connection as Database, OpenFlags};
use tokio::task::LocalSet;

use crate::daemun::{self, Installation};
use crate::findings::Findings;
use crate::load::{REFRESH, refresh_body};
use crate::process::Server;
use crate::wire::{self, Connection};
use crate::{Result, Scale, store};

/// How the server ends.
#[derive(Clone, Copy)]
pub enum Ending {
    Kill,
    Drain,
}

/// Sessions that are refreshed on and on, through every ending.
const REFRESHERS: usize = 32;
/// Sessions that are logged out while the load lasts, each time anew.
const LEAVERS: usize = 12;
/// Between two logouts, so that they spread over the load.
const PACE: Duration = Duration::from_millis(50);

/// What the clients know to be so.
#[derive(Default)]
struct Known {
    /// Tokens that must still be good.
    live: Vec<String>,
    /// Tokens of sessions that were logged out.
    ended: Vec<String>,
}

/// What the repetitions found.
#[derive(Default)]
struct Tally {
    acknowledged: usize,
    lost: Vec<String>,
    rolled_forward: usize,
    revived: usize,
    unsound: usize,
    unclean: usize,
    slowest_end: Duration,
    slowest_start: Duration,
}

pub async fn run(ending: Ending, scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let mut tally = Tally::default();
    let (mut server, _) = installation.start().await?;
    let mut known = Known {
        live: tokens(&server, REFRESHERS).await?,
        ended: Vec::new(),
    };
    for time in 0..scale.times {
        let leaving = tokens(&server, LEAVERS).await?;
        // Another moment each time, in no step with the server's own rhythms.
        let moment = Duration::from_millis(150 + (time as u64 * 137) % 700);
        known = load_until_the_end(server, ending, moment, known, leaving, &mut tally).await?;
        let ready;
        (server, ready) = installation.start().await?;
        tally.slowest_start = tally.slowest_start.max(ready);
        examine(&server, &mut known, &mut tally).await?;
        tally.unsound += usize::from(!is_sound(&installation)?);
    }
    tally.rolled_forward = store::rolled_forward(&installation).await?;
    report(ending, scale, &tally, findings);
    Ok(())
}

fn report(ending: Ending, scale: Scale, tally: &Tally, findings: &mut Findings) {
    let name = match ending {
        Ending::Kill => "kill",
        Ending::Drain => "drain",
    };
    let Tally {
        acknowledged,
        lost,
        rolled_forward,
        revived,
        unsound,
        unclean,
        ..
    } = tally;
    let mut never = |what: &str, count: usize, of: usize| {
        findings.never(&format!("{name}: {what}"), count, of);
    };
    never("acknowledged and lost", lost.len(), *acknowledged);
    never(
        "acknowledged, not stored, and honoured nevertheless",
        *rolled_forward,
        *acknowledged,
    );
    never("logged out and revived", *revived, LEAVERS * scale.times);
    never("database damaged", *unsound, scale.times);
    if matches!(ending, Ending::Drain) {
        never("exit code other than 0", *unclean, scale.times);
        findings.at_most("drain: ended", tally.slowest_end.as_secs_f64(), 10.0, " s");
    }
    findings.at_most(
        &format!("{name}: ready again"),
        tally.slowest_start.as_secs_f64(),
        2.0,
        " s",
    );
    for lost in lost.iter().take(5) {
        println!("   lost: {lost}");
    }
}

async fn tokens(server: &Server, count: usize) -> Result<Vec<String>> {
    Ok(daemun::log_in(server, count)
        .await?
        .into_iter()
        .map(|pair| pair.refresh)
        .collect())
}

/// Refreshes and logouts until the server has ended; returns what the clients then know.
async fn load_until_the_end(
    server: Server,
    ending: Ending,
    moment: Duration,
    mut known: Known,
    leaving: Vec<String>,
    tally: &mut Tally,
) -> Result<Known> {
    let address = server.address();
    let clients = LocalSet::new();
    let refreshers: Vec<_> = known
        .live
        .drain(..)
        .map(|token| clients.spawn_local(refresh_until_cut_off(address, token)))
        .collect();
    let leaver = clients.spawn_local(log_out_until_cut_off(address, leaving));
    clients
        .run_until(async {
            tokio::time::sleep(moment).await;
            match ending {
                Ending::Kill => server.kill()?,
                Ending::Drain => {
                    let (status, taken) = server.terminate().await?;
                    tally.unclean += usize::from(status.code() != Some(0));
                    tally.slowest_end = tally.slowest_end.max(taken);
                }
            }
            for refresher in refreshers {
                let (token, acknowledged) = refresher.await??;
                known.live.push(token);
                tally.acknowledged += acknowledged;
            }
            let ended = leaver.await??;
            tally.acknowledged += ended.len();
            known.ended.extend(ended);
            Ok(known)
        })
        .await
}

/// Returns the last token that was read whole, and how many were.
async fn refresh_until_cut_off(address: SocketAddr, mut token: String) -> Result<(String, usize)> {
    let mut connection = Connection::open(address).await?;
    let mut acknowledged = 0;
    while let Ok(answer) = connection
        .exchange(&wire::post(REFRESH, &refresh_body(&token)))
        .await
    {
        match (answer.status, answer.text("refresh")) {
            (200, Some(successor)) => token = successor.to_owned(),
            (503, _) => break,
            _ => return Err(format!("under load: {}", answer.quoted()).into()),
        }
        acknowledged += 1;
    }
    Ok((token, acknowledged))
}

/// Returns the sessions whose logout was acknowledged. Of the one that was cut off nothing is known.
async fn log_out_until_cut_off(address: SocketAddr, leaving: Vec<String>) -> Result<Vec<String>> {
    let mut connection = Connection::open(address).await?;
    let mut ended = Vec::new();
    for token in leaving {
        match connection
            .exchange(&wire::post("/accounts/logout/", &refresh_body(&token)))
            .await
        {
            Ok(answer) if answer.status == 204 => ended.push(token),
            Ok(answer) if answer.status != 503 => {
                return Err(format!("logout: {}", answer.quoted()).into());
            }
            _ => break,
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(ended)
}

/// Presents every token again: what lives must be refreshed, what was logged out must not.
async fn examine(server: &Server, known: &mut Known, tally: &mut Tally) -> Result<()> {
    let mut connection = Connection::open(server.address()).await?;
    for token in std::mem::take(&mut known.live) {
        let request = wire::post(REFRESH, &refresh_body(&token));
        let answer = connection.exchange(&request).await?;
        match (answer.status, answer.text("refresh")) {
            (200, Some(successor)) => known.live.push(successor.to_owned()),
            _ => tally.lost.push(answer.quoted()),
        }
    }
    for token in &known.ended {
        let answer = connection
            .exchange(&wire::post(REFRESH, &refresh_body(token)))
            .await?;
        tally.revived += usize::from(answer.status != 401);
    }
    Ok(())
}

fn is_sound(installation: &Installation) -> Result<bool> {
    let database =
        Database::open_with_flags(installation.database()?, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}
