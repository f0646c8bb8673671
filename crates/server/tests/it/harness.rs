//! A daemun of one's own: the real binary on a port the system picks, with a data directory that
//! is gone when the test is.
//!
//! ```ignore
//! let daemun = Daemun::start().await;                        // `daemun dev`
//! let answer = daemun.post("/v1/accounts", json!({…})).await; // status and body
//! let letter = daemun.letter_to("mina@example.com").await;    // what the outbox holds
//! let ran = daemun.run(&["session", "list"]);                 // a command beside it
//! assert_eq!(daemun.stop().await.code(), Some(0));            // SIGTERM, and wait
//! ```
//!
//! [`Start`] says more: variables, a contract of one's own, a production configuration, an existing
//! directory. Whatever happens, the process is gone when the value is dropped.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_daemun");

/// A running server.
pub struct Daemun {
    child: Child,
    url: String,
    /// What it said on standard output until it was ready.
    pub screen: String,
    client: Client,
    folder: Arc<TempDir>,
    data: PathBuf,
    log: PathBuf,
}

/// How a server is started.
pub struct Start {
    folder: Arc<TempDir>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A command, run to its end.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Daemun {
    /// Development mode on fresh data.
    pub async fn start() -> Self {
        Start::development().go().await
    }

    /// `http://127.0.0.1:…`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Has all further requests go through what listens there.
    pub fn through(&mut self, port: u16) {
        self.url = format!("http://127.0.0.1:{port}");
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder that holds the data directory, and whatever the test puts there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The team's secret that development mode made.
    pub fn legacy_secret(&self) -> String {
        let text =
            std::fs::read_to_string(self.data.join("legacy.secret")).expect("a legacy secret");
        text.trim_end_matches('\n').to_owned()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A request to it; see also [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    /// The newest letter to an address, once there is one.
    pub async fn letter_to(&self, address: &str) -> Value {
        self.letter_after(address, &Value::Null).await
    }

    /// The newest letter to an address, once there is another than `before`.
    pub async fn letter_after(&self, address: &str, before: &Value) -> Value {
        let begun = Instant::now();
        loop {
            let address = address.replace('+', "%2B").replace(' ', "%20");
            let answer = self.get(&format!("/dev/outbox/latest?to={address}")).await;
            if answer.status == 200 && answer.json() != *before {
                return answer.json();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "no letter to {address}: {answer:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs a command about this server's data.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// As [`run`](Self::run), with text on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let data = self.data.to_str().expect("a path of text");
        let arguments = [arguments, &["--data", data]].concat();
        run(&arguments, &[], input)
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// How it ended, where it has.
    pub fn ended_yet(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended_yet() {
                return status;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not end: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills it, and returns how to start another on the same data.
    pub fn killed(mut self) -> Start {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
        Start::on(Arc::clone(&self.folder))
    }
}

impl Drop for Daemun {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- what the server logged:\n{}---", self.log());
        }
    }
}

impl Start {
    /// Development mode on fresh data.
    pub fn development() -> Self {
        Self::on(Arc::new(TempDir::new().expect("a folder")))
    }

    fn on(folder: Arc<TempDir>) -> Self {
        let data = folder.path().join("data").display().to_string();
        let arguments = ["dev", "--port", "0", "--data", &data].map(str::to_owned);
        Self {
            folder,
            arguments: arguments.into(),
            environment: Vec::new(),
        }
    }

    /// Production with that configuration. Its `data` must be `data` beside the file; `listen` is
    /// set to a port the system picks.
    pub fn production(folder: Arc<TempDir>, config: &Path) -> Self {
        let arguments = [
            "serve".into(),
            "--config".into(),
            config.display().to_string(),
        ];
        let listen = ("DAEMUN_LISTEN".into(), "127.0.0.1:0".into());
        Self {
            folder,
            arguments: arguments.into(),
            environment: vec![listen],
        }
    }

    /// Production by the environment alone. `DAEMUN_DATA` must be `data` in the folder.
    pub fn by_environment(folder: Arc<TempDir>) -> Self {
        Self {
            folder,
            arguments: vec!["serve".into()],
            environment: Vec::new(),
        }
    }

    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.into(), value.into()));
        self
    }

    pub fn contract(mut self, file: &Path) -> Self {
        self.arguments
            .extend(["--contract".into(), file.display().to_string()]);
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn go(self) -> Daemun {
        let log = self.folder.path().join("log");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log");
        let mut command = command(&self.environment);
        command
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("its output");
        let mut daemun = Daemun {
            child,
            url: String::new(),
            screen: String::new(),
            client: Client::builder()
                .timeout(PATIENCE)
                .build()
                .expect("a client"),
            data: self.folder.path().join("data"),
            folder: self.folder,
            log,
        };
        let (screen, url) = until_ready(stdout);
        daemun.screen = screen;
        daemun.url = url.unwrap_or_else(|| panic!("it did not start: {}", daemun.log()));
        daemun.await_ready().await;
        daemun
    }
}

impl Daemun {
    async fn await_ready(&self) {
        let begun = Instant::now();
        while self.get("/readyz").await.status != 200 {
            assert!(begun.elapsed() < PATIENCE, "not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Reads what the server says until it says where it is, and lets the rest go by.
fn until_ready(stdout: std::process::ChildStdout) -> (String, Option<String>) {
    let mut lines = BufReader::new(stdout).lines();
    let mut screen = String::new();
    let mut url = None;
    for line in lines.by_ref().map_while(Result::ok) {
        url = url.or_else(|| local_url(&line));
        let last = line.contains("daemun serves") || line.contains("ready in");
        screen += &format!("{line}\n");
        if last {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    (screen, url)
}

fn local_url(line: &str) -> Option<String> {
    let at = line.find("http://127.0.0.1:")?;
    let url = line[at..].split([' ', '/', '\u{1b}']).collect::<Vec<_>>();
    Some(format!("http://{}", url.get(2)?))
}

/// Runs a command to its end, with nothing of ours in its environment but `environment`.
pub fn run(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ran {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut command = command(&environment);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("its input");
    // A command that does not read may have ended before this is written.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

fn command(environment: &[(String, String)]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DAEMUN_") {
            command.env_remove(name);
        }
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// Sends a request and reads the answer whole.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.expect("a body of text"),
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The same answer, where it has that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Ran {
    /// What it answered, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// How it failed, as JSON.
    #[track_caller]
    pub fn error(&self) -> Value {
        let error: Value =
            serde_json::from_str(&self.stderr).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        error["error"].clone()
    }

    /// The same, where it ended with that code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}
