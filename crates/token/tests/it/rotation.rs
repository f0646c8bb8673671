//! Secrets that are too short, keys that come and go, and what is published of them: s12, s23.

use daemun_token::{
    Access, Algorithm, Jwks, KeyError, Signer, SigningKey, TypRule, Verifier, VerifyingKey,
};
use serde_json::{Value, json};

use crate::forge::{CLAIMS, NOW, SECRET, ed25519, encode, hs256, lenient, said};

#[test]
fn s12_short_secrets_do_not_load() {
    for (algorithm, needs) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        for has in [0, 1, needs - 1] {
            let jwk =
                json!({ "kty": "oct", "alg": algorithm.name(), "k": encode(vec![b'x'; has]) });
            let refusal = KeyError::ShortSecret { has, needs };
            assert_eq!(
                SigningKey::hmac(algorithm, None, &vec![b'x'; has]).unwrap_err(),
                refusal
            );
            assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err(), refusal);
        }
        assert!(SigningKey::hmac(algorithm, None, &vec![b'x'; needs]).is_ok());
    }
    assert_eq!(
        SigningKey::hmac(Algorithm::EdDsa, None, SECRET).unwrap_err(),
        KeyError::WrongAlgorithm(Algorithm::EdDsa)
    );
}

#[test]
fn s23_a_key_that_was_rotated_out_verifies_until_it_is_taken_away() {
    let (old, new) = (
        SigningKey::ed25519_from_seed(None, &[1; 32]).unwrap(),
        ed25519(),
    );
    let token = Signer::new(&old, Some("at+jwt"), true).sign(CLAIMS.as_bytes());
    let before = Verifier::<Access>::builder()
        .key(old.verifying_key())
        .typ(TypRule::AtJwt)
        .build();
    let during = before.with_keys([new.verifying_key(), old.verifying_key()]);
    let after = during.with_keys([new.verifying_key()]);
    assert_eq!(
        [said(&before, &token), said(&during, &token)],
        ["accepted", "accepted"]
    );
    assert_eq!(said(&after, &token), "UnknownKey");
    // The rules came along.
    let untyped = Signer::new(&new, Some("JWT"), true).sign(CLAIMS.as_bytes());
    assert_eq!(said(&after, &untyped), "WrongType");
    assert_eq!(during.keys().len(), 2);
}

#[test]
fn s23_a_published_set_has_public_members_only() {
    let rsa = json!({ "kty": "RSA", "alg": "RS256", "e": "AQAB", "n": encode([0xc1; 256]), "d": "AQAB", "p": "AQAB" });
    let ec = json!({ "kty": "EC", "crv": "P-256", "kid": "e", "d": "AAAA",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let keys = [
        ed25519().verifying_key(),
        hs256(Some("secret")).verifying_key(),
        VerifyingKey::from_jwk(&rsa).unwrap(),
        VerifyingKey::from_jwk(&ec).unwrap(),
    ];
    let set = Jwks::new(&keys);
    assert_eq!(set.len(), 3);
    let document: Value = serde_json::from_str(&set.to_json()).unwrap();
    for key in document["keys"].as_array().unwrap() {
        assert_eq!(key["use"], "sig");
        assert!(key["kid"].is_string() && key["alg"].is_string());
        let members: Vec<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert!(
            members
                .iter()
                .all(|name| ["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"].contains(name)),
            "{members:?}"
        );
    }
    assert!(hs256(None).verifying_key().to_jwk().is_none());
    // What we publish, our verifiers read.
    let read = Jwks::read(set.to_json().as_bytes()).unwrap();
    let token = Signer::new(ed25519(), Some("at+jwt"), true).sign(CLAIMS.as_bytes());
    assert!(lenient(read).verify(&token, NOW).is_ok());
}

#[test]
fn s23_a_secret_in_somebody_elses_set_is_passed_over() {
    let set = json!({ "keys": [{ "kty": "oct", "alg": "HS256", "k": encode(SECRET) }, { "kty": "new" }, 1] });
    assert!(Jwks::read(set.to_string().as_bytes()).unwrap().is_empty());
    assert!(Jwks::read(b"[]").is_err());
}
