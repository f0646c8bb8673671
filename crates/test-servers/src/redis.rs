//! Redis.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Papers, free_port, shown, signal, until};

const PASSWORD: &str = "a-password";

/// A Redis server; it is killed when this is dropped.
pub struct Redis {
    child: Child,
    folder: TempDir,
    options: Vec<String>,
    port: Option<u16>,
}

impl Redis {
    /// One that keeps nothing; `None`, loudly, where Redis is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&["--appendonly", "no"])
    }

    /// One whose every write is on disk before it is answered.
    #[must_use]
    pub fn durable() -> Option<Self> {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// One with other words on its command line.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Option<Self> {
        let options = options.iter().map(|&option| option.into());
        Self::start_on(options.collect(), None)
    }

    /// One that can also be reached at `localhost`, by [`tls_url`](Self::tls_url); encrypted, where it
    /// has papers.
    #[must_use]
    pub fn at_localhost(papers: Option<&Papers>) -> Option<Self> {
        let port = free_port();
        let mut options: Vec<String> = vec!["--bind".into(), "127.0.0.1".into()];
        match papers {
            Some(papers) => {
                let (certificate, key) = (shown(&papers.certificate()), shown(&papers.key()));
                options.extend(["--tls-port".into(), port.to_string()]);
                options.extend(["--tls-cert-file".into(), certificate.clone()]);
                options.extend(["--tls-ca-cert-file".into(), certificate]);
                options.extend(["--tls-key-file".into(), key]);
                options.extend(["--tls-auth-clients".into(), "no".into()]);
            }
            None => options.extend(["--port".into(), port.to_string()]),
        }
        Self::start_on(options, Some(port))
    }

    fn start_on(options: Vec<String>, port: Option<u16>) -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let Some(child) = spawn(&folder, &options) else {
            eprintln!("skipped: there is no Redis. Debian: apt-get install redis-server");
            return None;
        };
        let server = Self {
            child,
            folder,
            options,
            port,
        };
        server.until_it_answers();
        Some(server)
    }

    /// How to connect over TLS, to one that is [at localhost](Self::at_localhost).
    #[must_use]
    pub fn tls_url(&self) -> String {
        let port = self.port.expect("it is at localhost");
        format!("rediss://:{PASSWORD}@localhost:{port}")
    }

    /// How to connect.
    #[must_use]
    pub fn url(&self) -> String {
        let folder = shown(self.folder.path());
        format!("redis+unix://{folder}/socket?pass={PASSWORD}")
    }

    /// Runs a command and returns what it answered.
    pub fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["--no-auth-warning", "-a", PASSWORD, "-s"])
            .arg(self.folder.path().join("socket"))
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Its process, for measuring.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a warning, as a power failure does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on what it had kept.
    pub fn start_again(&mut self) {
        let _ = std::fs::remove_file(self.folder.path().join("socket"));
        self.child = spawn(&self.folder, &self.options).expect("it started before");
        self.until_it_answers();
    }

    /// Stops it where it stands: connections stay open and nothing is answered.
    pub fn stall(&self) {
        signal(&self.child, "STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        signal(&self.child, "CONT");
    }

    fn until_it_answers(&self) {
        until("Redis does not start", || self.ask(&["PING"]) == "PONG");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &TempDir, options: &[String]) -> Option<Child> {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--requirepass", PASSWORD])
        .args(options)
        .arg("--unixsocket")
        .arg(folder.path().join("socket"))
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
