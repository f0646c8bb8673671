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

fn text(of: &str, changes: &[(&str, &str)]) -> String {
    let path = format!("{}/../../contracts/{of}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(path).expect("a contract that comes with daemun");
    let name = (format!("name = \"{of}\""), format!("name = \"short-{of}\""));
    for (line, other) in changes.iter().copied().chain([(&*name.0, &*name.1)]) {
        assert!(text.contains(line), "{of} has no line {line}");
        text = text.replace(line, other);
    }
    for method in ["post", "get", "delete", "also"] {
        text = text.replace(&format!("{method} = \"/"), &format!("{method} = \"/short/"));
    }
    text
}
