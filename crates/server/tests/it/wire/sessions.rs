//! Whose session is whose, and what no body can make of an account.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    call::{cookies, get, header, post, problem, with_cookies},
    forge::{claims, unsigned},
    people::{
        EMAIL, Guards, PASSWORD, PHONE, account, code, email_cookie, native, native_pair,
        phone_pair, refresh, refresh_cookie, refresh_native, taken_over,
    },
};
use crate::harness::{Daemun, send};

#[tokio::test]
async fn s80_a_login_opens_a_session_of_its_own_whatever_it_was_shown() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, "thief@example.com", "thief");
    let planted = native(&daemun, "thief@example.com").await;
    let planted_cookies = email_cookie(&daemun, "thief@example.com").await;
    let jar = [
        ("__Host-refresh", &*planted.refresh),
        ("access_token", &planted_cookies.access),
        ("refresh_token", &planted_cookies.refresh),
        ("sid", "x"),
    ];
    let mut body = json!({ "email": EMAIL, "password": PASSWORD });
    body["refresh_token"] = json!(planted.refresh);
    body["session_id"] = claims(&planted.refresh)["sid"].clone();
    let sid = |token: &str| claims(token)["sid"].clone();

    let login = send(with_cookies(
        post(&daemun, "/v1/session/cookie", &body),
        &jar,
    ))
    .await
    .expect(200);
    let given = cookies(&login)[0].value.clone();
    assert_ne!(sid(&given), sid(&planted.refresh));
    assert_eq!(claims(&given)["sub"], "1");
    let login = send(with_cookies(
        post(&daemun, "/api/accounts/login/", &body),
        &jar,
    ))
    .await
    .expect(200);
    let given = super::people::cookie_pair(&login);
    assert_ne!(
        sid(unsigned(&given.refresh)),
        sid(unsigned(&planted_cookies.refresh))
    );
    assert_eq!(claims(unsigned(&given.refresh))["user_id"], 1);
    // And the thief's are still the thief's.
    assert_eq!(Guards::native(&daemun, &planted.access).await, 200);
    let me = send(with_cookies(get(&daemun, "/api/accounts/me"), &jar))
        .await
        .expect(200);
    assert_eq!(me.json()["email"], "thief@example.com");
}

#[tokio::test]
async fn s81_after_logging_out_nothing_of_the_session_is_good() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let (mail, cookie, phone) = (
        native(&daemun, EMAIL).await,
        email_cookie(&daemun, EMAIL).await,
        phone_pair(&daemun, PHONE).await,
    );
    // With a refresh token that was replaced since: it is the session that is meant.
    let newer = native_pair(
        &refresh_native(&daemun, &mail.refresh)
            .await
            .expect(200)
            .json(),
    );
    let newer_phone = refresh(&daemun, &phone.refresh).await.expect(200).json();
    let newer_cookie =
        super::people::cookie_pair(&refresh_cookie(&daemun, &cookie.refresh).await.expect(200));
    send(with_cookies(
        daemun.request(Method::DELETE, "/v1/session/cookie"),
        &[("__Host-refresh", &mail.refresh)],
    ))
    .await
    .expect(204);
    daemun
        .post("/accounts/logout/", json!({ "refresh": phone.refresh }))
        .await
        .expect(204);
    send(with_cookies(
        daemun.request(Method::POST, "/api/accounts/logout/"),
        &[("refresh_token", &cookie.refresh)],
    ))
    .await
    .expect(200);
    for token in [&mail.refresh, &newer.refresh] {
        assert_eq!(
            problem(&refresh_native(&daemun, token).await.expect(401)),
            "session_ended"
        );
    }
    for token in [&*phone.refresh, newer_phone["refresh"].as_str().unwrap()] {
        refresh(&daemun, token).await.expect(401);
    }
    for token in [&cookie.refresh, &newer_cookie.refresh] {
        refresh_cookie(&daemun, token).await.expect(401);
    }
    assert_eq!(Guards::native(&daemun, &newer.access).await, 401);
    assert_eq!(
        Guards::phone_pair(&daemun, newer_phone["access"].as_str().unwrap()).await,
        401
    );
    assert_eq!(
        Guards::email_cookie(&daemun, &newer_cookie.access).await,
        401
    );
}

#[tokio::test]
async fn s82_anothers_session_is_as_good_as_none() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let (mine, theirs, elsewhere) = (
        native(&daemun, EMAIL).await,
        native(&daemun, PHONE).await,
        phone_pair(&daemun, PHONE).await,
    );
    let own = claims(&mine.access)["sid"].as_str().unwrap().to_owned();
    let foreign = [
        claims(&theirs.access)["sid"].clone(),
        claims(&elsewhere.access)["sid"].clone(),
    ];
    let foreign = foreign.iter().map(|sid| sid.as_str().unwrap().to_owned());
    let none = [
        "0".repeat(32),
        "x".into(),
        "1".into(),
        "%2e%2e%2f%2e".into(),
        "%00".into(),
        "'%20OR%201=1".into(),
        "a".repeat(5_000),
        format!("{own}0"),
        own[..31].into(),
    ];
    let end = |id: &str| {
        daemun
            .request(Method::DELETE, &format!("/v1/sessions/{id}"))
            .bearer_auth(&mine.access)
    };
    let mut answers = Vec::new();
    for id in foreign.chain(none) {
        let answer = send(end(&id)).await;
        // A path with dots in it may lead elsewhere before it is sent.
        assert!([404, 405].contains(&answer.status), "{id}: {answer:?}");
        if answer.status == 404 {
            answers.push(answer.text);
        }
    }
    assert!(
        answers.windows(2).filter(|two| two[0] != two[1]).count() == 0,
        "{answers:?}"
    );
    let listed = daemun
        .get_as(&mine.access, "/v1/sessions")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(Guards::native(&daemun, &theirs.access).await, 200);
    assert_eq!(Guards::phone_pair(&daemun, &elsewhere.access).await, 200);
    assert_eq!(send(end(&own)).await.status, 204);
}

#[tokio::test]
async fn s84_no_body_makes_anybody_more_than_they_are() {
    let daemun = Daemun::start().await;
    let more = json!({
        "is_admin": true, "is_active": true, "is_staff": true, "verified": true, "role": "admin", "status": "active", "id": 77, "pk": 77,
        "user_id": 77, "account": { "id": 77, "status": "active" }, "created_at": "2000-01-01T00:00:00Z", "linked": { "kakao": "1" },
        "kakao_id": 1, "__proto__": { "is_admin": true }, "password_hash": "x", "session_id": "x", "sid": "x", "keep": "x",
    });
    let with = |body: Value| {
        let mut all = more.clone();
        all.as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        all
    };
    let mail = with(json!({ "email": EMAIL, "password": PASSWORD, "nickname": "n" }));
    let phone = with(json!({ "phone": PHONE, "password": PASSWORD }));
    daemun
        .post("/api/accounts/signup/", mail.clone())
        .await
        .expect(201);
    daemun
        .post("/accounts/signup/", phone.clone())
        .await
        .expect(201);
    daemun
        .post(
            "/v1/accounts",
            with(json!({ "email": "c@example.com", "password": PASSWORD })),
        )
        .await
        .expect(202);
    let accounts = daemun.run(&["account", "list", "--json"]).expect(0).json();
    for (nth, account) in accounts.as_array().unwrap().iter().enumerate() {
        assert_eq!(
            (&account["id"], &account["status"]),
            (&json!(nth + 1), &json!("unverified")),
            "{account}"
        );
        assert_eq!(account["linked"], json!({}));
    }
    // 85: whoever proved nothing gets nothing.
    for (path, body) in [
        ("/v1/session", &mail),
        ("/v1/session/cookie", &mail),
        ("/api/accounts/login/", &mail),
        ("/accounts/login/", &phone),
    ] {
        let answer = daemun.post(path, body.clone()).await;
        assert!((400..404).contains(&answer.status), "{answer:?}");
        assert!(
            cookies(&answer).is_empty() && !answer.text.contains("eyJ"),
            "{answer:?}"
        );
    }
    let proof = with(json!({ "email": EMAIL, "code": code(&daemun, EMAIL).await }));
    daemun
        .post("/api/accounts/verify/email/", proof)
        .await
        .expect(200);
    let pair = native_pair(&daemun.post("/v1/session", mail).await.expect(200).json());
    let next = daemun
        .post(
            "/v1/session/refresh",
            with(json!({ "refresh_token": pair.refresh })),
        )
        .await
        .expect(200);
    for token in [pair.access, native_pair(&next.json()).access] {
        assert_eq!(claims(&token)["sub"], "1");
        assert_eq!(
            daemun
                .get_as(&token, "/v1/accounts/me")
                .await
                .expect(200)
                .json()["id"],
            "1"
        );
    }
}

#[tokio::test]
async fn s85_no_token_is_good_while_the_address_is_not_proved() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    let row = json!({ "id": 1, "phone": PHONE, "is_active": false });
    taken_over(&daemun, row);
    let foreign = json!({ "token_type": "access", "exp": super::forge::now() + 60, "iat": super::forge::now(), "jti": "0".repeat(32), "user_id": 1 });
    let foreign = super::forge::forge(&secret, super::forge::HS256, foreign.to_string());
    let answer = daemun.get_as(&foreign, "/accounts/me/").await.expect(401);
    assert_eq!(answer.json()["code"], "user_inactive");
    assert_eq!(
        header(&answer, "www-authenticate"),
        Some(r#"Bearer realm="api""#)
    );
}
