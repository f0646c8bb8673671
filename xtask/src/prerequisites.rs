//! What the tests need beside Rust: other languages and servers to be measured against, installed where possible.
//!
//! As root on a system with apt, a missing package is installed; elsewhere the task stops and says what to install. Only
//! what the tree at hand uses is asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Outcome, Stop};

/// Python packages that tests use, apart from each other.
struct Environment {
    /// By which the tests find its interpreter.
    variable: &'static str,
    /// Its folder under `target`.
    folder: &'static str,
    requirements: &'static str,
}

const ENVIRONMENTS: &[Environment] = &[
    // For the tests that hold our wire formats against Django, SimpleJWT and PyJWT.
    Environment {
        variable: "DAEMUN_TEST_PYTHON",
        folder: "py-venv",
        requirements: REQUIREMENTS,
    },
    // For the test that makes requests from the contracts' OpenAPI documents.
    Environment {
        variable: "DAEMUN_TEST_SCHEMATHESIS",
        folder: "schemathesis-venv",
        requirements: "crates/server/tests/schemathesis.txt",
    },
    // For the verifier in Python, which is tested as whoever follows its README has it.
    Environment {
        variable: "DAEMUN_TEST_VERIFIER_PYTHON",
        folder: "verifier-venv",
        requirements: "examples/verifiers/python/requirements.txt",
    },
];

const REQUIREMENTS: &str = "crates/server/tests/requirements.txt";

/// A program some tests need, and the Debian package it comes in.
struct Tool {
    name: &'static str,
    package: &'static str,
    /// Needed only where this path of the repository exists.
    needed_by: &'static str,
    present: fn() -> bool,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "python3 -m venv",
        package: "python3-venv",
        needed_by: REQUIREMENTS,
        present: python_makes_venvs,
    },
    Tool {
        name: "nginx",
        package: "nginx-light",
        needed_by: "crates/server/tests/it/forward_auth.rs",
        present: has_nginx,
    },
    Tool {
        name: "node",
        package: "nodejs",
        needed_by: "examples/verifiers/node",
        present: || on_path("node"),
    },
    Tool {
        name: "chromium",
        package: "chromium",
        needed_by: "clients/js",
        present: || on_path("chromium"),
    },
    Tool {
        name: "openssl",
        package: "openssl",
        needed_by: "crates/test-servers/src/papers.rs",
        present: || on_path("openssl"),
    },
    Tool {
        name: "postgres",
        package: "postgresql",
        needed_by: "crates/test-servers/src/postgres.rs",
        present: has_postgres,
    },
    Tool {
        name: "redis-server",
        package: "redis-server",
        needed_by: "crates/test-servers/src/redis.rs",
        present: || on_path("redis-server"),
    },
];

/// What was prepared, for the tests to find.
pub struct Prepared {
    pythons: Vec<(&'static str, PathBuf)>,
}

impl Prepared {
    /// The variables by which tests find what was prepared.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.pythons
            .iter()
            .map(|(variable, python)| (*variable, python.as_path()))
    }
}

/// Makes sure that everything the tests use is there.
pub fn prepare() -> Result<Prepared, Stop> {
    step::heading("prerequisites");
    let used = TOOLS
        .iter()
        .filter(|tool| step::root().join(tool.needed_by).exists());
    let missing: Vec<&Tool> = used.filter(|tool| !(tool.present)()).collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    let mut pythons = Vec::new();
    for environment in ENVIRONMENTS {
        let requirements = step::root().join(environment.requirements);
        if requirements.exists() {
            let python = python_environment(environment.folder, &requirements)?;
            pythons.push((environment.variable, python));
        }
    }
    println!("all there");
    Ok(Prepared { pythons })
}

fn install(missing: &[&Tool]) -> Outcome {
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
    let by_hand = format!("install it: apt-get install {}", packages.join(" "));
    if !(on_path("apt-get") && is_root()) {
        return Err(Stop::new(format!("missing: {}", names.join(", ")), by_hand));
    }
    step::run(
        "apt-get update",
        Command::new("apt-get").args(["update", "--quiet"]),
    )?;
    let mut command = Command::new("apt-get");
    command
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(&packages);
    step::run(
        "apt-get install",
        command.env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    match missing.iter().find(|tool| !(tool.present)()) {
        Some(tool) => Err(Stop::new(
            format!("{} is still missing after its installation", tool.name),
            by_hand,
        )),
        None => Ok(()),
    }
}

/// A virtual environment with the tests' packages; made anew only when the list of packages changed.
fn python_environment(folder: &str, requirements: &Path) -> Result<PathBuf, Stop> {
    let home = step::target().join(folder);
    let python = home.join("bin").join("python");
    let stamp = home.join("requirements.installed");
    let unreadable =
        |error: std::io::Error| Stop::new(format!("{}: {error}", requirements.display()), "");
    let wanted = fs::read_to_string(requirements).map_err(unreadable)?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && python.exists() {
        return Ok(python);
    }
    step::run(
        "python environment",
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home),
    )?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ])
    .arg(requirements);
    step::run("python packages", &mut pip)?;
    let unwritable = |error: std::io::Error| Stop::new(format!("{}: {error}", stamp.display()), "");
    fs::write(&stamp, wanted).map_err(unwritable)?;
    Ok(python)
}

fn python_makes_venvs() -> bool {
    step::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// Debian has it among the system's programs, which are not on everybody's path.
fn has_nginx() -> bool {
    on_path("nginx") || Path::new("/usr/sbin/nginx").is_file()
}

/// Debian keeps the server's programs off the path, one folder per version.
fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    on_path("initdb")
        || versions
            .map(|version| version.path().join("bin/initdb"))
            .any(|initdb| initdb.exists())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
