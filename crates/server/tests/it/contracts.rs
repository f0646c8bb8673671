//! `daemun contract`, on files.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::harness::run;

fn builtin(name: &str) -> String {
    let path = format!("{}/../../contracts/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("a contract that comes with daemun")
}

fn file(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    path
}

#[test]
fn a_sound_contract_is_said_to_be_sound() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "ours.toml", &builtin("native"));
    let ran = run(&["contract", "check", path.to_str().unwrap()], &[], "").expect(0);
    assert!(ran.stdout.starts_with("native: sound, "), "{ran:?}");
}

#[test]
fn every_fault_of_every_file_is_reported_with_its_line() {
    let folder = TempDir::new().unwrap();
    let native = builtin("native");
    let faulty = native
        .replace("identifiers =", "identifierz =")
        .replace("name = \"native\"", "name = \"na tive\"");
    let line = |word: &str| {
        1 + faulty
            .lines()
            .position(|line| line.starts_with(word))
            .unwrap()
    };
    let (name, identifiers) = (line("name ="), line("identifierz ="));
    let one = file(&folder, "one.toml", &faulty);
    let other = file(&folder, "other.toml", "[contract]\nname = 3\n");

    let files = [one.to_str().unwrap(), other.to_str().unwrap()];
    let ran = run(&["contract", "check", files[0], files[1]], &[], "").expect(1);
    for said in [
        format!("one.toml:{name}"),
        format!("one.toml:{identifiers}"),
        "other.toml:2".into(),
    ] {
        assert!(
            ran.stderr.contains(&said),
            "{said} is not in {}",
            ran.stderr
        );
    }

    let ran = run(
        &["contract", "check", files[0], files[1], "--json"],
        &[],
        "",
    )
    .expect(1);
    let faults = ran.error()["faults"].as_array().unwrap().clone();
    let lines: Vec<_> = faults
        .iter()
        .map(|fault| fault["line"].as_u64().unwrap())
        .collect();
    assert!(lines.contains(&(identifiers as u64)), "{faults:?}");
    assert!(
        faults
            .iter()
            .all(|fault| !fault["write"].as_str().unwrap().is_empty())
    );
}

#[test]
fn contracts_with_the_same_name_cannot_stand_side_by_side() {
    let folder = TempDir::new().unwrap();
    let one = file(&folder, "one.toml", &builtin("native"));
    let other = file(&folder, "other.toml", &builtin("native"));
    let files = [one.to_str().unwrap(), other.to_str().unwrap()];
    let ran = run(&["contract", "check", files[0], files[1]], &[], "").expect(1);
    assert!(
        ran.stderr.contains("two contracts are called `native`"),
        "{ran:?}"
    );
}

#[test]
fn a_contract_is_explained_by_name_or_file() {
    let by_name = run(&["contract", "explain", "phone-pair"], &[], "").expect(0);
    assert!(by_name.stdout.contains("/accounts/login/"), "{by_name:?}");
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "ours.toml", &builtin("phone-pair"));
    let by_file = run(&["contract", "explain", path.to_str().unwrap()], &[], "").expect(0);
    assert_eq!(by_name.stdout, by_file.stdout);

    let ran = run(&["contract", "explain", "phone-pear"], &[], "").expect(3);
    assert!(ran.stderr.contains("mend: \"phone-pair\""), "{ran:?}");
}

#[test]
fn a_contract_has_an_openapi_document() {
    let ran = run(
        &[
            "contract",
            "openapi",
            "native",
            "--url",
            "https://x.example",
        ],
        &[],
        "",
    )
    .expect(0);
    let document = ran.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["servers"][0]["url"], "https://x.example");
    assert!(
        document["paths"]["/v1/session"]["post"].is_object(),
        "{document}"
    );
}
