//! The accept loop, from the first connection to the last.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{
    Drained, Handler, Peer, TransportConfig, TransportStats, connection, crowd::Crowd, life::Order,
};

/// Files kept free of connections: the store's, the mail's, the logs'.
const SPARE_FILES: usize = 128;

/// How long to wait where the system has nothing left to give.
const BREATHER: Duration = Duration::from_millis(20);

/// What is told, best effort, to a client there is no room for.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A listener whose queue is long enough for a burst.
///
/// # Errors
/// Why the address cannot be listened on.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// What every connection of a server shares.
pub(super) struct Server<H> {
    pub(super) handler: Arc<H>,
    pub(super) config: TransportConfig,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) stats: Arc<TransportStats>,
    crowd: Arc<Crowd>,
    room: usize,
}

/// Serves until `shutdown` is done, then until every request under way is answered or
/// [`TransportConfig::drain_timeout`] is over.
///
/// At [`TransportConfig::max_connections`] a newcomer takes the place of the connection that has
/// kept us waiting longest: one without a whole request, else an idle one. (Were accepting to stop
/// instead, a crowd of slow clients would shut out all others for as long as they are tolerated.)
/// Only where an answer is owed to every one of them is the newcomer refused, with a 503.
pub async fn serve<H: Handler>(
    listeners: Vec<TcpListener>,
    handler: Arc<H>,
    config: TransportConfig,
    stats: Arc<TransportStats>,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let tls = config.tls.as_deref().map(|tls| acceptor(tls, config.http2));
    let room = room(config.max_connections);
    let crowd = Crowd::new(stats.clone());
    let server = Arc::new(Server {
        handler,
        config,
        tls,
        stats,
        crowd,
        room,
    });
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = poll_fn(|cx| poll_accept(&listeners, cx)) => server.take(accepted).await,
        }
    }
    server.take_the_queue(&listeners).await;
    drop(listeners);
    server.drain().await
}

/// Which protocols are spoken is settled here, so that none is offered that is not served.
fn acceptor(tls: &ServerConfig, http2: bool) -> TlsAcceptor {
    let mut tls = tls.clone();
    tls.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    TlsAcceptor::from(Arc::new(tls))
}

type Accepted = io::Result<(TcpStream, SocketAddr)>;

fn poll_accept(listeners: &[TcpListener], cx: &mut Context<'_>) -> Poll<Accepted> {
    let mut polled = listeners.iter().map(|listener| listener.poll_accept(cx));
    polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
}

impl<H: Handler> Server<H> {
    async fn take(self: &Arc<Self>, accepted: Accepted) {
        match accepted {
            Ok((socket, from)) => {
                if self.crowd.len() >= self.room {
                    self.make_room(socket, from).await;
                } else {
                    self.welcome(socket, from);
                }
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; closing a waiting one");
                self.crowd.spare_one();
                tokio::time::sleep(BREATHER).await;
            }
        }
    }

    fn welcome(self: &Arc<Self>, socket: TcpStream, from: SocketAddr) {
        let place = self.crowd.enter();
        let peer = Peer {
            address: from.ip().to_canonical(),
            secure: self.tls.is_some(),
        };
        let server = self.clone();
        tokio::spawn(
            async move { connection::run(server, socket, peer, place.life.clone()).await },
        );
    }

    /// Yields, so that who has to leave leaves before the next one is let in.
    async fn make_room(self: &Arc<Self>, socket: TcpStream, from: SocketAddr) {
        if self.crowd.spare_one() {
            self.welcome(socket, from);
        } else {
            self.stats.refused.fetch_add(1, Relaxed);
            if self.tls.is_none() {
                let _ = socket.try_write(NO_ROOM);
            }
        }
        tokio::task::yield_now().await;
    }

    /// Who was already in the queue when the server was told to stop is not turned away.
    async fn take_the_queue(self: &Arc<Self>, listeners: &[TcpListener]) {
        for _ in 0..self.room {
            match poll_fn(|cx| Poll::Ready(poll_accept(listeners, cx))).await {
                Poll::Ready(Ok((socket, from))) => self.welcome(socket, from),
                Poll::Ready(Err(_)) | Poll::Pending => break,
            }
        }
    }

    async fn drain(&self) -> Drained {
        self.crowd.order(Order::Drain);
        if timeout(self.config.drain_timeout, self.crowd.emptied())
            .await
            .is_ok()
        {
            return Drained {
                graceful: true,
                aborted_connections: 0,
            };
        }
        let aborted_connections = self.crowd.order(Order::Cut);
        let _ = timeout(Duration::from_secs(1), self.crowd.emptied()).await;
        Drained {
            graceful: aborted_connections == 0,
            aborted_connections,
        }
    }
}

/// Whether an error is about the one connection, which its client gave up before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// How many connections there is room for, given how many files the process may open.
fn room(wished: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(files) = open_files(&limits) else {
        return wished.max(1);
    };
    let possible = files.saturating_sub(SPARE_FILES).max(files / 2).max(1);
    if wished > possible {
        tracing::warn!(
            max_connections = wished,
            open_files = files,
            kept = possible,
            "the limit on open files leaves room for fewer connections; raise it (ulimit -n, LimitNOFILE=)"
        );
    }
    wished.clamp(1, possible)
}

fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_on_files_is_read() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(
            open_files("Max open files  unlimited  unlimited  files"),
            None
        );
        assert_eq!(open_files(""), None);
    }
}
