//! Refreshing where sessions are in PostgreSQL or Redis: what it costs daemun against SQLite, and how much of what the
//! database could do by itself is left.

use std::process::{Command, Stdio};
use std::time::Duration;

use daemun_test_servers::{Postgres, Redis};

use crate::daemun::{self, Installation};
use crate::findings::{Findings, median};
use crate::load::{self, Chain, Report};
use crate::process::Server;
use crate::{Result, Scale, store};

/// One of the stores, with a server on it and what its connections present next.
struct Side {
    name: &'static str,
    server: Server,
    chains: Vec<Chain>,
    reports: Vec<Report>,
    // Kept for as long as the server needs it.
    _installation: Installation,
}

/// Every side gets the same load, round by round in turns. Both databases wait for the disk.
pub async fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let postgres = Postgres::durable().ok_or("no PostgreSQL")?;
    let redis = Redis::durable().ok_or("no Redis")?;
    let in_postgres = vec![("DAEMUN_STORE_ACCOUNTS", postgres.url())];
    let accounts = Postgres::durable().ok_or("no PostgreSQL")?;
    let in_redis = vec![
        ("DAEMUN_STORE_ACCOUNTS", accounts.url()),
        ("DAEMUN_STORE_SESSIONS", redis.url()),
    ];
    let sqlite = store::crowded(scale.sessions).await?;
    let installation = Installation::with_accounts_on(in_postgres).await?;
    let postgres_side = side("PostgreSQL", installation, scale.connections).await?;
    fill(&postgres, scale.sessions);
    let installation = Installation::with_accounts_on(in_redis).await?;
    let redis_side = side("Redis", installation, scale.connections).await?;
    let mut sides = [
        side("SQLite", sqlite, scale.connections).await?,
        postgres_side,
        redis_side,
    ];
    for _ in 0..scale.rounds {
        for side in &mut sides {
            let chains = std::mem::take(&mut side.chains);
            let measured = Duration::from_secs(scale.seconds);
            let (report, chains) = load::drive(&side.server, chains, measured).await?;
            println!("   {:<10} {report}", side.name);
            side.chains = chains;
            side.reports.push(report);
        }
    }
    let of =
        |side: &Side, figure: fn(&Report) -> f64| median(side.reports.iter().map(figure).collect());
    for side in &sides {
        let figures = format!(
            "{:.1} us of processor time, {:.0} a second, p99 {:.1} ms",
            of(side, Report::cost),
            of(side, Report::per_second),
            of(side, |report| report.quantile(0.99)),
        );
        findings.note(&format!("refresh on {}", side.name), figures);
    }
    let [sqlite, others @ ..] = &sides;
    for side in others {
        findings.at_most(
            &format!("refresh on {} against SQLite", side.name),
            of(side, Report::cost) / of(sqlite, Report::cost),
            1.5,
            "x",
        );
    }
    let alone = pgbench(&postgres, scale)?;
    findings.note(
        "PostgreSQL alone, one row a transaction",
        format!("{alone:.0} a second"),
    );
    Ok(())
}

async fn side(name: &'static str, installation: Installation, connections: usize) -> Result<Side> {
    let (server, _) = installation.start().await?;
    let pairs = daemun::log_in(&server, connections).await?;
    let chains = pairs
        .into_iter()
        .map(|pair| Chain {
            token: pair.refresh,
        })
        .collect();
    Ok(Side {
        name,
        server,
        chains,
        reports: Vec::new(),
        _installation: installation,
    })
}

/// Sessions of other people: copies of one that is there, under other ids.
fn fill(postgres: &Postgres, sessions: usize) {
    let columns = "account, caller, contract, generation, rotated_at, rotated_by, burst_from, burst_at, burst_before, \
                   created_at, idle, expires_at, user_agent, network";
    postgres.execute(&format!(
        "INSERT INTO sessions (id, {columns})
         SELECT decode(md5(g::text), 'hex'), {columns}
           FROM (SELECT * FROM sessions LIMIT 1) one, generate_series(1, {sessions}) g;
         ANALYZE sessions; CHECKPOINT;"
    ));
}

/// What the database can do by itself: the write of a rotation, each in a transaction of its own, from as many clients.
fn pgbench(postgres: &Postgres, scale: Scale) -> Result<f64> {
    let folder = tempfile::TempDir::new()?;
    let script = folder.path().join("rotate.sql");
    let most: i64 = postgres.query("SELECT max(n) FROM sessions").parse()?;
    std::fs::write(
        &script,
        format!(
            "\\set n random(1, {most})
UPDATE sessions SET generation = generation + 1, rotated_at = rotated_at + 1, burst_from = generation,
       burst_at = rotated_at, burst_before = generation WHERE n = :n;
"
        ),
    )?;
    let clients = scale.connections.to_string();
    let mut command: Command = postgres.program("pgbench");
    command
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--client",
            &clients,
            "--jobs=1",
            "--time",
        ])
        .arg(scale.seconds.to_string())
        .arg("--file")
        .arg(&script)
        .arg("postgres")
        .stderr(Stdio::null());
    let said = String::from_utf8(command.output()?.stdout)?;
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.ok_or_else(|| format!("pgbench says {said}").into())
}
