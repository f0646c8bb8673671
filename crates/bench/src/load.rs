//! The load generator: many connections in a closed loop, one thread, and the figures of a measured window.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::LocalSet;

use crate::process::Server;
use crate::wire::{self, Answer, Connection};
use crate::{Fault, Result};

/// What one connection says, over and over.
pub trait Script: 'static {
    /// Writes the next request, whole, into an empty or used buffer.
    fn request(&mut self, request: &mut Vec<u8>);

    /// Takes the answer, or says why it is not as it must be.
    fn answered(&mut self, answer: &Answer<'_>) -> Result<()>;
}

/// Refreshes on and on, each time with the token of the answer before.
pub struct Chain {
    pub token: String,
}

/// Where the pair of `phone-pair` is refreshed.
pub const REFRESH: &str = "/accounts/token_refresh/";

impl Script for Chain {
    fn request(&mut self, request: &mut Vec<u8>) {
        wire::write_post(request, REFRESH, &refresh_body(&self.token));
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        let token = answer.text("refresh").filter(|_| answer.status == 200);
        let token = token.ok_or_else(|| format!("refresh: {}", answer.quoted()))?;
        self.token.clear();
        self.token.push_str(token);
        Ok(())
    }
}

/// The body that presents a refresh token.
pub fn refresh_body(token: &str) -> String {
    format!("{{\"refresh\":\"{token}\"}}")
}

/// The same request again and again, always answered 200.
#[derive(Clone)]
pub struct Repeat {
    pub request: Vec<u8>,
}

impl Script for Repeat {
    fn request(&mut self, request: &mut Vec<u8>) {
        request.clear();
        request.extend_from_slice(&self.request);
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect(200).map(drop)
    }
}

/// What was seen within the window.
pub struct Report {
    requests: u64,
    elapsed: Duration,
    processor: Duration,
    latency: Histogram<u64>,
}

impl Report {
    /// Processor time of the server per request, in microseconds.
    pub fn cost(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests as f64
    }

    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// A latency, in milliseconds.
    pub fn quantile(&self, quantile: f64) -> f64 {
        milliseconds(&self.latency, quantile)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, p999) = (
            self.quantile(0.5),
            self.quantile(0.99),
            self.quantile(0.999),
        );
        write!(
            f,
            "{:>6.2} us of processor time a request, {:>7.0} a second, ",
            self.cost(),
            self.per_second()
        )?;
        write!(f, "p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms")
    }
}

/// What the connections share.
struct Window {
    measuring: Cell<bool>,
    stopping: Cell<bool>,
    latency: RefCell<Histogram<u64>>,
}

/// How long a server gets to warm up before each window.
const WARM_UP: Duration = Duration::from_secs(1);

/// Plays each script on a connection of its own and measures for `measured`. Returns the scripts as they then are.
pub async fn drive<S: Script>(
    server: &Server,
    scripts: Vec<S>,
    measured: Duration,
) -> Result<(Report, Vec<S>)> {
    let window = Rc::new(Window {
        measuring: Cell::new(false),
        stopping: Cell::new(false),
        latency: RefCell::new(latencies()?),
    });
    let callers = LocalSet::new();
    let address = server.address();
    let running: Vec<_> = scripts
        .into_iter()
        .map(|script| callers.spawn_local(call(address, script, Rc::clone(&window))))
        .collect();
    callers
        .run_until(async {
            tokio::time::sleep(WARM_UP).await;
            let (before, start) = (server.processor_time()?, Instant::now());
            window.measuring.set(true);
            tokio::time::sleep(measured).await;
            window.measuring.set(false);
            let (processor, elapsed) = (server.processor_time()? - before, start.elapsed());
            window.stopping.set(true);
            let mut scripts = Vec::with_capacity(running.len());
            for caller in running {
                scripts.push(caller.await??);
            }
            let latency = window.latency.borrow().clone();
            Ok((
                Report {
                    requests: latency.len(),
                    elapsed,
                    processor,
                    latency,
                },
                scripts,
            ))
        })
        .await
}

async fn call<S: Script>(
    address: std::net::SocketAddr,
    mut script: S,
    window: Rc<Window>,
) -> Result<S> {
    let mut connection = Connection::open(address).await?;
    let mut request = Vec::with_capacity(2048);
    while !window.stopping.get() {
        script.request(&mut request);
        let sent = Instant::now();
        let answer = connection.exchange(&request).await?;
        if window.measuring.get() {
            record(&mut window.latency.borrow_mut(), sent);
        }
        script.answered(&answer)?;
    }
    Ok::<S, Fault>(script)
}

/// An empty record of latencies, in nanoseconds, up to a minute.
pub fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(60_000_000_000, 3)?)
}

/// Records how long ago `start` was.
pub fn record(latencies: &mut Histogram<u64>, start: Instant) {
    latencies.saturating_record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
}

/// A quantile in milliseconds.
pub fn milliseconds(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::{latencies, milliseconds};

    #[test]
    fn latencies_are_told_in_milliseconds() {
        let mut seen = latencies().unwrap();
        seen.saturating_record_n(5_000_000, 99);
        seen.saturating_record(2_000_000_000);
        assert!((4.9..5.1).contains(&milliseconds(&seen, 0.99)));
        assert!((1990.0..2010.0).contains(&milliseconds(&seen, 1.0)));
    }
}
