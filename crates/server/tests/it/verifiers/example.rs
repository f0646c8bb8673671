//! The resource servers of `examples/verifiers`, run as their READMEs say.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use tokio::sync::oneshot;

use super::PATIENCE;
use crate::{
    harness::{Answer, send},
    python,
};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/verifiers");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Python,
    Node,
}

pub const LANGUAGES: [Language; 2] = [Language::Python, Language::Node];

/// A running example; it ends when this is dropped.
pub struct Example {
    pub language: Language,
    child: Child,
    url: String,
    said: Arc<Mutex<String>>,
    client: Client,
}

impl Language {
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    /// The program that runs it; `None`, loudly, where this machine has none.
    pub fn program(self) -> Option<PathBuf> {
        let (program, lacks) = match self {
            Self::Python => (
                python::verifier(),
                "Python with venv. Debian: apt-get install python3-venv",
            ),
            Self::Node => (node(), "Node 18. Debian: apt-get install nodejs"),
        };
        if program.is_none() {
            eprintln!("skipped: there is no {lacks}");
        }
        program
    }

    fn script(self) -> &'static str {
        match self {
            Self::Python => "server.py",
            Self::Node => "server.mjs",
        }
    }
}

/// `headersDistinct`, which the example uses, came with 18.3.
fn node() -> Option<PathBuf> {
    let version = Command::new("node").arg("--version").output().ok()?;
    let version = String::from_utf8(version.stdout).ok()?;
    let major: u32 = version.strip_prefix('v')?.split('.').next()?.parse().ok()?;
    (major >= 18).then(|| "node".into())
}

impl Example {
    /// Starts it under that name, with these variables, and waits until it serves. `None` where its
    /// language is absent.
    pub async fn start(language: Language, variables: &[(&str, &str)]) -> Option<Self> {
        let program = language.program()?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DAEMUN_") {
                command.env_remove(name);
            }
        }
        command
            .arg(language.script())
            .current_dir(Path::new(EXAMPLES).join(language.name()))
            .env("DAEMUN_VERIFIER_NAME", language.name())
            .env("PORT", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the example starts");
        let said = Arc::default();
        let url = listen(child.stderr.take().expect("what it says"), &said);
        let client = Client::builder().timeout(PATIENCE).build();
        let mut example = Self {
            language,
            child,
            url: String::new(),
            said,
            client: client.expect("a client"),
        };
        let url = tokio::time::timeout(PATIENCE, url).await;
        example.url = url
            .expect("it serves in time")
            .expect("it serves at all: see what it said");
        Some(example)
    }

    /// What it has said.
    fn said(&self) -> String {
        self.said.lock().expect("text").clone()
    }

    /// Waits until it has said that.
    pub async fn until_said(&self, what: &str) {
        let begun = Instant::now();
        while !self.said().contains(what) {
            assert!(begun.elapsed() < PATIENCE, "it does not say {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it answers to whoever shows these `Authorization` headers.
    pub async fn answer(&self, authorization: &[&str]) -> Answer {
        let request = self.client.request(Method::GET, format!("{}/me", self.url));
        let request = authorization.iter().fold(request, |request, value| {
            request.header("authorization", *value)
        });
        send(request).await
    }

    pub async fn check(&self, token: &str) -> Answer {
        self.answer(&[&format!("Bearer {token}")]).await
    }

    /// Asserts what it answers, naming the example.
    #[track_caller]
    pub fn expect(&self, answer: &Answer, status: u16, what: &str) {
        assert_eq!(
            answer.status, status,
            "{:?}: {what}: {answer:?}",
            self.language
        );
    }

    /// Waits until it answers so; says how long that took.
    pub async fn until(&self, token: &str, status: u16, what: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let answer = self.check(token).await;
            if answer.status == status {
                return begun.elapsed();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{:?}: {what}: {answer:?}",
                self.language
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- what {:?} said:\n{}---", self.language, self.said());
        }
    }
}

/// Keeps what it says; the first URL is where it serves.
fn listen(stderr: ChildStderr, said: &Arc<Mutex<String>>) -> oneshot::Receiver<String> {
    let said = Arc::clone(said);
    let (tell, url) = oneshot::channel();
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            *said.lock().expect("text") += &format!("{line}\n");
            let at = line.find("http://127.0.0.1:");
            let url = at.and_then(|at| line[at..].split(' ').next());
            if let (Some(url), true) = (url, line.contains("serving") || line.contains("Uvicorn"))
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(url.to_owned());
            }
        }
    });
    url
}
