//! A step: one command with a heading, and what to say when it fails.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task stopped, and what to do about it.
#[derive(Debug)]
pub struct Stop {
    what: String,
    mend: String,
}

impl Stop {
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAILED: {}\n{}", self.what, self.mend)
    }
}

pub type Outcome = Result<(), Stop>;

/// Announces what happens next.
pub fn heading(title: &str) {
    println!("\n== {title}");
}

/// Runs a command at the repository's root with its output shown; a failure names the command to run again.
pub fn run(title: &str, command: &mut Command) -> Outcome {
    heading(title);
    let status = command.current_dir(root()).status();
    let shown = shown(command);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Stop::new(
            format!("{title} ({status})"),
            format!("run it again with: {shown}"),
        )),
        Err(error) => Err(Stop::new(
            format!("{title}: {error}"),
            format!("this could not be started: {shown}"),
        )),
    }
}

/// Runs a command quietly and gives its standard output.
pub fn output(title: &str, command: &mut Command) -> Result<String, Stop> {
    let result = command.current_dir(root()).output();
    let shown = shown(command);
    let failed = |why: &str| {
        Stop::new(
            format!("{title}: {why}"),
            format!("run it again with: {shown}"),
        )
    };
    match result {
        Ok(result) if result.status.success() => {
            Ok(String::from_utf8_lossy(&result.stdout).into_owned())
        }
        Ok(result) => Err(failed(String::from_utf8_lossy(&result.stderr).trim())),
        Err(error) => Err(failed(&error.to_string())),
    }
}

/// Whether a command can be run at all and succeeds; shows nothing.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The cargo that runs this task, with its arguments.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// The repository's root: this crate's parent folder.
pub fn root() -> &'static Path {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().unwrap_or(crate_dir)
}

/// Where cargo builds, and where this task keeps what it installs.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| root().join(dir))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
