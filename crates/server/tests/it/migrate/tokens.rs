//! Live sessions: what SimpleJWT minted becomes a session here, what it killed stays dead.

use daemun_token::{Algorithm, Signer, SigningKey};
use serde_json::{Value, json};

use super::{PASSWORD, django::Django, import, imported};
use crate::harness::Daemun;

/// A token as the former back end signs it, with the secret that daemun was given.
pub fn minted(daemun: &Daemun, algorithm: Algorithm, claims: &Value) -> String {
    let secret = daemun.legacy_secret();
    let key = SigningKey::hmac(algorithm, None, secret.as_bytes()).expect("a key");
    Signer::new(&key, Some("JWT"), false).sign(claims.to_string().as_bytes())
}

/// Now, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the former back end's tokens are dated by the time of day"
)]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

#[tokio::test]
async fn s81_live_tokens_go_on_and_blacklisted_ones_stay_dead() {
    let daemun = Daemun::start().await;
    let mut django = Django::beside(&daemun);
    django.create(&json!({ "id": 7, "username": "01012345678", "password": PASSWORD }));
    let live = django.refresh_token(7, false);
    let dead = django.refresh_token(7, true);
    // The user's name is a phone number, and told to be one by what it looks like.
    imported(&daemun, &django.source());
    let blacklist = [
        "--simplejwt-blacklist",
        "--contract",
        "phone-pair",
        "--apply",
    ];
    let blacklist = [&django.source()[..], &blacklist[..]].concat();
    let tokens = import(&daemun, &blacklist).expect(0).json()["tokens"][0].clone();
    assert_eq!(
        (&tokens["living"], &tokens["changed"]),
        (&json!(1), &json!(1))
    );

    let refresh = |token: &str| {
        let body = json!({ "refresh": token });
        daemun.post("/accounts/token_refresh/", body)
    };
    refresh(&dead).await.expect(401);
    let pair = refresh(&live).await.expect(200).json();
    let access = pair["access"].as_str().unwrap();
    let me = daemun
        .get_as(access, "/accounts/me/")
        .await
        .expect(200)
        .json();
    assert_eq!(me["id"], 7);

    let again = import(&daemun, &blacklist).expect(0).json()["tokens"][0].clone();
    assert_eq!(again["changed"], 0);
    refresh(pair["refresh"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_list_of_tokens_belongs_to_a_contract_and_a_database() {
    let daemun = Daemun::start().await;
    let alone = [
        "migrate",
        "import",
        "--redis-whitelist",
        "redis://127.0.0.1:1",
    ];
    daemun.run(&alone).expect(2);
    let file = [
        "migrate",
        "import",
        "--csv",
        "x",
        "--simplejwt-blacklist",
        "--contract",
        "native",
    ];
    daemun.run(&file).expect(2);
    let nobody = [&alone[..], &["--contract", "token-server"]].concat();
    let ran = daemun.run(&nobody).expect(5);
    assert!(ran.stderr.contains("Redis"), "{ran:?}");
}
