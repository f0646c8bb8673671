//! Keys: fetched, rotated, missing, kept on disk.

use std::{sync::Arc, time::Duration};

use daemun_verify::{Builder, Profile, Refusal, ResourceServer, SigningKey, test_kit::TestIssuer};
use serde_json::{Map, Value, json};

use crate::fake::{Fake, quick};

fn key(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(None, &[seed; 32]).unwrap()
}

pub fn key_set(keys: &[&SigningKey]) -> String {
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| key.verifying_key().to_jwk().unwrap())
        .collect();
    json!({ "keys": keys }).to_string()
}

/// Mints tokens as a daemun at that address would.
fn issuer(url: &str, key: &SigningKey) -> TestIssuer {
    let claims = json!({ "iss": url, "aud": url, "ctr": "native" });
    let claims: Map<String, Value> = claims.as_object().unwrap().clone();
    TestIssuer::of(Profile::native(url), key.clone(), claims, "sub")
}

fn token(issuer: &TestIssuer, key: &SigningKey) -> String {
    issuer.token(7).typ(Some("at+jwt")).mint_with(key)
}

fn discover(fake: &Fake, issuer: &TestIssuer) -> Builder {
    ResourceServer::discover(&fake.url)
        .timing(quick())
        .clock(issuer.clock())
}

#[tokio::test]
async fn s23_a_key_that_appears_is_fetched_and_one_that_is_gone_verifies_no_more() {
    let fake = Fake::start().await;
    let (old, new) = (key(1), key(2));
    fake.publish(&key_set(&[&old]));
    let issuer = issuer(&fake.url, &old);
    let server = discover(&fake, &issuer).build().await.unwrap();
    let (by_old, by_new) = (token(&issuer, &old), token(&issuer, &new));
    assert_eq!(server.check(&by_old).await.unwrap().account(), Some(7));
    assert_eq!(
        server.check(&by_new).await.unwrap_err(),
        Refusal::InvalidToken
    );
    fake.publish(&key_set(&[&old, &new]));
    assert!(server.check(&by_new).await.is_ok());
    assert!(server.check(&by_old).await.is_ok(), "both are published");
    fake.publish(&key_set(&[&new]));
    // An unknown key makes the set be fetched anew; what was remembered goes with its key.
    assert_eq!(
        server.check(&token(&issuer, &key(3))).await.unwrap_err(),
        Refusal::InvalidToken
    );
    assert_eq!(
        server.check(&by_old).await.unwrap_err(),
        Refusal::InvalidToken
    );
    assert!(server.check(&by_new).await.is_ok());
}

#[tokio::test]
async fn a_hundred_requests_with_a_new_key_cause_one_fetch() {
    let fake = Fake::start().await;
    let (old, new) = (key(1), key(2));
    fake.publish(&key_set(&[&old]));
    let issuer = issuer(&fake.url, &old);
    let mut timing = quick();
    timing.refetch_gap = Duration::from_millis(300);
    let server = discover(&fake, &issuer)
        .timing(timing)
        .build()
        .await
        .unwrap();
    assert_eq!(fake.asked_for_keys(), 1);
    tokio::time::sleep(timing.refetch_gap).await;
    fake.publish(&key_set(&[&old, &new]));
    let gate = fake.told.gate.acquire_many(1_000).await.unwrap();
    let by_new: Arc<str> = token(&issuer, &new).into();
    let waiters: Vec<_> = (0..100)
        .map(|_| {
            let (server, token) = (server.clone(), Arc::clone(&by_new));
            tokio::spawn(async move { server.check(&token).await })
        })
        .collect();
    while fake.asked_for_keys() < 2 {
        tokio::task::yield_now().await;
    }
    drop(gate);
    for waiter in waiters {
        assert!(waiter.await.unwrap().is_ok());
    }
    assert_eq!(fake.asked_for_keys(), 2);
}

#[tokio::test]
async fn s05_names_of_keys_that_do_not_exist_cause_no_storm() {
    let fake = Fake::start().await;
    let own = key(1);
    fake.publish(&key_set(&[&own]));
    let issuer = issuer(&fake.url, &own);
    let mut timing = quick();
    timing.refetch_gap = Duration::from_secs(3_600);
    let server = discover(&fake, &issuer)
        .timing(timing)
        .build()
        .await
        .unwrap();
    for seed in 10..60 {
        let refused = server.check(&token(&issuer, &key(seed))).await.unwrap_err();
        assert_eq!(refused, Refusal::InvalidToken);
    }
    assert_eq!(fake.asked_for_keys(), 1);
}

#[tokio::test]
async fn s88_without_keys_requests_are_told_to_come_again_until_there_are_some() {
    let mut fake = Fake::start().await;
    let own = key(1);
    fake.go_down().await;
    let issuer = issuer(&fake.url, &own);
    let server = discover(&fake, &issuer).build().await.unwrap();
    let good = token(&issuer, &own);
    assert_eq!(
        server.check(&good).await.unwrap_err(),
        Refusal::KeysUnavailable
    );
    assert_eq!(
        server.check("garbage").await.unwrap_err(),
        Refusal::InvalidToken
    );
    fake.publish(&key_set(&[&own]));
    fake.come_back().await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while server.check(&good).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("keys in time");
}

#[tokio::test]
async fn a_copy_on_disk_bridges_a_start_while_the_issuer_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let mut fake = Fake::start().await;
    let own = key(1);
    fake.publish(&key_set(&[&own]));
    let issuer = issuer(&fake.url, &own);
    let good = token(&issuer, &own);
    let first = discover(&fake, &issuer)
        .cache_file(&file)
        .build()
        .await
        .unwrap();
    assert!(first.check(&good).await.is_ok());
    drop(first);
    fake.go_down().await;
    let second = discover(&fake, &issuer)
        .cache_file(&file)
        .build()
        .await
        .unwrap();
    assert!(second.check(&good).await.is_ok());
    // A day is as long as a copy is believed; another issuer's copy, or none that can be read, never is.
    issuer.advance(86_401);
    let late = token(&issuer, &own);
    let third = discover(&fake, &issuer)
        .cache_file(&file)
        .build()
        .await
        .unwrap();
    assert_eq!(
        third.check(&late).await.unwrap_err(),
        Refusal::KeysUnavailable
    );
    issuer.advance(-86_401);
    let text = std::fs::read_to_string(&file).unwrap();
    for (spoilt, why) in [
        (text.replace(&fake.url, "https://other.test"), "another's"),
        ("{".into(), "broken"),
    ] {
        std::fs::write(&file, spoilt).unwrap();
        let server = discover(&fake, &issuer)
            .cache_file(&file)
            .build()
            .await
            .unwrap();
        assert_eq!(
            server.check(&good).await.unwrap_err(),
            Refusal::KeysUnavailable,
            "{why}"
        );
    }
}

#[tokio::test]
async fn s88_an_issuer_that_goes_down_later_is_missed_for_new_keys_only() {
    let mut fake = Fake::start().await;
    let (own, new) = (key(1), key(2));
    fake.publish(&key_set(&[&own]));
    let issuer = issuer(&fake.url, &own);
    let server = discover(&fake, &issuer).build().await.unwrap();
    fake.go_down().await;
    assert!(server.check(&token(&issuer, &own)).await.is_ok());
    let refused = server.check(&token(&issuer, &new)).await.unwrap_err();
    assert_eq!(refused, Refusal::KeysUnavailable);
}

#[tokio::test]
async fn keys_nobody_could_renew_are_believed_for_so_long_and_no_longer() {
    let mut fake = Fake::start().await;
    let own = key(1);
    fake.publish(&key_set(&[&own]));
    let issuer = issuer(&fake.url, &own);
    let mut timing = quick();
    timing.keys_good_for = Duration::from_millis(1);
    let server = discover(&fake, &issuer)
        .timing(timing)
        .build()
        .await
        .unwrap();
    fake.go_down().await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let refused = server.check(&token(&issuer, &own)).await.unwrap_err();
    assert_eq!(refused, Refusal::KeysUnavailable);
}

#[tokio::test]
async fn keys_are_renewed_by_themselves_when_the_issuer_says_they_are_old() {
    let fake = Fake::start().await;
    let (old, new) = (key(1), key(2));
    let short = |keys: String| (200, "Cache-Control: max-age=0\r\n".to_owned(), keys);
    *fake.told.jwks.lock().unwrap() = short(key_set(&[&old]));
    let issuer = issuer(&fake.url, &old);
    let server = discover(&fake, &issuer).build().await.unwrap();
    let by_old = token(&issuer, &old);
    assert!(server.check(&by_old).await.is_ok());
    *fake.told.jwks.lock().unwrap() = short(key_set(&[&new]));
    tokio::time::timeout(Duration::from_secs(10), async {
        while server.check(&by_old).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("new keys in time");
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_does_not_replace_one() {
    let fake = Fake::start().await;
    let own = key(1);
    fake.publish(&key_set(&[&own]));
    let issuer = issuer(&fake.url, &own);
    let server = discover(&fake, &issuer).build().await.unwrap();
    let long = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300_000));
    let redirect = (302, "Location: /elsewhere\r\n".to_owned(), String::new());
    let secret =
        r#"{"keys":[{"kty":"oct","alg":"HS256","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}"#;
    let plain = |body: &str| (200, String::new(), body.to_owned());
    for reply in [
        plain("<html>"),
        plain(r#"{"keys":[]}"#),
        plain(&long),
        plain(secret),
        redirect,
        (500, String::new(), String::new()),
    ] {
        *fake.told.jwks.lock().unwrap() = reply;
        let refused = server.check(&token(&issuer, &key(9))).await.unwrap_err();
        assert_eq!(refused, Refusal::KeysUnavailable);
        assert!(server.check(&token(&issuer, &own)).await.is_ok());
    }
}

#[tokio::test]
async fn addresses_that_cannot_be_trusted_are_refused_when_building() {
    for (url, fault) in [
        ("http://login.example.com", "plain HTTP"),
        ("login.example.com", "no URL"),
        ("ftp://login.example.com", "no URL"),
        ("https://user@login.example.com", "no URL"),
    ] {
        let error = ResourceServer::discover(url)
            .build()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(fault), "{url}: {error}");
    }
    let wanted =
        ResourceServer::with_keys([key(1).verifying_key()], Profile::of("x")).revocations("key");
    assert!(
        wanted
            .build()
            .await
            .unwrap_err()
            .to_string()
            .contains("reach_at")
    );
}
