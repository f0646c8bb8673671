//! The server that lies: it hands each connection of a verifier to the test, which says what it likes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::PATIENCE;
use crate::wire::forge::encode;

pub use crate::wire::forge::now as epoch_seconds;

pub const ISSUER: &str = "https://login.example.com";

/// A key that signs tokens.
pub struct Signer {
    kid: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        Self {
            kid: kid.to_owned(),
            pair,
        }
    }

    pub fn head(&self) -> String {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid }).to_string()
    }

    pub fn sign(&self, head: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(head), encode(claims));
        let signature = encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn public(&self) -> Value {
        let x = encode(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x })
    }
}

pub struct Liar {
    /// Whose key is published.
    pub signer: Signer,
    url: String,
    calls: mpsc::UnboundedReceiver<Call>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    keys: Mutex<Vec<Value>>,
    fetches: AtomicUsize,
    /// The last acknowledgement.
    confirmed: Mutex<Value>,
}

/// A connection to the stream.
pub struct Call {
    stream: TcpStream,
    head: String,
    came: Instant,
    /// When the last thing was about to be said.
    spoke: Instant,
}

impl Liar {
    /// It ends with the test.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State::default());
        let (tell, calls) = mpsc::unbounded_channel();
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving), tell.clone()));
            }
        });
        let liar = Self {
            signer: Signer::new("one"),
            url,
            calls,
            state,
        };
        liar.publish(&liar.signer);
        liar
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn publish(&self, signer: &Signer) {
        let mut keys = self.state.keys.lock().expect("keys");
        keys.push(signer.public());
    }

    /// How often the keys were fetched.
    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    /// The next connection to the stream.
    pub async fn call(&mut self) -> Call {
        let call = tokio::time::timeout(PATIENCE, self.calls.recv());
        call.await.expect("it connects").expect("a server")
    }

    /// Waits until that place is acknowledged.
    pub async fn until_confirmed(&self, cursor: &str) {
        let begun = Instant::now();
        loop {
            let confirmed = self.state.confirmed.lock().expect("a place").clone();
            if confirmed["cursor"] == cursor && confirmed["verifier"].is_string() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not confirmed: {confirmed}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One request a connection.
async fn serve(mut stream: TcpStream, state: Arc<State>, tell: mpsc::UnboundedSender<Call>) {
    let Some((head, body)) = request(&mut stream).await else {
        return;
    };
    if head.starts_with("GET /v1/revocations ") {
        let came = Instant::now();
        let _ = tell.send(Call {
            stream,
            head,
            came,
            spoke: came,
        });
        return;
    }
    let answer = if head.starts_with("POST /v1/revocations/ack ") {
        *state.confirmed.lock().expect("a place") = serde_json::from_slice(&body).expect("JSON");
        "204 No Content\r\n\r\n".to_owned()
    } else {
        assert!(head.starts_with("GET /.well-known/jwks.json "), "{head}");
        state.fetches.fetch_add(1, Ordering::SeqCst);
        let keys = json!({ "keys": *state.keys.lock().expect("keys") }).to_string();
        let length = keys.len();
        format!(
            "200 OK\r\ncontent-type: application/jwk-set+json\r\ncontent-length: {length}\r\n\r\n{keys}"
        )
    };
    let answer = format!(
        "HTTP/1.1 {}",
        answer.replacen("\r\n", "\r\nconnection: close\r\n", 1)
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// The head of a request, and its body.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).expect("text");
            let length = value(&head, "content-length")
                .map_or(0, |length| length.parse().expect("a length"));
            let body = end + 4;
            if read.len() >= body + length {
                return Some((head, read[body..].to_vec()));
            }
        }
        let mut chunk = [0; 4_096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&chunk[..length]),
        }
    }
}

fn value<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.head, name)
    }

    pub fn came(&self) -> Instant {
        self.came
    }

    pub fn spoke(&self) -> Instant {
        self.spoke
    }

    /// How long after the last words on that connection this one came.
    pub fn since(&self, left: &Self) -> Duration {
        self.came.saturating_duration_since(left.spoke)
    }

    pub async fn hang_up(&mut self) {
        self.spoke = Instant::now();
        let _ = self.stream.shutdown().await;
    }

    pub async fn accept(&mut self) {
        self.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            .await;
    }

    /// Answers with that status and those headers, and nothing else.
    pub async fn refuse(&mut self, status: &str) {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        self.say(&head).await;
    }

    /// Says it, if anybody still listens.
    pub async fn say(&mut self, what: impl AsRef<[u8]>) {
        self.spoke = Instant::now();
        let _ = self.stream.write_all(what.as_ref()).await;
    }

    /// Comments and half an event, again and again.
    pub async fn murmur(&mut self) {
        loop {
            self.say(": still here\n\nevent: heartbeat\nid: e.1.4\n")
                .await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
