//! What axum's handlers see.

use axum::{Json, Router, body::Body, routing::get};
use daemun_verify::{
    Answers, OwnerOrReadOnly, Refusal,
    axum::{Auth, Caller, Refused},
    test_kit::TestIssuer,
};
use http::{Method, Request, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

#[derive(Deserialize)]
struct Own {
    shoe_size: u8,
}

async fn me(auth: Auth) -> String {
    auth.account().unwrap().to_string()
}

async fn shoes(auth: Auth<Own>) -> String {
    auth.claims.shoe_size.to_string()
}

async fn perhaps(auth: Option<Auth>) -> Json<Value> {
    Json(json!(auth.map(|auth| auth.account())))
}

async fn note_of_one(caller: Caller) -> Result<&'static str, Refused> {
    caller.may(&OwnerOrReadOnly::new().conceal(), 1)?;
    Ok("done")
}

async fn never(caller: Caller) -> Refused {
    caller.refused(&Refusal::Forbidden)
}

fn app(issuer: &TestIssuer) -> Router {
    let server = issuer.resource_server();
    Router::new()
        .route("/me", get(me))
        .route("/shoes", get(shoes))
        .route("/perhaps", get(perhaps))
        .route("/note", get(note_of_one).put(note_of_one))
        .route("/never", get(never))
        .layer(server.layer().optional())
        .route("/open", get(me))
}

async fn ask(app: &Router, method: Method, path: &str, token: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), 10_000)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn handlers_learn_who_it_is_and_in_the_form_they_want() {
    let issuer = TestIssuer::native();
    let app = app(&issuer);
    let one = issuer.token(1).claim("shoe_size", 42).mint();
    let two = issuer.token(2).mint();
    let (get, put) = (Method::GET, Method::PUT);
    for (method, path, token, status, body) in [
        (&get, "/me", Some(&one), 200, "1"),
        (&get, "/me", None, 401, "missing_token"),
        (&get, "/shoes", Some(&one), 200, "42"),
        (&get, "/shoes", Some(&two), 401, "invalid_token"),
        (&get, "/perhaps", Some(&two), 200, "2"),
        (&get, "/perhaps", None, 200, "null"),
        (&get, "/note", Some(&two), 200, "done"),
        (&get, "/note", None, 401, "missing_token"),
        (&put, "/note", Some(&one), 200, "done"),
        (&put, "/note", Some(&two), 404, "not_found"),
        (&get, "/never", Some(&one), 403, "forbidden"),
    ] {
        let (found, text) = ask(&app, method.clone(), path, token.map(String::as_str)).await;
        assert_eq!(found, status, "{method} {path}: {text}");
        assert!(text.contains(body), "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn s88_a_handler_without_a_guard_in_front_is_broken_and_not_open() {
    let issuer = TestIssuer::native();
    let app = app(&issuer);
    let token = issuer.token(1).mint();
    let (status, text) = ask(&app, Method::GET, "/open", Some(&token)).await;
    assert_eq!(status, 500, "{text}");
}

#[tokio::test]
async fn extractors_answer_in_the_words_of_the_guard() {
    let issuer = TestIssuer::native();
    let guard = issuer
        .resource_server()
        .layer()
        .optional()
        .answers(Answers::phone_pair());
    let app = Router::new().route("/me", get(me)).layer(guard);
    let (status, text) = ask(&app, Method::GET, "/me", None).await;
    assert_eq!(status, 401);
    assert!(text.contains("자격 인증데이터"), "{text}");
}
