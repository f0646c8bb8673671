//! Whatever is sent to whichever route: no fault of ours, and an answer as the contract writes them.

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

use super::people::{EMAIL, PHONE, account, email_cookie, native, phone_pair};
use crate::harness::{Answer, Daemun, send};

/// Every path of the three contracts.
const PATHS: [&str; 27] = [
    "/v1/accounts",
    "/v1/accounts/verification/resend",
    "/v1/accounts/verify",
    "/v1/session",
    "/v1/session/cookie",
    "/v1/session/refresh",
    "/v1/session/cookie/refresh",
    "/v1/accounts/me",
    "/v1/sessions",
    "/v1/sessions/0",
    "/accounts/login/",
    "/accounts/token_refresh/",
    "/acconts/token_refresh",
    "/accounts/token_verify/",
    "/accounts/logout/",
    "/accounts/signup/",
    "/accounts/signup/verify/",
    "/accounts/signup/resend/",
    "/accounts/me/",
    "/api/accounts/signup/",
    "/api/accounts/resend/code/",
    "/api/accounts/verify/email/",
    "/api/accounts/login/",
    "/api/accounts/token/refresh/",
    "/api/accounts/logout/",
    "/api/accounts/me/",
    "/api/accounts/me",
];

#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
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
fn body(tokens: &[String]) -> impl Strategy<Value = (Vec<u8>, &'static str)> + use<> {
    const FIELDS: [&str; 10] = [
        "email",
        "phone",
        "password",
        "nickname",
        "code",
        "refresh",
        "refresh_token",
        "token",
        "keep",
        "x",
    ];
    let members = || prop::collection::vec((select(&FIELDS[..]), value(tokens)), 0..6);
    let object = |members: Vec<(&str, Value)>| {
        Value::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Map<_, _>>(),
        )
    };
    let form = |members: Vec<(&str, Value)>| {
        let pairs = members
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("%zz&=&&")));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    };
    let parts = |members: Vec<(&str, Value)>| {
        let fields: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (*name, value.as_str().unwrap_or("\r\n--edge")))
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
        1 => value(tokens).prop_map(|value| (value.to_string().into_bytes(), "application/json")),
        2 => (prop::collection::vec(any::<u8>(), 0..200), select(types.to_vec())),
    ]
}

fn sent(tokens: &[String]) -> impl Strategy<Value = Sent> + use<> {
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
        select(
            &[
                "authorization",
                "cookie",
                "accept-language",
                "user-agent",
                "x-forwarded-for",
                "origin",
                "sec-fetch-site",
                "accept",
            ][..],
        ),
        prop_oneof![
            3 => (select(&["Bearer ", "JWT ", "bearer  ", "Basic ", "access_token=", "refresh_token=", "__Host-refresh=", ""][..]), word(tokens)).prop_map(|(lead, word)| format!("{lead}{word}").into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..60),
        ],
    );
    (
        method,
        select(&PATHS[..]),
        ending,
        prop::collection::vec(header, 0..4),
        body(tokens),
    )
        .prop_map(
            |(method, path, ending, mut headers, (body, content_type))| {
                headers.push(("content-type", content_type.into()));
                Sent {
                    method,
                    path: format!("{}{ending}", path.trim_end_matches('/')),
                    headers,
                    body,
                }
            },
        )
}

async fn deliver(daemun: &Daemun, sent: &Sent) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        // What cannot be a header's value cannot be sent.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    send(
        daemun
            .request(sent.method.clone(), &sent.path)
            .headers(headers)
            .body(sent.body.clone()),
    )
    .await
}

fn judge(sent: &Sent, answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(answer.status < 500, "{:?}", answer);
    let kind = answer
        .headers
        .get("content-type")
        .map_or("", |kind| kind.to_str().unwrap_or("?"));
    let of_native = sent.path.starts_with("/v1/");
    let problem = if of_native {
        "application/problem+json"
    } else {
        "application/json"
    };
    let expected = match answer.status {
        204 => "",
        200..300 => "application/json",
        _ => problem,
    };
    prop_assert_eq!(kind, expected, "{:?}", answer);
    if !answer.text.is_empty() {
        let body: Result<Value, _> = serde_json::from_str(&answer.text);
        prop_assert!(body.is_ok_and(|body| body.is_object()), "{:?}", answer);
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        prop_assert_eq!(
            answer.headers.get(name).map(HeaderValue::as_bytes),
            Some(value.as_bytes()),
            "{:?}",
            answer
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_is_answered_in_the_contracts_form() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let mut tokens = Vec::new();
    for pair in [
        native(&daemun, EMAIL).await,
        phone_pair(&daemun, PHONE).await,
        email_cookie(&daemun, EMAIL).await,
    ] {
        tokens.extend([pair.access, pair.refresh]);
    }
    let config = Config {
        cases: 600,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    // The same requests every time: what fails once fails again.
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let handle = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&sent(&tokens), |sent| {
            let answer = handle.block_on(deliver(&daemun, &sent));
            judge(&sent, &answer)
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
async fn whatever_a_former_back_end_signs_is_answered_in_the_contracts_form() {
    let daemun = Daemun::start().await;
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
                    ("content-type", b"application/json".to_vec()),
                    ("cookie", cookies.into_bytes()),
                ];
                if method == Method::GET {
                    headers.push(("authorization", format!("Bearer {token}").into_bytes()));
                }
                let sent = Sent {
                    method,
                    path: path.to_owned(),
                    headers,
                    body: body.clone().into_bytes(),
                };
                judge(&sent, &handle.block_on(deliver(&daemun, &sent)))?;
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
    let daemun = Daemun::start().await;
    for path in PATHS {
        let bare = path.trim_end_matches('/');
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            let ask = |path: String| send(daemun.request(method.clone(), &path));
            let (one, other) = (ask(bare.to_owned()).await, ask(format!("{bare}/")).await);
            assert_eq!(
                (one.status, &one.text),
                (other.status, &other.text),
                "{method} {path}"
            );
            assert!(!one.text.contains("nothing here"), "{method} {path}");
        }
    }
}
