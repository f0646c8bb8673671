//! `daemun serve`: production. Starts only on a configuration without a single problem.

use std::sync::Arc;

use daemun_mail::{Courier, Couriers, SetupError, SmtpCourier, WebhookCourier};

use crate::{
    cli,
    compose::Core,
    config::{self, Config},
    data::DataDir,
    logging::{self, Look},
    report::{Failure, Kind, Outcome, line},
    server::{self, Setup},
};

/// The configuration, where nothing is wrong with it.
pub(super) fn check(serve: &cli::Serve) -> Outcome<Config> {
    let environment = config::environment();
    let examined = config::examine(serve.config.as_deref(), environment, &serve.contracts)?;
    let problems = examined.problems;
    examined.config.ok_or_else(|| {
        let what = format!(
            "daemun does not start: {}\n\n{}",
            problems.count(),
            problems.list(false)
        );
        let explain = match &serve.config {
            Some(file) => format!(
                "the above; daemun doctor --config {} explains it",
                file.display()
            ),
            None => "the above; daemun doctor explains it. A file is given by --config FILE".into(),
        };
        Failure::new(Kind::Failed, what).mend(explain)
    })
}

/// Serves until asked to end.
pub(super) async fn run(config: Config) -> Outcome<()> {
    let filter = logging::filter(&config.log).map_err(|error| Failure::new(Kind::Failed, error))?;
    logging::start(Look::Json, filter);
    let couriers =
        couriers(&config).map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    let data = DataDir::create(&config.installation.data)?;
    let lock = data.lock()?;
    let listener = server::bind(config.listen).await?;
    let address = listener.local_addr().unwrap_or(config.listen);
    let core = Core::start(data, config.installation).await?;
    let scheme = if config.transport.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let ready = format!("daemun serves {} on {scheme}://{address}", core.public_url);
    let setup = Setup {
        listener,
        lock,
        couriers,
        outbox: None,
        transport: config.transport,
        trusted_proxies: config.trusted_proxies,
        allowed_origins: config.allowed_origins,
        metrics_public: config.metrics_public,
        max_body_bytes: config.max_body_bytes,
        retention: config.retention,
    };
    server::run(core, setup, || line(&mut std::io::stdout(), &ready)).await
}

fn couriers(config: &Config) -> Result<Couriers, SetupError> {
    let smtp = config.smtp.clone().map(SmtpCourier::new).transpose()?;
    let sms = config.sms.as_ref().map(WebhookCourier::new).transpose()?;
    Ok(Couriers {
        email: smtp.map(|courier| Arc::new(courier) as Arc<dyn Courier>),
        sms: sms.map(|courier| Arc::new(courier) as Arc<dyn Courier>),
    })
}
