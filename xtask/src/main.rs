//! The tasks of this repository: `cargo xtask test`, `check` and `bench`.
//!
//! It depends on nothing but the standard library, so that it compiles in a second and whoever clones the repository
//! waits for the tests, not for the tool that runs them. Each task is a list of steps ([`step`]); the first that fails
//! ends it and says which command runs that step again.

mod bench;
mod habits;
mod prerequisites;
mod rooms;
mod step;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  test             everything: format, architecture, clippy, licences, every test
  check            format and architecture only: a second or two, before a commit
  bench [NAME…]    build for release, run the named benchmarks (all by default), print the ratios";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::everything(),
        ["check"] => test::quick(),
        ["bench", names @ ..] => bench::run(names),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("\n{stop}");
            ExitCode::FAILURE
        }
    }
}
