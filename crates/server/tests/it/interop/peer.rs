//! The frameworks in a Python of their own, and what they are asked.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use super::SECRET;
use crate::python::python;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
const OLDER: &str = include_str!("../../python/older.txt");

/// Which frameworks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frameworks {
    /// Those of `requirements.txt`: a Django that signs cookies the newer way.
    Current,
    /// Those of `older.txt`, of the day when the contracts' documents were written.
    Older,
}

/// A running Python; it ends when this is dropped.
pub struct Peer {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What Python raised instead of answering.
#[derive(Debug, PartialEq, Eq)]
pub struct Raised {
    pub class: String,
    pub says: String,
}

impl Peer {
    /// `None`, loudly, where this machine has no Python to install them into.
    pub fn start(frameworks: Frameworks) -> Option<Self> {
        Self::start_on(frameworks, None)
    }

    /// The same with another script.
    pub fn running(script: &str, frameworks: Frameworks) -> Option<Self> {
        Self::go(script, frameworks, None)
    }

    /// The same, its back end on a database in that file.
    pub fn start_on(frameworks: Frameworks, database: Option<&Path>) -> Option<Self> {
        Self::go("peer.py", frameworks, database)
    }

    fn go(script: &str, frameworks: Frameworks, database: Option<&Path>) -> Option<Self> {
        if let Err(lacks) = can_be_had(frameworks) {
            eprintln!("skipped: {frameworks:?} frameworks not asked: {lacks}");
            return None;
        }
        let mut command = Command::new(python());
        if frameworks == Frameworks::Older {
            command.env("PYTHONPATH", older());
        }
        if let Some(file) = database {
            command.env("DATABASE", file);
        }
        let mut child = command
            .arg(script)
            .current_dir(SCRIPTS)
            .env("SECRET_KEY", SECRET)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        let mut peer = Self {
            child,
            asks,
            answers,
        };
        eprintln!("{frameworks:?}: {}", peer.ask("versions", &json!({})));
        Some(peer)
    }

    /// Calls a function of `peer.py`.
    pub fn try_ask(&mut self, call: &str, with: &Value) -> Result<Value, Raised> {
        let asks = self.asks.as_mut().expect("its input");
        writeln!(asks, "{}", json!({ "call": call, "with": with })).expect("it listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        let mut answer: Value =
            serde_json::from_str(&line).expect("JSON; see above what it died of");
        match answer.get_mut("ok") {
            Some(value) => Ok(value.take()),
            None => {
                let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                Err(Raised {
                    class: text("raised"),
                    says: text("says"),
                })
            }
        }
    }

    /// As [`try_ask`](Self::try_ask), of what must succeed.
    #[track_caller]
    pub fn ask(&mut self, call: &str, with: &Value) -> Value {
        let answer = self.try_ask(call, with);
        answer.unwrap_or_else(|raised| panic!("{call}: {raised:?}"))
    }

    /// As [`ask`](Self::ask), of what is text.
    #[track_caller]
    pub fn text(&mut self, call: &str, with: &Value) -> String {
        self.ask(call, with).as_str().expect("text").to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.asks.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn can_be_had(frameworks: Frameworks) -> Result<(), String> {
    let runs = |program: &Path, arguments: &[&str], mend: &str| {
        let ran = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .output();
        match ran {
            Ok(output) if output.status.success() => Ok(()),
            _ => Err(format!(
                "{} {} fails; {mend}",
                program.display(),
                arguments.join(" ")
            )),
        }
    };
    if std::env::var_os("DAEMUN_TEST_PYTHON").is_none() {
        let mend = "Debian: apt-get install python3-venv";
        runs("python3".as_ref(), &["-c", "import venv, ensurepip"], mend)?;
    }
    if frameworks == Frameworks::Older {
        runs(
            &python(),
            &["-m", "pip", "--version"],
            "the Python of DAEMUN_TEST_PYTHON needs pip",
        )?;
    }
    Ok(())
}

/// The folder of the older frameworks, made by the first test that asks.
fn older() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("target/");
    let lock = File::create(target.join("py-older.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let home = target.join("py-older");
    let stamp = home.join("requirements.installed");
    if !fs::read_to_string(&stamp).is_ok_and(|text| text == OLDER) {
        let _ = fs::remove_dir_all(&home);
        let mut pip = Command::new(python());
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]);
        pip.arg("--target")
            .arg(&home)
            .args(["-r", "older.txt"])
            .current_dir(SCRIPTS);
        assert!(pip.status().expect("pip runs").success(), "{pip:?}");
        fs::write(&stamp, OLDER).expect("a stamp");
    }
    home
}
