//! A server in production: what development leaves out, and settings of one's own.

use std::{fs, path::Path, sync::Arc};

use tempfile::TempDir;

use super::people::{EMAIL, PASSWORD, PHONE};
use crate::harness::{Daemun, Start, run};

const PRODUCTION: &str = r#"
public_url = "https://login.example.com"
data = "data"
contracts = ["native", "phone-pair", "email-cookie"]
allowed_origins = ["https://app.example.com"]
trusted_proxies = ["127.0.0.1"]
[smtp]
off = true
[sms]
off = true
"#;

const SECRETS: [(&str, &str); 2] = [
    (
        "DAEMUN_MASTER_KEY",
        "8f14e45fceea167a5a36dedd4bea2543f5b1c0d2a3e4f60718293a4b5c6d7e8f",
    ),
    (
        "DAEMUN_LEGACY_SECRET",
        "k9Zr-2vQ8xLmPw4TnYb6HcJdEfGsUa1o-3iKqXzWvRtBy5Nj7MhDgCeFlSpOuA",
    ),
];

/// A production server behind a proxy on this machine, with one account of each kind of address and
/// `more` settings, by the names of their variables.
pub async fn production(more: &[(&str, &str)]) -> Daemun {
    let folder = Arc::new(TempDir::new().expect("a folder"));
    let config = folder.path().join("daemun.toml");
    fs::write(&config, PRODUCTION).expect("a file");
    let start = Start::production(folder, &config);
    let settings = SECRETS.iter().chain(more);
    let daemun = settings
        .fold(start, |start, (name, value)| start.with(name, value))
        .go()
        .await;
    for (kind, address) in [("--email", EMAIL), ("--phone", PHONE)] {
        create(&config, &[kind, address, "--nickname", address]);
    }
    daemun
}

fn create(config: &Path, address: &[&str]) {
    let command = [
        "account",
        "create",
        "--verified",
        "--password-stdin",
        "--config",
        config.to_str().expect("text"),
    ];
    run(&[&command, address].concat(), &SECRETS, PASSWORD).expect(0);
}
