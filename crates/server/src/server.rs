//! A server's life: the socket, the web, the mail room and the chores around one core, until it is
//! asked to end, and the order in which they then do.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use daemun_engine::ports::Retention;
use daemun_http::{
    App, AppParts, OutboxView,
    transport::{self, Cidr, TransportConfig, TransportStats},
};
use daemun_mail::Couriers;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{
    background,
    compose::Core,
    control,
    data::Lock,
    node,
    report::{Failure, Kind, Outcome},
    signals,
};

/// How long the chores may take to stop, once everything else has ended.
const TO_STOP: Duration = Duration::from_secs(2);

/// What a server needs besides its core.
pub(crate) struct Setup {
    /// Where it listens.
    pub(crate) listener: TcpListener,
    /// The right to serve this data.
    pub(crate) lock: Lock,
    /// Who carries mail and text messages.
    pub(crate) couriers: Couriers,
    /// Development's outbox.
    pub(crate) outbox: Option<Arc<dyn OutboxView>>,
    /// The limits of connections, and TLS.
    pub(crate) transport: TransportConfig,
    /// Whose word on a client's address is taken.
    pub(crate) trusted_proxies: Vec<Cidr>,
    /// The origins whose pages may call.
    pub(crate) allowed_origins: Vec<String>,
    /// Whether `/metrics` answers everybody.
    pub(crate) metrics_public: bool,
    /// The largest body read, in bytes.
    pub(crate) max_body_bytes: usize,
    /// How long what is over is kept.
    pub(crate) retention: Retention,
}

/// Takes an address to listen on.
pub(crate) async fn bind(address: SocketAddr) -> Outcome<TcpListener> {
    transport::listen(address).map_err(|error| {
        let failure = |kind, what: String| Failure::new(kind, what).because(&error);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                let port = address.port();
                failure(Kind::Conflict, format!("port {port} of {} is taken", address.ip())).mend(
                    format!("stop what listens there (ss -ltnp 'sport = :{port}' names it), or another port: daemun dev --port 0"),
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                failure(Kind::Failed, format!("this user may not listen on {address}")).mend(
                    "a port above 1023 behind a proxy, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit",
                )
            }
            _ => failure(Kind::Failed, format!("{address} cannot be listened on"))
                .mend("an address of this machine"),
        }
    })
}

/// Serves until asked to end, then ends well: requests under way are answered, letters on their
/// way arrive, the store is closed last. `ready` is called once requests are taken.
pub(crate) async fn run(core: Core, setup: Setup, ready: impl FnOnce()) -> Outcome<()> {
    let broken =
        |what: &str, why: &dyn std::fmt::Display| Failure::new(Kind::Failed, what).because(why);
    let stop = signals::listen().map_err(|error| broken("signals cannot be heard", &error))?;
    let control = control::listen(&core.data)
        .map_err(|error| broken("the control socket cannot be made", &error))?;
    let worker = core
        .mail_worker(setup.couriers)
        .map_err(|error| broken("a contract's words for mail cannot be used", &error))?;
    let stats = Arc::new(TransportStats::default());
    let parts = AppParts {
        engine: Arc::clone(&core.engine),
        contracts: core.contracts,
        legacy: core.legacy,
        dev: setup.outbox.is_some(),
        outbox: setup.outbox,
        public_url: core.public_url,
        trusted_proxies: setup.trusted_proxies,
        allowed_origins: setup.allowed_origins,
        metrics_public: setup.metrics_public,
        max_body_bytes: setup.max_body_bytes,
    };
    let app = App::new(parts, Arc::clone(&stats))
        .map_err(|error| broken("the contracts cannot be mounted", &error))?;

    let address = setup
        .listener
        .local_addr()
        .map_err(|error| broken("it is not known where it listens", &error))?;
    let node = node::this(address, core.engine.now())
        .map_err(|error| broken("it cannot be told from other nodes", &error))?;
    let node = Arc::new(node);

    let mut chores = background::start(&core.engine, &node, setup.retention);
    chores.spawn(control::answer(
        control,
        Arc::clone(&core.engine),
        Arc::clone(&node),
    ));
    let mail = tokio::spawn(worker.run(stop.clone().asked()));
    let engine = Arc::clone(&core.engine);
    let asked = async move {
        stop.asked().await;
        engine.end_listening();
    };
    let web = transport::serve(
        vec![setup.listener],
        Arc::new(app),
        setup.transport,
        stats,
        asked,
    );
    ready();
    info!(version = env!("CARGO_PKG_VERSION"), data = %core.data.path().display(), "ready");

    let drained = web.await;
    if !drained.graceful {
        warn!(
            connections = drained.aborted_connections,
            "connections were cut off: they were not done in time"
        );
    }
    let _ = mail.await;
    // A chore that is in the middle of a step is let finish it, so that the store closes clean.
    chores.abort_all();
    let ended = async { while chores.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(TO_STOP, ended).await;
    let left = core.engine.leave_nodes(&node);
    if !matches!(tokio::time::timeout(TO_STOP, left).await, Ok(Ok(()))) {
        warn!("the store was not told that this node ended; it will be listed as silent");
    }
    drop((core.engine, core.store));
    // While the lock is held, the socket that lies there is ours.
    let _ = std::fs::remove_file(core.data.control_socket());
    drop(setup.lock);
    info!("ended");
    Ok(())
}
