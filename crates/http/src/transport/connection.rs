//! One connection against the clock.
//!
//! hyper's own timeout for headers makes and cancels a timer for every request, and cannot tell an
//! idle connection from a dribbling one. Here each connection has one timer that is left alone
//! while things go well: when it rings, and only then, it is worked out whether time was really up,
//! and it is set anew if not. A request on a busy connection costs one reading of the clock.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Sleep,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Handler, Peer, TransportConfig,
    life::{Life, Order},
    serve::Server,
    stream::Watched,
    turn::service,
};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves one connection to its end.
pub(super) async fn run<H: Handler>(
    server: Arc<Server<H>>,
    socket: TcpStream,
    peer: Peer,
    life: Arc<Life>,
) {
    let _ = socket.set_nodelay(true);
    let end = match &server.tls {
        None => plain(&server, socket, peer, &life).await,
        Some(acceptor) => encrypted(&server, acceptor, socket, peer, &life).await,
    };
    if end == End::TooSlow || life.late.load(Relaxed) {
        server.stats.reaped.fetch_add(1, Relaxed);
    }
}

async fn encrypted<H: Handler>(
    server: &Arc<Server<H>>,
    acceptor: &TlsAcceptor,
    socket: TcpStream,
    peer: Peer,
    life: &Arc<Life>,
) -> End {
    let handshake = tokio::time::timeout(server.config.handshake_timeout, acceptor.accept(socket));
    let stream = match unless_ordered(life, handshake).await {
        Some(Ok(Ok(stream))) => stream,
        Some(Ok(Err(error))) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return End::Over;
        }
        Some(Err(_)) => return End::TooSlow,
        None => return End::Over,
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        multiplexed(server, stream, peer, life).await
    } else {
        plain(server, stream, peer, life).await
    }
}

/// A handshake is nothing that has to be finished when the server is to stop.
async fn unless_ordered<F: Future>(life: &Life, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        life.attend(cx);
        match life.orders() {
            Order::Live => future.as_mut().poll(cx).map(Some),
            Order::Drain | Order::Cut => Poll::Ready(None),
        }
    })
    .await
}

async fn plain<H, T>(server: &Arc<Server<H>>, stream: T, peer: Peer, life: &Arc<Life>) -> End
where
    H: Handler,
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let stream = TokioIo::new(Watched::new(stream, life.clone(), true));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(server.config.max_header_bytes)
        .serve_connection(stream, service(server.clone(), life.clone(), peer, false));
    drive(
        connection,
        http1::Connection::graceful_shutdown,
        life,
        &server.config,
        false,
    )
    .await
}

async fn multiplexed<H, T>(server: &Arc<Server<H>>, stream: T, peer: Peer, life: &Arc<Life>) -> End
where
    H: Handler,
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let stream = TokioIo::new(Watched::new(stream, life.clone(), false));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(server.config.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(100)
        .keep_alive_interval(server.config.idle_timeout / 3)
        .keep_alive_timeout(server.config.write_timeout)
        .serve_connection(stream, service(server.clone(), life.clone(), peer, true));
    drive(
        connection,
        http2::Connection::graceful_shutdown,
        life,
        &server.config,
        true,
    )
    .await
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As it should, or the client broke it off, or it was told to.
    Over,
    /// The client kept us waiting for too long.
    TooSlow,
}

/// What a connection is waiting for. A phase that differs in its number is another wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its own handler: no limit here.
    Busy,
    /// The rest of a header block.
    Header(u32),
    /// Another request.
    Idle(u32),
    /// The client's reading of what was written.
    Unread(u32),
    /// The end of the goodbye.
    Goodbye,
}

/// Runs `connection` until it ends or its time is up.
async fn drive<C, E>(
    connection: C,
    wind_down: fn(Pin<&mut C>),
    life: &Life,
    config: &TransportConfig,
    multiplexed: bool,
) -> End
where
    C: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    let now = Instant::now();
    let mut connection = pin!(connection);
    let timer = pin!(tokio::time::sleep_until(
        (now + config.header_timeout).into()
    ));
    let mut watch = Watch {
        life,
        config,
        multiplexed,
        timer,
        phase: Phase::Header(0),
        since: now,
    };
    let mut draining = false;
    poll_fn(|cx| {
        life.attend(cx);
        let order = life.orders();
        if order == Order::Cut {
            return Poll::Ready(End::Over);
        }
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke off");
                }
                return Poll::Ready(End::Over);
            }
            // A request that had already arrived has now begun and will be answered.
            if order == Order::Drain && !draining {
                draining = true;
                watch.prepare_goodbye();
                wind_down(connection.as_mut());
                continue;
            }
            return match watch.poll(cx, draining) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Phase::Idle(_)) => {
                    draining = true;
                    watch.prepare_goodbye();
                    wind_down(connection.as_mut());
                    continue;
                }
                Poll::Ready(Phase::Goodbye) => Poll::Ready(End::Over),
                Poll::Ready(_) => Poll::Ready(End::TooSlow),
            };
        }
    })
    .await
}

/// The clock of one connection.
struct Watch<'c> {
    life: &'c Life,
    config: &'c TransportConfig,
    multiplexed: bool,
    timer: Pin<&'c mut Sleep>,
    phase: Phase,
    since: Instant,
}

impl Watch<'_> {
    /// Ready once the client has taken too long over something, with what it was.
    fn poll(&mut self, cx: &mut Context<'_>, draining: bool) -> Poll<Phase> {
        let phase = self.look(draining);
        if phase != self.phase {
            self.phase = phase;
            if phase == Phase::Busy {
                return Poll::Pending;
            }
            self.since = Instant::now();
            self.life.waits_since(self.since);
        }
        let Some(limit) = self.limit() else {
            return Poll::Pending;
        };
        let due = self.since + limit;
        if due < self.timer.deadline().into_std() {
            self.timer.as_mut().reset(due.into());
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if due <= Instant::now() {
                return Poll::Ready(phase);
            }
            self.timer.as_mut().reset(due.into());
        }
        Poll::Pending
    }

    fn look(&self, draining: bool) -> Phase {
        let life = self.life;
        if life.closing.load(Relaxed) {
            return Phase::Goodbye;
        }
        if life.stalled.load(Relaxed) {
            return Phase::Unread(life.writes.load(Relaxed));
        }
        if life.is_busy() {
            return Phase::Busy;
        }
        let answered = life.answered();
        if draining && self.multiplexed {
            Phase::Goodbye
        } else if answered == 0 || (life.heard.load(Relaxed) && !self.multiplexed) {
            Phase::Header(answered)
        } else {
            life.unread.store(false, Relaxed);
            Phase::Idle(answered)
        }
    }

    fn limit(&self) -> Option<Duration> {
        match self.phase {
            Phase::Busy => None,
            Phase::Header(_) => Some(self.config.header_timeout),
            Phase::Idle(_) => Some(self.config.idle_timeout),
            Phase::Unread(_) => Some(self.config.write_timeout),
            Phase::Goodbye => Some(GOODBYE),
        }
    }

    /// A connection that waits for nothing has nothing to linger for.
    fn prepare_goodbye(&self) {
        if !self.life.is_busy() && !self.life.heard.load(Relaxed) {
            self.life.unread.store(false, Relaxed);
        }
    }
}
