//! A real nginx with the documented configuration, and the back end behind it: it answers every
//! request with the head it received.

use std::{
    fs,
    net::TcpListener as Reserved,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::documented;
use crate::harness::{Answer, Daemun};

const PATIENCE: Duration = Duration::from_secs(20);

/// nginx before a back end; both are gone when this is dropped.
pub struct Proxy {
    nginx: Child,
    port: u16,
    client: Client,
    reached: Arc<AtomicUsize>,
    folder: TempDir,
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
        let port = free_port();
        let site = documented("nginx").swap_remove(0);
        let mut site = change(site);
        for (line, other) in [
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("127.0.0.1:8080", daemun.url("").replace("http://", "")),
            ("127.0.0.1:3000", format!("127.0.0.1:{back_end}")),
            ("forward-auth/native", format!("forward-auth/{contract}")),
        ] {
            assert!(site.contains(line), "the documentation has no {line}");
            site = site.replace(line, &other);
        }
        let folder = TempDir::new().expect("a folder");
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path tmp_{name};"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid pid; error_log error.log notice;\n\
             events {{}}\nhttp {{ access_log off; {temporary}\n{site}}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), config).expect("a file");
        let nginx = Command::new(program())
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx; Debian: apt-get install nginx-light");
        let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
        let mut proxy = Self {
            nginx,
            port,
            client: client.build().expect("a client"),
            reached,
            folder,
        };
        proxy.await_ready().await;
        proxy
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        self.client.request(method, url)
    }

    /// Sends bytes as they are; the status and the body of what comes back.
    pub async fn raw(&self, request: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))
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

    async fn await_ready(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let ended = self.nginx.try_wait().expect("a child");
            let log = fs::read_to_string(self.folder.path().join("error.log"));
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "nginx does not start: {log:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("error.log"));
            eprintln!("--- what nginx logged:\n{}---", log.unwrap_or_default());
        }
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

/// Debian has it among the system's programs, which are not on everybody's path.
fn program() -> &'static str {
    let known = "/usr/sbin/nginx";
    if Path::new(known).is_file() {
        known
    } else {
        "nginx"
    }
}

fn free_port() -> u16 {
    let reserved = Reserved::bind("127.0.0.1:0").expect("a port");
    reserved.local_addr().expect("an address").port()
}
