//! `daemun contract verify`: daemun keeps the contracts that come with it, a server that lies is
//! caught, and what an old back end keeps of a contract can be read off.

mod back_end;
mod contracts;
mod liar;
mod options;

use crate::harness::{BINARY, Daemun, Ran, run};

const EMAIL: &str = "mina@example.com";
const PHONE: &str = "01012345678";
const PASSWORD: &str = "a few words nobody guesses";

/// Verifies a contract against the server at `url`, with more arguments.
fn verify(contract: &str, url: &str, more: &[&str]) -> Ran {
    verify_with(contract, url, more, "")
}

/// The same with a password on standard input.
fn verify_with(contract: &str, url: &str, more: &[&str], password: &str) -> Ran {
    let arguments = [&["contract", "verify", contract, "--against", url], more].concat();
    let ran = run(&arguments, &[], password);
    assert_shows_no_secret(&ran);
    ran
}

/// Verifies as that test account.
fn verify_as(address: &str, contract: &str, url: &str) -> Ran {
    let account = ["--account", address, "--password-stdin"];
    verify_with(contract, url, &account, PASSWORD)
}

#[track_caller]
fn assert_shows_no_secret(ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("eyJ"), "a token is shown: {text}");
        assert!(!text.contains(PASSWORD), "the password is shown: {text}");
    }
}

/// An account of an operator's making.
fn account(daemun: &Daemun, address: [&str; 2]) {
    let [kind, address] = address;
    let create = ["account", "create", kind, address, "--nickname", "mina"];
    let create = [&create[..], &["--verified", "--password-stdin"]].concat();
    daemun.run_with(&create, PASSWORD).expect(0);
}

/// The report without what differs from run to run.
fn redacted(ran: &Ran) -> String {
    let lines = ran
        .stdout
        .lines()
        .filter(|line| !line.starts_with("made accounts"));
    let mut text = String::new();
    for line in lines {
        let line = match line.split_once("http://127.0.0.1:") {
            Some((before, _)) => format!("{before}http://127.0.0.1:…"),
            None => line.to_owned(),
        };
        text += &line;
        text.push('\n');
    }
    text
}

/// The lines of a report that begin so.
fn lines<'r>(ran: &'r Ran, word: &str) -> Vec<&'r str> {
    let lines = ran.stdout.lines();
    lines.filter(|line| line.starts_with(word)).collect()
}
