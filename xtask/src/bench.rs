//! `cargo xtask bench`: builds what is measured as a user would, then hands over to the benchmarks' own program.

use std::process::Command;

use crate::step::{self, Outcome, cargo};

/// Two builds on purpose: in one, the benchmarks' features would find their way into the server that is measured.
pub fn run(names: &[&str]) -> Outcome {
    step::run(
        "building daemun for release",
        &mut cargo(&["build", "--release", "--locked", "--package", "daemun"]),
    )?;
    step::run(
        "building the benchmarks",
        &mut cargo(&[
            "build",
            "--release",
            "--locked",
            "--package",
            "daemun-bench",
        ]),
    )?;
    step::run(
        "benchmarks",
        Command::new(step::target().join("release").join("daemun-bench")).args(names),
    )
}
