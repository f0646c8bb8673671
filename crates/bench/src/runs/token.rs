//! The token layer has a benchmark of its own, an example of its crate; this only starts it.

use std::process::Command;

use crate::Result;

pub fn run() -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "daemun-token",
        "--example",
        "speed",
    ]);
    match command.status()? {
        status if status.success() => Ok(()),
        status => Err(format!("the token benchmark ended with {status}").into()),
    }
}
