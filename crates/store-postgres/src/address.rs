//! Where the server is and how it is spoken to: the URL, read once. Whatever is told of it afterwards
//! tells no password.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Connection, Socket,
    config::{Host, SslMode, TargetSessionAttrs},
};

use crate::{
    Options,
    schema::OpenError,
    tls::{Encrypted, Tls},
};

/// A silent connection is asked whether it lives, and given up after two or three that are not
/// answered: a server that vanished is noticed within a quarter of a minute.
const ASK_AFTER: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_secs(3);
const ASK_TIMES: u32 = 3;
/// What tokio-postgres has where a URL says nothing.
const ASK_AFTER_UNSAID: Duration = Duration::from_secs(2 * 60 * 60);

/// Where the server is.
#[derive(Clone)]
pub(crate) struct Address {
    /// How to connect; holds the password.
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    shown: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A connection, and the task that drives it; that ends with it.
pub(crate) struct Link {
    pub(crate) client: Client,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Address {
    /// Reads a URL.
    pub(crate) fn parse(url: &str, options: &Options) -> Result<Self, OpenError> {
        let wants = Wants::split(url)?;
        let mut config: Config = wants.rest.parse().map_err(|_| OpenError::Address)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::Address);
        }
        let tls = if wants.encryption.unwrap_or(!is_local(&config)) {
            config.ssl_mode(SslMode::Require);
            let trusting = Tls::trusting(wants.roots.as_deref());
            trusting.map_err(|why| OpenError::Trust { why })?
        } else {
            config.ssl_mode(SslMode::Disable);
            Tls::none()
        };
        prepare(&mut config, options);
        Ok(Self {
            shown: shown(&config),
            config,
            tls,
        })
    }

    /// Connects beside the pool; what `drive` makes of the connection runs as long as the link is
    /// there.
    pub(crate) async fn connect<D>(
        &self,
        drive: impl FnOnce(Connection<Socket, Encrypted<Socket>>) -> D,
    ) -> Result<Link, tokio_postgres::Error>
    where
        D: Future<Output = ()> + Send + 'static,
    {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let task = tokio::spawn(drive(connection));
        Ok(Link { client, task })
    }
}

/// What the URL says that is ours to understand, and the rest of it.
struct Wants {
    encryption: Option<bool>,
    roots: Option<PathBuf>,
    rest: String,
}

impl Wants {
    fn split(url: &str) -> Result<Self, OpenError> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(OpenError::Address);
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut wants = Self {
            encryption: None,
            roots: None,
            rest: place.into(),
        };
        let mut join = '?';
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => wants.encryption = Some(encryption(mode)?),
                Some(("sslrootcert", path)) => wants.roots = Some(decoded(path)?.into()),
                _ => {
                    wants.rest.push(join);
                    wants.rest.push_str(pair);
                    join = '&';
                }
            }
        }
        Ok(wants)
    }
}

fn encryption(mode: &str) -> Result<bool, OpenError> {
    match mode {
        "disable" => Ok(false),
        "require" | "verify-full" => Ok(true),
        _ => Err(OpenError::SslMode),
    }
}

fn decoded(text: &str) -> Result<String, OpenError> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.map_err(|_| OpenError::Address)?.into_owned())
}

/// Whether the way there leaves the machine nowhere.
fn is_local(config: &Config) -> bool {
    let host_is = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(host_is) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// What every connection has.
fn prepare(config: &mut Config, options: &Options) {
    if config.get_application_name().is_none() {
        config.application_name("daemun");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.connect_timeout);
    }
    if config.get_keepalives_idle() == ASK_AFTER_UNSAID {
        config.keepalives_idle(ASK_AFTER);
        config.keepalives_interval(ASK_EVERY);
        config.keepalives_retries(ASK_TIMES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(ASK_AFTER + ASK_EVERY * ASK_TIMES);
    }
    // Of several servers, the one that takes writes.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    let limit = options.statement_timeout.as_millis();
    // Beside what the URL chose.
    let chosen = config.get_options().unwrap_or_default().to_owned();
    config.options(format!(
        "{chosen} -c statement_timeout={limit} -c lock_timeout={limit} \
         -c idle_in_transaction_session_timeout={} -c jit=off",
        limit * 2
    ));
}

fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().enumerate().map(|(n, host)| {
        let ports = config.get_ports();
        let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let hosts: Vec<String> = hosts.collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or("?");
    format!("{}/{database}", hosts.join(","))
}
