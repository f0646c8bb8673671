//! The benchmarks: what daemun's promises of speed, size and durability are held against.
//!
//! Speed is told as a ratio to a floor that runs beside it, because a machine's own pace is nobody's promise: the floor
//! ([`floor`]) is a bare handler of the same web framework that parses the same JSON and answers as many bytes. Both
//! are child processes, driven by the same load generator ([`load`]) over real sockets; what is compared is the
//! processor time their process used per request.
//!
//! The durability runs are here and not among the tests because they take minutes; their goals are just as hard. A
//! missed goal makes the exit code 1.

mod chance;
mod daemun;
mod findings;
mod floor;
mod load;
mod process;
mod runs;
mod scale;
mod simulate;
mod slow_disk;
mod store;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use crate::findings::Findings;
use crate::runs::Run;

/// What went wrong, for a person to read.
type Fault = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Fault>;

/// Benchmarks of daemun: ratios to a floor measured beside it.
#[derive(Parser)]
#[command(name = "daemun-bench")]
struct Arguments {
    /// What to run; everything where nothing is named.
    #[arg(value_enum)]
    runs: Vec<Run>,
    #[command(flatten)]
    scale: Scale,
}

/// How much of it.
#[derive(clap::Args, Clone, Copy)]
pub struct Scale {
    /// Connections of the load generator.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Sessions in the store before measuring.
    #[arg(long, default_value_t = 200_000)]
    sessions: usize,
    /// Rounds of each side, interleaved; medians are reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds measured per round.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Repetitions of `kill` and `drain`.
    #[arg(long, default_value_t = 20)]
    times: usize,
    /// Rounds of `one-token`.
    #[arg(long, default_value_t = 1_000)]
    races: usize,
    /// Browsers of `simulate`, each from a seed of its own.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first of those seeds: `--first-seed N --seeds 1` replays one. The seed of `scale`.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Connections of `slowloris`.
    #[arg(long, default_value_t = 5_000)]
    slow: usize,
    /// Accounts that `import` takes over.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: usize,
}

fn main() -> ExitCode {
    match attempt() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("daemun-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every goal was met.
fn attempt() -> Result<bool> {
    if std::env::args().nth(1).as_deref() == Some(floor::COMMAND) {
        return floor::serve(std::env::args().skip(2)).map(|()| true);
    }
    let arguments = Arguments::parse();
    process::raise_descriptor_limit()?;
    process::warn_of_company();
    let all = Run::all();
    let runs = if arguments.runs.is_empty() {
        &all
    } else {
        &arguments.runs
    };
    let mut findings = Findings::default();
    for run in runs {
        println!("\n-- {}", run.title());
        if let Err(fault) = run.start(arguments.scale, &mut findings) {
            findings.failed(run.title(), &fault);
        }
    }
    findings.print();
    Ok(findings.all_held())
}
