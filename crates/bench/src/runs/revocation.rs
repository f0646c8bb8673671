//! How long a revocation takes from the answer of the logout to every verifier that listens.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::daemun::{self, Installation};
use crate::findings::Findings;
use crate::process::Server;
use crate::wire::{self, Connection};
use crate::{Result, Scale};

/// Verifiers that listen.
const LISTENERS: usize = 50;
/// Sessions that end, one after another.
const LOGOUTS: usize = 200;
/// How long anybody may take to hear of one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The acknowledgement is read before any verifier is looked at, so what arrives sooner counts as at once.
pub async fn run(_: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let (server, _) = installation.start().await?;
    let key = installation.service_key("bench", "revocations")?;
    let (hear, mut heard) = mpsc::unbounded_channel();
    for _ in 0..LISTENERS {
        let stream = listen(&server, &key).await?;
        tokio::spawn(follow(stream, hear.clone()));
    }
    let mut late = Histogram::<u64>::new(3)?;
    let mut connection = Connection::open(server.address()).await?;
    for pair in daemun::log_in(&server, LOGOUTS).await? {
        let request = wire::post(
            "/accounts/logout/",
            &format!(r#"{{"refresh":"{}"}}"#, pair.refresh),
        );
        connection.exchange(&request).await?.expect(204)?;
        let acknowledged = Instant::now();
        for _ in 0..LISTENERS {
            let at = tokio::time::timeout(PATIENCE, heard.recv()).await?;
            let at: Instant = at.ok_or("nobody listens any more")?;
            let micros = at.saturating_duration_since(acknowledged).as_micros();
            late.record(u64::try_from(micros)?)?;
        }
    }
    let millis = |quantile: f64| {
        let micros = late.value_at_quantile(quantile);
        Duration::from_micros(micros).as_secs_f64() * 1e3
    };
    findings.note(
        "revocation: heard, median",
        format!("{:.2} ms", millis(0.5)),
    );
    findings.at_most("revocation: heard by 50, p99", millis(0.99), 100.0, " ms");
    findings.note(
        "revocation: heard, the last",
        format!("{:.2} ms", millis(1.0)),
    );
    Ok(())
}

/// Connects, and waits until it is told that it knows everything.
async fn listen(server: &Server, key: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server.address()).await?;
    let request = wire::get("/v1/revocations", Some(key));
    stream.write_all(&request).await?;
    let mut read = String::new();
    while !read.contains("event: ready") {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await?;
        let piece = piece.get(..length).filter(|piece| !piece.is_empty());
        let piece = piece.ok_or_else(|| format!("no stream but {read}"))?;
        read += std::str::from_utf8(piece)?;
    }
    Ok(stream)
}

/// Tells when each revocation was heard of. An event is small enough to come in one piece.
async fn follow(mut stream: TcpStream, hear: mpsc::UnboundedSender<Instant>) {
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        let at = Instant::now();
        let text = piece.get(..length).map(String::from_utf8_lossy);
        let news = text.map_or(0, |text| text.matches("\"session\":").count());
        if (0..news).any(|_| hear.send(at).is_err()) {
            return;
        }
    }
}
