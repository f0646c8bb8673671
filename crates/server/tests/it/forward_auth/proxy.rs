//! The documented configuration of nginx, and the back end behind it: it answers every request with
//! the head it received.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::documented;
use crate::{
    harness::{Answer, Daemun},
    nginx::Nginx,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// nginx before a back end; both are gone when this is dropped.
pub struct Proxy {
    nginx: Nginx,
    client: Client,
    reached: Arc<AtomicUsize>,
}

impl Proxy {
    /// As documented, asking the guard of `contract`.
    pub async fn before(daemun: &Daemun, contract: &str) -> Self {
        Self::with(daemun, contract, |config| config).await
    }

    /// As documented, changed.
    pub async fn with(
        daemun: &Daemun,
        contract: &str,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let (back_end, reached) = back_end().await;
        let site = documented("nginx").swap_remove(0);
        let mut site = change(site);
        for (line, other) in [
            ("127.0.0.1:8080", daemun.url("").replace("http://", "")),
            ("127.0.0.1:3000", format!("127.0.0.1:{back_end}")),
            ("forward-auth/native", format!("forward-auth/{contract}")),
        ] {
            assert!(site.contains(line), "the documentation has no {line}");
            site = site.replace(line, &other);
        }
        let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
        Self {
            nginx: Nginx::start(&site).await,
            client: client.build().expect("a client"),
            reached,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.nginx.port());
        self.client.request(method, url)
    }

    /// Sends bytes as they are; the status and the body of what comes back.
    pub async fn raw(&self, request: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(("127.0.0.1", self.nginx.port()))
            .await
            .expect("a connection");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes).await;
        let text = String::from_utf8(bytes).expect("text");
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.unwrap_or(0), body.to_owned())
    }

    /// How many requests the back end got.
    pub fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}

/// The head of a request as the back end got it.
pub struct Arrived(pub String);

impl Arrived {
    pub fn in_body(answer: &Answer) -> Self {
        Self(answer.text.clone())
    }

    /// The first line.
    pub fn line(&self) -> &str {
        self.0.lines().next().expect("a line")
    }

    /// Every value of a header, whichever way a back end may spell it.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let headers = self.0.lines().filter_map(|line| line.split_once(':'));
        headers
            .filter(|(key, _)| key.trim().replace('_', "-").eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The value of a header that came once.
    #[track_caller]
    pub fn the(&self, name: &str) -> &str {
        let [value] = self.all(name)[..] else {
            panic!("not one {name}: {}", self.0);
        };
        value
    }
}

/// Starts a back end: its port, and how many requests it got.
async fn back_end() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(tell_what_arrived(socket, Arc::clone(&count)));
        }
    });
    (port, reached)
}

async fn tell_what_arrived(mut socket: TcpStream, reached: Arc<AtomicUsize>) {
    let mut bytes = Vec::new();
    let head = loop {
        match socket.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            break head.to_owned();
        }
    };
    reached.fetch_add(1, Ordering::SeqCst);
    let length = head.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{head}"
    );
    let _ = socket.write_all(answer.as_bytes()).await;
    // What is left of the body is read, so that closing does not cut the answer off.
    let _ = socket.shutdown().await;
    let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
}
