//! What each command does. A command that only asks and answers returns an
//! [`Answer`](crate::report::Answer); a server runs until it is asked to end.

mod account;
mod contract;
mod dev;
mod doctor;
mod key;
mod migrate;
mod node;
mod operate;
mod serve;
mod service_key;
mod session;
mod verifier;
mod verify;

use std::process::ExitCode;

use crate::{
    cli::{self, Command},
    report::{Answer, Failure, Kind, Outcome, finish},
};

/// Does what the command line asks for.
pub(crate) fn run(command: Option<Command>) -> ExitCode {
    let command = command.unwrap_or_else(|| Command::Dev(cli::Dev::default()));
    let json = wants_json(&command);
    finish(dispatch(command), json)
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Dev(dev) => on_all_cores(dev::run(dev)),
        Command::Serve(serve) => {
            let config = serve::check(&serve)?;
            on_all_cores(serve::run(config))
        }
        Command::Doctor(doctor) => on_one_core(doctor::run(doctor)),
        Command::Contract(contract) => contract::run(&contract),
        Command::Account(account) => on_one_core(account::run(account)),
        Command::Session(session) => on_one_core(session::run(session)),
        Command::Key(key) => on_one_core(key::run(key)),
        Command::ServiceKey(key) => on_one_core(service_key::run(key)),
        Command::Verifier(verifier) => on_one_core(verifier::run(verifier)),
        Command::Node(node) => on_one_core(node::run(node)),
        Command::Migrate(migrate) => on_one_core(migrate::run(migrate)),
    }
}

fn wants_json(command: &Command) -> bool {
    match command {
        Command::Dev(_) | Command::Serve(_) => false,
        Command::Doctor(doctor) => doctor.json,
        Command::Contract(contract) => match contract {
            cli::Contract::Check { json, .. } => *json,
            cli::Contract::Verify(verify) => verify.json,
            cli::Contract::Explain { .. } | cli::Contract::Openapi { .. } => false,
        },
        Command::Account(account) => account.place().json,
        Command::Session(session) => session.place().json,
        Command::Key(key) => key.place().json,
        Command::ServiceKey(key) => key.place().json,
        Command::Verifier(verifier) => verifier.place().json,
        Command::Node(node) => node.place().json,
        Command::Migrate(migrate) => migrate.json(),
    }
}

/// Runs a server: a worker for every core.
fn on_all_cores(server: impl Future<Output = Outcome<()>>) -> Outcome {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    run_on(&mut builder, server).map(|()| Answer::text(""))
}

/// Runs a command that works on the data.
fn on_one_core(command: impl Future<Output = Outcome>) -> Outcome {
    run_on(&mut tokio::runtime::Builder::new_current_thread(), command)
}

fn run_on<T>(
    builder: &mut tokio::runtime::Builder,
    work: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    let runtime = builder.enable_all().build().map_err(|error| {
        Failure::new(Kind::Failed, "the system gives no threads").because(error)
    })?;
    runtime.block_on(work)
}
