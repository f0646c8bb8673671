//! A daemun that does as it is told, on a real socket: whatever bytes a test wants, whenever it wants them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use daemun_verify::Timing;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(15);

/// Short, so that tests of breaks are; silence is long, so that a slow machine is not taken for it.
pub fn quick() -> Timing {
    let mut timing = Timing::default();
    timing.keys_at_least = Duration::from_millis(20);
    timing.refetch_gap = Duration::from_millis(0);
    timing.answer_within = Duration::from_secs(2);
    timing.silence = Duration::from_secs(20);
    timing.retry_from = Duration::from_millis(4);
    timing.retry_to = Duration::from_millis(16);
    timing.acknowledge_gap = Duration::from_millis(1);
    timing.start_within = Duration::from_millis(1);
    timing
}

#[derive(Clone, Debug)]
pub struct Heard {
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// A status line's number, more header lines, a body.
pub type Reply = (u16, String, String);

pub struct Fake {
    pub url: String,
    address: SocketAddr,
    pub told: Arc<Told>,
    streams: mpsc::UnboundedReceiver<Stream>,
    heard: mpsc::UnboundedReceiver<Heard>,
    out: (mpsc::UnboundedSender<Stream>, mpsc::UnboundedSender<Heard>),
    task: JoinHandle<()>,
}

/// What the server answers, and how often it was asked for its keys.
pub struct Told {
    pub jwks: Mutex<Reply>,
    pub introspection: Mutex<Reply>,
    pub asked_for_keys: AtomicUsize,
    /// Key sets go out only while there are permits.
    pub gate: Semaphore,
}

/// An open stream of revocations, for the test to write to. It breaks when it is dropped.
pub struct Stream {
    pub request: Heard,
    socket: TcpStream,
}

impl Fake {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    /// Where a server was before.
    pub async fn at(address: SocketAddr) -> Self {
        let told = Told {
            jwks: Mutex::new((404, String::new(), String::new())),
            introspection: Mutex::new((404, String::new(), String::new())),
            asked_for_keys: AtomicUsize::new(0),
            gate: Semaphore::new(1_000),
        };
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().unwrap();
        let (streams_out, streams) = mpsc::unbounded_channel();
        let (heard_out, heard) = mpsc::unbounded_channel();
        let told = Arc::new(told);
        let out = (streams_out, heard_out);
        Self {
            url: format!("http://{address}"),
            address,
            task: tokio::spawn(serve(listener, Arc::clone(&told), out.clone())),
            told,
            streams,
            heard,
            out,
        }
    }

    /// Nothing answers any more.
    pub async fn go_down(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port");
        self.task = tokio::spawn(serve(listener, Arc::clone(&self.told), self.out.clone()));
    }

    pub fn publish(&self, keys: &str) {
        let headers = "Cache-Control: public, max-age=3600\r\n";
        *self.told.jwks.lock().unwrap() = (200, headers.into(), keys.into());
    }

    pub fn asked_for_keys(&self) -> usize {
        self.told.asked_for_keys.load(Ordering::SeqCst)
    }

    /// The next verifier that connects.
    pub async fn connection(&mut self) -> Stream {
        let stream = timeout(PATIENCE, self.streams.recv()).await;
        stream.expect("a connection in time").expect("a connection")
    }

    /// The next acknowledgement or introspection.
    pub async fn heard(&mut self) -> Heard {
        let heard = timeout(PATIENCE, self.heard.recv()).await;
        heard.expect("a request in time").expect("a request")
    }

    /// Waits until a cursor has been acknowledged, and says what else had been before.
    pub async fn acknowledged(&mut self, cursor: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let body: Value = serde_json::from_str(&self.heard().await.body).unwrap();
            assert_eq!(body["verifier"], "notes-1");
            let found = body["cursor"].as_str().unwrap().to_owned();
            if found == cursor {
                return before;
            }
            before.push(found);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream {
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // Whoever hung up reads no more, which is sometimes the point.
        let _ = self.socket.write_all(bytes.as_ref()).await;
        let _ = self.socket.flush().await;
    }

    pub async fn open(&mut self) {
        self.write(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        )
        .await;
    }

    pub async fn event(&mut self, name: &str, id: &str, data: &str) {
        self.write(format!("event: {name}\nid: {id}\ndata: {data}\n\n"))
            .await;
    }

    /// A whole snapshot of these entries.
    pub async fn snapshot(&mut self, id: &str, entries: &str) {
        let (epoch, seq) = id.split_once('.').unwrap();
        self.event(
            "reset",
            &format!("{epoch}.0"),
            &format!(r#"{{"epoch":"{epoch}"}}"#),
        )
        .await;
        self.entries(id, entries).await;
        self.ready(id, seq).await;
    }

    pub async fn ready(&mut self, id: &str, seq: &str) {
        self.event("ready", id, &format!(r#"{{"seq":{seq}}}"#))
            .await;
    }

    pub async fn entries(&mut self, id: &str, entries: &str) {
        self.event("entries", id, &format!(r#"{{"entries":[{entries}]}}"#))
            .await;
    }

    /// Waits until the other side has hung up.
    pub async fn closed(&mut self) {
        let mut buffer = [0; 16];
        let read = timeout(PATIENCE, self.socket.read(&mut buffer)).await;
        assert!(
            !matches!(read.expect("an end in time"), Ok(1..)),
            "the verifier said more"
        );
    }
}

pub fn session_entry(session: &str) -> String {
    format!(r#"{{"session":"{session}","until":4000000000}}"#)
}

type Out = (mpsc::UnboundedSender<Stream>, mpsc::UnboundedSender<Heard>);

async fn serve(listener: TcpListener, told: Arc<Told>, out: Out) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            return;
        };
        tokio::spawn(answer(socket, Arc::clone(&told), out.clone()));
    }
}

async fn answer(mut socket: TcpStream, told: Arc<Told>, (streams, heard): Out) {
    let Some(request) = read(&mut socket).await else {
        return;
    };
    let path = request
        .line
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let (status, headers, body) = match path.as_str() {
        "/v1/revocations" => {
            let _ = streams.send(Stream { request, socket });
            return;
        }
        "/.well-known/jwks.json" => {
            told.asked_for_keys.fetch_add(1, Ordering::SeqCst);
            let _permit = told.gate.acquire().await.unwrap();
            told.jwks.lock().unwrap().clone()
        }
        "/v1/introspect" => {
            let _ = heard.send(request);
            told.introspection.lock().unwrap().clone()
        }
        "/v1/revocations/ack" => {
            let _ = heard.send(request);
            (204, String::new(), String::new())
        }
        _ => (404, String::new(), String::new()),
    };
    let length = body.len();
    let reply = format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = socket.write_all(reply.as_bytes()).await;
    let _ = socket.shutdown().await;
}

async fn read(socket: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4_096];
        let count = socket
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.split("\r\n");
        let line = lines.next()?.to_owned();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            let body = body.to_owned();
            return Some(Heard {
                line,
                headers,
                body,
            });
        }
    }
}
