//! `daemun dev`: development mode, on this machine only.

use std::{net::Ipv4Addr, sync::Arc, time::Instant};

use daemun_http::transport::TransportConfig;
use daemun_mail::{Couriers, DevOutbox};

use crate::{
    adapters::{Outbox, SystemClock},
    cli,
    compose::Core,
    config,
    data::DataDir,
    development,
    logging::{self, Look},
    report::{Failure, Kind, Outcome},
    screen,
    server::{self, Setup},
};

/// Serves until asked to end.
pub(super) async fn run(dev: cli::Dev) -> Outcome<()> {
    let began = Instant::now();
    start_logging()?;
    let contracts = development::contracts(&dev.contracts)?;
    let data = DataDir::create(&dev.data)?;
    let lock = data.lock()?;
    let listener = server::bind((Ipv4Addr::LOCALHOST, dev.port).into()).await?;
    let port = listener
        .local_addr()
        .map_or(dev.port, |address| address.port());
    let public_url = format!("http://127.0.0.1:{port}");
    let legacy = development::legacy_secrets(&data, &contracts)?;
    let installation = development::installation(&data, contracts, legacy, public_url)?;
    let core = Core::start(data, installation).await?;
    let outbox = DevOutbox::new(Arc::new(SystemClock));
    let screen = screen::Screen::of(&core);
    let setup = Setup {
        listener,
        lock,
        couriers: Couriers::all(Arc::new(outbox.clone())),
        outbox: Some(Arc::new(Outbox(outbox))),
        transport: TransportConfig::default(),
        trusted_proxies: Vec::new(),
        allowed_origins: Vec::new(),
        metrics_public: true,
        max_body_bytes: config::MAX_BODY_BYTES,
        retention: daemun_engine::ports::Retention::default(),
    };
    server::run(core, setup, || screen.show(began.elapsed())).await
}

fn start_logging() -> Outcome<()> {
    let look = Look::for_development();
    let wanted = config::environment()
        .into_iter()
        .find(|(name, text)| name == "DAEMUN_LOG" && !text.is_empty());
    let default = match look {
        Look::Json => logging::DEFAULT,
        Look::Plain => logging::AT_A_TERMINAL,
    };
    let text = wanted.as_ref().map_or(default, |(_, text)| text);
    let filter = logging::filter(text).map_err(|error| {
        Failure::new(Kind::Failed, "DAEMUN_LOG is no filter")
            .because(error)
            .mend("DAEMUN_LOG=info, or DAEMUN_LOG=info,daemun_http=debug")
    })?;
    logging::start(look, filter);
    Ok(())
}
