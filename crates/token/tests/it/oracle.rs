//! Another implementation as a witness: what we accept it accepts, and what it signs we accept.

use daemun_token::{Algorithm, Signer, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::forge::{HS256, NOW, SECRET, ed25519, forge, hs256, lenient};

/// Everything it can be told to check here. Time is left to us: it would ask the clock.
fn accepted_by_oracle(token: &str) -> Option<Value> {
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(SECRET);
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .ok()
        .map(|data| data.claims)
}

#[test]
fn what_it_signs_we_accept() {
    let claims = json!({ "exp": NOW + 300, "sub": "1", "name": "대문", "roles": ["a", "b"], "nested": { "x": null } });
    let kid = Header {
        kid: Some("k1".into()),
        ..Header::default()
    };
    for header in [Header::default(), kid] {
        let token =
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET)).unwrap();
        let verifier = lenient([hs256(header.kid.as_deref()).verifying_key()]);
        let verified = verifier.verify(&token, NOW).unwrap();
        assert_eq!(
            verified.claims().get_value("nested"),
            Some(json!({ "x": null }))
        );
        assert_eq!(verified.claims().get_str("name"), Some("대문"));
    }
}

#[test]
fn what_we_sign_with_ed25519_it_accepts() {
    let key = ed25519();
    let claims = json!({ "exp": NOW + 300, "sub": "1" });
    let token = Signer::new(&key, Some("at+jwt"), true).sign(claims.to_string().as_bytes());
    let jwk = key.verifying_key().to_jwk().unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.validate_exp = false;
    let public = DecodingKey::from_ed_components(jwk["x"].as_str().unwrap()).unwrap();
    let decoded = jsonwebtoken::decode::<Value>(&token, &public, &validation).unwrap();
    assert_eq!(decoded.claims, claims);
    assert_eq!(
        VerifyingKey::from_jwk(&jwk).unwrap().algorithm(),
        Algorithm::EdDsa
    );
}

fn json_text() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"\{"exp":[0-9]{1,12}(,"[a-z]{1,3}":("[a-z\\\\"]{0,4}"|-?[0-9]{1,4}|true|null|\[\]|\{"a":1\})){0,4}\}"#,
        r#"[{}\[\]":,0-9a-z ]{0,24}"#,
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_we_accept_it_accepts(claims in json_text(), header in prop_oneof![Just(HS256.to_owned()), json_text()]) {
        let token = forge(header, claims);
        if let Ok(verified) = lenient([hs256(None).verifying_key()]).verify(&token, 0) {
            let theirs = accepted_by_oracle(&token);
            // It reads `sub` as text (RFC 7519 §4.1.2) and stumbles over what has parts; here that is a subject to nobody
            // who asks for one.
            if matches!(verified.claims().get_value("sub"), Some(Value::Array(_) | Value::Object(_))) {
                prop_assert_eq!(verified.claims().get_str("sub"), None);
                return Ok(());
            }
            prop_assert!(theirs.is_some(), "we alone accept {}", verified.claims().json());
            for name in verified.claims().names() {
                prop_assert_eq!(verified.claims().get_value(name), theirs.as_ref().and_then(|all| all.get(name)).cloned());
            }
        }
    }
}
