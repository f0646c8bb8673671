//! 19: tokens of every kind and contract in every place that takes one. Where a token belongs it is
//! taken, everywhere else it is refused, and being refused harms nobody.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{
    call::{get, post, with_cookies},
    forge::{django, now, unsigned},
    people::{
        EMAIL, Guards, PHONE, account, email_cookie, native, phone_pair, refresh, refresh_cookie,
        refresh_native,
    },
};
use crate::harness::{Daemun, send};

#[tokio::test]
async fn s19_off_the_diagonal_every_token_is_refused() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let from_native = native(&daemun, EMAIL).await;
    let native_by_phone = native(&daemun, PHONE).await;
    let phone = phone_pair(&daemun, PHONE).await;
    let cookie = email_cookie(&daemun, EMAIL).await;

    let tokens = [
        ("native access", from_native.access.clone()),
        ("native refresh", from_native.refresh.clone()),
        ("native access by phone", native_by_phone.access.clone()),
        ("phone-pair access", phone.access.clone()),
        ("phone-pair refresh", phone.refresh.clone()),
        ("email-cookie access", unsigned(&cookie.access).to_owned()),
        ("email-cookie refresh", unsigned(&cookie.refresh).to_owned()),
        ("email-cookie access cookie", cookie.access.clone()),
        ("email-cookie refresh cookie", cookie.refresh.clone()),
        ("the key of nothing", "0".repeat(32)),
    ];
    type Place<'p> = (
        &'p str,
        &'p [&'p str],
        Box<dyn Fn(&str) -> RequestBuilder + 'p>,
    );
    let signed = |name: &str, token: &str| django(&secret, name, token, now());
    let cookies = |method: Method, path: &str, name: &str, value: &str| {
        with_cookies(daemun.request(method, path), &[(name, value)])
    };
    let places: Vec<Place<'_>> = vec![
        (
            "native guard",
            &["native access", "native access by phone"],
            Box::new(|t| get(&daemun, "/v1/accounts/me").bearer_auth(t)),
        ),
        (
            "native sessions",
            &["native access", "native access by phone"],
            Box::new(|t| get(&daemun, "/v1/sessions").bearer_auth(t)),
        ),
        (
            "phone-pair guard",
            &["phone-pair access"],
            Box::new(|t| get(&daemun, "/accounts/me/").bearer_auth(t)),
        ),
        (
            "phone-pair guard by JWT",
            &["phone-pair access"],
            Box::new(|t| get(&daemun, "/accounts/me/").header("authorization", format!("JWT {t}"))),
        ),
        (
            "phone-pair verify",
            &["phone-pair access", "phone-pair refresh"],
            Box::new(|t| post(&daemun, "/accounts/token_verify/", &json!({ "token": t }))),
        ),
        (
            "email-cookie guard",
            &["email-cookie access cookie"],
            Box::new(|t| cookies(Method::GET, "/api/accounts/me/", "access_token", t)),
        ),
        (
            "email-cookie guard, signed for it",
            &["email-cookie access"],
            Box::new(|t| {
                cookies(
                    Method::GET,
                    "/api/accounts/me/",
                    "access_token",
                    &signed("access_token", t),
                )
            }),
        ),
        (
            "email-cookie guard, signed for refreshing",
            &[],
            Box::new(|t| {
                cookies(
                    Method::GET,
                    "/api/accounts/me/",
                    "access_token",
                    &signed("refresh_token", t),
                )
            }),
        ),
        (
            "native refresh",
            &["native refresh"],
            Box::new(|t| {
                post(
                    &daemun,
                    "/v1/session/refresh",
                    &json!({ "refresh_token": t }),
                )
            }),
        ),
        (
            "native refresh by cookie",
            &["native refresh"],
            Box::new(|t| {
                cookies(
                    Method::POST,
                    "/v1/session/cookie/refresh",
                    "__Host-refresh",
                    t,
                )
            }),
        ),
        (
            "phone-pair refresh",
            &["phone-pair refresh"],
            Box::new(|t| {
                post(
                    &daemun,
                    "/accounts/token_refresh/",
                    &json!({ "refresh": t }),
                )
            }),
        ),
        (
            "email-cookie refresh",
            &["email-cookie refresh cookie"],
            Box::new(|t| {
                cookies(
                    Method::POST,
                    "/api/accounts/token/refresh/",
                    "refresh_token",
                    t,
                )
            }),
        ),
        (
            "email-cookie refresh, signed for it",
            &["email-cookie refresh"],
            Box::new(|t| {
                cookies(
                    Method::POST,
                    "/api/accounts/token/refresh/",
                    "refresh_token",
                    &signed("refresh_token", t),
                )
            }),
        ),
        (
            "email-cookie refresh, signed for the guard",
            &[],
            Box::new(|t| {
                cookies(
                    Method::POST,
                    "/api/accounts/token/refresh/",
                    "refresh_token",
                    &signed("access_token", t),
                )
            }),
        ),
    ];
    for (place, welcome, request) in &places {
        for (kind, token) in &tokens {
            let answer = send(request(token)).await;
            let expected = if welcome.contains(kind) { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{kind} at {place}: {answer:?}");
        }
    }
    // The logouts, which take no wrong token either, and end nothing by one.
    for (kind, token) in &tokens {
        let answer = send(post(
            &daemun,
            "/accounts/logout/",
            &json!({ "refresh": token }),
        ))
        .await;
        assert_eq!(
            answer.status,
            if *kind == "phone-pair refresh" {
                204
            } else {
                401
            },
            "{kind}"
        );
    }
    for (path, method, name, own) in [
        (
            "/v1/session/cookie",
            Method::DELETE,
            "__Host-refresh",
            "native refresh",
        ),
        (
            "/api/accounts/logout/",
            Method::POST,
            "refresh_token",
            "email-cookie refresh cookie",
        ),
    ] {
        for (_, token) in tokens.iter().filter(|(kind, _)| *kind != own) {
            let answer = send(cookies(method.clone(), path, name, token)).await;
            assert!([200, 204].contains(&answer.status), "{answer:?}");
        }
    }
    assert_eq!(Guards::native(&daemun, &from_native.access).await, 200);
    assert_eq!(Guards::email_cookie(&daemun, &cookie.access).await, 200);
    refresh_native(&daemun, &from_native.refresh)
        .await
        .expect(200);
    refresh_cookie(&daemun, &cookie.refresh).await.expect(200);
    assert_eq!(
        Guards::phone_pair(&daemun, &phone.access).await,
        401,
        "logged out by its own token"
    );
    refresh(&daemun, &phone.refresh).await.expect(401);
}

/// 23: what an old key signed is good until it expires; the old key signs nothing more; and what is
/// published is public.
#[tokio::test]
async fn s23_a_rotated_key_verifies_and_never_signs_and_no_secret_is_published() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let kid = |token: &str| {
        let header: serde_json::Value = serde_json::from_str(&super::forge::header(token)).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    };
    let mut pairs = vec![native(&daemun, EMAIL).await];
    for _ in 0..3 {
        daemun.run(&["key", "rotate"]).expect(0);
        let pair = native(&daemun, EMAIL).await;
        assert!(
            pairs
                .iter()
                .all(|old| kid(&old.access) != kid(&pair.access))
        );
        pairs.push(pair);
        for pair in &pairs {
            assert_eq!(Guards::native(&daemun, &pair.access).await, 200);
        }
    }
    let refreshed = refresh_native(&daemun, &pairs[0].refresh)
        .await
        .expect(200)
        .json();
    let newest = super::people::native_pair(&refreshed);
    assert_eq!(kid(&newest.access), kid(&pairs[3].access));

    let jwks = daemun.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(
        super::call::header(&jwks, "content-type"),
        Some("application/jwk-set+json")
    );
    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    for pair in &pairs {
        assert!(keys.iter().any(|key| key["kid"] == kid(&pair.access)));
    }
    for key in &keys {
        let mut members: Vec<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"], "{key}");
        assert_eq!(
            (&key["kty"], &key["crv"], &key["use"]),
            (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
        );
    }
    // Restarted, it knows them all.
    let daemun = daemun.killed().go().await;
    for pair in &pairs {
        // The port is another now, and with it the issuer that development names: not its tokens.
        assert_eq!(Guards::native(&daemun, &pair.access).await, 401);
        refresh_native(&daemun, &pair.refresh).await.expect(200);
    }
}
