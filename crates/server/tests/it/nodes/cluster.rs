//! Several servers over one PostgreSQL, or over PostgreSQL and Redis: real processes, each with a
//! data directory of its own, as on machines of their own.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use daemun_test_servers::{Postgres, Redis};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Daemun, Ran, Start, run, send};

pub const EMAIL: &str = "mina@example.com";
pub const PASSWORD: &str = "a few words nobody guesses";
/// How long anything may take that travels between nodes.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const CONFIG: &str = r#"
public_url = "https://login.example.com"
data = "data"
contracts = ["native", "phone-pair", "token-server"]
trusted_proxies = ["127.0.0.1"]
metrics_public = true
[smtp]
off = true
[sms]
off = true
"#;

pub const SECRETS: [(&str, &str); 2] = [
    (
        "DAEMUN_MASTER_KEY",
        "8f14e45fceea167a5a36dedd4bea2543f5b1c0d2a3e4f60718293a4b5c6d7e8f",
    ),
    (
        "DAEMUN_LEGACY_SECRET",
        "k9Zr-2vQ8xLmPw4TnYb6HcJdEfGsUa1o-3iKqXzWvRtBy5Nj7MhDgCeFlSpOuA",
    ),
];

/// Where sessions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    InPostgres,
    InRedis,
}

/// The stores, and the nodes that were started on them.
pub struct Cluster<P = Postgres> {
    // In this order: nodes end before what they stand on.
    pub nodes: Vec<Daemun>,
    pub postgres: P,
    pub redis: Option<Redis>,
    environment: Vec<(String, String)>,
}

impl Cluster {
    /// `None` where PostgreSQL or Redis is not installed, which is said.
    pub async fn start(nodes: usize, sessions: Sessions) -> Option<Self> {
        let mut cluster = Self::without_nodes(sessions)?;
        // All at once: the first of them makes what is not there yet.
        let starting: Vec<_> = (0..nodes)
            .map(|_| tokio::spawn(cluster.node().go()))
            .collect();
        for node in starting {
            cluster.nodes.push(node.await.expect("a node"));
        }
        Some(cluster)
    }

    pub fn without_nodes(sessions: Sessions) -> Option<Self> {
        let postgres = Postgres::start()?;
        let url = postgres.url();
        Self::over(postgres, url, sessions)
    }
}

impl<P> Cluster<P> {
    /// Over a database that is reached there.
    pub fn over(postgres: P, url: String, sessions: Sessions) -> Option<Self> {
        let redis = match sessions {
            Sessions::InPostgres => None,
            Sessions::InRedis => Some(Redis::durable()?),
        };
        let mut environment: Vec<_> = SECRETS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        environment.push(("DAEMUN_STORE_ACCOUNTS".into(), url));
        if let Some(redis) = &redis {
            environment.push(("DAEMUN_STORE_SESSIONS".into(), redis.url()));
        }
        Some(Self {
            nodes: Vec::new(),
            postgres,
            redis,
            environment,
        })
    }

    /// How to start one node more.
    pub fn node(&self) -> Start {
        let folder = Arc::new(TempDir::new().expect("a folder"));
        let config = folder.path().join("daemun.toml");
        fs::write(&config, CONFIG).expect("a file");
        let start = Start::production(folder, &config);
        let environment = self.environment.iter();
        environment.fold(start, |start, (name, value)| start.with(name, value))
    }

    pub async fn add_node(&mut self) -> &Daemun {
        let node = self.node().go().await;
        self.nodes.push(node);
        self.nodes.last().expect("it was added")
    }

    /// One more, for a test to do with as it likes.
    pub async fn add_node_apart(&self) -> Daemun {
        self.node().go().await
    }

    /// Runs a command as on the machine of that node.
    pub fn run(&self, node: usize, arguments: &[&str]) -> Ran {
        self.run_with(node, arguments, "")
    }

    pub fn run_with(&self, node: usize, arguments: &[&str], input: &str) -> Ran {
        let config = self.config(node);
        let arguments = [arguments, &["--config", config.to_str().expect("text")]].concat();
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        run(&arguments, &environment, input)
    }

    fn config(&self, node: usize) -> PathBuf {
        self.nodes[node].folder().join("daemun.toml")
    }

    /// Makes an account that can be used at once.
    pub fn account(&self, address: &str) -> i64 {
        let create = [
            "account",
            "create",
            "--email",
            address,
            "--verified",
            "--password-stdin",
            "--json",
        ];
        let made = self.run_with(0, &create, PASSWORD).expect(0).json();
        made["id"].as_i64().expect("an id")
    }
}

pub async fn log_in(node: &Daemun, address: &str) -> Value {
    let login = json!({ "email": address, "password": PASSWORD });
    node.post("/v1/session", login).await.expect(200).json()
}

pub async fn me(node: &Daemun, tokens: &Value) -> u16 {
    let token = tokens["access_token"].as_str().expect("an access token");
    node.get_as(token, "/v1/accounts/me").await.status
}

pub async fn refresh(node: &Daemun, refresh_token: &Value) -> Answer {
    let body = json!({ "refresh_token": refresh_token });
    node.post("/v1/session/refresh", body).await
}

pub async fn log_out(node: &Daemun, tokens: &Value) -> Answer {
    let token = tokens["access_token"].as_str().expect("an access token");
    send(
        node.request(Method::DELETE, "/v1/session")
            .bearer_auth(token),
    )
    .await
}

/// Asks until it is so, and how long that took.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

/// How often to do it: the first number where `DAEMUN_TEST_LONG` is set, for whoever has the time.
pub fn long_or(long: usize, short: usize) -> usize {
    match std::env::var_os("DAEMUN_TEST_LONG") {
        Some(_) => long,
        None => short,
    }
}
