//! Contracts' tokens, each believed in its own place only.

use std::time::Duration;

use daemun_verify::{
    Algorithm, Clock, Profile, Refusal, ResourceServer, SigningKey, Subject, test_kit::TestIssuer,
};
use serde_json::{Map, Value, json};

const SECRET: &[u8] = b"a secret of exactly sixty-four bytes, as HS512 wants it to be!!!";
const NOW: i64 = 1_800_000_000;
const SID: &str = "019f00000000700080000000000000aa";

async fn shared(profile: Profile) -> ResourceServer {
    ResourceServer::with_shared_secret(Algorithm::Hs256, SECRET)
        .profile(profile)
        .clock(Clock::new(|| NOW))
        .build()
        .await
        .unwrap()
}

/// A token of whatever claims, good for five minutes.
fn token(claims: &Value) -> String {
    let key = SigningKey::hmac(Algorithm::Hs256, None, SECRET).unwrap();
    let mut all = json!({ "iat": NOW, "exp": NOW + 300 });
    let object = all.as_object_mut().unwrap();
    object.extend(claims.as_object().unwrap().clone());
    let issuer = TestIssuer::of(Profile::of("any"), key.clone(), Map::new(), "x");
    let mut token = issuer.token(1).without("x").without("sid");
    for (name, value) in object.iter() {
        token = token.claim(name, value.clone());
    }
    token.mint_with(&key)
}

fn of_each_contract() -> Vec<(&'static str, Profile, Value)> {
    let pair = |ctr: &str| json!({ "token_type": "access", "user_id": 7, "ctr": ctr, "sid": SID });
    vec![
        ("phone-pair", Profile::phone_pair(), pair("phone-pair")),
        (
            "email-cookie",
            Profile::email_cookie(),
            pair("email-cookie"),
        ),
        (
            "campus-account",
            Profile::campus_account(),
            pair("campus-account"),
        ),
        (
            "token-server",
            Profile::token_server(),
            json!({ "userId": "u", "userType": "t", "ctr": "token-server", "sid": SID, "gen": 3 }),
        ),
        (
            "result-code",
            Profile::result_code(),
            json!({ "sub": "a@b.c", "acc": 7, "ctr": "result-code", "sid": SID }),
        ),
        (
            "own",
            Profile::of("own"),
            json!({ "sub": "7", "ctr": "own", "sid": SID }),
        ),
    ]
}

#[tokio::test]
async fn s19_off_the_diagonal_of_contracts_every_token_is_refused() {
    for (name, profile, _) in of_each_contract() {
        let server = shared(profile).await;
        for (other, _, claims) in of_each_contract() {
            let result = server.check(&token(&claims)).await;
            assert_eq!(
                result.is_ok(),
                name == other,
                "{other} at {name}: {result:?}"
            );
        }
    }
}

#[tokio::test]
async fn tokens_say_whom_they_speak_of_in_each_contracts_way() {
    for (name, profile, claims) in of_each_contract() {
        let principal = shared(profile).await.check(&token(&claims)).await.unwrap();
        let expected = if name == "token-server" {
            Subject::Named {
                name: "u".into(),
                kind: "t".into(),
            }
        } else {
            Subject::Account(7)
        };
        assert!(*principal.subject() == expected, "{name}");
        assert_eq!(principal.session().as_deref(), Some(SID));
    }
}

#[tokio::test]
async fn s19_refresh_tokens_open_nothing() {
    for (name, profile, mut claims) in of_each_contract() {
        let server = shared(profile).await;
        match name {
            // A token that is refreshed itself must say which generation it is.
            "token-server" => claims.as_object_mut().unwrap().remove("gen").map(|_| ()),
            "result-code" | "own" => claims
                .as_object_mut()
                .unwrap()
                .insert("gen".into(), 1.into())
                .map(|_| ()),
            _ => claims
                .as_object_mut()
                .unwrap()
                .insert("token_type".into(), "refresh".into())
                .map(|_| ()),
        };
        assert_eq!(
            server.check(&token(&claims)).await.unwrap_err(),
            Refusal::WrongType,
            "{name}"
        );
    }
}

#[tokio::test]
async fn where_token_type_tells_the_kinds_apart_a_generation_does_not() {
    let claims =
        json!({ "token_type": "access", "user_id": 7, "ctr": "phone-pair", "sid": SID, "gen": 4 });
    assert!(
        shared(Profile::phone_pair())
            .await
            .check(&token(&claims))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn s18_subjects_of_another_type_are_refused() {
    let server = shared(Profile::phone_pair()).await;
    for subject in [
        json!(0),
        json!(-7),
        json!("+7"),
        json!("seven"),
        json!(7.0),
        json!(true),
        json!([7]),
        Value::Null,
        json!(""),
        json!("99999999999999999999"),
    ] {
        let claims =
            json!({ "token_type": "access", "user_id": subject, "ctr": "phone-pair", "sid": SID });
        assert_eq!(
            server.check(&token(&claims)).await.unwrap_err(),
            Refusal::InvalidToken,
            "{subject}"
        );
    }
    for sid in [
        json!("019f"),
        json!(7),
        json!("019f00000000-7000-8000-000000000aa"),
        json!(format!("+{}", &SID[1..])),
    ] {
        let claims =
            json!({ "token_type": "access", "user_id": 7, "ctr": "phone-pair", "sid": sid });
        assert_eq!(
            server.check(&token(&claims)).await.unwrap_err(),
            Refusal::InvalidToken,
            "{sid}"
        );
    }
}

#[tokio::test]
async fn a_former_back_ends_tokens_are_taken_where_that_is_said_and_only_access_tokens() {
    let access = json!({ "token_type": "access", "user_id": 7 });
    let plain = shared(Profile::phone_pair()).await;
    assert_eq!(
        plain.check(&token(&access)).await.unwrap_err(),
        Refusal::InvalidToken
    );
    let minutes = Duration::from_secs(900);
    let both = shared(Profile::phone_pair().former_back_end(minutes)).await;
    let principal = both.check(&token(&access)).await.unwrap();
    assert_eq!((principal.account(), principal.session()), (Some(7), None));
    let refresh = json!({ "token_type": "refresh", "user_id": 7 });
    assert_eq!(
        both.check(&token(&refresh)).await.unwrap_err(),
        Refusal::WrongType
    );
    // Claims that contradict ours are not a former back end's.
    let half = json!({ "token_type": "access", "user_id": 7, "gen": 1 });
    assert_eq!(
        both.check(&token(&half)).await.unwrap_err(),
        Refusal::InvalidToken
    );
    let by_life = shared(Profile::result_code().former_back_end(minutes)).await;
    let short = json!({ "sub": "a@b.c", "exp": NOW + 900 });
    let long = json!({ "sub": "a@b.c", "exp": NOW + 901 });
    assert!(by_life.check(&token(&short)).await.is_ok());
    assert_eq!(
        by_life.check(&token(&long)).await.unwrap_err(),
        Refusal::WrongType
    );
}

#[tokio::test]
async fn an_accounts_revocation_reaches_a_former_back_ends_tokens() {
    let server = shared(Profile::phone_pair().former_back_end(Duration::from_secs(900))).await;
    let access = token(&json!({ "token_type": "access", "user_id": 7 }));
    let entry = daemun_verify::Entry::Account {
        id: 7,
        before: NOW * 1_000,
        until: NOW + 300,
    };
    server.revocations().apply(&[entry]);
    assert_eq!(server.check(&access).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test]
async fn s12_a_short_secret_builds_no_server() {
    for secret in [&b""[..], b"short", b"thirty-one bytes are not enough"] {
        let built = ResourceServer::with_shared_secret(Algorithm::Hs256, secret)
            .build()
            .await;
        assert!(built.is_err());
    }
}
