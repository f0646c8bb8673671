//! 53 and 54: requests that another site's page makes with a person's cookies, and answers that it
//! may read. The second half runs in production, where other origins can be allowed.

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::json;

use super::{
    call::{cookies, get, header, post, post_as, problem, with_cookies},
    people::{EMAIL, PASSWORD, PHONE, account, cookie_pair, email_cookie, native, phone_pair},
    production::production,
};
use crate::harness::{Daemun, send};

const CROSS_SITE: [&str; 3] = [
    "cross_site",
    r#"{"detail":"이 작업을 수행할 권한(permission)이 없습니다."}"#,
    r#"{"error":"허용되지 않은 요청입니다."}"#,
];

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
    pairs.collect()
}

/// What a browser says that runs another site's page.
fn from_elsewhere(daemun: &Daemun) -> Vec<HeaderMap> {
    let own = daemun.url("");
    let origins = [
        "null".to_owned(),
        "https://evil.example".into(),
        format!("{own}.evil.example"),
        own.replace("http:", "https:"),
        "http://localhost.evil.example:3000".into(),
        "http://localhost:3000.evil.example".into(),
        "http://127.0.0.2".into(),
        format!("{own}/"),
        format!("{own} https://evil.example"),
        String::new(),
    ];
    let by_origin = origins.iter().map(|origin| headers(&[("origin", origin)]));
    let by_fetch =
        ["cross-site", "same-site", "other"].map(|site| headers(&[("sec-fetch-site", site)]));
    let both = headers(&[
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "same-origin"),
    ]);
    by_origin.chain(by_fetch).chain([both]).collect()
}

/// What is said by our own pages, and by what is no browser.
fn from_here(daemun: &Daemun) -> Vec<HeaderMap> {
    let own = daemun.url("");
    vec![
        HeaderMap::new(),
        headers(&[("origin", &own)]),
        // In development a front end may come from any port of this machine.
        headers(&[
            ("origin", "http://localhost:3000"),
            ("sec-fetch-site", "same-site"),
        ]),
        headers(&[("origin", "http://127.0.0.1")]),
        headers(&[("origin", &own), ("sec-fetch-site", "same-origin")]),
        headers(&[("sec-fetch-site", "same-origin")]),
        headers(&[("sec-fetch-site", "none")]),
    ]
}

#[tokio::test]
async fn s53_another_sites_page_reaches_no_cookie() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let host = daemun
        .post("/v1/session/cookie", credentials.clone())
        .await
        .expect(200);
    let host = cookies(&host)[0].value.clone();
    let pair = email_cookie(&daemun, EMAIL).await;
    let access = native(&daemun, EMAIL).await.access;
    let jar = [
        ("__Host-refresh", &*host),
        ("access_token", &pair.access),
        ("refresh_token", &pair.refresh),
    ];
    let to = |method: Method, path: &str| with_cookies(daemun.request(method, path), &jar);
    let routes: Vec<(usize, Box<dyn Fn() -> RequestBuilder>)> = vec![
        (
            0,
            Box::new(|| to(Method::POST, "/v1/session/cookie").json(&credentials)),
        ),
        (
            0,
            Box::new(|| to(Method::POST, "/v1/session/cookie/refresh")),
        ),
        (
            2,
            Box::new(|| to(Method::POST, "/api/accounts/login/").json(&credentials)),
        ),
        (
            2,
            Box::new(|| to(Method::POST, "/api/accounts/token/refresh")),
        ),
        (
            0,
            Box::new(|| to(Method::DELETE, "/v1/session").bearer_auth(&access)),
        ),
        (0, Box::new(|| to(Method::DELETE, "/v1/session/cookie"))),
        (2, Box::new(|| to(Method::POST, "/api/accounts/logout/"))),
    ];
    for (contract, request) in &routes {
        for from in from_elsewhere(&daemun) {
            let answer = send(request().headers(from.clone())).await;
            assert_eq!(answer.status, 403, "{from:?}: {answer:?}");
            assert!(answer.text.contains(CROSS_SITE[*contract]), "{answer:?}");
            assert_eq!(cookies(&answer), [], "{from:?}");
            assert_eq!(header(&answer, "access-control-allow-origin"), None);
        }
        for from in from_here(&daemun) {
            let answer = send(request().headers(from.clone())).await;
            assert_ne!(answer.status, 403, "{from:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn s53_forms_are_read_from_the_same_site_alone_and_plain_text_from_none() {
    let daemun = Daemun::start().await;
    account(&daemun, PHONE, "phone");
    let form = "email=a%40example.com&phone=01012345678&password=a+few+words+nobody+guesses&nickname=n&code=x&refresh=x";
    for (contract, path) in [
        (0, "/v1/accounts"),
        (0, "/v1/session"),
        (0, "/v1/session/refresh"),
        (0, "/v1/accounts/verify"),
        (1, "/accounts/login/"),
        (1, "/accounts/signup/"),
        (1, "/accounts/token_refresh/"),
        (1, "/accounts/logout/"),
        (2, "/api/accounts/signup/"),
        (2, "/api/accounts/verify/email/"),
        (2, "/api/accounts/resend/code/"),
    ] {
        let with = |content_type: &str| post_as(&daemun, path, content_type, form);
        for from in from_elsewhere(&daemun) {
            for content_type in [
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
            ] {
                let answer = send(with(content_type).headers(from.clone())).await;
                assert_eq!(answer.status, 403, "{path} {content_type} {from:?}");
                assert!(answer.text.contains(CROSS_SITE[contract]), "{answer:?}");
            }
        }
        for from in from_here(&daemun) {
            let answer = send(with("application/x-www-form-urlencoded").headers(from)).await;
            assert!(
                answer.status != 415 && !answer.text.contains(CROSS_SITE[contract]),
                "{path}: {answer:?}"
            );
        }
        for content_type in [
            "text/plain",
            "text/plain;charset=UTF-8",
            "application/octet-stream",
            "application/json, text/plain",
            "",
        ] {
            let answer = send(with(content_type)).await;
            assert_eq!(answer.status, 415, "{path} {content_type}");
        }
    }
    // JSON that carries nobody's cookies is nobody's but its sender's.
    let login = post(
        &daemun,
        "/accounts/login/",
        &json!({ "phone": PHONE, "password": PASSWORD }),
    );
    let answer = send(login.header("origin", "https://evil.example"))
        .await
        .expect(201);
    assert_eq!(header(&answer, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn s54_only_listed_origins_may_read_with_credentials() {
    let daemun = production(&[]).await;
    let paths = [
        "/v1/session/cookie",
        "/v1/accounts/me",
        "/accounts/login/",
        "/accounts/me",
        "/api/accounts/login/",
        "/v1/sessions/x",
    ];
    let strangers = [
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://APP.example.com",
        "https://evil.example",
        "https://app.example.com/",
        "https://xapp.example.com",
        "http://localhost:3000",
        "http://127.0.0.1",
        "*",
    ];
    for path in paths {
        let preflight = |origin: &str| {
            let request = daemun
                .request(Method::OPTIONS, path)
                .header("origin", origin);
            request
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "content-type")
        };
        for origin in strangers {
            for request in [
                preflight(origin),
                get(&daemun, path).header("origin", origin),
            ] {
                let answer = send(request).await;
                for name in [
                    "access-control-allow-origin",
                    "access-control-allow-credentials",
                    "access-control-allow-methods",
                ] {
                    assert_eq!(header(&answer, name), None, "{origin} {path}");
                }
                assert_eq!(header(&answer, "vary"), Some("Origin"), "{path}");
            }
        }
        let answer = send(preflight("https://app.example.com")).await.expect(204);
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            Some("https://app.example.com")
        );
        assert_eq!(
            header(&answer, "access-control-allow-credentials"),
            Some("true")
        );
        assert!(
            !header(&answer, "access-control-allow-methods")
                .unwrap()
                .is_empty()
        );
        assert!(
            header(&answer, "access-control-allow-headers")
                .unwrap()
                .contains("content-type")
        );
        assert_eq!(header(&answer, "vary"), Some("Origin"));
        let answer = send(get(&daemun, path).header("origin", "https://app.example.com")).await;
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            Some("https://app.example.com")
        );
    }
    // A page of a listed origin may log in and refresh with cookies, a stranger's may not.
    let login = || {
        post(
            &daemun,
            "/api/accounts/login/",
            &json!({ "email": EMAIL, "password": PASSWORD }),
        )
    };
    let answer = send(
        login()
            .header("origin", "https://app.example.com")
            .header("sec-fetch-site", "cross-site"),
    )
    .await
    .expect(200);
    let pair = cookie_pair(&answer);
    let refresh = |origin: &str| {
        let request = daemun
            .request(Method::POST, "/api/accounts/token/refresh/")
            .header("origin", origin);
        with_cookies(request, &[("refresh_token", &pair.refresh)])
    };
    send(refresh("https://app.example.com")).await.expect(200);
    for origin in strangers {
        send(refresh(origin)).await.expect(403);
        send(login().header("origin", origin)).await.expect(403);
    }
}

#[tokio::test]
async fn s56_production_says_https_for_good_and_keeps_cookies_to_it() {
    let daemun = production(&[]).await;
    let hsts = Some("max-age=31536000; includeSubDomains");
    for path in [
        "/v1/accounts/me",
        "/accounts/me/",
        "/api/accounts/me/",
        "/healthz",
        "/nowhere",
        "/docs/native",
        "/.well-known/jwks.json",
    ] {
        let answer = daemun.get(path).await;
        assert_eq!(header(&answer, "strict-transport-security"), hsts, "{path}");
        assert_eq!(
            header(&answer, "x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            header(&answer, "referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
    }
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    for path in ["/v1/session/cookie", "/api/accounts/login/"] {
        let answer = daemun.post(path, login.clone()).await.expect(200);
        for cookie in cookies(&answer) {
            assert!(
                cookie
                    .attributes
                    .contains("; Path=/; Secure; HttpOnly; SameSite="),
                "{cookie:?}"
            );
            assert!(
                cookie.name.len() + cookie.value.len() <= 4096,
                "47: {cookie:?}"
            );
            let age = cookie
                .attributes
                .strip_prefix("Max-Age=")
                .and_then(|rest| rest.split(';').next());
            assert!(
                age.unwrap().parse::<u64>().unwrap() <= 400 * 86_400,
                "48: {cookie:?}"
            );
        }
    }
    for path in ["/outbox", "/dev/outbox/latest?to=mina@example.com"] {
        daemun.get(path).await.expect(404);
    }
    phone_pair(&daemun, PHONE).await;
}

#[tokio::test]
async fn s72_one_client_is_told_from_another_by_what_trusted_hops_say() {
    let daemun = production(&[]).await;
    let verify = |forwarded: &str| {
        let request = post(
            &daemun,
            "/v1/accounts/verify",
            &json!({ "email": EMAIL, "code": "000000" }),
        );
        send(request.header("x-forwarded-for", forwarded))
    };
    for nth in 0..30 {
        let spoofed = format!("198.51.100.{nth}, 203.0.113.7");
        assert_eq!(problem(&verify(&spoofed).await.expect(400)), "invalid_code");
        let subscriber = format!("2001:db8:0:1::{nth:x}");
        assert_eq!(
            problem(&verify(&subscriber).await.expect(400)),
            "invalid_code"
        );
    }
    for throttled in [
        "203.0.113.7",
        "9.9.9.9, 203.0.113.7",
        "2001:db8:0:1:ffff::1",
    ] {
        let answer = verify(throttled).await.expect(429);
        assert_eq!(problem(&answer), "throttled");
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait), "{wait}");
        assert!(
            answer.text.contains(&format!("in {wait} seconds")),
            "{answer:?}"
        );
    }
    // In the words of every contract, which count together.
    for (path, body, left, right) in [
        (
            "/accounts/signup/verify/",
            json!({ "phone": PHONE, "code": "000000" }),
            r#"{"detail":"요청이 지연(throttled)되었습니다. "#,
            r#"초 후에 다시 시도하세요."}"#,
        ),
        (
            "/api/accounts/verify/email/",
            json!({ "email": EMAIL, "code": "000000" }),
            r#"{"error":"잠시 후 다시 시도해 주세요."}"#,
            "",
        ),
    ] {
        let request = post(&daemun, path, &body).header("x-forwarded-for", "203.0.113.7");
        let answer = send(request).await.expect(429);
        let wait = header(&answer, "retry-after").unwrap();
        let told = if right.is_empty() { "" } else { wait };
        assert_eq!(answer.text, format!("{left}{told}{right}"));
    }
    for other in ["203.0.113.8", "203.0.113.7, 203.0.113.9", "2001:db8:0:2::1"] {
        verify(other).await.expect(400);
    }
}
