//! Small things a compiler does not see, looked for in the text itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Outcome, Stop};

/// Folders of things that are made, not written.
const SKIPPED: &[&str] = &[".git", ".daemun", ".venv", "node_modules", "target"];

/// What is read; other files are data.
const READ: &[&str] = &[
    "html", "js", "json", "md", "py", "rs", "sh", "sql", "toml", "ts", "yml",
];

/// Split, so that this file does not find itself.
const UNWANTED: &[(&str, &str)] = &[
    (
        concat!("Co-", "authored"),
        "credits belong to nobody's tool",
    ),
    (concat!("/Users", "/"), "a path of somebody's machine"),
    (concat!("/home", "/"), "a path of somebody's machine"),
    (concat!("/root", "/"), "a path of somebody's machine"),
];

/// Looks through every text file of the tree, and at the head of every crate.
pub fn check() -> Outcome {
    step::heading("habits");
    let mut files = Vec::new();
    collect(step::root(), &mut files);
    let mut faults: Vec<String> = files.iter().flat_map(|file| faults_in(file)).collect();
    faults.extend(shared_commits());
    faults.sort();
    if faults.is_empty() {
        println!("{} files read", files.len());
        return Ok(());
    }
    Err(Stop::new(
        format!("habits\n  {}", faults.join("\n  ")),
        "the rules are in xtask/src/habits.rs",
    ))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
            collect(&path, files);
        } else if kind.is_file()
            && path
                .extension()
                .is_some_and(|end| READ.iter().any(|read| end == *read))
        {
            files.push(path);
        }
    }
}

fn faults_in(file: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(file) else {
        return Vec::new();
    };
    let name = file.strip_prefix(step::root()).unwrap_or(file);
    let mut faults: Vec<String> = unwanted_in(&text)
        .map(|(line, why)| format!("{}:{line}: {why}", name.display()))
        .collect();
    if is_crate_root(name) && !text.starts_with("//!") {
        faults.push(format!(
            "{}:1: a crate opens by saying what it owns and why it exists (//!)",
            name.display()
        ));
    }
    faults
}

/// The lines that hold something unwanted, counted from one, with the reason.
fn unwanted_in(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| {
        UNWANTED
            .iter()
            .find(|(word, _)| line.contains(word))
            .map(|(_, why)| (at + 1, *why))
    })
}

/// Commits that name a second author: one person answers for a commit. Outside a clone there are none to read.
fn shared_commits() -> Vec<String> {
    let format = "--format=%h %(trailers:key=co-authored-by,only,separator=%x2C)";
    let log =
        step::output("commits", Command::new("git").args(["log", format])).unwrap_or_default();
    let named = log.lines().filter(|line| line.trim_end().contains(' '));
    named.map(|line| format!("commit {line}")).collect()
}

fn is_crate_root(name: &Path) -> bool {
    name.ends_with("src/lib.rs") || name.ends_with("src/main.rs")
}

#[cfg(test)]
mod tests {
    use super::{UNWANTED, is_crate_root, unwanted_in};
    use std::path::Path;

    #[test]
    fn an_unwanted_word_is_reported_with_its_line() {
        for (word, why) in UNWANTED {
            let text = format!("fine\nsee {word}x\n");
            assert_eq!(unwanted_in(&text).collect::<Vec<_>>(), [(2, *why)]);
        }
        assert_eq!(unwanted_in("fine\n/usr/lib\n").count(), 0);
    }

    #[test]
    fn crate_roots_are_told_from_modules() {
        assert!(is_crate_root(Path::new("crates/token/src/lib.rs")));
        assert!(!is_crate_root(Path::new("crates/token/src/keys/mod.rs")));
    }
}
