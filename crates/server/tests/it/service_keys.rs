//! Services: the keys they show, and what is believed of a caller without one.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Answer, Daemun, Start, run, send};

const CREATE: &str = "/tokenF/create";

/// Makes a key, and returns it.
pub fn key(daemun: &Daemun, name: &str, scope: &str) -> String {
    let create = [
        "service-key",
        "create",
        "--name",
        name,
        "--scope",
        scope,
        "--json",
    ];
    let made = daemun.run(&create).expect(0).json();
    made["key"].as_str().unwrap().to_owned()
}

/// Has a session opened, with these headers.
async fn create(daemun: &Daemun, headers: &[(&str, &str)]) -> Answer {
    let body = json!({ "userId": "u1", "userType": "student" });
    let request = daemun.request(Method::POST, CREATE).json(&body);
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    send(headers.iter().fold(request, add)).await
}

async fn create_with(daemun: &Daemun, key: &str) -> u16 {
    let bearer = format!("Bearer {key}");
    create(daemun, &[("authorization", &bearer)]).await.status
}

/// A production server with the contract of callers, and what else its configuration says.
async fn production(more: &str) -> (Daemun, String) {
    let folder = Arc::new(TempDir::new().unwrap());
    let config = folder.path().join("daemun.toml");
    let text = format!(
        "public_url = \"https://login.example.com\"\ndata = \"data\"\n{more}\n[smtp]\noff = true\n[sms]\noff = true\n"
    );
    fs::write(&config, text).unwrap();
    let start = Start::production(folder, &config);
    let start = SECRETS
        .iter()
        .fold(start, |start, (name, value)| start.with(name, value));
    (start.go().await, config.to_str().unwrap().to_owned())
}

const SECRETS: [(&str, &str); 2] = [
    (
        "DAEMUN_MASTER_KEY",
        "8f14e45fceea167a5a36dedd4bea2543f5b1c0d2a3e4f60718293a4b5c6d7e8f",
    ),
    (
        "DAEMUN_LEGACY_SECRET",
        "k9Zr-2vQ8xLmPw4TnYb6HcJdEfGsUa1o-3iKqXzWvRtBy5Nj7MhDgCeFlSpOuA",
    ),
];

#[tokio::test]
async fn a_service_key_opens_sessions_until_it_is_revoked() {
    let (daemun, config) = production("contracts = [\"token-server\"]").await;
    let command = |more: &[&str]| {
        let place = ["--config", &config, "--json"];
        run(&[&["service-key"], more, &place].concat(), &SECRETS, "")
    };
    assert_eq!(
        create(&daemun, &[]).await.status,
        401,
        "nobody in production"
    );
    let tokens = ["create", "--name", "campus", "--scope", "tokens"];
    let made = command(&tokens).expect(0).json();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("dsk_") && key.len() == 64, "{}", key.len());
    assert_eq!(create_with(&daemun, key).await, 200);
    command(&tokens).expect(4);

    let admin = ["create", "--name", "other", "--scope", "admin"];
    let other = command(&admin).expect(0).json();
    let other = other["key"].as_str().unwrap();
    assert_eq!(create_with(&daemun, other).await, 401, "another scope");

    command(&["revoke", "campus"]).expect(0);
    assert_eq!(create_with(&daemun, key).await, 401, "at the next request");
    command(&["revoke", "campus"]).expect(3);
    let listed = command(&["list"]).expect(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(listed[0]["revoked_at"].is_string() && listed[0].get("key").is_none());
    let again = command(&tokens).expect(0).json();
    let again = again["key"].as_str().unwrap();
    assert_ne!(again, key);
    assert_eq!(create_with(&daemun, again).await, 200);
}

/// SECURITY 34, 86: of a key there is a hash in the data and nothing in the log.
#[tokio::test]
async fn s34_s86_neither_the_data_nor_the_log_holds_a_key() {
    let start = Start::development()
        .with("DAEMUN_LOG", "trace")
        .with("RUST_LOG", "trace");
    let daemun = start.go().await;
    let key = key(&daemun, "campus", "tokens");
    let secret = key.rsplit('_').next().unwrap();
    assert_eq!(create_with(&daemun, &key).await, 200);
    let wrong = format!("{key}x");
    assert_eq!(create_with(&daemun, &wrong).await, 401);
    daemun.run(&["service-key", "list", "--json"]).expect(0);
    assert!(
        daemun.log().contains("a service key was shown"),
        "{}",
        daemun.log()
    );
    assert!(!daemun.log().contains(secret), "the log holds it");
    for file in files(daemun.data()) {
        let bytes = fs::read(&file).unwrap_or_default();
        assert!(!holds(&bytes, secret), "{} holds it", file.display());
    }
}

#[tokio::test]
async fn only_a_program_of_this_machine_needs_no_key_in_development() {
    let daemun = Daemun::start().await;
    assert_eq!(create(&daemun, &[]).await.status, 200);
    for header in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("authorization", "Bearer dsk_abcdabcdabcdabcd_wrong"),
        ("authorization", "dsk_abcdabcdabcdabcd_wrong"),
    ] {
        let answer = create(&daemun, &[header]).await;
        assert_eq!(answer.status, 401, "{header:?}");
        assert_eq!(answer.text, r#"{"error":"a service key is required!"}"#);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let delete = daemun.request(Method::DELETE, "/tokenF/delete");
    let delete = delete
        .header("via", "1.1 proxy")
        .json(&json!({ "userId": "u1" }));
    assert_eq!(
        send(delete).await.status,
        401,
        "ending is for trusted callers too"
    );
    // Whom the front end's users bring is no caller.
    let key = key(&daemun, "campus", "tokens");
    let bearer = format!("Bearer {key}");
    let page = [
        ("authorization", &*bearer),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    assert_eq!(
        create(&daemun, &page).await.status,
        200,
        "a key needs no loopback"
    );
}

/// Who is not trusted is refused before a byte of the body is read.
#[tokio::test]
async fn an_untrusted_callers_body_is_not_read() {
    let (daemun, _) = production("contracts = [\"token-server\"]").await;
    let large = "x".repeat(3 << 20);
    let request = daemun.request(Method::POST, CREATE).body(large);
    let begun = Instant::now();
    match request.send().await {
        Ok(answer) => assert_eq!(answer.status(), 401),
        // It closed the connection while we still wrote.
        Err(error) => assert!(error.is_request() || error.is_body(), "{error:?}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_contract_can_trust_this_machine_in_production_or_everybody() {
    let ours = |callers: &str| {
        let folder = TempDir::new().unwrap();
        let text = fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../contracts/token-server.toml"
        ));
        let text = text.unwrap().replace("loopback = \"in_dev\"", callers);
        fs::write(folder.path().join("ours.toml"), text).unwrap();
        folder
    };
    for (callers, straight, by_proxy, rebound) in [
        ("loopback = \"always\"", 200, 401, 401),
        ("loopback = \"never\"", 401, 401, 401),
        ("open = true", 200, 200, 200),
    ] {
        let folder = ours(callers);
        let file = folder.path().join("ours.toml");
        let (daemun, _) = production(&format!("contracts = [\"{}\"]", file.display())).await;
        assert_eq!(create(&daemun, &[]).await.status, straight, "{callers}");
        let proxy = [("x-forwarded-for", "192.0.2.1")];
        assert_eq!(create(&daemun, &proxy).await.status, by_proxy, "{callers}");
        let host = [("host", "evil.example")];
        assert_eq!(create(&daemun, &host).await.status, rebound, "{callers}");
        let page = [("origin", "https://evil.example")];
        assert_eq!(create(&daemun, &page).await.status, 401, "{callers}");
    }
}

#[test]
fn a_key_is_not_made_of_nonsense() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap();
    for arguments in [
        &["--name", "Bad Name", "--scope", "tokens"][..],
        &["--name", "good"],
        &["--name", "good", "--scope", "everything"],
    ] {
        let command = [&["service-key", "create"], arguments, &["--data", data]].concat();
        run(&command, &[], "").expect(2);
    }
}

/// Every file of a data directory.
pub fn files(data: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

/// Whether `needle` stands anywhere in `bytes`.
pub fn holds(bytes: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    bytes.windows(needle.len()).any(|window| window == needle)
}
