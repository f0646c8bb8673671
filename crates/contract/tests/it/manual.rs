//! The manual says what the code does. `UPDATE_DOCS=1 cargo test -p daemun-contract manual` writes
//! its generated part anew.

use std::{fs, path::PathBuf};

use daemun_contract::vocabulary_tables;
use daemun_engine::vocabulary::{Operation, Outcome};

use crate::support::parse;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts.md")
}

/// What stands between the marks of that name, and what surrounds it.
fn between<'t>(text: &'t str, mark: &str) -> [&'t str; 3] {
    let (begin, end) = (
        format!("<!-- {mark}: begin -->\n"),
        format!("<!-- {mark}: end -->"),
    );
    let (before, rest) = text.split_once(&begin).unwrap();
    let (inside, after) = rest.split_once(&end).unwrap();
    [before, inside, after]
}

#[test]
fn its_vocabulary_is_the_engines() {
    let text = fs::read_to_string(path()).unwrap();
    let [before, inside, after] = between(&text, "vocabulary");
    let wanted = format!("\n{}\n", vocabulary_tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text =
            format!("{before}<!-- vocabulary: begin -->\n{wanted}<!-- vocabulary: end -->{after}");
        fs::write(path(), text).unwrap();
        return;
    }
    assert_eq!(
        inside, wanted,
        "run: UPDATE_DOCS=1 cargo test -p daemun-contract manual"
    );
}

#[test]
fn its_first_contract_loads() {
    let text = fs::read_to_string(path()).unwrap();
    let [_, inside, _] = between(&text, "first");
    let source = inside
        .trim()
        .trim_start_matches("```toml\n")
        .trim_end_matches("```");
    let contract = parse(source);
    assert_eq!(contract.routes.len(), 4);
    let error = daemun_contract::Contract::parse(
        &source.replace("suspended = \"wrong_password\"\n", ""),
        "first.toml",
    );
    // The manual quotes what the checker says of it.
    assert!(text.contains(&error.unwrap_err().to_string()));
    let log_in = contract
        .routes
        .iter()
        .find(|route| route.operation == Operation::LogIn);
    assert_eq!(
        log_in.unwrap().answer(Outcome::WrongPassword, None).status,
        401
    );
}

#[test]
fn what_it_shows_of_the_example_stands_in_the_example() {
    let text = fs::read_to_string(path()).unwrap();
    let (_, walk) = text.split_once("## A walk through").unwrap();
    let example = include_str!("../../../../examples/sixth/ours.toml");
    let blocks = walk.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut seen = 0;
    for line in blocks.flat_map(str::lines).filter(|line| !line.is_empty()) {
        seen += 1;
        assert!(example.contains(line), "{line}");
    }
    assert!(seen > 20);
}
