//! Cookies, and other sites' pages: whose request with a cookie is let in, as each proxy tells of it.

use reqwest::header::HeaderMap;

use super::{
    Daemun, EMAIL, Method, PASSWORD, Pair, Proxy, account, email_cookie, json, native, production,
    said, send,
};
use crate::wire::{
    call::{get, with_cookies},
    people::cookie_pair,
};

const ASKED: &str = "/forward-auth/email-cookie";
const APP: &str = "https://shop.example.com";

/// Production behind a trusted proxy on this machine, and the cookie of a login there.
async fn with_cookie() -> (Daemun, Pair) {
    let daemun = production(&[]).await;
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = daemun.post("/api/accounts/login/", login).await.expect(200);
    let pair = cookie_pair(&answer);
    (daemun, pair)
}

/// What a proxy that holds a request for the app says, with `more` from the browser.
fn held(method: &str, more: &[(&'static str, &str)]) -> HeaderMap {
    let of_the_proxy = [
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example.com"),
        ("x-forwarded-method", method),
    ];
    let all = of_the_proxy.iter().chain(more);
    all.filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
        .collect()
}

#[tokio::test]
async fn s53_another_sites_page_gets_nothing_done_with_a_cookie() {
    let (daemun, pair) = with_cookie().await;
    let asked = async |headers: HeaderMap| {
        let request = with_cookies(get(&daemun, ASKED), &[("access_token", &pair.access)]);
        send(request.headers(headers)).await
    };
    let foreign: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://shop.example.com")],
        &[("origin", "https://shop.example.com.evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ];
    let own: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", APP)],
        &[("origin", "https://login.example.com")],
        &[("origin", "https://app.example.com")],
        &[("sec-fetch-site", "same-origin")],
    ];
    for method in ["POST", "PUT", "PATCH", "DELETE", "post", "get"] {
        for browser in foreign {
            let answer = asked(held(method, browser)).await;
            assert_eq!(answer.status, 403, "{method} {browser:?}");
            assert_eq!(answer.text, r#"{"error":"허용되지 않은 요청입니다."}"#);
            assert!(said(&answer).is_empty());
        }
        for browser in own {
            assert_eq!(
                asked(held(method, browser)).await.status,
                200,
                "{method} {browser:?}"
            );
        }
    }
    // A link from another site leads in, and so does what other pages may read with CORS.
    for method in ["GET", "HEAD", "OPTIONS"] {
        for browser in foreign.iter().chain(&own) {
            assert_eq!(
                asked(held(method, browser)).await.status,
                200,
                "{method} {browser:?}"
            );
        }
        let socket = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let evil = held(method, &[("origin", "https://evil.example"), socket]);
        assert_eq!(asked(evil).await.status, 403);
        assert_eq!(
            asked(held(method, &[("origin", APP), socket])).await.status,
            200
        );
    }
    // Where no method is said, `Origin` decides.
    for (browser, status) in [
        (("origin", "https://evil.example"), 403),
        (("origin", APP), 200),
        (("sec-fetch-site", "cross-site"), 200),
    ] {
        assert_eq!(
            asked(held("", &[browser])).await.status,
            status,
            "{browser:?}"
        );
    }
    // As nginx says it; and whoever says that it writes is believed, whatever else is said.
    let evil = ("origin", "https://evil.example");
    for headers in [
        held("", &[("x-original-method", "POST"), evil]),
        held("GET", &[("x-original-method", "POST"), evil]),
    ] {
        assert_eq!(asked(headers).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s53_nginx_as_documented_says_which_method_and_which_host_it_is() {
    let (daemun, pair) = with_cookie().await;
    let proxy = Proxy::before(&daemun, "email-cookie").await;
    for (method, origin, status) in [
        (Method::POST, "https://evil.example", 403),
        (Method::DELETE, "null", 403),
        (Method::POST, "http://shop.example.com", 200),
        (Method::GET, "https://evil.example", 200),
    ] {
        let request = proxy.request(method.clone(), "/orders");
        let request = request.header("host", "shop.example.com");
        let request = with_cookies(request, &[("access_token", &pair.access)]);
        let answer = send(request.header("origin", origin)).await;
        assert_eq!(answer.status, status, "{method} {origin}");
    }
    assert_eq!(proxy.reached(), 2);
}

#[tokio::test]
async fn s53_the_method_of_the_question_itself_counts_too() {
    let (daemun, pair) = with_cookie().await;
    for (origin, status) in [("https://evil.example", 403), (APP, 200)] {
        let request = daemun.request(Method::POST, "/forward-auth/email-cookie/orders");
        let request = with_cookies(request, &[("access_token", &pair.access)]);
        let answer = send(request.headers(held("GET", &[("origin", origin)]))).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[tokio::test]
async fn s53_nobody_but_a_trusted_proxy_says_which_host_or_which_safe_method_it_is() {
    // In development no proxy is trusted.
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let pair = email_cookie(&daemun, EMAIL).await;
    let asked = async |headers: HeaderMap| {
        let request = with_cookies(get(&daemun, ASKED), &[("access_token", &pair.access)]);
        send(request.headers(headers)).await.status
    };
    let evil = ("origin", "https://shop.example.com");
    assert_eq!(asked(held("POST", &[evil])).await, 403);
    assert_eq!(asked(held("GET", &[evil])).await, 403);
    assert_eq!(asked(held("POST", &[])).await, 200);
}

#[tokio::test]
async fn a_token_that_no_browser_sends_by_itself_may_come_from_any_page() {
    let daemun = production(&[]).await;
    let pair = native(&daemun, EMAIL).await;
    let request = get(&daemun, "/forward-auth/native").bearer_auth(&pair.access);
    let answer = send(request.headers(held("POST", &[("origin", "https://evil.example")]))).await;
    assert_eq!(answer.status, 200);
}
