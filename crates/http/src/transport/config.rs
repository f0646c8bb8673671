//! The limits of connections.

use std::{sync::Arc, time::Duration};

use tokio_rustls::rustls::ServerConfig;

use super::Cidr;

/// The limits of connections.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// How long a whole header block may take, from the connection's start or its first byte.
    pub header_timeout: Duration,
    /// How long a whole request body may take, from the end of the header.
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a client may leave an answer unread before the connection is closed.
    pub write_timeout: Duration,
    /// How long requests under way may take to finish once the server is to stop.
    pub drain_timeout: Duration,
    /// How many connections there may be. Fewer are kept where the process may not open as many files.
    pub max_connections: usize,
    /// The largest header block, in bytes; a larger one is answered with 431.
    pub max_header_bytes: usize,
    /// How connections are encrypted, if they are.
    pub tls: Option<Arc<ServerConfig>>,
    /// Proxies, whose many connections from one address are no attack.
    pub trusted_proxies: Vec<Cidr>,
    /// Whether HTTP/2 is offered on encrypted connections.
    pub http2: bool,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(8),
            body_timeout: Duration::from_secs(8),
            idle_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(10),
            max_connections: 10_000,
            max_header_bytes: 32 * 1024,
            tls: None,
            trusted_proxies: Vec::new(),
            http2: true,
        }
    }
}
