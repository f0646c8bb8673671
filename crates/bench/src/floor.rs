//! The floor: the least a server of this framework can spend on a request of the same size.
//!
//! A bare handler that parses the same JSON and answers a constant: no token, no store, no log, no limit. It runs as a
//! child process of its own, as the server it is compared with does.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use axum::Json;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::load::REFRESH;
use crate::process::{Server, free_port};
use crate::{Fault, Result};

/// The hidden command that makes this program the floor.
pub const COMMAND: &str = "floor-server";

/// Where the floor answers a constant to `GET`.
pub const GUARDED: &str = "/accounts/me/";

#[derive(Deserialize)]
struct Presented {
    refresh: String,
}

/// Starts the floor as a child that answers `refreshed` and `guarded`.
pub async fn start(refreshed: &[u8], guarded: &[u8], log: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND).arg(port.to_string());
    command.args([
        std::str::from_utf8(refreshed)?,
        std::str::from_utf8(guarded)?,
    ]);
    Ok(Server::start(command, port, "/readyz", log).await?.0)
}

/// Is the floor: port, answer to a refresh, answer to a guarded request.
pub fn serve(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let mut next = || {
        arguments
            .next()
            .ok_or("floor-server PORT REFRESHED GUARDED")
    };
    let port: u16 = next()?.parse()?;
    let refreshed: &'static str = next()?.leak();
    let guarded: &'static str = next()?.leak();
    let json = || [(CONTENT_TYPE, "application/json")];
    let refresh = async move |Json(presented): Json<Presented>| {
        std::hint::black_box(presented.refresh);
        (json(), refreshed)
    };
    let app = Router::new()
        .route(REFRESH, post(refresh))
        .route(GUARDED, get(async move || (json(), guarded)))
        .route("/readyz", get(async || "ready"));
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            axum::serve(listener, app).await?;
            Ok::<(), Fault>(())
        })
}
