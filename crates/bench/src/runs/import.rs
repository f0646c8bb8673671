//! Taking accounts over: how fast, and in how much memory, out of a SQLite file such as Django makes.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection as Database, params};

use crate::daemun::{self, Installation};
use crate::findings::Findings;
use crate::{Result, Scale};

/// At least 20,000 accounts a second.
const GOAL_MICROS: f64 = 50.0;
/// However many there are. Most of it is the cache of the database that is written.
const GOAL_MEGABYTES: f64 = 160.0;

/// Django's own table.
const SOURCE: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE auth_user (
        id integer NOT NULL PRIMARY KEY AUTOINCREMENT, password varchar(128) NOT NULL,
        last_login datetime NULL, is_superuser bool NOT NULL, username varchar(150) NOT NULL,
        last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff bool NOT NULL,
        is_active bool NOT NULL, date_joined datetime NOT NULL, first_name varchar(150) NOT NULL);
    BEGIN";
const ROW: &str = "
    INSERT INTO auth_user VALUES (?1, ?2, '2025-01-02 03:04:05.123456', 0, ?3, '', ?4, ?5, 1,
                                  '2024-01-02 03:04:05.123456', '')";

pub fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::empty()?;
    let source = installation.folder().join("source.sqlite3");
    generate(&source, scale.accounts)?;

    let dry = measure(&installation, &source, &[], ("created", scale.accounts))?;
    findings.note("import: dry run", dry.rate(scale.accounts));
    let apply = &["--apply"];
    let first = measure(&installation, &source, apply, ("created", scale.accounts))?;
    let micros = first.took.as_secs_f64() * 1e6 / scale.accounts as f64;
    findings.note("import: accounts", first.rate(scale.accounts));
    findings.at_most("import: time", micros, GOAL_MICROS, " us an account");
    findings.at_most(
        "import: peak memory",
        first.peak_megabytes,
        GOAL_MEGABYTES,
        " MB",
    );
    let again = measure(&installation, &source, apply, ("unchanged", scale.accounts))?;
    findings.note("import: again, nothing changed", again.rate(scale.accounts));
    Ok(())
}

fn generate(path: &Path, accounts: usize) -> Result<()> {
    let database = Database::open(path)?;
    database.execute_batch(SOURCE)?;
    let mut insert = database.prepare(ROW)?;
    for n in 1..=i64::try_from(accounts)? {
        // Multiplying by an odd number turns a sequence into one without order.
        let mixed = n.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // 43 characters of base64 whose last has no spare bits, or the hash is refused.
        let hash = format!("pbkdf2_sha256$720000${mixed:022x}${mixed:0>42x}A=");
        let name = format!("{mixed:016x}");
        let email = format!("{name}@example.com");
        insert.execute(params![n, hash, name, email, n % 1_000 == 0])?;
    }
    database.execute_batch("COMMIT")?;
    Ok(())
}

/// What a run of the command took.
struct Measured {
    took: Duration,
    peak_megabytes: f64,
}

impl Measured {
    fn rate(&self, accounts: usize) -> String {
        let rate = accounts as f64 / self.took.as_secs_f64();
        format!("{rate:.0} a second, {:.0} MB", self.peak_megabytes)
    }
}

/// Runs the command, which must say that it did `expected`: a rate of rows that were skipped is none.
fn measure(
    installation: &Installation,
    source: &Path,
    more: &[&str],
    expected: (&str, usize),
) -> Result<Measured> {
    let mut command = Command::new(daemun::binary()?);
    command
        .args(["migrate", "import", "--json", "--django-sqlite"])
        .arg(source);
    if !more.is_empty() {
        command
            .args(more)
            .arg("--data")
            .arg(installation.folder().join("data"));
    }
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak_megabytes: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak_megabytes = peak_megabytes.max(peak(&child));
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = begun.elapsed();
    if !status.success() {
        return Err(format!("daemun migrate import ended with {status}").into());
    }
    // A page of text: the pipe holds it until now.
    let mut answer = String::new();
    child
        .stdout
        .take()
        .ok_or("no standard output")?
        .read_to_string(&mut answer)?;
    let (what, count) = expected;
    if !answer.contains(&format!("\"{what}\": {count},")) {
        return Err(format!("not all {count} accounts were {what}: {answer}").into());
    }
    Ok(Measured {
        took,
        peak_megabytes,
    })
}

/// The most memory the process has had resident so far, as the kernel remembers it.
fn peak(child: &Child) -> f64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let mut lines = status.lines();
    let kilobytes = lines
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1_024.0
}
