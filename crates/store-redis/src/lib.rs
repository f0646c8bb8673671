//! Sessions, and what of limits several processes share, on Redis or Valkey.
//!
//! A session is one packed value (`pack`). Whatever changes anything is a script, and so one step: a rotation touches its
//! session's key alone; what ends sessions adds to the log in the same step (`sessions`, `log`). Scripts do what the engine's
//! pure functions say; the one that judges a presented token is a twin of `daemun_engine::session::decide`, and a test
//! presents the same tokens to both. A script whose answer did not come in time may have run. To ask again is safe: the token
//! is then judged as presented twice, and what has ended does not end again.
//!
//! Time is the caller's, never Redis's. Keys are told to expire long after they are of use, so that nothing is left of an
//! installation that is gone; what decides is what stands in a value.
//!
//! Redis may lose everything, or the last of it. Sessions it does not know are logged out. A log it does not know begins anew:
//! with an entry that ends whatever began before, under another name and with numbers that no log before had (`log`). While it
//! does not answer, nobody waits for it (`link`).
//!
//! One server and its replicas, no cluster: what ends an account's sessions touches them all in one step.

mod answer;
mod changes;
mod counters;
mod info;
mod link;
mod log;
mod lookup;
mod pack;
mod purge;
mod scripts;
mod sessions;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use daemun_engine::ports::Stored;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, Value};

pub use info::Promises;

use crate::{
    info::Info,
    link::{Link, Target},
    purge::Walk,
};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How all of its keys begin, and the name of its channel: several installations can share a server.
    pub prefix: String,
    /// How long an answer may take. One that takes longer is given up, and Redis counts as down until it answers again.
    pub response_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: "daemun".into(),
            response_timeout: Duration::from_millis(500),
        }
    }
}

/// Why a store cannot be opened, and what helps.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error(
        "this is no address of a Redis server ({why}). Write redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS, or \
         redis+unix:///PATH?pass=PASSWORD"
    )]
    Address {
        /// What is wrong with it.
        why: String,
    },
    /// The prefix cannot be one.
    #[error("the prefix must be 1 to 32 letters, digits, '-', '_' or '.'")]
    Prefix,
    /// It cannot be reached, or does not serve.
    #[error(
        "Redis at {address}: {why}. Is it running, and are user and password right? Ask it: redis-cli PING"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// What happened.
        why: String,
    },
    /// It is too old.
    #[error("Redis at {address} is of version {version}. It must be 6.2 or later, or Valkey")]
    TooOld {
        /// Where.
        address: String,
        /// Its version.
        version: String,
    },
    /// It is a node of a cluster.
    #[error(
        "Redis at {address} is part of a cluster: what ends an account's sessions must be one step on one node. Use one server \
         with replicas (cluster-enabled no)"
    )]
    Cluster {
        /// Where.
        address: String,
    },
}

/// Sessions and shared counters on Redis. Clones share one connection.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
    address: String,
    prefix: String,
    /// How long the longest access token lives, in microseconds, as far as is known; 0 where it is not.
    horizon: AtomicU64,
    walk: Walk,
}

impl RedisStore {
    /// Connects to a server: `redis://`, `rediss://` (TLS), `redis+unix://`. Must be called on a Tokio runtime, which looks
    /// after the connection from then on.
    ///
    /// # Errors
    /// Why it cannot be opened, and what helps; the password is not in it.
    pub async fn open(url: &str, options: Options) -> Result<Self, OpenError> {
        let Options {
            prefix,
            response_timeout,
        } = options;
        let may = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=32).contains(&prefix.len()) || !prefix.chars().all(may) {
            return Err(OpenError::Prefix);
        }
        let (client, address) = client(url)?;
        let target = Target {
            client,
            channel: format!("{prefix}:log"),
            patience: response_timeout,
        };
        let connected = target.connect().await;
        let connected = connected.map_err(|error| OpenError::Unreachable {
            address: address.clone(),
            why: error.to_string(),
        })?;
        check(&connected.info, &address)?;
        Ok(Self {
            inner: Arc::new(Inner {
                link: Link::of(target, connected),
                address,
                prefix,
                horizon: AtomicU64::new(0),
                walk: Walk::default(),
            }),
        })
    }

    /// Where it is connected to: host and port, or path.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// What the server promises about what is written to it.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn promises(&self) -> Stored<Promises> {
        let answered = self.link().ask(&redis::cmd("INFO")).await?;
        let info = match answered {
            Value::BulkString(bytes) => answer::text(bytes)?,
            Value::VerbatimString { text, .. } => text,
            _ => return Err(answer::nonsense()),
        };
        let info = Info::read(&info);
        let own = |name| info.get(name).unwrap_or_default().to_owned();
        let least = self.setting("min-replicas-to-write").await;
        Ok(Promises {
            version: info.version().to_owned(),
            appendonly: info.get("aof_enabled") == Some("1"),
            appendfsync: self.setting("appendfsync").await,
            save: self.setting("save").await,
            maxmemory_policy: own("maxmemory_policy"),
            role: own("role"),
            replicas: own("connected_slaves").parse().unwrap_or(0),
            min_replicas_to_write: least.and_then(|least| least.parse().ok()),
            cluster_enabled: info.is_cluster(),
        })
    }

    /// A setting; `None` where it may not be asked, as with many who rent Redis out.
    async fn setting(&self, name: &str) -> Option<String> {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(name);
        match self.link().ask(&command).await.ok()? {
            Value::Map(pairs) => {
                let (_, value) = pairs.into_iter().next()?;
                answer::bytes(value).and_then(answer::text).ok()
            }
            _ => None,
        }
    }

    fn link(&self) -> &Link {
        &self.inner.link
    }

    /// A key of ours: what kind it is, and what it is of.
    fn key(&self, kind: &[u8], of: &[u8]) -> Vec<u8> {
        [self.inner.prefix.as_bytes(), b":", kind, of].concat()
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RedisStore({}, {})",
            self.inner.address, self.inner.prefix
        )
    }
}

/// A client that speaks RESP3, which is how one connection both asks and is told; and the address, without secrets.
fn client(url: &str) -> Result<(Client, String), OpenError> {
    // What the parser says may repeat a part of the address; its category does not.
    let address = |error: redis::RedisError| OpenError::Address {
        why: error.category().to_owned(),
    };
    let connection = url.into_connection_info().map_err(address)?;
    if matches!(connection.addr(), ConnectionAddr::TcpTls { .. }) {
        // Fails where one is installed already, which is as good.
        let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
        let _ = provider.install_default();
    }
    let shown = connection.addr().to_string();
    let settings = connection.redis_settings().clone();
    let settings = settings.set_protocol(ProtocolVersion::RESP3);
    let client = Client::open(connection.set_redis_settings(settings)).map_err(address)?;
    Ok((client, shown))
}

fn check(info: &Info, address: &str) -> Result<(), OpenError> {
    let address = address.to_owned();
    if info.is_cluster() {
        return Err(OpenError::Cluster { address });
    }
    if info.is_too_old() {
        let version = info.version().to_owned();
        return Err(OpenError::TooOld { address, version });
    }
    Ok(())
}
