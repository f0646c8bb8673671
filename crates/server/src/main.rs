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
mod node;
mod promises;
mod report;
mod screen;
mod secret;
mod server;
mod signals;
mod stores;
mod verify;

/// Requests allocate small things and free them on other threads. Measured against the system's
/// allocator, a refresh costs 7 % less processor time, and the idle server takes 30 MB instead of
/// 15.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    command::run(cli::Cli::parse().command)
}
