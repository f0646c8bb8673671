//! Asked directly: statuses and words of each contract, methods and paths, and what an assertion is
//! not.

use super::{
    Answer, CALLERS, Daemun, EMAIL, Method, PASSWORD, PHONE, Person, RequestBuilder, Shown, Start,
    account, assertion, badly_signed, everybody, header, json, native, of_a_caller, refresh_native,
    said, send, taken_over, with_claim,
};
use crate::wire::{
    call::{get, problem},
    people::account_with,
};

const CONTRACTS: [&str; 6] = [
    "native",
    "phone-pair",
    "email-cookie",
    "campus-account",
    "result-code",
    "token-server",
];

fn ask(daemun: &Daemun, contract: &str) -> RequestBuilder {
    get(daemun, &format!("/forward-auth/{contract}"))
}

#[tokio::test]
async fn any_method_and_any_path_below_the_name_asks_the_same() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let pair = native(&daemun, EMAIL).await;
    for path in [
        "",
        "/",
        "/orders/1",
        "/orders%2f1?y=z",
        "?rd=/forward-auth/phone-pair",
    ] {
        let path = format!("/forward-auth/native{path}");
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND",
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = daemun.request(method.clone(), &path);
            let answer = send(request.bearer_auth(&pair.access).body("not read")).await;
            assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
            assert_eq!(answer.text, "");
            assert_eq!(header(&answer, "cache-control"), Some("no-store"));
            assert_eq!(said(&answer)[0], "1");
            let nobody = send(daemun.request(method, &path)).await;
            assert_eq!(nobody.status, 401);
            assert!(said(&nobody).is_empty());
            assert_eq!(header(&nobody, "cache-control"), Some("no-store"));
        }
    }
    for path in [
        "/forward-auth",
        "/forward-auth/",
        "/forward-auth/nobody",
        "/forward-auth/Native",
    ] {
        let answer = daemun.get_as(&pair.access, path).await.expect(404);
        assert_eq!(answer.json()["code"], "not_found");
        assert!(said(&answer).is_empty());
    }
}

/// A guarded route of a contract's own, and how it is asked.
fn own_route(contract: &str) -> (Method, &'static str) {
    match contract {
        "native" => (Method::GET, "/v1/accounts/me"),
        "phone-pair" => (Method::GET, "/accounts/me/"),
        "email-cookie" => (Method::GET, "/api/accounts/me/"),
        "campus-account" => (Method::GET, "/account/me/"),
        "result-code" => (Method::GET, "/auth/me"),
        "token-server" => (Method::POST, "/tokenF/verify"),
        other => panic!("{other} is not known here"),
    }
}

#[tokio::test]
async fn a_refusal_is_in_the_contracts_own_words() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    for person in everybody(&daemun).await {
        let Person {
            contract,
            shown,
            access,
            ..
        } = &person;
        let bad = [
            "garbage".to_owned(),
            with_claim(&secret, access, "exp", 1_700_000_000),
        ];
        let requests = |(method, path): (Method, &str)| {
            let request = || daemun.request(method.clone(), path);
            let mut all: Vec<RequestBuilder> =
                bad.iter().map(|token| shown.on(request(), token)).collect();
            all.push(request());
            all.push(request().header("authorization", "Bearer two words"));
            all
        };
        let path = format!("/forward-auth/{contract}");
        let asked = requests((Method::GET, &path));
        for (asked, own) in asked.into_iter().zip(requests(own_route(contract))) {
            let (asked, own) = (send(asked).await.expect(401), send(own).await);
            assert_eq!(words(&asked), words(&own), "{contract}");
            for name in ["content-type", "www-authenticate"] {
                assert_eq!(header(&asked, name), header(&own, name), "{contract}");
            }
        }
    }
}

/// A body without what tells when and where it was asked.
fn words(answer: &Answer) -> serde_json::Value {
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("timestamp");
        members.remove("requestPath");
    }
    body
}

#[tokio::test]
async fn an_account_that_may_not_is_403_whatever_the_contract_says() {
    let daemun = Daemun::start().await;
    let everybody = everybody(&daemun).await;
    for id in ["1", "2"] {
        daemun.run(&["account", "suspend", id]).expect(0);
    }
    for person in everybody.iter().filter(|person| person.account.is_some()) {
        let asked = person
            .shown
            .on(ask(&daemun, person.contract), &person.access);
        let answer = send(asked).await.expect(403);
        assert!(said(&answer).is_empty() && !answer.text.is_empty());
    }
}

#[tokio::test]
async fn a_callers_session_is_over_when_the_caller_ends_it() {
    let daemun = Daemun::start().await;
    let person = of_a_caller(&daemun).await;
    let asked = || {
        person
            .shown
            .on(ask(&daemun, person.contract), &person.access)
    };
    send(asked()).await.expect(200);
    let end = json!({ "userId": CALLERS });
    daemun.post("/tokenF/delete", end).await.expect(200);
    let answer = send(asked()).await.expect(401);
    assert!(said(&answer).is_empty());
}

#[tokio::test]
async fn s33_no_kept_assertion_outlives_its_session() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let (ended, other) = (native(&daemun, EMAIL).await, native(&daemun, EMAIL).await);
    let first = assertion(&daemun, "native", &ended.access).await;
    assert_eq!(
        assertion(&daemun, "native", &ended.access).await,
        first,
        "it is kept"
    );
    assert_ne!(assertion(&daemun, "native", &other.access).await, first);
    // Another access token of the same session: the same session is asserted.
    let again = refresh_native(&daemun, &ended.refresh)
        .await
        .expect(200)
        .json();
    let again = again["access_token"].as_str().unwrap().to_owned();
    assert_eq!(assertion(&daemun, "native", &again).await, first);

    let out = daemun.request(Method::DELETE, "/v1/session");
    send(out.bearer_auth(&again)).await;
    for token in [&ended.access, &again] {
        let answer = daemun
            .get_as(token, "/forward-auth/native")
            .await
            .expect(401);
        assert!(said(&answer).is_empty());
    }
    assertion(&daemun, "native", &other.access).await;
}

#[tokio::test]
async fn s19_an_assertion_is_no_credential_anywhere() {
    let daemun = Daemun::start().await;
    for person in everybody(&daemun).await {
        let Person {
            contract,
            shown,
            access,
            ..
        } = &person;
        let good = send(shown.on(ask(&daemun, contract), access))
            .await
            .expect(200);
        let assertion = header(&good, "daemun-assertion").unwrap();
        for other in CONTRACTS {
            let (method, path) = own_route(other);
            for shown in [
                Shown::Bearer,
                Shown::Cookie("access_token"),
                Shown::Header("x-access-token"),
            ] {
                let request = daemun.request(method.clone(), path);
                let answer = send(shown.on(request, assertion)).await;
                assert!(
                    !answer.text.contains(EMAIL),
                    "{contract} {path}: {answer:?}"
                );
                let refused = [401, 999].contains(&answer.status) || other == "result-code";
                assert!(refused, "{contract} {path}: {answer:?}");
                let answer = send(shown.on(ask(&daemun, other), assertion)).await;
                assert_eq!(answer.status, 401, "{contract} {other}");
            }
        }
        assert_eq!(refresh_native(&daemun, assertion).await.status, 401);
        let refresh = daemun.request(Method::POST, "/tokenF/refresh");
        let refresh = send(refresh.header("x-access-token", assertion)).await;
        assert_eq!(refresh.status, 401);
    }
}

#[tokio::test]
async fn s02_s18_tokens_of_a_former_back_end_are_asserted_without_a_session() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    let id = taken_over(
        &daemun,
        json!({ "id": 41, "phone": PHONE, "nickname": "mina" }),
    );
    let token = |id: i64| {
        let exp = crate::wire::forge::now() + 300;
        let claims = json!({ "token_type": "access", "exp": exp, "iat": exp - 300, "jti": "a".repeat(32), "user_id": id });
        super::forge(&secret, super::HS256, claims.to_string())
    };
    let answer = daemun
        .get_as(&token(id), "/forward-auth/phone-pair")
        .await
        .expect(200);
    assert_eq!(header(&answer, "daemun-account"), Some("41"));
    assert_eq!(header(&answer, "daemun-session"), None);
    let claims = super::claims(header(&answer, "daemun-assertion").unwrap());
    assert!(!claims.contains_key("sid"));
    daemun
        .get_as(&token(7), "/forward-auth/phone-pair")
        .await
        .expect(401);
    daemun.run(&["account", "suspend", "41"]).expect(0);
    daemun
        .get_as(&token(id), "/forward-auth/phone-pair")
        .await
        .expect(403);
}

#[tokio::test]
async fn s57_nothing_a_request_says_is_said_again() {
    let daemun = Start::development().go().await;
    account_with(
        &daemun,
        EMAIL,
        PASSWORD,
        &["--nickname", "Daemun-Account: 9", "--verified"],
    );
    let pair = native(&daemun, EMAIL).await;
    let path = "/forward-auth/native/%0d%0aDaemun-Account:%209?x=%0d%0aDaemun-Account:9";
    let answer = daemun.get_as(&pair.access, path).await.expect(200);
    assert_eq!(header(&answer, "daemun-account"), Some("1"));
    let text = format!("{:?}", answer.headers);
    assert!(!text.contains("daemun-account: 9"), "{text}");
    assert_eq!(answer.headers.get_all("daemun-account").iter().count(), 1);
    let bad = daemun
        .get_as(&badly_signed(&pair.access), path)
        .await
        .expect(401);
    assert_eq!(problem(&bad), "invalid_token");
}
