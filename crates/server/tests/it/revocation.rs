//! Ending sessions from the command line, beside a running server: effective at the next request.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{Daemun, run};

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "a few words nobody guesses";

async fn with_account() -> Daemun {
    let daemun = Daemun::start().await;
    let create = [
        "account",
        "create",
        "--email",
        EMAIL,
        "--verified",
        "--password-stdin",
    ];
    daemun.run_with(&create, PASSWORD).expect(0);
    daemun
}

async fn log_in(daemun: &Daemun) -> Value {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    daemun.post("/v1/session", login).await.expect(200).json()
}

async fn me(daemun: &Daemun, tokens: &Value) -> u16 {
    let token = tokens["access_token"].as_str().unwrap();
    daemun.get_as(token, "/v1/accounts/me").await.status
}

async fn refresh(daemun: &Daemun, tokens: &Value) -> u16 {
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    daemun.post("/v1/session/refresh", body).await.status
}

#[tokio::test]
async fn s33_a_session_revoked_beside_the_server_is_over_at_the_next_request() {
    let daemun = with_account().await;
    for _ in 0..10 {
        let (ended, other) = (log_in(&daemun).await, log_in(&daemun).await);
        assert_eq!(me(&daemun, &ended).await, 200);
        let live = daemun
            .run(&["session", "list", "--account", "1", "--json"])
            .expect(0)
            .json();
        // Newest first: the one before the newest is the one to end.
        let id = live[1]["id"].as_str().unwrap();
        daemun.run(&["session", "revoke", id]).expect(0);
        assert_eq!(me(&daemun, &ended).await, 401);
        assert_eq!(refresh(&daemun, &ended).await, 401);
        assert_eq!(me(&daemun, &other).await, 200);
    }
}

#[tokio::test]
async fn s33_all_sessions_of_an_account_end_at_once() {
    let daemun = with_account().await;
    let sessions = [log_in(&daemun).await, log_in(&daemun).await];
    let ran = daemun
        .run(&["session", "revoke", "--account", EMAIL, "--json"])
        .expect(0);
    assert!(ran.json()["revoked"].as_u64().unwrap() > 0);
    for tokens in &sessions {
        assert_eq!(me(&daemun, tokens).await, 401);
        assert_eq!(refresh(&daemun, tokens).await, 401);
    }
    let again = log_in(&daemun).await;
    assert_eq!(me(&daemun, &again).await, 200);
}

#[tokio::test]
async fn s33_a_suspended_account_is_out_at_the_next_request_until_it_is_restored() {
    let daemun = with_account().await;
    let tokens = log_in(&daemun).await;
    daemun.run(&["account", "suspend", "1"]).expect(0);
    assert_eq!(me(&daemun, &tokens).await, 403);
    assert_ne!(refresh(&daemun, &tokens).await, 200);
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    assert_ne!(daemun.post("/v1/session", login).await.status, 200);

    let restored = daemun
        .run(&["account", "restore", EMAIL, "--json"])
        .expect(0)
        .json();
    assert_eq!(restored["status"], "active");
    assert_eq!(
        me(&daemun, &tokens).await,
        401,
        "an ended session came back"
    );
    let again = log_in(&daemun).await;
    assert_eq!(me(&daemun, &again).await, 200);
}

#[tokio::test]
async fn every_ended_session_can_say_why() {
    let daemun = with_account().await;
    log_in(&daemun).await;
    let live = daemun.run(&["session", "list", "--json"]).expect(0).json();
    let id = live[0]["id"].as_str().unwrap();
    let why = daemun.run(&["session", "why", id]).expect(0);
    assert!(why.stdout.starts_with("It is not over"), "{why:?}");

    daemun.run(&["session", "revoke", id]).expect(0);
    let why = daemun.run(&["session", "why", id]).expect(0);
    assert!(why.stdout.contains("an operator ended it"), "{why:?}");
    let why = daemun
        .run(&["session", "why", id, "--json"])
        .expect(0)
        .json();
    assert_eq!(why["session"]["reason"], "operator");
    assert!(why["trail"].as_array().unwrap().len() >= 2, "{why}");

    let again = daemun
        .run(&["session", "revoke", id, "--json"])
        .expect(0)
        .json();
    assert_eq!(again["revoked"], 0);
}

#[tokio::test]
async fn a_server_that_cannot_be_told_finds_out_by_itself() {
    let daemun = with_account().await;
    let tokens = log_in(&daemun).await;
    std::fs::remove_file(daemun.data().join("control.sock")).unwrap();
    daemun
        .run(&["session", "revoke", "--account", "1"])
        .expect(0);
    let begun = Instant::now();
    while me(&daemun, &tokens).await == 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "it did not find out"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_command_says_so_where_the_server_does_not_confirm() {
    let daemun = with_account().await;
    log_in(&daemun).await;
    let data = daemun.data().to_owned();
    let start = daemun.killed();
    std::fs::remove_file(data.join("control.sock")).unwrap();
    // Something that takes the message and answers nonsense.
    let listener = std::os::unix::net::UnixListener::bind(data.join("control.sock")).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = [0; 5];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(b"what?\n").unwrap();
    });
    let revoke = [
        "session",
        "revoke",
        "--account",
        "1",
        "--json",
        "--data",
        data.to_str().unwrap(),
    ];
    let failure = run(&revoke, &[], "").expect(5).error();
    assert!(
        failure["what"].as_str().unwrap().contains("it is done"),
        "{failure}"
    );
    drop(start);
}
