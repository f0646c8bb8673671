//! Resource servers: what a login through the real binary is worth where `daemun-verify` checks it.

use std::time::{Duration, Instant};

use daemun_verify::{Algorithm, Builder, Profile, Refusal, ResourceServer, RevocationFeed, Stale};
use reqwest::Method;
use serde_json::json;

use crate::{
    harness::{Daemun, send},
    service_keys::key,
    wire::{
        forge::{HS256, claims, forge, with_claim},
        people::{EMAIL, PHONE, Pair, account, native, phone_pair},
    },
};

const PATIENCE: Duration = Duration::from_secs(20);

/// As the tokens call the server, reached where it is.
fn of_native(daemun: &Daemun, token: &str) -> Builder {
    let issuer = claims(token)["iss"].as_str().expect("an issuer").to_owned();
    ResourceServer::discover(&issuer).reach_at(&daemun.url(""))
}

fn of_phone_pair(daemun: &Daemun) -> Builder {
    ResourceServer::with_shared_secret(Algorithm::Hs256, daemun.legacy_secret().as_bytes())
        .profile(Profile::phone_pair())
}

struct Scene {
    daemun: Daemun,
    /// Account 1.
    by_mail: Pair,
    /// Account 2.
    by_phone: Pair,
}

async fn scene() -> Scene {
    let daemun = Daemun::start().await;
    assert_eq!(account(&daemun, EMAIL, "mail"), 1);
    assert_eq!(account(&daemun, PHONE, "phone"), 2);
    let by_mail = native(&daemun, EMAIL).await;
    let by_phone = phone_pair(&daemun, PHONE).await;
    Scene {
        daemun,
        by_mail,
        by_phone,
    }
}

async fn refused(server: &ResourceServer, token: &str) -> Option<Refusal> {
    server.check(token).await.err()
}

#[tokio::test]
async fn s19_access_tokens_are_good_at_their_resource_server_and_nothing_else_is() {
    let scene = scene().await;
    let (mail, phone) = (&scene.by_mail, &scene.by_phone);
    let native = of_native(&scene.daemun, &mail.access)
        .build()
        .await
        .unwrap();
    let pair = of_phone_pair(&scene.daemun).build().await.unwrap();
    let principal = native.check(&mail.access).await.unwrap();
    assert_eq!(principal.account(), Some(1));
    assert_eq!(principal.claims().get_str("ctr"), Some("native"));
    let principal = pair.check(&phone.access).await.unwrap();
    assert_eq!(principal.account(), Some(2));
    assert_eq!(principal.session().map(|sid| sid.len()), Some(32));
    for token in [&mail.refresh, &phone.access, &phone.refresh] {
        assert_eq!(refused(&native, token).await, Some(Refusal::InvalidToken));
    }
    for token in [&mail.access, &mail.refresh] {
        assert_eq!(refused(&pair, token).await, Some(Refusal::InvalidToken));
    }
    assert_eq!(
        refused(&pair, &phone.refresh).await,
        Some(Refusal::WrongType)
    );
}

#[tokio::test]
async fn s16_s17_another_issuers_or_audiences_resource_server_takes_none() {
    let scene = scene().await;
    let token = &scene.by_mail.access;
    let elsewhere = ResourceServer::discover("https://other.example.com")
        .reach_at(&scene.daemun.url(""))
        .build()
        .await
        .unwrap();
    let other_audience = of_native(&scene.daemun, token)
        .audience("https://notes.example.com")
        .build()
        .await
        .unwrap();
    for server in [elsewhere, other_audience] {
        assert_eq!(refused(&server, token).await, Some(Refusal::InvalidToken));
    }
}

#[tokio::test]
async fn a_former_back_ends_access_token_is_good_where_that_is_said() {
    let scene = scene().await;
    let secret = scene.daemun.legacy_secret();
    let mut foreign = claims(&scene.by_phone.access);
    for ours in ["sid", "ctr"] {
        foreign.shift_remove(ours);
    }
    let foreign = forge(&secret, HS256, json!(foreign).to_string());
    let strict = of_phone_pair(&scene.daemun).build().await.unwrap();
    assert_eq!(
        refused(&strict, &foreign).await,
        Some(Refusal::InvalidToken)
    );
    let minutes = Duration::from_secs(300);
    let both = of_phone_pair(&scene.daemun)
        .profile(Profile::phone_pair().former_back_end(minutes))
        .build()
        .await
        .unwrap();
    assert_eq!(both.check(&foreign).await.unwrap().account(), Some(2));
    let refresh = with_claim(&secret, &foreign, "token_type", "refresh");
    assert_eq!(refused(&both, &refresh).await, Some(Refusal::WrongType));
}

/// Waits until a token is refused; says how long that took.
async fn until_refused(server: &ResourceServer, token: &str) -> Duration {
    let begun = Instant::now();
    while refused(server, token).await != Some(Refusal::Revoked) {
        assert!(begun.elapsed() < PATIENCE, "it is still good");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    begun.elapsed()
}

fn follows(builder: Builder, daemun: &Daemun, key: &str) -> Builder {
    builder
        .reach_at(&daemun.url(""))
        .revocations(key)
        .verifier_name("notes-1")
        .when_stale(PATIENCE, Stale::Deny)
}

#[tokio::test]
async fn s33_what_was_ended_is_refused_by_resource_servers_within_a_second() {
    let scene = scene().await;
    let daemun = &scene.daemun;
    let key = key(daemun, "notes", "revocations");
    let other = native(daemun, EMAIL).await;
    let of_native = follows(of_native(daemun, &other.access), daemun, &key);
    let native_server = of_native.build().await.unwrap();
    let pair = follows(of_phone_pair(daemun), daemun, &key)
        .build()
        .await
        .unwrap();
    assert!(
        native_server
            .feed()
            .and_then(RevocationFeed::staleness)
            .is_some()
    );
    let ended = &scene.by_mail.access;
    assert_eq!(refused(&native_server, ended).await, None);
    let log_out = daemun.request(Method::DELETE, "/v1/session");
    let log_out = send(log_out.bearer_auth(ended)).await;
    assert!(log_out.status < 300, "{log_out:?}");
    assert!(until_refused(&native_server, ended).await < Duration::from_secs(1));
    assert_eq!(refused(&native_server, &other.access).await, None);
    // Beside the server, and through another contract.
    assert_eq!(refused(&pair, &scene.by_phone.access).await, None);
    daemun.run(&["account", "suspend", "2"]).expect(0);
    assert!(until_refused(&pair, &scene.by_phone.access).await < Duration::from_secs(1));
    // One that comes later learns of it from the snapshot.
    let late = follows(of_phone_pair(daemun), daemun, &key)
        .build()
        .await
        .unwrap();
    assert_eq!(
        refused(&late, &scene.by_phone.access).await,
        Some(Refusal::Revoked)
    );
}

#[tokio::test]
async fn s88_where_revocations_are_not_heard_the_server_is_asked_about_each_token() {
    let mut scene = scene().await;
    let daemun = &scene.daemun;
    let scopes = [
        "--scope",
        "revocations",
        "--scope",
        "introspection",
        "--json",
    ];
    let create = [&["service-key", "create", "--name", "notes"][..], &scopes].concat();
    let key = daemun.run(&create).expect(0).json();
    let key = key["key"].as_str().expect("a key").to_owned();
    let server = follows(of_phone_pair(daemun), daemun, &key)
        .when_stale(Duration::ZERO, Stale::Introspect)
        .build()
        .await
        .unwrap();
    let access = &scene.by_phone.access;
    assert_eq!(server.check(access).await.unwrap().account(), Some(2));
    daemun.run(&["account", "suspend", "2"]).expect(0);
    assert_eq!(refused(&server, access).await, Some(Refusal::Revoked));
    // SECURITY 88: what nobody can tell is a 503.
    daemun.run(&["account", "restore", "2"]).expect(0);
    let access = phone_pair(daemun, PHONE).await.access;
    assert_eq!(refused(&server, &access).await, None);
    scene.daemun.signal("TERM");
    scene.daemun.ended().await;
    let refused = refused(&server, &access).await;
    assert_eq!(refused, Some(Refusal::RevocationsUnavailable));
}
