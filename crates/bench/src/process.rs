//! A server as a child process: started, watched from outside through `/proc`, ended.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::{Result, wire};

/// How long a server may take to become ready before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The kernel counts processor time in ticks of a hundredth of a second, on every Linux there is.
const TICK: Duration = Duration::from_millis(10);

/// File descriptors `slowloris` needs, with some to spare.
const DESCRIPTORS: u64 = 12_000;

/// A running child that serves HTTP. Dropping it kills it.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, its output going to `log`, and waits until `GET ready` is answered 200. Tells how long that took.
    pub async fn start(
        mut command: Command,
        port: u16,
        ready: &str,
        log: &Path,
    ) -> Result<(Self, Duration)> {
        let output = File::options().create(true).append(true).open(log)?;
        let start = Instant::now();
        let child = command.stdout(output.try_clone()?).stderr(output).spawn();
        let child = child
            .map_err(|error| format!("{:?} does not start: {error}", command.get_program()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self {
            child,
            address,
            log: log.to_path_buf(),
        };
        let question = wire::get(ready, None);
        while wire::once(address, &question).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!(
                    "the server ended ({status}) before it was ready: {}",
                    server.last_words()
                )
                .into());
            }
            if start.elapsed() > PATIENCE {
                return Err(
                    format!("the server did not become ready: {}", server.last_words()).into(),
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok((server, start.elapsed()))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time of all its threads so far, in user and kernel mode.
    pub fn processor_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // The name, in parentheses, may hold anything; what follows its end are numbers.
        let (_, numbers) = stat
            .rsplit_once(") ")
            .ok_or("/proc/PID/stat without a name")?;
        let ticks: Vec<u32> = numbers
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse().ok())
            .collect();
        Ok(TICK * ticks.iter().sum())
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Whether that library is loaded in it.
    pub fn has_loaded(&self, library: &Path) -> Result<bool> {
        Ok(fs::read_to_string(self.proc("maps"))?.contains(&*library.to_string_lossy()))
    }

    /// The power fails, as far as the process can tell.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits. Tells how it ended and how long that took.
    pub async fn terminate(mut self) -> Result<(ExitStatus, Duration)> {
        let start = Instant::now();
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        if !asked.success() {
            return Err("the server cannot be signalled".into());
        }
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, start.elapsed()));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("the server does not end: {}", self.last_words()).into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(file)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, which is all that is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody listens on just now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Says so where the machine is busy with something else: ratios bear it, latencies do not.
pub fn warn_of_company() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = load
        .split(' ')
        .next()
        .and_then(|load| load.parse::<f64>().ok());
    if let Some(busy) = last_minute.filter(|load| *load > 0.5) {
        println!("the machine was busy in the last minute (load {busy}): latencies may be off");
    }
}

/// Starts this program anew with room for many sockets, which children inherit. Only the shell can raise the limit
/// without unsafe code.
pub fn raise_descriptor_limit() -> Result<()> {
    const TRIED: &str = "DAEMUN_BENCH_LIMIT_RAISED";
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap_or_default();
    let soft = line
        .split_whitespace()
        .nth(3)
        .and_then(|soft| soft.parse::<u64>().ok());
    if soft.is_none_or(|soft| soft >= DESCRIPTORS) || std::env::var_os(TRIED).is_some() {
        return Ok(());
    }
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n $(ulimit -H -n); exec \"$@\"", "sh"])
        .arg(std::env::current_exe()?);
    Err(shell
        .args(std::env::args_os().skip(1))
        .env(TRIED, "1")
        .exec()
        .into())
}
