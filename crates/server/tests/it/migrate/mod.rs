//! Taking the place of a back end: real Django, PostgreSQL and Redis on the other side.

mod accounts;
mod beside;
mod django;
mod files;
mod postgres;
mod redis;

mod tokens;

use serde_json::{Value, json};

use crate::harness::{Answer, Daemun, Ran};

const PASSWORD: &str = "a few words nobody guesses";
/// The first of them, as Django makes it at hardly any cost.
const HASH: &str =
    "pbkdf2_sha256$1000$abcdefghijklmnopqrstuv$x/d69s0JCsrRZum0OUosuAsi/iJnvVKUdtvoAdz7FWA=";
const OTHER_PASSWORD: &str = "quite another few words";

/// `daemun migrate import` beside this server, answered in JSON.
fn import(daemun: &Daemun, arguments: &[&str]) -> Ran {
    daemun.run(&[&["migrate", "import", "--json"], arguments].concat())
}

/// As [`import`], applied; what came of the accounts.
#[track_caller]
fn imported(daemun: &Daemun, arguments: &[&str]) -> Value {
    let ran = import(daemun, &[arguments, &["--apply"]].concat()).expect(0);
    ran.json()["accounts"].clone()
}

/// How many accounts were created, updated, unchanged and skipped.
fn figures(accounts: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "skipped"].map(|name| accounts[name].as_u64().unwrap())
}

async fn log_in(daemun: &Daemun, email: &str, password: &str) -> Answer {
    let login = json!({ "email": email, "password": password });
    daemun.post("/v1/session", login).await
}

/// The id of whoever logs in so, as the guarded route tells it.
async fn id_of(daemun: &Daemun, email: &str, password: &str) -> String {
    let login = log_in(daemun, email, password).await.expect(200).json();
    let token = login["access_token"].as_str().expect("a token");
    let me = daemun.get_as(token, "/v1/accounts/me").await.expect(200);
    me.json()["id"].as_str().expect("an id").to_owned()
}

fn shown(daemun: &Daemun, account: &str) -> Value {
    daemun
        .run(&["account", "show", account, "--json"])
        .expect(0)
        .json()
}
