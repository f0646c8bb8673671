//! The layer in front of a service that is not axum's: what goes on, what is answered, in which words.

use std::convert::Infallible;

use bytes::Bytes;
use daemun_verify::{
    Answer, Answers, Guard, Principal, Reason, Refusal, ResourceServer, TokenFrom,
    test_kit::TestIssuer,
};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

/// Says who the request was from.
async fn echo(request: Request<()>) -> Result<Response<Bytes>, Infallible> {
    let who = Principal::among(request.extensions());
    let text = who.map_or("nobody".into(), |who| who.account().unwrap().to_string());
    Ok(Response::new(text.into()))
}

async fn ask(guard: &Guard, headers: &[(HeaderName, &str)]) -> Response<Bytes> {
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    guard
        .layer(service_fn(echo))
        .oneshot(request)
        .await
        .unwrap()
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn challenge(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get(header::WWW_AUTHENTICATE)?.to_str().unwrap())
}

fn scene() -> (TestIssuer, ResourceServer) {
    let issuer = TestIssuer::native();
    let server = issuer.resource_server();
    (issuer, server)
}

#[tokio::test]
async fn whoever_has_a_good_token_passes_and_is_known_behind_it() {
    let (issuer, server) = scene();
    let bearer = format!("Bearer {}", issuer.token(7).mint());
    let required = ask(&server.layer(), &[(header::AUTHORIZATION, &bearer)]).await;
    assert_eq!(required.body(), "7");
    let optional = server.layer().optional();
    assert_eq!(
        ask(&optional, &[(header::AUTHORIZATION, &bearer)])
            .await
            .body(),
        "7"
    );
    assert_eq!(ask(&optional, &[]).await.body(), "nobody");
    let bad = ask(&optional, &[(header::AUTHORIZATION, "Bearer x")]).await;
    assert_eq!(bad.status(), 401);
}

#[tokio::test]
async fn every_refusal_has_its_status_code_and_challenge() {
    let (issuer, server) = scene();
    let expired = issuer.token(7).claim("exp", issuer.now()).mint();
    let revoked = issuer.token(7);
    server
        .revocations()
        .apply(&[issuer.end_session(&revoked.session()).unwrap()]);
    let plain = server.layer();
    let strict = plain.clone().scope("notes:write").scope("notes:read");
    let admins = plain.clone().role("admin").role("owner");
    let member = issuer.token(7).role("member").scope("notes:read").mint();
    for (guard, token, status, code, challenged) in [
        (&plain, None, 401, "missing_token", "Bearer"),
        (
            &plain,
            Some(""),
            401,
            "bad_authorization_header",
            r#"Bearer error="invalid_request""#,
        ),
        (
            &plain,
            Some("two words"),
            401,
            "bad_authorization_header",
            r#"Bearer error="invalid_request""#,
        ),
        (
            &plain,
            Some("garbage"),
            401,
            "invalid_token",
            r#"Bearer error="invalid_token""#,
        ),
        (
            &plain,
            Some(&*issuer.token(7).refresh().mint()),
            401,
            "invalid_token",
            r#"Bearer error="invalid_token""#,
        ),
        (
            &plain,
            Some(&*expired),
            401,
            "token_expired",
            r#"Bearer error="invalid_token""#,
        ),
        (
            &plain,
            Some(&*revoked.mint()),
            401,
            "session_ended",
            r#"Bearer error="invalid_token""#,
        ),
        (
            &strict,
            Some(&*member),
            403,
            "insufficient_scope",
            r#"Bearer error="insufficient_scope", scope="notes:write notes:read""#,
        ),
        (&admins, Some(&*member), 403, "forbidden", ""),
    ] {
        let bearer = token.map(|token| format!("Bearer {token}").trim_end().to_owned());
        let headers: Vec<_> = bearer
            .iter()
            .map(|bearer| (header::AUTHORIZATION, bearer.as_str()))
            .collect();
        let answer = ask(guard, &headers).await;
        assert_eq!(answer.status(), status, "{code}");
        assert_eq!(json(&answer)["code"], code);
        assert_eq!(json(&answer)["status"], status);
        assert_eq!(challenge(answer.headers()).unwrap_or_default(), challenged);
        assert_eq!(
            answer.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
}

#[test]
fn s88_what_cannot_be_known_is_a_503_with_retry_after_and_no_challenge() {
    for refusal in [Refusal::KeysUnavailable, Refusal::RevocationsUnavailable] {
        for answers in [Answers::problems(), Answers::phone_pair()] {
            let answer = answers.render(&refusal);
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers()[header::RETRY_AFTER], "5");
            assert_eq!(challenge(answer.headers()), None);
        }
    }
}

#[test]
fn every_reason_has_an_answer_and_none_tells_what_is_in_a_token() {
    for (refusal, status) in [
        (Refusal::MissingToken, 401),
        (Refusal::BadHeader, 401),
        (Refusal::InvalidToken, 401),
        (Refusal::Expired, 401),
        (Refusal::WrongType, 401),
        (Refusal::Revoked, 401),
        (Refusal::InsufficientScope("x".into()), 403),
        (Refusal::Forbidden, 403),
        (Refusal::NotFound, 404),
        (Refusal::KeysUnavailable, 503),
        (Refusal::RevocationsUnavailable, 503),
        (Refusal::Unguarded, 500),
    ] {
        let answer = Answers::problems().render(&refusal);
        assert_eq!(answer.status(), status, "{refusal}");
        assert_eq!(json(&answer)["status"], status);
        assert_eq!(
            challenge(answer.headers()).is_some(),
            status == 401 || refusal.reason() == Reason::InsufficientScope
        );
    }
    let said: std::collections::HashSet<_> = Reason::ALL.into_iter().collect();
    assert_eq!(said.len(), 12);
}

#[tokio::test]
async fn a_contracts_own_words_are_said_where_they_are_set() {
    let (_, server) = scene();
    let legacy = server.layer().answers(Answers::phone_pair());
    let missing = ask(&legacy, &[]).await;
    assert_eq!(
        json(&missing),
        json!({"detail": "자격 인증데이터(authentication credentials)가 제공되지 않았습니다."})
    );
    let invalid = ask(&legacy, &[(header::AUTHORIZATION, "Bearer x")]).await;
    assert_eq!(challenge(invalid.headers()), Some(r#"Bearer realm="api""#));
    assert_eq!(json(&invalid)["messages"][0]["token_class"], "AccessToken");
    let teapot = Answer::json(StatusCode::IM_A_TEAPOT, r#"{"error":"no"}"#)
        .typed("application/x".parse().unwrap());
    let own = server
        .layer()
        .answers(Answers::problems().on(Reason::InvalidToken, teapot));
    let answer = ask(&own, &[(header::AUTHORIZATION, "Bearer x")]).await;
    assert_eq!(
        (answer.status(), &answer.body()[..]),
        (StatusCode::IM_A_TEAPOT, &br#"{"error":"no"}"#[..])
    );
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/x");
}

#[tokio::test]
async fn the_token_is_found_where_it_was_said_to_be_and_nowhere_else() {
    let (issuer, server) = scene();
    let token = issuer.token(7).mint();
    let bearer = format!("bEARER {token}");
    let (jwt, basic) = (format!("JWT {token}"), format!("Basic {token}"));
    let cookie = format!("a=b; access={token}; c=d");
    let header_name = HeaderName::from_static("x-access-token");
    let in_bearer = server.layer();
    let either = server
        .layer()
        .token_from(TokenFrom::authorization(&["Bearer", "JWT"]));
    let in_header = server
        .layer()
        .token_from(TokenFrom::header(header_name.clone()));
    let in_cookie = server.layer().token_from(TokenFrom::cookie("access"));
    let auth = header::AUTHORIZATION;
    for (guard, headers, status) in [
        (&in_bearer, vec![(auth.clone(), bearer.as_str())], 200),
        (&in_bearer, vec![(auth.clone(), jwt.as_str())], 401),
        (&in_bearer, vec![(auth.clone(), basic.as_str())], 401),
        (
            &in_bearer,
            vec![
                (auth.clone(), bearer.as_str()),
                (auth.clone(), bearer.as_str()),
            ],
            401,
        ),
        (&in_bearer, vec![(header::COOKIE, cookie.as_str())], 401),
        (&either, vec![(auth.clone(), jwt.as_str())], 200),
        (&in_header, vec![(header_name.clone(), token.as_str())], 200),
        (&in_header, vec![(header_name, "")], 401),
        (&in_header, vec![(auth.clone(), bearer.as_str())], 401),
        (&in_cookie, vec![(header::COOKIE, cookie.as_str())], 200),
    ] {
        assert_eq!(ask(guard, &headers).await.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn s50_two_cookies_of_one_name_hold_no_token() {
    let (issuer, server) = scene();
    let guard = server.layer().token_from(TokenFrom::cookie("access"));
    let token = issuer.token(7).mint();
    let one = format!("access={token}");
    let both = format!("{one}; {one}");
    let other = one.replace("access", "ACCESS");
    for headers in [
        vec![(header::COOKIE, both.as_str())],
        vec![(header::COOKIE, &one), (header::COOKIE, &one)],
        vec![(header::COOKIE, &other)],
    ] {
        assert_eq!(json(&ask(&guard, &headers).await)["code"], "missing_token");
    }
}

#[tokio::test]
async fn a_cookie_that_django_signed_holds_a_token_and_an_altered_one_does_not() {
    let (issuer, server) = scene();
    let token = issuer.token(7).mint();
    let secret = b"a secret key of some django";
    let guard = server
        .layer()
        .token_from(TokenFrom::django_cookie("access_token", secret));
    let signed = django(secret, "access_token", &token);
    assert_eq!(
        ask(
            &guard,
            &[(header::COOKIE, &format!("access_token={signed}"))]
        )
        .await
        .body(),
        "7"
    );
    let other = django(secret, "refresh_token", &token);
    for wrong in [token.clone(), other, signed.replacen(':', ":0", 1)] {
        let answer = ask(
            &guard,
            &[(header::COOKIE, &format!("access_token={wrong}"))],
        )
        .await;
        assert_eq!(json(&answer)["code"], "invalid_token");
    }
}

/// As Django 5.2 signs it: the salt is the cookie's name.
fn django(secret: &[u8], name: &str, value: &str) -> String {
    use aws_lc_rs::{digest, hmac};
    let salted = [name.as_bytes(), b"signerdjango.http.cookies", secret].concat();
    let key = digest::digest(&digest::SHA256, &salted);
    let signed = format!("{value}:1peQFc");
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        signed.as_bytes(),
    );
    format!(
        "{signed}:{}",
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(tag)
    )
}

#[tokio::test]
async fn s45_a_token_in_the_query_is_no_token() {
    let (issuer, server) = scene();
    let mut request = Request::new(());
    *request.uri_mut() = format!("/?access_token={}", issuer.token(7).mint())
        .parse()
        .unwrap();
    let answer = server
        .layer()
        .layer(service_fn(echo))
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(json(&answer)["code"], "missing_token");
}

#[tokio::test]
async fn the_innermost_guard_says_who_it_is() {
    let (issuer, server) = scene();
    let bearer = format!("Bearer {}", issuer.token(7).mint());
    let outer = server.layer().required();
    let header = TokenFrom::header(HeaderName::from_static("x-other"));
    let inner = server.layer().optional().token_from(header);
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, bearer.parse().unwrap());
    let service = outer.layer(inner.layer(service_fn(echo)));
    assert_eq!(service.oneshot(request).await.unwrap().body(), "nobody");
}
