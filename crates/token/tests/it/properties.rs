//! What holds for every token, however it came about.

use daemun_token::{Algorithm, MAX_TOKEN_BYTES, Rejected, Signer, SigningKey, Unverified};
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::forge::{HS256, NOW, ed25519, encode, forge, hs256, lenient};

/// Any JSON; of fractions only those that every parser reads alike.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        any::<String>().prop_map(Value::from),
        "[a-zA-Z0-9_-]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claims() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof!["[a-z_]{1,10}", any::<String>()];
    prop::collection::btree_map(name, value(), 0..20).prop_map(|members| {
        let mut claims: Map<String, Value> = members.into_iter().collect();
        for known in ["iat", "nbf", "aud"] {
            claims.remove(known);
        }
        claims.insert("exp".into(), (NOW + 300).into());
        claims
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), parts in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
        let verifier = lenient([hs256(None).verifying_key(), ed25519().verifying_key()]);
        let dotted = parts.iter().map(encode).collect::<Vec<_>>().join(".");
        for token in [text.clone(), dotted, forge(HS256, &text), forge(&text, "{}")] {
            let _ = verifier.verify(&token, NOW);
            let _ = Unverified::parse(&token).map(|token| token.claims());
        }
    }

    #[test]
    fn every_claim_comes_out_as_it_went_in(claims in claims(), pretty in any::<bool>()) {
        let json = if pretty { serde_json::to_string_pretty(&claims) } else { serde_json::to_string(&claims) }.unwrap();
        for key in [hs256(None), SigningKey::hmac(Algorithm::Hs512, Some("k"), &[7; 64]).unwrap(), ed25519()] {
            let token = Signer::new(&key, Some("JWT"), true).sign(json.as_bytes());
            prop_assume!(token.len() <= MAX_TOKEN_BYTES);
            let verified = lenient([key.verifying_key()]).verify(&token, NOW).unwrap();
            let seen = verified.claims();
            prop_assert_eq!(seen.json(), &json);
            prop_assert!(seen.names().eq(claims.keys()));
            for (name, value) in &claims {
                prop_assert_eq!(seen.get_value(name), Some(value.clone()));
                prop_assert_eq!(seen.get_str(name), value.as_str());
                prop_assert_eq!(seen.get_i64(name), value.as_i64());
                prop_assert_eq!(seen.get_u64(name), value.as_u64());
                prop_assert_eq!(seen.get_bool(name), value.as_bool());
            }
            prop_assert!(!seen.contains("not there") && seen.get_value("not there").is_none());
        }
    }

    #[test]
    fn a_flipped_bit_is_never_accepted(at in any::<prop::sample::Index>(), bit in 0..7_u32, asymmetric in any::<bool>()) {
        let key = if asymmetric { ed25519() } else { hs256(None) };
        let token = Signer::new(&key, Some("JWT"), false).sign(br#"{"exp":1700000300,"sub":"1"}"#);
        let mut bytes = token.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let flipped = String::from_utf8(bytes).unwrap();
        prop_assert!(lenient([key.verifying_key()]).verify(&flipped, NOW).is_err());
    }

    #[test]
    fn another_secret_is_never_accepted(secret in prop::collection::vec(any::<u8>(), 32..80)) {
        let other = SigningKey::hmac(Algorithm::Hs256, None, &secret);
        prop_assume!(other.is_ok());
        let token = forge(HS256, r#"{"exp":1700000300}"#);
        let verdict = lenient([other.unwrap().verifying_key()]).verify(&token, NOW);
        prop_assert!(matches!(verdict, Err(Rejected::BadSignature)));
    }

    /// The scanner against `serde_json`: it takes nothing that one refuses, and refuses, of what one takes, only what is
    /// too deep or names a member twice.
    #[test]
    fn the_scanner_agrees_with_another_parser(text in r#"\{("[ab\\"u0061]{0,3}"|[:,{}\[\] ]|-?[0-9]{1,3}|[0-9.eE+-]{1,6}|true|null|\t){0,12}\}"#) {
        let token = forge(HS256, &text);
        let ours = Unverified::parse(&token).unwrap().claims();
        let theirs = serde_json::from_str::<Map<String, Value>>(&text);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.names().count(), theirs.len()),
            (Ok(_), Err(_)) => prop_assert!(false, "we alone take {}", text),
            (Err(error), Ok(_)) => prop_assert_eq!(*error, daemun_token::Malformed::Duplicate, "we alone refuse {}", text),
            (Err(_), Err(_)) => {}
        }
    }
}
