//! Pythons with the packages of `requirements.txt`, of `schemathesis.txt` and of the verifier among
//! the examples: those that variables name, or ones made under `target/` by the first test that
//! asks, while the others wait.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The interpreter that has the frameworks.
pub fn python() -> PathBuf {
    let requirements = include_str!("../requirements.txt");
    match std::env::var_os("DAEMUN_TEST_PYTHON") {
        Some(python) => python.into(),
        None => environment("py-venv", "tests/requirements.txt", requirements),
    }
}

/// Schemathesis.
pub fn schemathesis() -> PathBuf {
    let requirements = include_str!("../schemathesis.txt");
    let python = match std::env::var_os("DAEMUN_TEST_SCHEMATHESIS") {
        Some(python) => python.into(),
        None => environment("schemathesis-venv", "tests/schemathesis.txt", requirements),
    };
    python.with_file_name("st")
}

/// The interpreter that runs the verifier among the examples; `None` where there is no Python to make it with.
pub fn verifier() -> Option<PathBuf> {
    let requirements = include_str!("../../../../examples/verifiers/python/requirements.txt");
    let file = "../../examples/verifiers/python/requirements.txt";
    if let Some(python) = std::env::var_os("DAEMUN_TEST_VERIFIER_PYTHON") {
        return Some(python.into());
    }
    let makes_venvs = Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success());
    makes_venvs.then(|| environment("verifier-venv", file, requirements))
}

/// The interpreter of the environment of that name, made where it is not there as it should be.
fn environment(name: &str, file: &str, requirements: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("target/");
    let lock = File::create(target.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("the lock");
    let home = target.join(name);
    let python = home.join("bin/python");
    let stamp = home.join("requirements.installed");
    let installed = fs::read_to_string(&stamp).is_ok_and(|text| text == requirements);
    if !(installed && python.exists()) {
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        succeed(
            "python3",
            ["-m", "venv", "--clear"]
                .map(OsStr::new)
                .into_iter()
                .chain([home.as_os_str()]),
        );
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            &file,
        ];
        succeed(&python, install.map(OsStr::new));
        fs::write(&stamp, requirements).expect("a stamp");
    }
    python
}

/// Runs a script with arguments and returns what it printed.
#[track_caller]
pub fn run(script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python())
        .arg("-c")
        .arg(script)
        .args(arguments)
        .output();
    let output = output.expect("python runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the script failed:\n{stderr}");
    String::from_utf8(output.stdout).expect("text")
}

fn succeed<'a>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = &'a OsStr>) {
    let mut command = Command::new(program);
    let status = command.args(arguments).status().expect("it runs");
    assert!(
        status.success(),
        "{command:?}: {status}. Debian: apt-get install python3-venv"
    );
}
