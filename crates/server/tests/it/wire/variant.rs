//! A contract of one's own that is another's, but for a few lines: shorter times, so that what takes
//! days can be seen in a second.

use std::fs;

use tempfile::TempDir;

use crate::harness::{Daemun, Start};

/// Starts a server that also mounts the contract `of` as `short-OF`, its paths under `/short`, with
/// lines replaced.
pub async fn with_short(of: &str, changes: &[(&str, &str)]) -> Daemun {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("short.toml");
    fs::write(&file, text(of, changes)).expect("a file");
    Start::development().contract(&file).go().await
}

/// Starts a server that mounts every contract that comes with it once more, as `short-NAME`, its
/// paths under `/short`, changed as `change` has it.
pub async fn with_all_short(change: impl Fn(&str, &str) -> String) -> Daemun {
    let folder = TempDir::new().expect("a folder");
    let mut start = Start::development();
    for (name, _) in daemun_contract::builtin() {
        let file = folder.path().join(format!("{name}.toml"));
        let lines = match *name {
            "native" => vec![("__Host-refresh", "__Host-short")],
            _ => Vec::new(),
        };
        fs::write(&file, change(name, &text(name, &lines))).expect("a file");
        start = start.contract(&file);
    }
    start.go().await
}

fn text(of: &str, changes: &[(&str, &str)]) -> String {
    let path = format!("{}/../../contracts/{of}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(path).expect("a contract that comes with daemun");
    let name = (format!("name = \"{of}\""), format!("name = \"short-{of}\""));
    for (line, other) in changes.iter().copied().chain([(&*name.0, &*name.1)]) {
        assert!(text.contains(line), "{of} has no line {line}");
        text = text.replace(line, other);
    }
    for method in ["post", "get", "put", "patch", "delete", "also"] {
        text = text.replace(&format!("{method} = \"/"), &format!("{method} = \"/short/"));
    }
    text
}
