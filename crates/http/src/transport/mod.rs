//! Connections: taking them, bounding what each may cost, and letting them end well.
//!
//! The ready-made servers bring no clock to a connection, so a client that sends its header a byte
//! at a time keeps its place for ever. This accept loop gives every wait a limit: the handshake,
//! the header block, the body, the next request, the peer's reading of an answer. Under pressure
//! whoever has kept a connection waiting longest makes room for the newcomer, and at shutdown
//! requests under way are answered before the process ends.
//!
//! It knows nothing of routes or contracts; it hands requests to a [`Handler`].
//!
//! From the outside in: `serve` accepts connections and ends them, `crowd` knows them all and who
//! must go, `connection` runs one of them against the clock, `life` is what the two know of it,
//! `stream` and `turn` are where it is learned.

mod body;
mod cidr;
mod client;
mod config;
mod connection;
mod crowd;
mod life;
mod serve;
mod stream;
mod tls;
mod turn;

use std::{future::Future, net::IpAddr, sync::atomic::AtomicU64};

use axum::{
    body::HttpBody,
    http::{Request, Response},
};
use bytes::Bytes;

pub use self::{
    body::{BodyFault, RequestBody, read_body},
    cidr::{Cidr, CidrError},
    client::client_address,
    config::TransportConfig,
    serve::{listen, serve},
    tls::{TlsError, tls_from_pem},
};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address of the socket (an IPv4 address mapped into IPv6 is given as IPv4).
    pub address: IpAddr,
    /// Whether the connection is encrypted by us.
    pub secure: bool,
}

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The body of an answer.
    type Body: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static;

    /// Answers one request. Dropped unfinished if the client goes away meanwhile.
    fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The answer to a request whose handling panicked.
    fn panicked(&self) -> Response<Self::Body>;
}

/// What the transport counts, for the metrics page.
#[derive(Default, Debug)]
pub struct TransportStats {
    /// Connections open now.
    pub open: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections closed because the client was too slow: over a handshake, a header or a body, or
    /// in reading an answer.
    pub reaped: AtomicU64,
    /// Connections turned away because every other one was busy.
    pub refused: AtomicU64,
    /// Waiting connections closed to make room for a newcomer.
    pub shed: AtomicU64,
    /// Requests whose handling panicked.
    pub panics: AtomicU64,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Whether every connection came to its own end.
    pub graceful: bool,
    /// Connections cut off because they were not done in time.
    pub aborted_connections: usize,
}
