//! The limits of connections.

use std::{sync::Arc, time::Duration};

use tokio_rustls::rustls::ServerConfig;

/// The limits of connections.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// How long a whole header block may take, from the connection's start or from its first byte.
    pub header_timeout: Duration,
    /// How long a whole request body may take, from when it is first waited for.
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a client may read nothing of an answer before the connection is closed.
    pub write_timeout: Duration,
    /// How long requests under way may take to finish once the server is to stop.
    pub drain_timeout: Duration,
    /// How many connections there may be. Where the process may not open as many files, fewer.
    pub max_connections: usize,
    /// The largest header block, in bytes; a larger one is answered with 431.
    pub max_header_bytes: usize,
    /// How connections are encrypted, if they are. Which protocols it offers is set by `http2`.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether HTTP/2 is offered on encrypted connections.
    pub http2: bool,
}

impl Default for TransportConfig {
    /// A slow client is gone within ten seconds, the time its goodbye takes included.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(8),
            body_timeout: Duration::from_secs(8),
            idle_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(8),
            drain_timeout: Duration::from_secs(10),
            max_connections: 10_000,
            max_header_bytes: 32 * 1024,
            tls: None,
            http2: true,
        }
    }
}
