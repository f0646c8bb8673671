//! Tokens: ours as PyJWT and SimpleJWT read them, theirs as daemun takes them.

use serde_json::{Value, json};

use super::{
    PASSWORD, account, log_in_by_phone,
    peer::{Frameworks, Peer, Raised},
    with_the_teams_secret,
};
use crate::{harness::Daemun, wire::people::taken_over};

const PHONE: &str = "01000000000";
const SUSPENDED: &str = "01000000001";
const EMAIL: &str = "mina@example.com";

#[tokio::test]
async fn tokens_of_daemun_are_read_by_pyjwt_and_simplejwt() {
    let Some(mut python) = Peer::start(Frameworks::Current) else {
        return;
    };
    let daemun = with_the_teams_secret().go().await;
    assert_eq!(account(&daemun, ["--phone", PHONE]), 1);
    python.ask("serve", &json!({ "users": [[PHONE, PASSWORD]] }));
    let token = log_in_by_phone(&daemun, PHONE).await["token"].take();

    for (name, kind, other, lifetime) in [
        ("access", "AccessToken", "RefreshToken", 300),
        ("refresh", "RefreshToken", "AccessToken", 86_400),
    ] {
        let token = &token[name];
        let read = python.ask("pyjwt", &json!({ "token": token }));
        assert_eq!(
            read["header"],
            json!({ "alg": "HS256", "typ": "JWT" }),
            "{name}"
        );
        let claims = Claims(&read["claims"]);
        // SimpleJWT's five, in its order and types; then ours.
        let mut expected = vec![
            "token_type: str",
            "exp: int",
            "iat: int",
            "jti: str",
            "user_id: int",
            "sid: str",
        ];
        expected.extend((name == "refresh").then_some("gen: int"));
        expected.push("ctr: str");
        assert_eq!(claims.types(), expected, "{name}");
        assert_eq!(claims.get("token_type"), name);
        assert_eq!(claims.get("user_id"), 1);
        let jti = claims.get("jti").as_str().unwrap();
        assert!(
            jti.len() == 32 && jti.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            "{jti}"
        );
        let (exp, iat) = (
            claims.get("exp").as_i64().unwrap(),
            claims.get("iat").as_i64().unwrap(),
        );
        assert_eq!(exp - iat, lifetime, "{name}");

        for kind in [kind, "UntypedToken"] {
            let read_by_kind =
                python.ask("simplejwt_reads", &json!({ "kind": kind, "token": token }));
            assert_eq!(read_by_kind, read["claims"], "{name} as {kind}");
        }
        let refused = python.try_ask("simplejwt_reads", &json!({ "kind": other, "token": token }));
        assert_eq!(
            refused,
            raised("TokenError", "잘못된 토큰 타입"),
            "{name} as {other}"
        );
    }
    let whom = python.ask(
        "simplejwt_authenticates",
        &json!({ "token": token["access"] }),
    );
    assert_eq!(whom, 1);
}

#[tokio::test]
async fn s02_s18_s19_access_tokens_of_simplejwt_are_taken_and_nothing_else_that_looks_like_them() {
    let Some(mut python) = Peer::start(Frameworks::Current) else {
        return;
    };
    let daemun = with_the_teams_secret().go().await;
    for (id, phone) in [(1, PHONE), (2, SUSPENDED)] {
        taken_over(&daemun, json!({ "id": id, "phone": phone }));
    }
    daemun.run(&["account", "suspend", SUSPENDED]).expect(0);
    python.ask("serve", &json!({ "users": [[PHONE, PASSWORD]] }));

    let mut minted = |kind: &str, user: i64, lifetime: i64| {
        let mint = json!({ "kind": kind, "user_id": user, "lifetime": lifetime });
        python.text("simplejwt_mints", &mint)
    };
    let good = minted("AccessToken", 1, 60);
    let (of_nobody, of_suspended) = (minted("AccessToken", 999, 60), minted("AccessToken", 2, 60));
    let (expired, refresh) = (minted("AccessToken", 1, -1), minted("RefreshToken", 1, 60));
    let mut signed = |claims: Value, key: &str, algorithm: &str| {
        python.text(
            "mint",
            &json!({ "claims": claims, "key": key, "algorithm": algorithm }),
        )
    };
    let claims = |user: Value| json!({ "token_type": "access", "exp": 60, "jti": "0f".repeat(16), "user_id": user });
    let team = super::SECRET;
    let forged = signed(
        claims(1.into()),
        "another secret of another team, long enough",
        "HS256",
    );
    let unsigned = signed(claims(1.into()), "", "none");
    let otherwise_signed = signed(claims(1.into()), &format!("{team}{team}"), "HS512");

    let me = daemun.get_as(&good, "/accounts/me/").await.expect(200);
    assert_eq!(
        me.json(),
        json!({ "id": 1, "phone": PHONE, "kakao_id": null })
    );
    let as_text = signed(claims("1".into()), team, "HS256");
    daemun.get_as(&as_text, "/accounts/me/").await.expect(200);

    let invalid = |message: &str| {
        format!(
            r#"{{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{{"token_class":"AccessToken","token_type":"access","message":"{message}"}}]}}"#
        )
    };
    let (bad, wrong_type) = (
        invalid("유효하지 않거나 만료된 토큰"),
        invalid("잘못된 토큰 타입"),
    );
    for (name, token, body) in [
        ("expired", &expired, &*bad),
        ("forged", &forged, &bad),
        ("unsigned", &unsigned, &bad),
        ("of another algorithm", &otherwise_signed, &bad),
        ("a refresh token", &refresh, &wrong_type),
        (
            "of nobody",
            &of_nobody,
            r#"{"detail":"찾을 수 없는 사용자","code":"user_not_found"}"#,
        ),
        (
            "of a suspended account",
            &of_suspended,
            r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#,
        ),
    ] {
        let answer = daemun.get_as(token, "/accounts/me/").await;
        assert_eq!((answer.status, &*answer.text), (401, body), "{name}");
    }
}

#[tokio::test]
async fn native_tokens_are_read_by_whoever_knows_the_address_of_the_key_set() {
    let Some(mut python) = Peer::start(Frameworks::Current) else {
        return;
    };
    let daemun = with_the_teams_secret().go().await;
    assert_eq!(account(&daemun, ["--email", EMAIL]), 1);
    let before = log_in(&daemun).await;
    daemun.run(&["key", "rotate"]).expect(0);
    let after = log_in(&daemun).await;

    let issuer = daemun.url("");
    let read = |token: &str, audience: &str, issuer: &str| {
        let url = daemun.url("/.well-known/jwks.json");
        json!({ "token": token, "url": url, "audience": audience, "issuer": issuer })
    };
    let mut kids = Vec::new();
    for token in [&before, &after] {
        let read = python.ask("with_key_set", &read(token, &issuer, &issuer));
        let header = &read["header"];
        assert_eq!(
            (&header["alg"], &header["typ"]),
            (&json!("EdDSA"), &json!("at+jwt"))
        );
        kids.push(header["kid"].clone());
        let claims = Claims(&read["claims"]);
        let expected = [
            "iss: str", "aud: str", "sub: str", "exp: int", "iat: int", "jti: str", "sid: str",
            "ctr: str",
        ];
        assert_eq!(claims.types(), expected);
        assert_eq!(claims.get("sub"), "1");
        assert_eq!(claims.get("iss"), &*issuer);
    }
    assert_ne!(kids[0], kids[1], "the key was rotated in between");

    let elsewhere = "https://elsewhere.example";
    let (rest, signature) = after.rsplit_once('.').unwrap();
    let exchanged = format!("{rest}.{}", before.rsplit_once('.').unwrap().1);
    let cut = format!("{rest}.{}", &signature[..signature.len() - 2]);
    for (token, audience, issuer, class) in [
        (&after, elsewhere, &*issuer, "InvalidAudienceError"),
        (&after, &issuer, elsewhere, "InvalidIssuerError"),
        (&exchanged, &issuer, &issuer, "InvalidSignatureError"),
        (&cut, &issuer, &issuer, "InvalidSignatureError"),
    ] {
        let refused = python.try_ask("with_key_set", &read(token, audience, issuer));
        assert_eq!(refused.expect_err(class).class, class);
    }
}

/// `[name, type, value]` of each claim, in order.
struct Claims<'v>(&'v Value);

impl Claims<'_> {
    fn types(&self) -> Vec<String> {
        let claims = self.0.as_array().expect("claims").iter();
        claims
            .map(|claim| format!("{}: {}", text(&claim[0]), text(&claim[1])))
            .collect()
    }

    #[track_caller]
    fn get(&self, name: &str) -> &Value {
        let mut claims = self.0.as_array().expect("claims").iter();
        &claims.find(|claim| claim[0] == name).expect(name)[2]
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn raised<T>(class: &str, says: &str) -> Result<T, Raised> {
    Err(Raised {
        class: class.into(),
        says: says.into(),
    })
}

async fn log_in(daemun: &Daemun) -> String {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = daemun.post("/v1/session", login).await.expect(200).json();
    text(&answer["access_token"]).to_owned()
}
