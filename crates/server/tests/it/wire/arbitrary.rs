//! Whatever is sent to whichever route: no fault of ours, and an answer as the contract writes them.

use daemun_contract::{Contract, Source};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};

use super::{
    judge::Judge,
    people::{EMAIL, PHONE, account, email_cookie, phone_pair},
};
use crate::{
    anyone::{Held, Person},
    harness::{Daemun, Start, send},
};

/// What the contracts' routes are made of.
#[derive(Clone)]
struct Known {
    paths: Vec<String>,
    /// The names of fields of bodies.
    fields: Vec<String>,
    /// The names of headers that tokens stand in, and some that everybody sends.
    headers: Vec<String>,
    /// Tokens that are good, or were.
    tokens: Vec<String>,
}

impl Known {
    fn of(contracts: &[Contract], tokens: Vec<String>) -> Self {
        let routes = || contracts.iter().flat_map(|contract| &contract.routes);
        let guards = contracts
            .iter()
            .filter_map(|contract| contract.guard.as_ref());
        let inputs = routes().flat_map(|route| &route.inputs);
        let sources = inputs.flat_map(|plan| &plan.sources);
        let mut known = Self {
            paths: paths(contracts),
            fields: vec!["x".into()],
            headers: HEADERS.map(str::to_owned).into(),
            tokens,
        };
        for source in sources.chain(guards.flat_map(|guard| &guard.sources)) {
            match source {
                Source::Body(keys) => known.fields.extend(keys.iter().map(ToString::to_string)),
                Source::Header { name, .. } => known.headers.push(name.to_lowercase()),
                _ => {}
            }
        }
        for names in [&mut known.fields, &mut known.headers] {
            names.sort();
            names.dedup();
        }
        known
    }
}

const HEADERS: [&str; 7] = [
    "cookie",
    "accept-language",
    "user-agent",
    "x-forwarded-for",
    "origin",
    "sec-fetch-site",
    "accept",
];

/// Every path of the contracts.
fn paths(contracts: &[Contract]) -> Vec<String> {
    let routes = contracts.iter().flat_map(|contract| &contract.routes);
    let paths = routes.flat_map(|route| route.paths().map(|path| path.as_str()));
    let mut paths: Vec<String> = paths.map(|path| path.replace("{id}", "0")).collect();
    paths.sort();
    paths.dedup();
    paths
}

#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// Words that mean something to somebody, and words that do not.
fn word(tokens: &[String]) -> impl Strategy<Value = String> + use<> {
    let known = [
        EMAIL,
        PHONE,
        "nobody@example.com",
        "a few words nobody guesses",
        "",
        " ",
        "null",
        "\u{0}",
        "x.y.z",
        "a@b@c",
        "+82",
        "ㅎ@한글.한국",
    ];
    let known: Vec<String> = known
        .iter()
        .map(|word| (*word).to_owned())
        .chain(tokens.iter().cloned())
        .collect();
    prop_oneof![select(known), any::<String>(), "[ -~]{0,40}"]
}

fn value(tokens: &[String]) -> impl Strategy<Value = Value> + use<> {
    let leaf = prop_oneof![
        4 => word(tokens).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z_]{1,8}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Bodies: mostly objects with the fields that routes ask for, written as JSON or as a form.
fn body(known: &Known) -> impl Strategy<Value = (Vec<u8>, &'static str)> + use<> {
    let members =
        || prop::collection::vec((select(known.fields.clone()), value(&known.tokens)), 0..6);
    let object =
        |members: Vec<(String, Value)>| Value::Object(members.into_iter().collect::<Map<_, _>>());
    let form = |members: Vec<(String, Value)>| {
        let pairs = members
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("%zz&=&&")));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    };
    let parts = |members: Vec<(String, Value)>| {
        let fields: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (&**name, value.as_str().unwrap_or("\r\n--edge")))
            .collect();
        super::call::multipart(&fields).1.into_bytes()
    };
    let types = [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=edge",
        "multipart/form-data",
        "text/plain",
        "application/json; charset=euc-kr",
        "",
    ];
    prop_oneof![
        6 => members().prop_map(move |m| (object(m).to_string().into_bytes(), "application/json")),
        2 => members().prop_map(move |m| (form(m), "application/x-www-form-urlencoded")),
        2 => members().prop_map(move |m| (parts(m), "multipart/form-data; boundary=edge")),
        1 => value(&known.tokens).prop_map(|value| (value.to_string().into_bytes(), "application/json")),
        2 => (prop::collection::vec(any::<u8>(), 0..200), select(types.to_vec())),
    ]
}

fn sent(known: &Known) -> impl Strategy<Value = Sent> + use<> {
    let methods = [
        Method::POST,
        Method::GET,
        Method::DELETE,
        Method::PUT,
        Method::HEAD,
        Method::PATCH,
    ];
    let method =
        prop_oneof![3 => Just(Method::POST), 2 => Just(Method::GET), 3 => select(methods.to_vec())];
    let ending = prop_oneof![4 => Just(String::new()), 1 => Just("/".into()), 1 => "\\?[a-z]{0,5}=[ -~&&[^#\\\\^`{|}<>\" ]]{0,20}"];
    let header = (
        select(known.headers.clone()),
        prop_oneof![
            3 => (select(&["Bearer ", "JWT ", "bearer  ", "Basic ", "access_token=", "refresh_token=", "__Host-refresh=", ""][..]), word(&known.tokens)).prop_map(|(lead, word)| format!("{lead}{word}").into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..60),
        ],
    );
    (
        method,
        select(known.paths.clone()),
        ending,
        prop::collection::vec(header, 0..4),
        body(known),
    )
        .prop_map(
            |(method, path, ending, mut headers, (body, content_type))| {
                headers.push(("content-type".into(), content_type.into()));
                Sent {
                    method,
                    path: format!("{}{ending}", path.trim_end_matches('/')),
                    headers,
                    body,
                }
            },
        )
}

async fn deliver(daemun: &Daemun, judge: &Judge, sent: &Sent) -> Result<(), TestCaseError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        // What cannot be a header's value cannot be sent.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name.parse::<HeaderName>().expect("a name"), value);
        }
    }
    let request = daemun.request(sent.method.clone(), &sent.path);
    let answer = send(request.headers(headers).body(sent.body.clone())).await;
    let judged = judge.judge(sent.method.as_str(), &sent.path, &answer).await;
    judged.map_err(|why| TestCaseError::fail(format!("{why}: {answer:?}")))?;
    Ok(())
}

async fn talkative() -> Daemun {
    Start::development().with("DAEMUN_LOG", "debug").go().await
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_whatever_is_sent_is_answered_in_the_contracts_form() {
    let daemun = talkative().await;
    let judge = Judge::of(&daemun);
    let person = Person::new(&daemun, 0);
    let mut tokens = Vec::new();
    for contract in &judge.contracts {
        let held = Held::by(&daemun, contract, &person).await;
        tokens.extend(held.tokens);
        tokens.extend(held.cookies.into_iter().map(|(_, value)| value));
    }
    let known = Known::of(&judge.contracts, tokens);
    let config = Config {
        cases: 1_500,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    // The same requests every time: what fails once fails again.
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let handle = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&sent(&known), |sent| {
            handle.block_on(deliver(&daemun, &judge, &sent))
        })
    });
    if let Err(found) = outcome {
        panic!("{found}\n{}", daemun.log());
    }
    assert_eq!(daemun.get("/readyz").await.status, 200);
    assert!(!daemun.log().contains("\"ERROR\""), "{}", daemun.log());
}

/// One claim of a token, and what it says instead.
fn claim() -> impl Strategy<Value = (&'static str, Value)> {
    const NAMES: [&str; 12] = [
        "token_type",
        "exp",
        "iat",
        "nbf",
        "jti",
        "user_id",
        "sid",
        "gen",
        "ctr",
        "iss",
        "aud",
        "sub",
    ];
    const EDGES: [i64; 8] = [
        i64::MIN,
        -1,
        0,
        1,
        253_402_300_800,
        9_007_199_254_740_993,
        i64::MAX / 1_000_000,
        i64::MAX,
    ];
    let value = prop_oneof![
        3 => select(EDGES.to_vec()).prop_map(Value::from),
        1 => Just(Value::from(u64::MAX)),
        1 => any::<f64>().prop_map(Value::from),
        2 => value(&[]),
        1 => "[0-9a-f]{32}".prop_map(Value::from),
        1 => select(vec!["native", "phone-pair", "email-cookie", "access", "refresh"]).prop_map(Value::from),
    ];
    (select(NAMES.to_vec()), value)
}

/// The secret is shared with a former back end: whatever that signs may come.
#[tokio::test(flavor = "multi_thread")]
async fn f18_whatever_a_former_back_end_signs_is_answered_in_the_contracts_form() {
    let daemun = talkative().await;
    let judge = Judge::of(&daemun);
    let secret = daemun.legacy_secret();
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let mut tokens = Vec::new();
    for _ in 0..20 {
        // Some changes end a session, so there are several.
        let phone = phone_pair(&daemun, PHONE).await;
        let cookie = email_cookie(&daemun, EMAIL).await;
        let bare = |cookie: &str| super::forge::unsigned(cookie).to_owned();
        tokens.extend([
            phone.access,
            phone.refresh,
            bare(&cookie.access),
            bare(&cookie.refresh),
        ]);
    }
    let config = Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let handle = tokio::runtime::Handle::current();
    let strategy = (select(tokens), prop::collection::vec(claim(), 1..4));
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&strategy, |(token, changes)| {
            let token = super::forge::altered(&secret, &token, |claims| {
                for (name, value) in &changes {
                    claims.insert((*name).to_owned(), value.clone());
                }
            });
            let signed = |name: &str| {
                format!(
                    "{name}={}",
                    super::forge::django(&secret, name, &token, super::forge::now())
                )
            };
            let body = serde_json::json!({ "refresh": token, "token": token }).to_string();
            for (method, path) in [
                (Method::GET, "/accounts/me/"),
                (Method::POST, "/accounts/token_refresh/"),
                (Method::POST, "/accounts/token_verify/"),
                (Method::GET, "/api/accounts/me/"),
                (Method::POST, "/api/accounts/token/refresh/"),
            ] {
                let cookies = format!("{}; {}", signed("access_token"), signed("refresh_token"));
                let mut headers = vec![
                    ("content-type".to_owned(), b"application/json".to_vec()),
                    ("cookie".to_owned(), cookies.into_bytes()),
                ];
                if method == Method::GET {
                    headers.push((
                        "authorization".to_owned(),
                        format!("Bearer {token}").into_bytes(),
                    ));
                }
                let sent = Sent {
                    method,
                    path: path.to_owned(),
                    headers,
                    body: body.clone().into_bytes(),
                };
                handle.block_on(deliver(&daemun, &judge, &sent))?;
            }
            Ok(())
        })
    });
    if let Err(found) = outcome {
        panic!("{found}\n{}", daemun.log());
    }
    assert!(!daemun.log().contains("\"ERROR\""), "{}", daemun.log());
}

#[tokio::test]
async fn every_path_answers_with_and_without_its_slash_alike() {
    let daemun = talkative().await;
    let judge = Judge::of(&daemun);
    for path in paths(&judge.contracts) {
        let bare = path.trim_end_matches('/');
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            let mut told = Vec::new();
            for path in [bare.to_owned(), format!("{bare}/")] {
                let answer = send(daemun.request(method.clone(), &path)).await;
                told.push(judge.judge(method.as_str(), &path, &answer).await);
            }
            assert!(
                told[0].is_ok() && told[0] == told[1],
                "{method} {path}: {told:?}"
            );
        }
    }
}
