//! The binary `daemun`: the command line, the configuration, and the putting together of all the
//! rooms.
//!
//! It owns what only a program has: arguments, files, the environment, signals, the clock on the
//! wall. Everything it decides is about *starting*: whether a configuration is safe, which
//! contracts stand beside each other, who may serve a data directory. How people log in is decided
//! elsewhere ([`daemun_engine`]), and how that looks on the wire, in contract files.

mod adapters;
mod background;
mod cli;
mod command;
mod compose;
mod config;
mod contracts;
mod control;
mod data;
mod development;
mod logging;
mod report;
mod screen;
mod secret;
mod server;
mod signals;

/// Requests allocate and free on different threads, and small things mostly: measured against the
/// system's allocator, a refresh costs a tenth less.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    command::run(cli::Cli::parse().command)
}
