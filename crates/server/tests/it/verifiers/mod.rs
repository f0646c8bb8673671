//! Verifiers in other languages: the examples, each a real server beside the real binary, and each
//! before a server that does not keep to the stream's description.
//!
//! Every test asks all examples the same, so that whoever reads one of them can rely on the other.

mod example;
mod liar;
mod relay;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use self::{
    example::{Example, LANGUAGES},
    relay::Relay,
};
use crate::{
    harness::{Answer, Daemun, send},
    service_keys::key,
    wire::{
        forge::{claims, encode, forge, header, payload},
        people::{EMAIL, PHONE, Pair, account, native, phone_pair},
    },
};

const PATIENCE: Duration = Duration::from_secs(20);

/// One server, and the examples that this machine can run.
struct Scene {
    daemun: Daemun,
    /// Account 1.
    mail: Pair,
    examples: Vec<Example>,
}

impl Scene {
    async fn new(scopes: &[&str], variables: &[(&str, &str)]) -> Self {
        let daemun = Daemun::start().await;
        let url = daemun.url("");
        Self::before(daemun, &url, scopes, variables).await
    }

    /// The examples reach the server there.
    async fn before(
        daemun: Daemun,
        url: &str,
        scopes: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        account(&daemun, EMAIL, "mail");
        let mail = native(&daemun, EMAIL).await;
        let issuer = claims(&mail.access)["iss"].as_str().unwrap().to_owned();
        let key = match scopes {
            [scope] => key(&daemun, "notes", scope),
            _ => key_of_scopes(&daemun, scopes),
        };
        let own = [
            ("DAEMUN_ISSUER", &*issuer),
            ("DAEMUN_URL", url),
            ("DAEMUN_SERVICE_KEY", &*key),
        ];
        let variables = [&own, variables].concat();
        let [one, other] = LANGUAGES.map(|language| Example::start(language, &variables));
        let (one, other) = tokio::join!(one, other);
        Self {
            daemun,
            mail,
            examples: one.into_iter().chain(other).collect(),
        }
    }

    async fn log_in(&self) -> String {
        native(&self.daemun, EMAIL).await.access
    }

    async fn log_out(&self, access: &str) {
        let request = self.daemun.request(Method::DELETE, "/v1/session");
        let answer = send(request.bearer_auth(access)).await;
        assert!(answer.status < 300, "{answer:?}");
    }
}

fn key_of_scopes(daemun: &Daemun, scopes: &[&str]) -> String {
    let scopes = scopes.iter().flat_map(|scope| ["--scope", *scope]);
    let create = ["service-key", "create", "--name", "notes", "--json"];
    let create: Vec<&str> = create.into_iter().chain(scopes).collect();
    let made = daemun.run(&create).expect(0).json();
    made["key"].as_str().unwrap().to_owned()
}

fn challenge(answer: &Answer) -> &str {
    let challenge = answer.headers.get("www-authenticate");
    challenge.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn s33_verifiers_in_other_languages_refuse_what_was_ended_at_once() {
    let scene = Scene::new(&["revocations"], &[]).await;
    let (daemun, access) = (&scene.daemun, &scene.mail.access);
    let other = scene.log_in().await;
    for example in &scene.examples {
        let answer = example.check(access).await;
        example.expect(&answer, 200, "signed in");
        assert_eq!(answer.json()["account"], 1);
        assert_eq!(answer.json()["session"], claims(access)["sid"]);
    }
    scene.log_out(access).await;
    for example in &scene.examples {
        let took = example.until(access, 401, "logged out").await;
        eprintln!("{:?} refuses {took:?} after the logout", example.language);
        assert!(took < Duration::from_secs(1), "{took:?}");
        let answer = example.check(access).await;
        assert_eq!(answer.json()["code"], "session_ended");
        assert_eq!(challenge(&answer), r#"Bearer error="invalid_token""#);
        example.expect(&example.check(&other).await, 200, "another session");
    }
    daemun.run(&["account", "suspend", "1"]).expect(0);
    for example in &scene.examples {
        let took = example.until(&other, 401, "suspended").await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    daemun.run(&["account", "restore", "1"]).expect(0);
    let back = scene.log_in().await;
    for example in &scene.examples {
        example.expect(&example.check(&back).await, 200, "restored");
    }
    until_all_confirmed(&scene).await;
}

/// An operator sees every example, and that it has heard of everything.
async fn until_all_confirmed(scene: &Scene) {
    let begun = Instant::now();
    loop {
        let listed = scene.daemun.run(&["verifier", "list", "--json"]);
        let listed = listed.expect(0).json();
        let has_all = |example: &Example| {
            let is_it = |one: &&Value| one["name"] == example.language.name();
            let one = listed.as_array().unwrap().iter().find(is_it);
            one.is_some_and(|one| one["confirmed"].is_u64() && one["behind"] == 0)
        };
        if scene.examples.iter().all(has_all) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{listed}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn s01_s02_s19_verifiers_in_other_languages_take_access_tokens_and_nothing_that_looks_like_them()
 {
    let scene = Scene::new(&["revocations"], &[]).await;
    let daemun = &scene.daemun;
    account(daemun, PHONE, "phone");
    let (access, refresh) = (&scene.mail.access, &scene.mail.refresh);
    let (head, claims) = (header(access), payload(access));
    let keys = daemun.get("/.well-known/jwks.json").await;
    let published = keys.json()["keys"][0]["x"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = access.split('.').collect();
    let (mut symmetric, mut none): (Value, Value) = (
        serde_json::from_str(&head).unwrap(),
        serde_json::from_str(&head).unwrap(),
    );
    symmetric["alg"] = "HS256".into();
    none["alg"] = "none".into();
    let bad = [
        ("garbage", "garbage".to_owned()),
        ("empty parts", "..".to_owned()),
        ("deep JSON", format!("{}.e30.AA", encode("[".repeat(5_000)))),
        ("no object", format!("{}.e30.AA", encode("7"))),
        ("another key", liar::Signer::new("k").sign(&head, &claims)),
        (
            "a public key as a secret",
            forge(&published, symmetric.to_string(), &claims),
        ),
        (
            "none",
            format!("{}.{}.", encode(none.to_string()), parts[1]),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("padded", format!("{access}=")),
        (
            "other claims",
            format!(
                "{}.{}.{}",
                parts[0],
                encode(claims.replace("\"1\"", "\"2\"")),
                parts[2]
            ),
        ),
        ("a refresh token", refresh.clone()),
        ("another contract's", phone_pair(daemun, PHONE).await.access),
    ];
    for example in &scene.examples {
        example.expect(&example.check(access).await, 200, "good");
        for (what, token) in &bad {
            let answer = example.check(token).await;
            example.expect(&answer, 401, what);
            assert_eq!(
                challenge(&answer),
                r#"Bearer error="invalid_token""#,
                "{what}"
            );
            assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
        }
        let nothing = example.answer(&[]).await;
        example.expect(&nothing, 401, "no token");
        assert_eq!(challenge(&nothing), "Bearer");
        let bearer = format!("Bearer {access}");
        for header in [&["Basic YTpi"][..], &["Bearer"], &[&bearer, &bearer]] {
            let answer = example.answer(header).await;
            example.expect(&answer, 401, "no bearer");
            assert_eq!(challenge(&answer), r#"Bearer error="invalid_request""#);
        }
    }
    daemun.run(&["key", "rotate"]).expect(0);
    let begun = Instant::now();
    let rotated = loop {
        let access = scene.log_in().await;
        if header(&access) != head {
            break access;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not rotate");
    };
    for example in &scene.examples {
        example.expect(&example.check(&rotated).await, 200, "by the next key");
        example.expect(&example.check(access).await, 200, "by the former key");
    }
}

#[tokio::test]
async fn s88_verifiers_in_other_languages_wait_out_a_break_and_then_know_what_they_missed() {
    const BOUND: Duration = Duration::from_secs(2);
    let daemun = Daemun::start().await;
    let relay = Relay::to(&daemun.url("")).await;
    let bound = BOUND.as_secs().to_string();
    let variables = [("DAEMUN_MAX_STALENESS", &*bound)];
    let scene = Scene::before(daemun, &relay.url(), &["revocations"], &variables).await;
    account(&scene.daemun, PHONE, "phone");
    let phone = json!({ "phone": PHONE, "password": crate::wire::people::PASSWORD });
    let login = scene.daemun.post("/v1/session", phone).await.expect(200);
    let missed = login.json()["access_token"].as_str().unwrap().to_owned();
    // News make them current; from then on the time counts.
    let ended = scene.log_in().await;
    let current = Instant::now();
    scene.log_out(&ended).await;
    for example in &scene.examples {
        example.until(&ended, 401, "logged out").await;
    }
    let Scene {
        daemun,
        mail,
        examples,
    } = scene;
    let data = daemun.data().to_str().unwrap().to_owned();
    let start = daemun.killed();
    let killed = Instant::now();
    for example in &examples {
        let answer = example.check(&mail.access).await;
        assert!(
            answer.status == 200 || current.elapsed() >= BOUND,
            "{answer:?}"
        );
    }
    let suspend = ["account", "suspend", "2", "--data", &data];
    crate::harness::run(&suspend, &[], "").expect(0);
    for example in &examples {
        loop {
            let asked = Instant::now();
            let answer = example.check(&mail.access).await;
            if answer.status != 200 {
                example.expect(&answer, 503, "too long a break");
                assert!(answer.headers.contains_key("retry-after"));
                assert!(current.elapsed() >= BOUND, "too early");
                break;
            }
            assert!(asked < killed + BOUND, "{:?} goes on", example.language);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // What is known to be over needs no news.
        example.expect(&example.check(&ended).await, 401, "ended before");
        example.expect(&example.check("garbage").await, 401, "garbage");
    }
    let daemun = start.go().await;
    relay.now_to(&daemun.url(""));
    for example in &examples {
        example.until(&missed, 401, "suspended meanwhile").await;
        example.until(&mail.access, 200, "heard again").await;
        example.expect(&example.check(&ended).await, 401, "ended before");
    }
}

#[tokio::test]
async fn s88_verifiers_in_other_languages_ask_about_each_token_where_that_is_said() {
    let variables = [
        ("DAEMUN_WHEN_STALE", "introspect"),
        ("DAEMUN_MAX_STALENESS", "0"),
    ];
    let mut scene = Scene::new(&["revocations", "introspection"], &variables).await;
    let access = scene.mail.access.clone();
    for example in &scene.examples {
        example.expect(&example.check(&access).await, 200, "daemun says so");
    }
    scene.daemun.signal("TERM");
    scene.daemun.ended().await;
    for example in &scene.examples {
        let answer = example.check(&access).await;
        example.expect(&answer, 503, "nobody can tell");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn verifiers_in_other_languages_believe_tokens_until_they_expire_where_that_is_said() {
    let variables = [
        ("DAEMUN_WHEN_STALE", "allow"),
        ("DAEMUN_MAX_STALENESS", "0"),
    ];
    let scene = Scene::new(&["revocations"], &variables).await;
    let ended = scene.log_in().await;
    scene.log_out(&ended).await;
    for example in &scene.examples {
        example.until(&ended, 401, "logged out").await;
    }
    let Scene {
        daemun,
        mail,
        examples,
    } = scene;
    drop(daemun);
    for example in &examples {
        example.expect(&example.check(&mail.access).await, 200, "not expired");
        example.expect(&example.check(&ended).await, 401, "known to be over");
    }
}
