//! S11: thousands of clients that send a byte at a time, half of them within the head, half within the body.
//!
//! Each must be cut off within ten seconds, and somebody else must not notice them. That somebody has a thread of its
//! own, so that what is measured is the server's delay and not this program's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::daemun::{self, GUARDED, Installation};
use crate::findings::Findings;
use crate::wire::{self, Connection};
use crate::{Fault, Result, Scale, load};

/// How often each slow client sends its byte.
const PACE: Duration = Duration::from_millis(500);
/// How often the other client asks.
const INTERVAL: Duration = Duration::from_millis(5);
/// When a slow client that is still connected is given up.
const PATIENCE: Duration = Duration::from_secs(15);

const HEAD: &str =
    "POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

pub async fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let (server, _) = installation.start().await?;
    let address = server.address();
    let access = daemun::log_in(&server, 1).await?.remove(0).access;
    let over = Arc::new(AtomicBool::new(false));
    let bystander = {
        let over = Arc::clone(&over);
        std::thread::spawn(move || bystander(address, &access, &over))
    };
    let clients = LocalSet::new();
    let slow: Vec<_> = (0..scale.slow)
        .map(|nth| clients.spawn_local(dribble(address, nth)))
        .collect();
    let held = clients.run_until(async {
        let mut held = Vec::with_capacity(slow.len());
        for client in slow {
            held.push(client.await??);
        }
        Ok::<_, Fault>(held)
    });
    let held = held.await;
    over.store(true, Ordering::Relaxed);
    let latency = bystander
        .join()
        .map_err(|_| "the other client's thread panicked")??;
    let held = held?;
    let longest = held.iter().max().copied().unwrap_or_default();
    findings.note("slowloris: clients", held.len());
    findings.at_most(
        "slowloris: longest connection",
        longest.as_secs_f64(),
        10.0,
        " s",
    );
    let p99 = load::milliseconds(&latency, 0.99);
    findings.at_most("slowloris: p99 of somebody else", p99, 50.0, " ms");
    findings.note("slowloris: requests of somebody else", latency.len());
    Ok(())
}

/// A slow client. Tells how long the server held it.
async fn dribble(address: SocketAddr, nth: usize) -> Result<Duration> {
    // Spread over one pace, so that neither side has them all at once.
    tokio::time::sleep(PACE.mul_f64((nth % 500) as f64 / 500.0)).await;
    let mut stream = TcpStream::connect(address).await?;
    let start = Instant::now();
    let within_body = nth % 2 == 1;
    let opening = if within_body {
        format!("{HEAD}Content-Length: 1000\r\n\r\n")
    } else {
        HEAD.to_owned()
    };
    let drop_by_drop: &[u8] = if within_body { b" " } else { b"X" };
    let mut sent = stream.write_all(opening.as_bytes()).await;
    let mut ignored = [0; 1024];
    while sent.is_ok() && start.elapsed() < PATIENCE {
        match tokio::time::timeout(PACE, stream.read(&mut ignored)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(_)) => {}
            Err(_) => sent = stream.write_all(drop_by_drop).await,
        }
    }
    Ok(start.elapsed())
}

/// Asks in turns on a connection that stays and on a new one, until told that it is over.
fn bystander(address: SocketAddr, access: &str, over: &AtomicBool) -> Result<Histogram<u64>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let request = wire::get(GUARDED, Some(access));
        let mut latency = load::latencies()?;
        let mut kept = Connection::open(address).await?;
        while !over.load(Ordering::Relaxed) {
            let start = Instant::now();
            kept.exchange(&request).await?.expect(200)?;
            load::record(&mut latency, start);
            let start = Instant::now();
            wire::once(address, &request).await?;
            load::record(&mut latency, start);
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(latency)
    })
}
