//! `/forward-auth/NAME` behind a real nginx, run with the very configuration that
//! `docs/forward-auth.md` tells people to write, before a back end that says what reached it; and the
//! same questions asked directly, as Traefik, Caddy and Envoy ask them.

mod direct;
mod proxy;
mod sites;

use std::fs;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use self::proxy::{Arrived, Proxy};
use crate::{
    harness::{Answer, Daemun, Start, send},
    python,
    wire::{
        call::{cookies, header, with_cookies},
        forge::{HS256, badly_signed, claims, forge, header as token_header, with_claim},
        people::{
            EMAIL, PASSWORD, PHONE, Pair, account, email_cookie, native, pair, phone_pair,
            refresh_native, taken_over,
        },
        production::production,
    },
};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/forward-auth.md");
const HEADERS: [&str; 6] = [
    "account",
    "subject",
    "kind",
    "session",
    "contract",
    "assertion",
];

/// The code blocks of the documentation that are in `language`, in order.
fn documented(language: &str) -> Vec<String> {
    let page = fs::read_to_string(DOCS).expect("the documentation");
    let opening = format!("```{language}\n");
    let blocks = page.split(&opening).skip(1);
    blocks
        .map(|block| block.split("```").next().expect("a block").to_owned())
        .collect()
}

/// Where a contract's token is shown.
#[derive(Clone, Copy, Debug)]
enum Shown {
    Bearer,
    Header(&'static str),
    Cookie(&'static str),
}

impl Shown {
    fn on(self, request: RequestBuilder, token: &str) -> RequestBuilder {
        match self {
            Self::Bearer => request.bearer_auth(token),
            Self::Header(name) => request.header(name, token),
            Self::Cookie(name) => with_cookies(request, &[(name, token)]),
        }
    }
}

/// Somebody who is signed in through a contract.
struct Person {
    contract: &'static str,
    shown: Shown,
    account: Option<i64>,
    access: String,
    /// Where it is another token.
    refresh: Option<String>,
}

/// The name of whom a trusted caller's session is for.
const CALLERS: &str = "가 1,\"x\"; Daemun-Account: 1";

/// One person of each contract: account 1 has an address, account 2 a phone.
async fn everybody(daemun: &Daemun) -> Vec<Person> {
    assert_eq!(account(daemun, EMAIL, "mail"), 1);
    assert_eq!(account(daemun, PHONE, "phone"), 2);
    let person = |contract, shown, account, pair: Pair| Person {
        contract,
        shown,
        account: Some(account),
        access: pair.access,
        refresh: Some(pair.refresh),
    };
    let cookie = Shown::Cookie("access_token");
    vec![
        person("native", Shown::Bearer, 1, native(daemun, EMAIL).await),
        person(
            "phone-pair",
            Shown::Bearer,
            2,
            phone_pair(daemun, PHONE).await,
        ),
        person("email-cookie", cookie, 1, email_cookie(daemun, EMAIL).await),
        person("campus-account", Shown::Bearer, 1, campus(daemun).await),
        person("result-code", Shown::Bearer, 1, result_code(daemun).await),
        of_a_caller(daemun).await,
    ]
}

async fn campus(daemun: &Daemun) -> Pair {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = daemun.post("/account/login/", login).await.expect(200);
    pair(&answer.json()["token"])
}

async fn result_code(daemun: &Daemun) -> Pair {
    let login = json!({ "webMail": EMAIL, "password": PASSWORD });
    let answer = daemun.post("/auth/login", login).await.expect(200);
    let refresh = cookies(&answer).swap_remove(0).value;
    let request = daemun.request(Method::POST, "/auth/refresh");
    let answer = send(with_cookies(request, &[("refreshToken", &refresh)])).await;
    let access = answer.json()["responseData"]["accessToken"].clone();
    let refresh = cookies(&answer).swap_remove(0).value;
    let access = access.as_str().expect("a token").to_owned();
    Pair { access, refresh }
}

async fn of_a_caller(daemun: &Daemun) -> Person {
    let subject = json!({ "userId": CALLERS, "userType": "학생" });
    let answer = daemun.post("/tokenF/create", subject).await.expect(200);
    Person {
        contract: "token-server",
        shown: Shown::Header("x-access-token"),
        account: None,
        access: answer.json().as_str().expect("a token").to_owned(),
        refresh: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_behind_nginx_learns_who_it_is_through_every_contract() {
    let daemun = Daemun::start().await;
    for person in everybody(&daemun).await {
        let Person {
            contract,
            shown,
            access,
            ..
        } = &person;
        let proxy = Proxy::before(&daemun, contract).await;
        let request = proxy.request(Method::GET, "/orders/1?page=2");
        let answer = send(shown.on(request, access)).await.expect(200);
        let arrived = Arrived::in_body(&answer);
        assert!(arrived.line().starts_with("GET /orders/1?page=2 HTTP/1."));
        assert_eq!(arrived.the("daemun-contract"), *contract);
        assert_eq!(arrived.the("daemun-session").len(), 32);
        let assertion = arrived.the("daemun-assertion");
        let header: Value = serde_json::from_str(&token_header(assertion)).unwrap();
        assert_eq!(header["typ"], "daemun-assertion+jwt");
        let claims = claims(assertion);
        assert_eq!(claims["aud"], format!("forward-auth:{contract}"));
        assert_eq!(claims["sid"], arrived.the("daemun-session"));
        let names: Vec<&str> = claims.keys().map(String::as_str).collect();
        if let Some(id) = person.account {
            assert_eq!(names, ["iss", "aud", "ctr", "sub", "sid", "iat", "exp"]);
            assert_eq!(claims["sub"], id.to_string());
            assert_eq!(arrived.all("daemun-account"), [id.to_string()]);
            assert_eq!(arrived.all("daemun-subject"), [""; 0]);
        } else {
            // 57: whatever a caller calls its people, it is one value of one header.
            assert_eq!(
                names,
                ["iss", "aud", "ctr", "sub", "kind", "sid", "iat", "exp"]
            );
            assert_eq!(
                (&claims["sub"], &claims["kind"]),
                (&CALLERS.into(), &"학생".into())
            );
            let encoded = "%EA%B0%80%201%2C%22x%22%3B%20Daemun-Account%3A%201";
            assert_eq!(arrived.all("daemun-subject"), [encoded]);
            assert_eq!(arrived.all("daemun-kind"), ["%ED%95%99%EC%83%9D"]);
            assert_eq!(arrived.all("daemun-account"), [""; 0]);
        }

        // A body reaches the back end, and daemun does not see it.
        let request = proxy.request(Method::POST, "/orders").body("a body");
        let posted = send(shown.on(request, access)).await.expect(200);
        let arrived = Arrived::in_body(&posted);
        assert!(arrived.line().starts_with("POST /orders "));
        assert_eq!(arrived.the("content-length"), "6");
        assert_eq!(arrived.the("daemun-contract"), *contract);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s84_what_a_client_says_of_itself_never_reaches_the_back_end() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let pair = native(&daemun, EMAIL).await;
    let proxy = Proxy::before(&daemun, "native").await;
    for (name, forged) in HEADERS.iter().flat_map(|name| {
        let capital = name[..1].to_uppercase() + &name[1..];
        let spellings = [
            format!("Daemun-{capital}: somebody"),
            format!("daemun-{name}: somebody"),
            format!("DAEMUN-{}: somebody", name.to_uppercase()),
            format!("dAeMuN-{name}:somebody\r\nDaemun-{capital}: somebody"),
            format!("Daemun_{capital}: somebody"),
            format!("DAEMUN_{}: somebody", name.to_uppercase()),
            format!("Daemun-{capital} : somebody"),
            format!("Daemun-{capital}:\r\n somebody"),
            format!("X: y\rDaemun-{capital}: somebody"),
            format!("Connection: close, Daemun-{capital}\r\nDaemun-{capital}: somebody"),
        ];
        spellings.map(|forged| (format!("daemun-{name}"), forged))
    }) {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: Bearer {}\r\n{forged}\r\nConnection: close\r\n\r\n",
            pair.access
        );
        let (status, body) = proxy.raw(&request).await;
        if status == 400 {
            continue; // nginx refuses it, which is as good.
        }
        assert_eq!(status, 200, "{forged:?}: {body}");
        let arrived = Arrived(body);
        assert!(!arrived.0.contains("somebody"), "{forged:?}: {}", arrived.0);
        let said = arrived.all(&name);
        let expected = usize::from(!["daemun-subject", "daemun-kind"].contains(&&*name));
        assert_eq!(said.len(), expected, "{forged:?}: {}", arrived.0);
        assert_eq!(arrived.the("daemun-account"), "1", "{forged:?}");
    }
    // The same from somebody who is not signed in at all.
    let reached = proxy.reached();
    let request =
        "GET / HTTP/1.1\r\nHost: app.example.com\r\nDaemun-Account: 1\r\nConnection: close\r\n\r\n";
    assert_eq!(proxy.raw(request).await.0, 401);
    assert_eq!(proxy.reached(), reached, "the back end was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_nginx_without_a_good_token() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    for person in everybody(&daemun).await {
        let Person {
            contract,
            shown,
            access,
            ..
        } = &person;
        let proxy = Proxy::before(&daemun, contract).await;
        let mut bad = vec![
            "garbage".to_owned(),
            badly_signed(access),
            with_claim(&secret, access, "exp", 1_700_000_000),
            forge(&secret, HS256, "{}"),
        ];
        bad.extend(person.refresh.clone());
        for token in bad {
            let request = proxy.request(Method::GET, "/");
            let answer = send(shown.on(request, &token)).await;
            assert_eq!(answer.status, 401, "{contract} {token}: {answer:?}");
        }
        let nothing = send(proxy.request(Method::GET, "/")).await.expect(401);
        let challenge = header(&nothing, "www-authenticate");
        assert_eq!(
            challenge.is_some(),
            ["native", "phone-pair", "campus-account"].contains(contract)
        );
        // The internal location is nobody's to ask.
        let internal = shown.on(proxy.request(Method::GET, "/_daemun"), access);
        assert_eq!(send(internal).await.status, 404);
        assert_eq!(proxy.reached(), 0, "{contract}: the back end was asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s33_whoever_is_suspended_or_logs_out_is_out_at_the_next_request() {
    let daemun = Daemun::start().await;
    let everybody = everybody(&daemun).await;
    let mut proxies = Vec::new();
    for person in &everybody {
        let proxy = Proxy::before(&daemun, person.contract).await;
        let asked = person
            .shown
            .on(proxy.request(Method::GET, "/"), &person.access);
        send(asked).await.expect(200);
        proxies.push(proxy);
    }
    daemun.run(&["account", "suspend", "1"]).expect(0);
    for (person, proxy) in everybody.iter().zip(&proxies) {
        let expected = if person.account == Some(1) { 403 } else { 200 };
        for method in [Method::GET, Method::POST] {
            let asked = person.shown.on(proxy.request(method, "/"), &person.access);
            send(asked).await.expect(expected);
        }
    }
    let (person, proxy) = (&everybody[1], &proxies[1]);
    let out = daemun.request(Method::POST, "/accounts/logout/");
    let out = out.json(&json!({ "refresh": person.refresh }));
    send(out.bearer_auth(&person.access)).await.expect(204);
    let asked = proxy.request(Method::GET, "/").bearer_auth(&person.access);
    send(asked).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn s88_a_daemun_that_cannot_answer_is_a_503_and_never_a_401() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let pair = native(&daemun, EMAIL).await;
    let proxy = Proxy::before(&daemun, "native").await;
    let ask = || send(proxy.request(Method::GET, "/").bearer_auth(&pair.access));
    ask().await.expect(200);
    let reached = proxy.reached();

    // A record that cannot be read: whether the account is suspended cannot be known.
    daemun.run(&["account", "suspend", "1"]).expect(0);
    let database = rusqlite::Connection::open(daemun.data().join("daemun.db")).unwrap();
    database
        .execute("UPDATE accounts SET linked = 'no JSON'", [])
        .unwrap();
    daemun.run(&["key", "rotate"]).expect(0);
    let direct = daemun.get_as(&pair.access, "/forward-auth/native").await;
    assert_eq!(direct.status, 503, "{direct:?}");
    assert_eq!(header(&direct, "retry-after"), Some("1"));
    assert_eq!(direct.json()["code"], "internal");
    let through = ask().await.expect(503);
    assert_eq!(header(&through, "retry-after"), Some("1"));

    daemun.stop().await;
    let through = ask().await.expect(503);
    assert_eq!(header(&through, "retry-after"), Some("1"));
    assert_eq!(proxy.reached(), reached, "the back end was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_login_page_is_shown_to_whoever_is_not_signed_in() {
    let daemun = Daemun::start().await;
    let [_, error_page, location] = &documented("nginx")[..] else {
        panic!("three blocks for nginx");
    };
    let proxy = Proxy::with(&daemun, "native", |config| {
        let config = config.replace("error_page 500", &format!("{error_page}error_page 500"));
        let at = config
            .find("location @daemun_unavailable")
            .expect("a place");
        format!("{}{location}{}", &config[..at], &config[at..])
    })
    .await;
    let answer = send(proxy.request(Method::GET, "/orders/1?page=2")).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let to = header(&answer, "location").unwrap();
    assert!(to.ends_with("/login?next=/orders/1?page=2"), "{to}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_python_takes_the_assertion_and_nothing_else() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let pair = native(&daemun, EMAIL).await;
    let before = assertion(&daemun, "native", &pair.access).await;
    daemun.run(&["key", "rotate"]).expect(0);
    let after = assertion(&daemun, "native", &pair.access).await;
    assert_ne!(
        token_header(&before),
        token_header(&after),
        "the key was rotated in between"
    );
    let cookie = email_cookie(&daemun, EMAIL).await;
    let request = daemun.request(Method::GET, "/forward-auth/email-cookie");
    let other = Shown::Cookie("access_token").on(request, &cookie.access);
    let other = send(other).await.expect(200);
    let other = header(&other, "daemun-assertion").unwrap().to_owned();

    let [script] = &documented("python")[..] else {
        panic!("one block of Python");
    };
    let script = script.replace("https://login.example.com", &daemun.url(""));
    let ask = r#"
import sys
for token in sys.argv[1:]:
    try:
        print(account_of({"Daemun-Assertion": token}))
    except jwt.PyJWTError as error:
        print(type(error).__name__)
"#;
    let tokens = [
        &before,
        &after,
        &pair.access,
        &other,
        &badly_signed(&after),
        &forge("k".repeat(32).as_str(), token_header(&after), "{}"),
        "",
    ];
    let said = python::run(&format!("{script}{ask}"), &tokens);
    let expected = [
        "1",
        "1",
        "InvalidTokenError",
        "InvalidAudienceError",
        "InvalidSignatureError",
        "InvalidSignatureError",
        "InvalidTokenError",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

/// What an answer says of whom a request is from.
fn said(answer: &Answer) -> Vec<&str> {
    let names = HEADERS.map(|name| format!("daemun-{name}"));
    names
        .iter()
        .filter_map(|name| header(answer, name))
        .collect()
}

/// The assertion of whoever holds a bearer token.
async fn assertion(daemun: &Daemun, contract: &str, token: &str) -> String {
    let answer = daemun
        .get_as(token, &format!("/forward-auth/{contract}"))
        .await;
    header(&answer.expect(200), "daemun-assertion")
        .expect("an assertion")
        .to_owned()
}
