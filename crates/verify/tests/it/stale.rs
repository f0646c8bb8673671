//! What happens to good tokens while nobody says which were revoked.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use daemun_verify::{Principal, Profile, Refusal, ResourceServer, Stale, test_kit::TestIssuer};
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::fake::{Fake, quick};

const STALE: Duration = Duration::from_millis(500);

async fn server(fake: &Fake, issuer: &TestIssuer, stale: Stale) -> ResourceServer {
    ResourceServer::with_keys([issuer.verifying_key()], Profile::native(TestIssuer::NAME))
        .clock(issuer.clock())
        .reach_at(&fake.url)
        .revocations("a service key")
        .when_stale(STALE, stale)
        .timing(quick())
        .build()
        .await
        .unwrap()
}

fn introspects(fake: &Fake, status: u16, body: &str) {
    *fake.told.introspection.lock().unwrap() = (status, String::new(), body.to_owned());
}

#[tokio::test]
async fn s88_under_deny_good_tokens_wait_and_bad_ones_are_told_so() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let server = server(&fake, &issuer, Stale::Deny).await;
    let good = issuer.token(7).mint();
    let refused = || async { server.check(&good).await.err() };
    assert_eq!(refused().await, Some(Refusal::RevocationsUnavailable));
    assert_eq!(
        server.check("garbage").await.unwrap_err(),
        Refusal::InvalidToken
    );
    let mut stream = fake.connection().await;
    stream.open().await;
    stream.snapshot("e.1", "").await;
    server.feed().unwrap().ready().await;
    assert_eq!(refused().await, None);
    drop(stream);
    tokio::time::sleep(STALE * 2).await;
    assert_eq!(refused().await, Some(Refusal::RevocationsUnavailable));
}

#[tokio::test]
async fn under_allow_good_tokens_pass_until_they_expire() {
    let fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let server = server(&fake, &issuer, Stale::AllowUntilExpiry).await;
    let good = issuer.token(7).mint();
    assert!(server.check(&good).await.is_ok());
    issuer.advance(300);
    assert_eq!(server.check(&good).await.unwrap_err(), Refusal::Expired);
}

#[tokio::test]
async fn s44_s45_under_introspect_daemun_is_asked_with_the_key_and_never_in_a_url() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let server = server(&fake, &issuer, Stale::Introspect).await;
    let good = issuer.token(7).mint();
    introspects(&fake, 200, r#"{"active":true,"sub":"7"}"#);
    assert!(server.check(&good).await.is_ok());
    let asked = fake.heard().await;
    assert_eq!(asked.line, "POST /v1/introspect HTTP/1.1");
    assert_eq!(asked.headers["authorization"], "Bearer a service key");
    assert_eq!(
        asked.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(asked.body, format!("token={good}"));
    introspects(&fake, 200, r#"{"active":false}"#);
    assert_eq!(server.check(&good).await.unwrap_err(), Refusal::Revoked);
    fake.heard().await;
    // What is not even genuine is nobody's question.
    assert!(server.check("garbage").await.is_err());
    for (status, body) in [
        (401, ""),
        (500, "{}"),
        (200, "{}"),
        (200, r#"{"active":"true"}"#),
        (200, "<html>"),
    ] {
        introspects(&fake, status, body);
        let refused = server.check(&good).await.unwrap_err();
        assert_eq!(refused, Refusal::RevocationsUnavailable, "{status} {body}");
    }
    fake.go_down().await;
    assert_eq!(
        server.check(&good).await.unwrap_err(),
        Refusal::RevocationsUnavailable
    );
}

#[tokio::test]
async fn s88_the_layer_waits_for_an_answer_and_says_503_where_there_is_none() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let server = server(&fake, &issuer, Stale::Introspect).await;
    let guard = server.layer().required();
    let good = format!("Bearer {}", issuer.token(7).mint());
    let ask = || {
        let request = Request::builder().header("authorization", &good);
        let service = guard.layer(service_fn(async |request: Request<()>| {
            let who = Principal::among(request.extensions()).and_then(|who| who.account());
            Ok::<_, Infallible>(Response::new(Bytes::from(format!("{who:?}"))))
        }));
        service.oneshot(request.body(()).unwrap())
    };
    introspects(&fake, 200, r#"{"active":true}"#);
    assert_eq!(ask().await.unwrap().body(), "Some(7)");
    introspects(&fake, 200, r#"{"active":false}"#);
    assert_eq!(ask().await.unwrap().status(), 401);
    fake.go_down().await;
    let answer = ask().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!answer.headers().contains_key("www-authenticate"));
}
