//! Cookies that are not what they seem, and values that would be headers.

use reqwest::Method;
use serde_json::json;

use super::{
    call::{cookies, get, post, raw, with_cookies},
    forge::{badly_signed, django, now, unsigned},
    people::{EMAIL, PASSWORD, account, email_cookie, native, refresh_cookie},
};
use crate::harness::{Daemun, send};

#[tokio::test]
async fn s50_two_cookies_of_one_name_are_none() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let host = daemun.post("/v1/session/cookie", login).await.expect(200);
    let host = cookies(&host)[0].value.clone();
    let pair = email_cookie(&daemun, EMAIL).await;

    let refresh = |header: String| {
        let request = daemun.request(Method::POST, "/v1/session/cookie/refresh");
        send(request.header("cookie", header))
    };
    for header in [
        format!("__Host-refresh={host}; __Host-refresh={host}"),
        format!("__Host-refresh={host}; __Host-refresh=x"),
        format!("__Host-refresh=; __Host-refresh={host}"),
        format!("__HOST-refresh={host}"),
        format!("__host-refresh={host}"),
        format!("__Host-Refresh={host}"),
        format!("refresh={host}"),
        format!("__Host-refresh ={host}"),
        format!("=__Host-refresh={host}"),
        format!("x=__Host-refresh={host}"),
        format!("x,__Host-refresh={host}"),
    ] {
        assert_eq!(
            refresh(header.clone()).await.status,
            401,
            "{}",
            header.replace(&host, "…")
        );
    }
    let me = |header: String| send(get(&daemun, "/api/accounts/me").header("cookie", header));
    let twice = format!("access_token={0}; a=b; access_token={0}", pair.access);
    assert_eq!(me(twice).await.status, 401);
    let in_two_headers =
        get(&daemun, "/api/accounts/me").header("cookie", format!("access_token={}", pair.access));
    assert_eq!(
        send(in_two_headers.header("cookie", "access_token=x"))
            .await
            .status,
        401
    );
    // Another cookie of another case is another cookie.
    let beside = format!(
        "ACCESS_TOKEN=x; access_token={}; access_token2=y",
        pair.access
    );
    assert_eq!(me(beside).await.status, 200);
    assert_eq!(
        refresh(format!("__HOST-refresh=x; __Host-refresh={host}"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn s52_a_signed_cookie_that_was_touched_is_absent() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, EMAIL, "mail");
    let pair = email_cookie(&daemun, EMAIL).await;
    let (token, tail) = pair.access.split_at(unsigned(&pair.access).len());
    let parts: Vec<&str> = tail[1..].split(':').collect();
    let absent = [
        ("a bit of the signature turned", badly_signed(&pair.access)),
        (
            "another time",
            format!(
                "{token}:{}:{}",
                parts[0].to_ascii_uppercase() + "1",
                parts[1]
            ),
        ),
        ("no time", format!("{token}:{}", parts[1])),
        ("no signature", format!("{token}:{}:", parts[0])),
        ("cut short", pair.access[..pair.access.len() - 1].to_owned()),
        ("prolonged", format!("{}A", pair.access)),
        ("padded", format!("{}=", pair.access)),
        (
            "another's value",
            pair.access.replacen(token, unsigned(&pair.refresh), 1),
        ),
        ("of the other name", pair.refresh.clone()),
        (
            "signed for another name",
            django(&secret, "sessionid", token, now()),
        ),
        (
            "signed with another secret",
            django(
                "another secret, and long enough",
                "access_token",
                token,
                now(),
            ),
        ),
        ("only the token", token.to_owned()),
        ("colons", ":::".into()),
    ];
    for (what, value) in absent {
        let answer = send(with_cookies(
            get(&daemun, "/api/accounts/me"),
            &[("access_token", &value)],
        ))
        .await;
        assert_eq!(
            (answer.status, &*answer.text),
            (401, r#"{"error":"access 토큰이 필요합니다."}"#),
            "{what}"
        );
        if value != pair.refresh {
            refresh_cookie(&daemun, &value).await.expect(401);
        }
    }
    // A cookie as old as it may be is good as long as its token is: the token says when it ends.
    let old = django(&secret, "access_token", token, now() - 13 * 86_400);
    let answer = send(with_cookies(
        get(&daemun, "/api/accounts/me"),
        &[("access_token", &old)],
    ))
    .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn s55_reading_never_writes() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let pair = email_cookie(&daemun, EMAIL).await;
    let tokens = native(&daemun, EMAIL).await;
    let state = || {
        let list = |what: &str| daemun.run(&[what, "list", "--json"]).expect(0).stdout;
        (list("account"), list("session"))
    };
    let before = state();
    let paths = [
        "/v1/accounts",
        "/v1/accounts/me",
        "/v1/accounts/verify",
        "/v1/session",
        "/v1/session/cookie",
        "/v1/session/refresh",
        "/v1/session/cookie/refresh",
        "/v1/sessions",
        "/v1/sessions/x",
        "/accounts/login/",
        "/accounts/logout/",
        "/accounts/me/",
        "/accounts/token_refresh/",
        "/accounts/signup/",
        "/api/accounts/login/",
        "/api/accounts/logout/",
        "/api/accounts/me/",
        "/api/accounts/token/refresh/",
        "/api/accounts/signup/",
    ];
    let jar = [
        ("__Host-refresh", &*tokens.refresh),
        ("access_token", &pair.access),
        ("refresh_token", &pair.refresh),
    ];
    let body = json!({ "email": EMAIL, "phone": EMAIL, "password": PASSWORD, "refresh": tokens.refresh, "refresh_token": tokens.refresh });
    for path in paths {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            let query = format!(
                "{path}?email={EMAIL}&refresh={0}&refresh_token={0}",
                tokens.refresh
            );
            let request = with_cookies(daemun.request(method.clone(), &query), &jar)
                .bearer_auth(&tokens.access);
            let answer = send(request.json(&body)).await;
            assert_eq!(cookies(&answer), [], "{method} {path}");
            assert!(
                method == Method::GET || answer.text.is_empty(),
                "{method} {path}"
            );
        }
    }
    assert_eq!(state(), before);
    // 45: a token in a query string counts for nothing.
    let by_query = format!(
        "/v1/accounts/me?access_token={0}&token={0}&authorization=Bearer%20{0}",
        tokens.access
    );
    daemun.get(&by_query).await.expect(401);
    let refresh = format!("/v1/session/refresh?refresh_token={}", tokens.refresh);
    send(daemun.request(Method::POST, &refresh))
        .await
        .expect(400);
}

#[tokio::test]
async fn s57_no_value_becomes_a_header() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    for evil in [
        "a@example.com\r\nX-Evil: 1",
        "a@example.com\nX-Evil: 1",
        "a\r\nBcc: b@example.com@example.com",
        "a@example.com\u{0}",
        "a@example.com\u{2028}X-Evil: 1",
    ] {
        let body = json!({ "email": evil, "password": PASSWORD, "nickname": "n", "code": evil, "refresh_token": evil });
        for path in [
            "/v1/accounts",
            "/v1/accounts/verify",
            "/v1/session",
            "/v1/session/refresh",
            "/api/accounts/signup/",
            "/api/accounts/login/",
        ] {
            let answer = daemun.post(path, body.clone()).await;
            assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
            assert!(!answer.headers.contains_key("x-evil"), "{path}: {answer:?}");
        }
    }
    for evil in ["미나\r\nX-Evil: 1", "미나\n", "\u{1b}[31m미나\u{0}"] {
        let body = json!({ "email": "b@example.com", "password": PASSWORD, "nickname": evil });
        let answer = daemun.post("/v1/accounts", body.clone()).await;
        // White space around a nickname is dropped before it is looked at.
        assert_eq!(
            answer.status,
            if evil.trim().chars().any(char::is_control) {
                400
            } else {
                202
            },
            "{answer:?}"
        );
    }
    for path in [
        "/accounts/me/%0d%0aX-Evil:%201",
        "/v1/sessions/%0d%0aX-Evil:%201",
        "/%0d%0aX-Evil:%201?%0d%0aX-Evil:%201",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://a%0d%0aX-Evil:%201\r\n\r\n"
        );
        let answer = raw(&daemun, request).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert!(!answer.head.contains("x-evil"), "{answer:?}");
    }
    let request = post(&daemun, "/v1/session/cookie/refresh", &json!({}));
    let answer = send(with_cookies(
        request,
        &[("__Host-refresh", "x%0d%0aX-Evil:%201")],
    ))
    .await;
    assert!(
        answer.status == 401 && !answer.headers.contains_key("x-evil"),
        "{answer:?}"
    );
}
