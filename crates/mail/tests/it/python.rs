//! A Python that has aiosmtpd, and the mail server that runs on it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
};

use crate::support::within;

/// The interpreter named by `DAEMUN_TEST_PYTHON`, or one in a virtual environment that is made
/// once and kept beside the build. `None`, loudly, where there is no Python.
pub fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| match env::var_os("DAEMUN_TEST_PYTHON") {
            Some(named) => Some(named.into()),
            None if runs("python3", &["--version"]) => Some(virtual_environment()),
            None => None,
        })
        .as_deref()
        .or_else(|| {
            eprintln!("skipped: no python3, so no mail server to test against");
            None
        })
}

fn virtual_environment() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let kept = target.join("py-venv-mail");
    let python = kept.join("bin/python");
    if python.exists() && runs(&python, &["-c", "import aiosmtpd"]) {
        return python;
    }
    // Made beside and moved into place whole: several test processes may be at it.
    let fresh = target.join(format!("py-venv-mail.{}", std::process::id()));
    let at = fresh.join("bin/python");
    assert!(
        runs("python3", &["-m", "venv", fresh.to_str().unwrap()]),
        "python3 -m venv failed; on Debian: apt install python3-venv"
    );
    let pip = ["-m", "pip", "install", "--quiet", pinned_aiosmtpd()];
    assert!(
        runs(&at, &pip),
        "pip install aiosmtpd failed; set DAEMUN_TEST_PYTHON to a Python that has it"
    );
    if std::fs::rename(&fresh, &kept).is_err() && !kept.join("bin/python").exists() {
        return at;
    }
    let _ = std::fs::remove_dir_all(&fresh);
    python
}

fn pinned_aiosmtpd() -> &'static str {
    include_str!("../../../server/tests/requirements.txt")
        .lines()
        .find(|line| line.starts_with("aiosmtpd=="))
        .expect("the test requirements pin aiosmtpd")
}

fn runs(program: impl AsRef<Path>, arguments: &[&str]) -> bool {
    Command::new(program.as_ref())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A running mail server.
pub struct MailServer {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
    pub port: u16,
}

impl MailServer {
    /// Starts one and waits until it listens; `None` where there is no Python.
    pub async fn start(arguments: &[&str]) -> Option<Self> {
        let mut child = tokio::process::Command::new(python()?)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp_server.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the mail server starts");
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Self {
            child,
            events,
            port: 0,
        };
        let listening = server.event("listening").await;
        server.port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
        Some(server)
    }

    /// The next thing that happens, which must be of that kind.
    pub async fn event(&mut self, kind: &str) -> Value {
        let line = within(self.events.next_line()).await.unwrap();
        let line = line.expect("the mail server is running");
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["event"], kind, "{event}");
        event
    }

    /// Ends the server, and returns what else it had to tell.
    pub async fn stop(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let mut rest = Vec::new();
        while let Some(line) = within(self.events.next_line()).await.unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        within(self.child.wait()).await.unwrap();
        rest
    }
}
