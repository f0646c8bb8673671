//! PostgreSQL and Redis of one's own: in a temporary folder, on a socket there, gone with
//! the test.

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
/// Whoever runs the tests as root: the server refuses to be root.
const NOBODY: u32 = 65_534;

/// A PostgreSQL server; it is killed when this is dropped.
pub struct Postgres {
    child: Child,
    programs: PathBuf,
    folder: TempDir,
}

impl Postgres {
    /// `None`, loudly, where it is not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: there is no PostgreSQL. Debian: apt-get install postgresql");
            return None;
        };
        let folder = TempDir::new().expect("a folder");
        give_away(folder.path());
        let data = folder.path().join("data");
        let made = unprivileged(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--username=test",
                "--no-sync",
                "--encoding=UTF8",
                "-D",
            ])
            .arg(&data)
            .output()
            .expect("initdb");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let child = unprivileged(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres");
        let server = Self {
            child,
            programs,
            folder,
        };
        let begun = Instant::now();
        while !server.answers() {
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// How to connect.
    pub fn url(&self) -> String {
        let folder = self.folder.path().display().to_string();
        format!(
            "postgres://test:a-password@{}/postgres",
            folder.replace('/', "%2F")
        )
    }

    /// Runs statements.
    pub fn execute(&self, sql: &str) {
        let mut child = self.psql().stdin(Stdio::piped()).spawn().expect("psql");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(sql.as_bytes()).expect("psql reads");
        drop(stdin);
        assert!(child.wait().expect("psql").success());
    }

    fn answers(&self) -> bool {
        let mut psql = self.psql();
        let status = psql.args(["-c", "SELECT 1"]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn psql(&self) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--username=test",
        ])
        .args(["--dbname=postgres", "--host"])
        .arg(self.folder.path())
        .stdout(Stdio::null());
        psql
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate shutdown, which ends its own children too.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.child.wait();
    }
}

/// A Redis server; it is killed when this is dropped.
pub struct Redis {
    child: Child,
    folder: TempDir,
}

impl Redis {
    /// `None`, loudly, where it is not installed.
    pub fn start() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--requirepass", "a-password", "--unixsocket"])
            .arg(folder.path().join("socket"))
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            eprintln!("skipped: there is no Redis. Debian: apt-get install redis-server");
            return None;
        };
        let server = Self { child, folder };
        let begun = Instant::now();
        while server.ask(&["PING"]) != "PONG" {
            assert!(begun.elapsed() < PATIENCE, "Redis does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// How to connect.
    pub fn url(&self) -> String {
        let folder = self.folder.path().display();
        format!("redis+unix://{folder}/socket?pass=a-password")
    }

    /// Runs a command and returns what it answered.
    pub fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["--no-auth-warning", "-a", "a-password", "-s"])
            .arg(self.folder.path().join("socket"))
            .args(words)
            .output()
            .expect("redis-cli");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian keeps them off the path, one folder a version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}

fn give_away(folder: &Path) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).expect("chown");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, mode).expect("chmod");
    }
}

/// A command of a user that is not root.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/");
    command
}
