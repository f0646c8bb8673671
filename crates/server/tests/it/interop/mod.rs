//! Held against the frameworks of the back ends whose place daemun takes: whatever one of them
//! signs the other reads, and what a front end is told is told in the same words.

mod campus;
mod cookies;
mod differential;
mod moving;
mod passwords;
pub mod peer;
mod requests;
mod tokens;

use serde_json::{Value, json};

use crate::harness::{Daemun, Start};

/// Both sides' `SECRET_KEY`, with the signs that Django's generator likes.
const SECRET: &str = "django-insecure-$3cr3t(of)#the&team!=0123456789abcdef";
const PASSWORD: &str = "a few words nobody guesses";

fn with_the_teams_secret() -> Start {
    Start::development().with("DAEMUN_LEGACY_SECRET", SECRET)
}

/// Makes an account by the command line; `address` is `--phone` or `--email` and what follows.
#[track_caller]
fn account(daemun: &Daemun, address: [&str; 2]) -> i64 {
    let [kind, address] = address;
    let create = [
        "account",
        "create",
        kind,
        address,
        "--nickname",
        address,
        "--verified",
    ];
    let create = [&create[..], &["--password-stdin", "--json"]].concat();
    let made = daemun.run_with(&create, PASSWORD).expect(0).json();
    made["id"].as_i64().expect("an id")
}

async fn log_in_by_phone(daemun: &Daemun, phone: &str) -> Value {
    let login = json!({ "phone": phone, "password": PASSWORD });
    daemun
        .post("/accounts/login/", login)
        .await
        .expect(201)
        .json()
}
