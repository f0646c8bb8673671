//! The transport against real sockets.

mod client;
mod drain;
mod room;
mod slow;
mod tls;
mod wire;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use daemun_http::transport::{
    BodyFault, Drained, Handler, Peer, RequestBody, TransportConfig, TransportStats, listen,
    read_body, serve,
};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, Semaphore, oneshot},
    task::JoinHandle,
};

/// What no test may outlast.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers by path; see `handle`.
#[derive(Default)]
struct Answers {
    begun: AtomicUsize,
    begins: Notify,
    releases: Releases,
}

/// What `/hold` waits for.
struct Releases(Semaphore);

impl Default for Releases {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Handler for Answers {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Response<Self::Body> {
        self.begun.fetch_add(1, SeqCst);
        self.begins.notify_one();
        match request.uri().path() {
            "/hold" => {
                self.releases.0.acquire().await.unwrap().forget();
                say(StatusCode::OK, "held")
            }
            "/echo" => match read_body(request.into_body(), 1000).await {
                Ok(body) => Response::new(Full::new(body)),
                Err(BodyFault::TooLarge) => say(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
                Err(BodyFault::TimedOut) => say(StatusCode::REQUEST_TIMEOUT, "too slow"),
                Err(BodyFault::Broken) => say(StatusCode::BAD_REQUEST, "broken"),
            },
            "/late" => {
                tokio::task::yield_now().await;
                panic!("a bug in a handler")
            }
            "/panic" => panic!("a bug in a handler"),
            "/large" => Response::new(Full::new(Bytes::from(vec![b'x'; 32 << 20]))),
            "/peer" => say(StatusCode::OK, &format!("{} {}", peer.address, peer.secure)),
            path => say(StatusCode::OK, path),
        }
    }

    fn panicked(&self) -> Response<Self::Body> {
        say(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side.",
        )
    }
}

fn say(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response
}

/// A server under test.
struct Running {
    address: SocketAddr,
    answers: Arc<Answers>,
    stats: Arc<TransportStats>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Drained>,
}

fn start(config: TransportConfig) -> Running {
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (answers, stats) = (Arc::<Answers>::default(), Arc::<TransportStats>::default());
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let ended = tokio::spawn(serve(
        vec![listener],
        answers.clone(),
        config,
        stats.clone(),
        shutdown,
    ));
    Running {
        address,
        answers,
        stats,
        stop: Some(stop),
        ended,
    }
}

impl Running {
    async fn connect(&self) -> Client {
        Client {
            socket: TcpStream::connect(self.address).await.unwrap(),
            heard: Vec::new(),
        }
    }

    /// Waits until the handler has begun `count` requests.
    async fn begun(&self, count: usize) {
        let enough = async {
            while self.answers.begun.load(SeqCst) < count {
                self.answers.begins.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("the request should have begun");
    }

    fn release(&self, held: usize) {
        self.answers.releases.0.add_permits(held);
    }

    fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    async fn ended(self) -> Drained {
        tokio::time::timeout(PATIENCE, self.ended)
            .await
            .expect("the server should have ended")
            .unwrap()
    }
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(SeqCst)
}

/// Waits until `holds`, for what only a counter tells.
async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it should have come about");
}

/// A client that speaks bytes.
struct Client {
    socket: TcpStream,
    heard: Vec<u8>,
}

impl Client {
    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> String {
        self.say(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// The next answer: its head and as much of a body as it declares.
    async fn answer(&mut self) -> String {
        loop {
            if let Some(whole) = whole_answer(&self.heard) {
                return String::from_utf8(self.heard.drain(..whole).collect()).unwrap();
            }
            assert!(
                self.hear().await > 0,
                "closed after {:?}",
                String::from_utf8_lossy(&self.heard)
            );
        }
    }

    async fn hear(&mut self) -> usize {
        let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.heard)).await;
        read.expect("the server should have spoken or closed")
            .unwrap_or(0)
    }

    /// Everything until the server closes, gently or not, and how long that took.
    async fn until_closed(mut self) -> (String, Duration) {
        let began = Instant::now();
        while self.hear().await > 0 {}
        (
            String::from_utf8_lossy(&self.heard).into_owned(),
            began.elapsed(),
        )
    }
}

fn whole_answer(heard: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(heard);
    let head = text.find("\r\n\r\n")? + 4;
    let length = text[..head]
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let whole = head + length.unwrap_or(0);
    (heard.len() >= whole).then_some(whole)
}

/// Limits short enough for a test to wait for, far enough apart to tell which one it was.
fn brisk() -> TransportConfig {
    TransportConfig {
        header_timeout: Duration::from_millis(150),
        body_timeout: Duration::from_millis(150),
        handshake_timeout: Duration::from_millis(150),
        write_timeout: Duration::from_millis(150),
        ..TransportConfig::default()
    }
}
