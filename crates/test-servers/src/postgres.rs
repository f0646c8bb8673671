//! PostgreSQL. Making an empty cluster takes longer than most tests, so one is made once per build
//! directory and copied for each.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{Papers, free_port, shown, signal, until};

/// Whoever runs the tests as root: the server refuses to be root.
const NOBODY: u32 = 65_534;
const USER: &str = "test";
/// What its socket is named after.
const PORT: u16 = 5_432;

/// A PostgreSQL server; it is killed when this is dropped.
pub struct Postgres {
    child: Child,
    programs: PathBuf,
    folder: TempDir,
    options: Vec<String>,
    port: u16,
}

impl Postgres {
    /// One that does not wait for the disk, for what it keeps need not outlive the machine; it does
    /// outlive its own death. `None`, loudly, where PostgreSQL is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_in_memory(&["-c", "fsync=off"])
    }

    pub(crate) fn start_in_memory(options: &[&str]) -> Option<Self> {
        Self::start_in(folder_in_memory, options)
    }

    /// One that waits for the disk, as in production.
    #[must_use]
    pub fn durable() -> Option<Self> {
        Self::start_with(&[])
    }

    /// One with other words on its command line.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Option<Self> {
        Self::start_in(TempDir::new, options)
    }

    fn start_in(folder: impl FnOnce() -> io::Result<TempDir>, options: &[&str]) -> Option<Self> {
        let programs = programs().or_else(missing)?;
        let folder = folder().expect("a folder");
        copy_tree(&empty_cluster(&programs), &folder.path().join("data"));
        Some(Self::start_on(programs, folder, options, PORT))
    }

    /// One on a copy of all that this one has, made while it runs; where it is copied from, the copy
    /// knows.
    pub(crate) fn copied(&self, options: &[&str]) -> Self {
        let folder = folder_in_memory().expect("a folder");
        give_away(folder.path());
        let mut copy = unprivileged(&self.programs.join("pg_basebackup"));
        let copied = copy
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args(["--username", USER, "--host"])
            .arg(self.folder.path())
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.expect("pg_basebackup").success(), "no copy");
        Self::start_on(self.programs.clone(), folder, options, PORT)
    }

    fn start_on(programs: PathBuf, folder: TempDir, options: &[&str], port: u16) -> Self {
        give_away(folder.path());
        let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
        let child = spawn(&programs, folder.path(), &options, port);
        let server = Self {
            child,
            programs,
            folder,
            options,
            port,
        };
        server.until_it_answers();
        server
    }

    /// One that can also be reached at `localhost`, by [`tcp_url`](Self::tcp_url); encrypted, where it
    /// has papers.
    #[must_use]
    pub fn at_localhost(papers: Option<&Papers>) -> Option<Self> {
        let programs = programs().or_else(missing)?;
        let folder = folder_in_memory().expect("a folder");
        let data = folder.path().join("data");
        copy_tree(&empty_cluster(&programs), &data);
        let anybody = "host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n";
        fs::write(
            data.join("pg_hba.conf"),
            format!("local all all trust\n{anybody}"),
        )
        .expect("a file");
        let mut options = vec!["-c", "fsync=off", "-c", "listen_addresses=localhost"];
        if let Some(papers) = papers {
            let (certificate, key) = (data.join("server.crt"), data.join("server.key"));
            fs::copy(papers.certificate(), certificate).expect("a copy");
            fs::copy(papers.key(), &key).expect("a copy");
            fs::set_permissions(key, fs::Permissions::from_mode(0o600)).expect("chmod");
            options.extend(["-c", "ssl=on"]);
        }
        Some(Self::start_on(programs, folder, &options, free_port()))
    }

    /// How to connect over TCP, to one that is [at localhost](Self::at_localhost).
    #[must_use]
    pub fn tcp_url(&self) -> String {
        format!(
            "postgres://{USER}:a-password@localhost:{}/postgres",
            self.port
        )
    }

    /// How to connect.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_of(&[self])
    }

    /// How to connect to whichever of several takes writes.
    pub(crate) fn url_of(servers: &[&Self]) -> String {
        let folders = servers.iter().map(|server| shown(server.folder.path()));
        let hosts: Vec<String> = folders.map(|folder| folder.replace('/', "%2F")).collect();
        format!("postgres://{USER}:a-password@{}/postgres", hosts.join(","))
    }

    /// Runs statements.
    pub fn execute(&self, sql: &str) {
        let _ = self.query(sql);
    }

    /// Runs statements and returns what they answered: a line a row, columns apart by `|`.
    #[must_use]
    pub fn query(&self, sql: &str) -> String {
        let mut psql = self.psql();
        psql.args(["--no-align", "--tuples-only"]);
        let mut child = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(sql.as_bytes()).expect("psql reads");
        drop(stdin);
        let output = child.wait_with_output().expect("psql");
        assert!(output.status.success(), "psql fails");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A program that comes with it (`pgbench`, `pg_dump`), told how to connect.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .arg("--username")
            .arg(USER)
            .arg("--host")
            .arg(self.folder.path())
            .arg(format!("--port={}", self.port));
        command
    }

    /// Its process, for measuring.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does, its own children included: nothing is written that was not.
    pub fn kill(&mut self) {
        signal(&self.child, "QUIT");
        let _ = self.child.wait();
    }

    /// Starts it again on what it had kept.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.programs, self.folder.path(), &self.options, self.port);
        self.until_it_answers();
    }

    fn until_it_answers(&self) {
        until("PostgreSQL does not start", || {
            let mut psql = self.psql();
            let asked = psql.args(["-c", "SELECT 1"]).stderr(Stdio::null());
            asked.status().is_ok_and(|status| status.success())
        });
    }

    fn psql(&self) -> Command {
        let mut psql = self.program("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
            .arg("--dbname=postgres")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        psql
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // An immediate shutdown, which ends its own children too; of one that is dead, nothing.
        let mut quit = Command::new("kill");
        let _ = quit.args(["-QUIT", &pid]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

fn spawn(programs: &Path, folder: &Path, options: &[String], port: u16) -> Child {
    unprivileged(&programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-c", "listen_addresses=", "-c", "max_connections=150"])
        .args(["-c", &format!("port={port}")])
        .args(["-c", "dynamic_shared_memory_type=mmap"])
        .args([
            "-c",
            "shared_buffers=64MB",
            "-c",
            "max_wal_senders=0",
            "-c",
            "wal_level=minimal",
        ])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("postgres")
}

/// A folder in memory, where there is room for many clusters: a thousand small files take a disk
/// longer than most tests.
fn folder_in_memory() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let mut df = Command::new("df");
    let told = df
        .args(["--output=avail", "--block-size=1M"])
        .arg(memory)
        .output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    let free = told
        .ok()
        .and_then(|told| told.lines().last()?.trim().parse().ok());
    match free {
        Some(2_000_u64..) => TempDir::new_in(memory),
        _ => TempDir::new(),
    }
}

/// The folder of an empty cluster, made where there is none yet. Whoever comes meanwhile waits.
fn empty_cluster(programs: &Path) -> PathBuf {
    let build = std::env::current_exe().expect("a program");
    let build = build.ancestors().nth(2).unwrap_or(Path::new("/tmp"));
    let home = build.join("test-postgres");
    fs::create_dir_all(&home).expect("a folder");
    let made = home.join("made");
    let lock = File::create(home.join("lock")).expect("a lock");
    lock.lock().expect("a lock");
    if made.exists() {
        return home.join("data");
    }
    let folder = TempDir::new().expect("a folder");
    give_away(folder.path());
    let data = folder.path().join("data");
    let initdb = unprivileged(&programs.join("initdb"))
        .args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"])
        .args(["--wal-segsize=4", "--username", USER, "-D"])
        .arg(&data)
        .output()
        .expect("initdb");
    let said = String::from_utf8_lossy(&initdb.stderr);
    assert!(initdb.status.success(), "{said}");
    let _ = fs::remove_dir_all(home.join("data"));
    copy_tree(&data, &home.join("data"));
    File::create(made).expect("a mark");
    home.join("data")
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
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

fn missing<T>() -> Option<T> {
    eprintln!("skipped: there is no PostgreSQL. Debian: apt-get install postgresql");
    None
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}

/// Lets the server's user have a folder and all in it, for itself where it is the data.
fn give_away(folder: &Path) {
    let mode = if folder.ends_with("data") {
        0o700
    } else {
        0o755
    };
    if is_root() {
        own(folder);
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("chmod");
    let data = folder.join("data");
    if data.is_dir() {
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(data, private).expect("chmod");
    }
}

fn own(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("chown");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder").flatten() {
            own(&entry.path());
        }
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
