//! `cargo xtask test` and `check`: the steps, quickest first, the tests' own summary last.

use std::path::Path;
use std::process::Command;

use crate::step::{self, Outcome, Stop, cargo};
use crate::{habits, prerequisites, rooms};

/// The version of cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "0.20.2";

/// Format and architecture: what can be told without compiling anything.
pub fn quick() -> Outcome {
    step::run(
        "format",
        &mut cargo(&["fmt", "--all", "--check", "--", "--files-with-diff"]),
    )?;
    rooms::check()?;
    habits::check()
}

/// Everything there is to check. Nothing is printed after the last step, so its summary closes the run.
pub fn everything() -> Outcome {
    quick()?;
    let prepared = prerequisites::prepare()?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    step::run("clippy", &mut cargo(&clippy))?;
    deny()?;
    step::run(
        "documentation tests",
        &mut cargo(&["test", "--workspace", "--locked", "--doc"]),
    )?;
    step::run("tests", test_runner().envs(prepared.environment()))
}

/// nextest where it is installed; cargo's own runner, without the documentation tests that ran before, where not. Either
/// goes on after a failure: a run tells of all that is broken.
fn test_runner() -> Command {
    if step::succeeds(&mut cargo(&["nextest", "--version"])) {
        cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ])
    } else {
        cargo(&[
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ])
    }
}

/// Licences, banned crates and sources, as `deny.toml` has them.
fn deny() -> Outcome {
    let mut command = cargo_deny()?;
    step::run(
        "deny",
        command.args(["--locked", "check", "bans", "licenses", "sources"]),
    )
}

fn cargo_deny() -> Result<Command, Stop> {
    if step::succeeds(&mut cargo(&["deny", "--version"])) {
        return Ok(cargo(&["deny"]));
    }
    let root = step::target().join("tools");
    let binary = root.join("bin").join("cargo-deny");
    if !step::succeeds(Command::new(&binary).arg("--version")) {
        install_cargo_deny(&root)?;
    }
    Ok(Command::new(binary))
}

/// Unoptimised, it is installed in under a minute instead of many, and checks this tree in two seconds.
fn install_cargo_deny(root: &Path) -> Outcome {
    let mut install = cargo(&[
        "install",
        "cargo-deny",
        "--version",
        CARGO_DENY,
        "--locked",
        "--debug",
        "--root",
    ]);
    install.arg(root).env("CARGO_PROFILE_DEV_DEBUG", "0");
    step::run("installing cargo-deny (once)", &mut install)
}
