//! 34, 78 and 86: what people type and what they are given stands neither in the database nor in the
//! log, however talkative it is made.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;
use serde_json::json;

use super::{
    call::{get, post, with_cookies},
    forge::unsigned,
    people::{
        EMAIL, PHONE, code, cookie_pair, native_pair, pair, refresh, refresh_cookie, refresh_native,
    },
};
use crate::harness::{Answer, Daemun, Start, send};

const PASSWORD: &str = "CANARY-password of mina";
const WRONG: &str = "CANARY-wrong-password of mina";
const JUNK: &str = "CANARY-junk-token.CANARY-claims.CANARY-signature";

/// Everything that was secret in the flows.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        assert!(secret.len() >= 6);
        self.0.insert(secret.to_owned());
    }

    /// A token, and its signature alone: the rest of it can be worked out.
    fn token(&mut self, token: &str) {
        let bare = if token.contains(':') {
            unsigned(token)
        } else {
            token
        };
        self.add(token);
        self.add(bare);
        self.add(bare.rsplit('.').next().expect("a signature"));
    }

    fn pair(&mut self, pair: &super::people::Pair) {
        self.token(&pair.access);
        self.token(&pair.refresh);
    }

    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let secrets = self.0.iter().map(String::as_str);
        secrets
            .filter(|secret| holds(bytes, secret.as_bytes()))
            .collect()
    }
}

/// Whether the word stands there by itself: six digits may be part of a larger number.
fn holds(bytes: &[u8], word: &[u8]) -> bool {
    let is_edge = |at: Option<&u8>| at.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    bytes.windows(word.len()).enumerate().any(|(at, window)| {
        window == word
            && is_edge(at.checked_sub(1).and_then(|at| bytes.get(at)))
            && is_edge(bytes.get(at + word.len()))
    })
}

async fn everything(daemun: &Daemun, secrets: &mut Secrets) {
    secrets.add(PASSWORD);
    secrets.add(WRONG);
    secrets.add(JUNK);
    secrets.add("CANARY-query");
    let mail = json!({ "email": EMAIL, "password": PASSWORD, "nickname": "n" });
    let phone = json!({ "phone": PHONE, "password": PASSWORD });

    daemun
        .post("/api/accounts/signup/", mail.clone())
        .await
        .expect(201);
    daemun
        .post("/accounts/signup/", phone.clone())
        .await
        .expect(201);
    for (address, path, key) in [
        (EMAIL, "/api/accounts/verify/email/", "email"),
        (PHONE, "/accounts/signup/verify/", "phone"),
    ] {
        let code = code(daemun, address).await;
        secrets.add(&code);
        daemun
            .post(path, json!({ key: address, "code": "CANARY-code" }))
            .await
            .expect(400);
        daemun
            .post(path, json!({ key: address, "code": code }))
            .await
            .expect(200);
    }
    for body in [
        json!({ "email": "new@example.com", "password": PASSWORD }),
        json!({ "email": "new@example.com", "password": WRONG }),
    ] {
        daemun.post("/v1/accounts", body).await.expect(202);
    }
    secrets.add(&code(daemun, "new@example.com").await);
    daemun
        .post(
            "/v1/accounts/verification/resend",
            json!({ "email": "new@example.com" }),
        )
        .await
        .expect(202);

    let by_mail = native_pair(
        &daemun
            .post("/v1/session", mail.clone())
            .await
            .expect(200)
            .json(),
    );
    let by_cookie = cookie_pair(
        &daemun
            .post("/api/accounts/login/", mail.clone())
            .await
            .expect(200),
    );
    let by_phone = pair(
        &daemun
            .post("/accounts/login/", phone)
            .await
            .expect(201)
            .json()["token"],
    );
    let host = daemun.post("/v1/session/cookie", mail).await.expect(200);
    secrets.token(&super::call::cookies(&host)[0].value);
    for given in [&by_mail, &by_cookie, &by_phone] {
        secrets.pair(given);
    }
    let mut last = native_pair(
        &refresh_native(daemun, &by_mail.refresh)
            .await
            .expect(200)
            .json(),
    );
    secrets.pair(&last);
    last = native_pair(
        &refresh_native(daemun, &last.refresh)
            .await
            .expect(200)
            .json(),
    );
    secrets.pair(&last);
    secrets.pair(&cookie_pair(
        &refresh_cookie(daemun, &by_cookie.refresh).await.expect(200),
    ));
    secrets.pair(&pair(
        &refresh(daemun, &by_phone.refresh).await.expect(200).json(),
    ));

    let failing: Vec<Answer> = vec![
        daemun
            .post("/v1/session", json!({ "email": EMAIL, "password": WRONG }))
            .await,
        daemun
            .post(
                "/accounts/login/",
                json!({ "phone": PHONE, "password": WRONG }),
            )
            .await,
        daemun
            .post(
                "/api/accounts/login/",
                json!({ "email": EMAIL, "password": WRONG }),
            )
            .await,
        daemun
            .post(
                "/api/accounts/login/",
                json!({ "email": EMAIL, "password": [WRONG] }),
            )
            .await,
        refresh(daemun, JUNK).await,
        refresh_native(daemun, JUNK).await,
        refresh_cookie(daemun, JUNK).await,
        daemun.get_as(JUNK, "/v1/accounts/me").await,
        send(get(daemun, "/accounts/me").header("authorization", format!("Bearer {JUNK} {JUNK}")))
            .await,
        send(with_cookies(
            get(daemun, "/api/accounts/me/"),
            &[("access_token", JUNK)],
        ))
        .await,
        daemun
            .get("/v1/accounts/me?access_token=CANARY-query")
            .await,
        daemun.get("/nowhere/CANARY-query?x=CANARY-query").await,
        send(post(daemun, "/v1/session", &json!({})).body(format!("{{\"password\":\"{WRONG}")))
            .await,
        refresh_native(daemun, &by_cookie.refresh).await,
    ];
    assert!(
        failing
            .iter()
            .all(|answer| (400..500).contains(&answer.status)),
        "{failing:?}"
    );
    for answer in failing {
        assert!(!answer.text.contains("CANARY"), "78: echoed: {answer:?}");
    }
    for access in [&by_mail.access, &last.access] {
        daemun.get_as(access, "/v1/accounts/me").await.expect(200);
        daemun.get_as(access, "/v1/sessions").await.expect(200);
    }
    send(with_cookies(
        get(daemun, "/api/accounts/me/"),
        &[("access_token", &by_cookie.access)],
    ))
    .await
    .expect(200);
    daemun.run(&["account", "suspend", PHONE]).expect(0);
    daemun.run(&["key", "rotate"]).expect(0);
    daemun
        .post("/accounts/logout/", json!({ "refresh": by_phone.refresh }))
        .await
        .expect(401);
    send(
        daemun
            .request(Method::DELETE, "/v1/sessions")
            .bearer_auth(&last.access),
    )
    .await
    .expect(204);
}

#[tokio::test]
async fn s34_s86_no_secret_is_in_the_database_or_in_the_log() {
    let mut daemun = Start::development().with("DAEMUN_LOG", "trace").go().await;
    let mut secrets = Secrets::default();
    everything(&daemun, &mut secrets).await;
    let master = fs::read_to_string(daemun.data().join("master.key")).unwrap();
    for mark in [&daemun.legacy_secret(), master.trim()] {
        secrets.add(mark);
        secrets.add(mark.trim_start_matches("daemun-dev-"));
    }

    let log = daemun.log();
    assert!(
        log.contains("DEBUG") && log.lines().count() > 40,
        "it is as talkative as it can be"
    );
    if let Some(secret) = secrets.found_in(log.as_bytes()).first() {
        let line = log
            .lines()
            .find(|line| holds(line.as_bytes(), secret.as_bytes()))
            .unwrap();
        panic!("86: the log holds {secret}: {line}");
    }
    assert!(
        !log.contains("CANARY"),
        "86: {:?}",
        log.lines().find(|line| line.contains("CANARY"))
    );

    // While it runs, and after it has ended and put everything in its place.
    let data = daemun.data().to_owned();
    let mut files = read_all(&data);
    assert!(
        files
            .iter()
            .any(|(path, bytes)| path.ends_with("daemun.db-wal") && !bytes.is_empty())
    );
    daemun.signal("TERM");
    assert_eq!(daemun.ended().await.code(), Some(0));
    files.extend(read_all(&data));
    for (path, bytes) in &files {
        assert_eq!(secrets.found_in(bytes), Vec::<&str>::new(), "34: {path}");
    }
}

/// The files of a data directory, but for those that are there to hold secrets.
fn read_all(data: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(data).expect("a directory").flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let paths = files.map(|entry| entry.path().display().to_string());
    let open =
        paths.filter(|path| !path.ends_with("master.key") && !path.ends_with("legacy.secret"));
    open.filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes)))
        .collect()
}
