//! Verifiers in other languages, written from `docs/revocation-stream.md`: the examples in
//! `examples/verifiers`, each a real server beside the real binary, and both before a stream that
//! lies to them.

mod liar;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Daemun, Start, send},
    python, service_keys,
};

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "a few words nobody guesses";
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
enum Language {
    Python,
    Node,
}

const ALL: [Language; 2] = [Language::Python, Language::Node];

/// A resource server; gone when this is dropped.
struct Example {
    child: Child,
    url: String,
    client: Client,
}

impl Example {
    /// `None` where the language is not installed, which is said.
    async fn start(language: Language, url: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let port = free_port();
        let mut command = command(language, port)?;
        command
            .env("DAEMUN_URL", url)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let example = Self {
            child: command.spawn().expect("it starts"),
            url: format!("http://127.0.0.1:{port}"),
            client: Client::new(),
        };
        let begun = Instant::now();
        while example
            .client
            .get(example.at("/health"))
            .send()
            .await
            .is_err()
        {
            assert!(begun.elapsed() < PATIENCE, "{language:?} does not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(example)
    }

    /// One that follows a daemun, and is up to date.
    async fn beside(daemun: &Daemun, language: Language, more: &[(&str, &str)]) -> Option<Self> {
        let name = format!("{language:?}").to_lowercase();
        let create = [
            "service-key",
            "create",
            "--name",
            &name,
            "--scope",
            "revocations",
            "--scope",
            "introspection",
            "--json",
        ];
        let made = daemun.run(&create).expect(0).json();
        let key = made["key"].as_str().unwrap();
        let settings = [
            &[("DAEMUN_SERVICE_KEY", key), ("VERIFIER_NAME", &name)],
            more,
        ]
        .concat();
        let example = Self::start(language, &daemun.url(""), &settings).await?;
        example.until_current().await;
        Some(example)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn is_current(&self) -> bool {
        let answer = send(self.client.get(self.at("/health"))).await;
        answer.json()["current"] == true
    }

    async fn until_current(&self) {
        until("it is current", async || self.is_current().await).await;
    }

    async fn me(&self, token: &str) -> Answer {
        send(self.client.get(self.at("/me")).bearer_auth(token)).await
    }

    /// How long it takes until a token gets that status.
    async fn until_status(&self, token: &str, status: u16) -> Duration {
        until("the status is as expected", async || {
            self.me(token).await.status == status
        })
        .await
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(language: Language, port: u16) -> Option<Command> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/verifiers");
    let port = port.to_string();
    let mut command;
    match language {
        Language::Python => {
            command = Command::new(python::verifier());
            let app = [
                "-m",
                "uvicorn",
                "app:app",
                "--log-level",
                "warning",
                "--port",
                &port,
            ];
            command.args(app).current_dir(examples.join("python"));
        }
        Language::Node => {
            let Some(node) = node() else {
                eprintln!("skipped: there is no Node. Debian: apt-get install nodejs");
                return None;
            };
            command = Command::new(node);
            command.arg("server.mjs").env("PORT", &port);
            command.current_dir(examples.join("node"));
        }
    }
    Some(command)
}

fn node() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("node"));
    programs.find(|program| program.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

async fn with_account(start: Start) -> Daemun {
    let daemun = start.go().await;
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

struct Tokens {
    access: String,
    refresh: String,
}

async fn log_in(daemun: &Daemun) -> Tokens {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let tokens = daemun.post("/v1/session", login).await.expect(200).json();
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    Tokens {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

async fn log_out(daemun: &Daemun, tokens: &Tokens) {
    let request = daemun.request(reqwest::Method::DELETE, "/v1/session");
    send(request.bearer_auth(&tokens.access)).await.expect(204);
}

#[tokio::test]
async fn s33_what_was_ended_is_refused_in_other_languages_within_milliseconds() {
    let daemun = with_account(Start::development()).await;
    for language in ALL {
        let Some(example) = Example::beside(&daemun, language, &[]).await else {
            continue;
        };
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let (tokens, other) = (log_in(&daemun).await, log_in(&daemun).await);
            let shown = example.me(&tokens.access).await.expect(200).json();
            assert_eq!(shown["account"], "1");
            log_out(&daemun, &tokens).await;
            slowest = slowest.max(example.until_status(&tokens.access, 401).await);
            assert_eq!(example.me(&other.access).await.status, 200);
        }
        eprintln!("{language:?}: refused within {slowest:?}");
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        let tokens = log_in(&daemun).await;
        daemun.run(&["account", "suspend", "1"]).expect(0);
        example.until_status(&tokens.access, 401).await;
        daemun.run(&["account", "restore", "1"]).expect(0);
        example
            .until_status(&log_in(&daemun).await.access, 200)
            .await;
        let name = format!("{language:?}").to_lowercase();
        let heard = async || {
            let list = daemun.run(&["verifier", "list", "--json"]).expect(0).json();
            let mut all = list.as_array().unwrap().iter();
            all.any(|one| one["name"] == *name && one["behind"] == 0 && !one["confirmed"].is_null())
        };
        until("it says how far it is", heard).await;
    }
}

/// The same bytes, spelt with other letters at the end, whose last bits are nobody's.
fn spare(signature: &str) -> String {
    let (rest, last) = signature.split_at(signature.len() - 1);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = letters.find(last).unwrap() + 1;
    format!("{rest}{}", &letters[next..=next])
}

/// The kinds of what is no good token, each with what it is.
fn forged(tokens: &Tokens, other: &Tokens, jwks: &Value) -> Vec<(&'static str, String)> {
    let encode = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    let parts: Vec<&str> = tokens.access.split('.').collect();
    let [head, body, signature] = parts[..] else {
        panic!("three parts")
    };
    let theirs = other.access.rsplit('.').next().unwrap();
    let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(head).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = header.clone();
        changed[name] = value;
        format!("{}.{body}", encode(&changed.to_string()))
    };
    let hs256 = with("alg", json!("HS256"));
    let key = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA256,
        jwks["keys"][0]["x"].as_str().unwrap().as_bytes(),
    );
    let mac = aws_lc_rs::hmac::sign(&key, hs256.as_bytes());
    let mac = base64_simd::URL_SAFE_NO_PAD.encode_to_string(mac.as_ref());
    vec![
        ("garbage", "garbage".into()),
        ("dots", "..".into()),
        ("a refresh token", tokens.refresh.clone()),
        ("another's signature", format!("{head}.{body}.{theirs}")),
        ("no signature", format!("{head}.{body}.")),
        ("alg none", format!("{}.", with("alg", json!("none")))),
        ("our public key as a secret", format!("{hs256}.{mac}")),
        (
            "an unknown key",
            format!("{}.{signature}", with("kid", json!("nobody's"))),
        ),
        (
            "no kid",
            format!("{}.{signature}", with("kid", Value::Null)),
        ),
        (
            "another type",
            format!("{}.{signature}", with("typ", json!("JWT"))),
        ),
        (
            "crit",
            format!("{}.{signature}", with("crit", json!(["exp"]))),
        ),
        ("padding", format!("{}=", tokens.access)),
        (
            "bits to spare",
            format!("{head}.{body}.{}", spare(signature)),
        ),
        ("a fourth part", format!("{}.x", tokens.access)),
    ]
}

#[tokio::test]
async fn s01_to_s09_other_languages_take_nothing_that_daemun_did_not_sign() {
    let daemun = with_account(Start::development()).await;
    let (tokens, other) = (log_in(&daemun).await, log_in(&daemun).await);
    let jwks = daemun
        .get("/.well-known/jwks.json")
        .await
        .expect(200)
        .json();
    for language in ALL {
        let Some(example) = Example::beside(&daemun, language, &[]).await else {
            continue;
        };
        example.me(&tokens.access).await.expect(200);
        for (what, token) in forged(&tokens, &other, &jwks) {
            let refused = example.me(&token).await;
            assert_eq!(refused.status, 401, "{language:?}: {what}: {refused:?}");
            let challenge = refused.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer ") && challenge.contains("invalid_token"));
        }
        let nobody = send(example.client.get(example.at("/me")))
            .await
            .expect(401);
        assert_eq!(nobody.headers["www-authenticate"], "Bearer realm=\"api\"");
    }
}

#[tokio::test]
async fn s23_other_languages_find_the_new_key() {
    for language in ALL {
        let daemun = with_account(Start::development()).await;
        let Some(example) = Example::beside(&daemun, language, &[]).await else {
            continue;
        };
        let old = log_in(&daemun).await;
        example.me(&old.access).await.expect(200);
        // Twice: the one that was next was published before, the one after was not.
        for _ in 0..2 {
            daemun.run(&["key", "rotate"]).expect(0);
        }
        let new = log_in(&daemun).await;
        example.until_status(&new.access, 200).await;
        example.me(&old.access).await.expect(200);
    }
}

#[tokio::test]
async fn s41_other_languages_deny_with_503_while_they_hear_nothing_and_go_on_after() {
    for language in ALL {
        let port = free_port();
        let daemun = with_account(Start::development().at(port)).await;
        let stale = [("STALE_AFTER", "1")];
        // Heartbeats are further apart than that: one that only listens is stale in between.
        let Some(example) = Example::beside(&daemun, language, &[("STALE_AFTER", "7")]).await
        else {
            continue;
        };
        let asking = [
            ("POLICY", "introspect"),
            stale[0],
            ("VERIFIER_NAME", "asks"),
        ];
        let key = service_keys::key(&daemun, "asks", "introspection");
        let asking = [&asking[..], &[("DAEMUN_SERVICE_KEY", &key)]].concat();
        let asking = Example::start(language, &daemun.url(""), &asking)
            .await
            .unwrap();
        let (tokens, ended) = (log_in(&daemun).await, log_in(&daemun).await);
        for one in [&tokens, &ended] {
            asking.me(&one.access).await.expect(200);
            example.me(&one.access).await.expect(200);
        }
        let start = daemun.killed().at(port);
        example.me(&tokens.access).await.expect(200);
        let refused = asking.me(&tokens.access).await.expect(503);
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        example.until_status(&tokens.access, 503).await;
        let daemun = start.go().await;
        log_out(&daemun, &ended).await;
        example.until_current().await;
        example.me(&tokens.access).await.expect(200);
        example.me(&ended.access).await.expect(401);
        asking.me(&tokens.access).await.expect(200);
        asking.me(&ended.access).await.expect(401);
    }
}
