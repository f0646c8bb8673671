//! daemun as a stranger meets it: the release binary, its command line, its routes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Result;
use crate::process::{Server, free_port};
use crate::wire::{self, Answer, Connection};

/// A guarded route of `phone-pair`.
pub const GUARDED: &str = "/accounts/me/";
/// A guarded route of `native`.
pub const GUARDED_NATIVE: &str = "/v1/accounts/me";

const PHONE: &str = "01012345678";
const EMAIL: &str = "bench@example.com";
const PASSWORD: &str = "a long and dull sentence for benchmarks";

/// A data folder of its own, and the servers started on it.
pub struct Installation {
    folder: TempDir,
    /// What its servers and commands find in their environment: which stores hold what.
    stores: Vec<(&'static str, String)>,
}

/// The tokens of a login.
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

impl Installation {
    /// An empty folder: the first server on it makes keys and database.
    pub fn empty() -> Result<Self> {
        Self::on(Vec::new())
    }

    fn on(stores: Vec<(&'static str, String)>) -> Result<Self> {
        Ok(Self {
            folder: TempDir::new()?,
            stores,
        })
    }

    /// A folder with an account for each contract that is measured.
    pub async fn with_accounts() -> Result<Self> {
        Self::with_accounts_on(Vec::new()).await
    }

    /// The same where those variables say which stores hold what.
    pub async fn with_accounts_on(stores: Vec<(&'static str, String)>) -> Result<Self> {
        let installation = Self::on(stores)?;
        let (server, _) = installation.start().await?;
        installation.create_account(&["--phone", PHONE])?;
        installation.create_account(&["--email", EMAIL])?;
        server.terminate().await?;
        Ok(installation)
    }

    /// Starts the server in dev mode. Tells how long it took to become ready.
    pub async fn start(&self) -> Result<(Server, Duration)> {
        self.start_with(&[]).await
    }

    /// As [`Self::start`], with variables in its environment.
    pub async fn start_with(&self, environment: &[(&str, &Path)]) -> Result<(Server, Duration)> {
        let port = free_port()?;
        let mut command = self.command()?;
        command
            .args(["dev", "--port", &port.to_string(), "--data"])
            .arg(self.data());
        command.envs(environment.iter().copied());
        Server::start(command, port, "/readyz", &self.folder.path().join("log")).await
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command.envs(self.stores.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The database file.
    pub fn database(&self) -> Result<PathBuf> {
        let files = std::fs::read_dir(self.data())?
            .flatten()
            .map(|entry| entry.path());
        let mut databases = files.filter(|file| {
            file.extension()
                .is_some_and(|end| end == "db" || end == "sqlite")
        });
        databases
            .next()
            .ok_or_else(|| "no database in the data folder".into())
    }

    /// Takes an account over from a former back end, under that number.
    pub fn take_over(&self, id: i64) -> Result<()> {
        let file = self.folder().join("taken-over.jsonl");
        let row = format!(r#"{{"id":{id},"phone":"01087654321","password":"!","is_active":true}}"#);
        std::fs::write(&file, row)?;
        let mut command = self.command()?;
        command.args(["migrate", "import", "--apply", "--jsonl"]);
        command.arg(&file).arg("--data").arg(self.data());
        match command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?
        {
            status if status.success() => Ok(()),
            status => Err(format!("daemun migrate import ended with {status}").into()),
        }
    }

    /// Makes a service key.
    pub fn service_key(&self, name: &str, scope: &str) -> Result<String> {
        let mut command = self.command()?;
        command.args(["service-key", "create", "--json", "--name", name]);
        command.args(["--scope", scope, "--data"]).arg(self.data());
        let made = String::from_utf8(command.output()?.stdout)?;
        let (_, key) = made.split_once("dsk_").ok_or("no service key was made")?;
        let end = key.find('"').unwrap_or(key.len());
        Ok(format!("dsk_{}", key.get(..end).unwrap_or_default()))
    }

    /// The team's secret that development mode made.
    pub fn legacy_secret(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.data().join("legacy.secret"))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    fn create_account(&self, identifier: &[&str]) -> Result<()> {
        let mut command = self.command()?;
        command
            .args([
                "account",
                "create",
                "--verified",
                "--password-stdin",
                "--json",
                "--data",
            ])
            .arg(self.data());
        let mut child = command
            .args(identifier)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        child
            .stdin
            .take()
            .ok_or("no standard input")?
            .write_all(PASSWORD.as_bytes())?;
        match child.wait()? {
            status if status.success() => Ok(()),
            status => Err(format!("daemun account create ended with {status}").into()),
        }
    }
}

/// Opens that many sessions of one account through `phone-pair`, one login each.
pub async fn log_in(server: &Server, count: usize) -> Result<Vec<Pair>> {
    let request = wire::post(
        "/accounts/login/",
        &format!(r#"{{"phone":"{PHONE}","password":"{PASSWORD}"}}"#),
    );
    let mut connection = Connection::open(server.address()).await?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push(pair(
            connection.exchange(&request).await?.expect(201)?,
            "access",
            "refresh",
        )?);
    }
    Ok(pairs)
}

/// Opens a session through `native`.
pub async fn log_in_native(server: &Server) -> Result<Pair> {
    let request = wire::post(
        "/v1/session",
        &format!(r#"{{"email":"{EMAIL}","password":"{PASSWORD}"}}"#),
    );
    let mut connection = Connection::open(server.address()).await?;
    pair(
        connection.exchange(&request).await?.expect(200)?,
        "access_token",
        "refresh_token",
    )
}

fn pair(answer: &Answer<'_>, access: &str, refresh: &str) -> Result<Pair> {
    let token = |name| {
        answer
            .text(name)
            .map(str::to_owned)
            .ok_or_else(|| format!("a login without {name}"))
    };
    Ok(Pair {
        access: token(access)?,
        refresh: token(refresh)?,
    })
}

/// The release binary beside this one.
pub fn binary() -> Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("daemun");
    if !binary.exists() {
        return Err("no release binary: cargo build --release --package daemun, or start me by cargo xtask bench".into());
    }
    Ok(binary)
}
