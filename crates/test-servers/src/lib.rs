//! PostgreSQL and Redis of one's own, for tests and benchmarks: the real servers, in a temporary
//! folder, on a socket there, gone with the value that stands for them.
//!
//! They can be killed, stalled and started again on the same data, for tests of what happens then.
//! Where a program is not installed there is `None`, and standard error says which package has it.

#![expect(clippy::expect_used, reason = "helpers of tests fail the way tests do")]

mod papers;
mod postgres;
mod redis;
mod standby;

pub use papers::Papers;
pub use postgres::Postgres;
pub use redis::Redis;
pub use standby::{Replicated, Replication};

use std::{
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(sent.expect("kill").success(), "no signal {name} for {pid}");
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A port of this machine that nobody listens on just now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
