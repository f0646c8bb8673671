//! Attacks on tokens that go for the key: s01 to s08, s24, s36. The numbers are those of the project's security page.

use daemun_token::{
    Algorithm, KeyError, Malformed, Rejected, Signer, SigningKey, Unverified, VerifyingKey,
};
use serde_json::json;

use crate::forge::{
    CLAIMS, HS256, NOW, SECRET, ed25519, encode, forge, hs256, lenient, sealed, verdict,
};

#[test]
fn a_good_token_is_accepted() {
    assert_eq!(verdict(&forge(HS256, CLAIMS)), "accepted");
}

/// Against a verifier that knows our public key, and against one that also knows a secret.
#[test]
fn s01_a_public_key_is_never_a_secret() {
    let public = ed25519().verifying_key();
    let jwk = public.to_jwk().unwrap();
    let raw = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(jwk["x"].as_str().unwrap())
        .unwrap();
    let der = [
        &b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..],
        &raw,
    ]
    .concat();
    let body = base64_simd::STANDARD.encode_to_string(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
    let guesses = [
        raw,
        der,
        pem.clone().into_bytes(),
        format!("{pem}\n").into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        pem.replace('\n', "").into_bytes(),
        jwk.to_string().into_bytes(),
        jwk["x"].as_str().unwrap().as_bytes().to_vec(),
    ];
    let kid = public.kid().unwrap().to_owned();
    for header in [
        HS256.to_owned(),
        format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
    ] {
        for guess in &guesses {
            let token = sealed(&format!("{}.{}", encode(&header), encode(CLAIMS)), guess);
            for verifier in [
                lenient([public.clone()]),
                lenient([public.clone(), hs256(None).verifying_key()]),
            ] {
                let rejected = verifier.verify(&token, NOW).unwrap_err();
                assert!(
                    matches!(rejected, Rejected::UnknownKey | Rejected::BadSignature),
                    "{rejected:?}"
                );
            }
        }
    }
    // And whoever configures the public key as a secret is told.
    assert_eq!(
        SigningKey::hmac(Algorithm::Hs256, None, pem.as_bytes()).unwrap_err(),
        KeyError::SecretIsAKeyFile
    );
}

#[test]
fn s02_alg_none_in_any_spelling_finds_no_key() {
    for alg in [
        r#""none""#,
        r#""noNE""#,
        r#""None""#,
        r#""""#,
        r#"["HS256"]"#,
        "null",
        "0",
        r#""hs256""#,
        r#""HS256 ""#,
    ] {
        let header = format!(r#"{{"alg":{alg}}}"#);
        let unsigned = format!("{}.{}.", encode(&header), encode(CLAIMS));
        for token in [unsigned, forge(&header, CLAIMS)] {
            assert!(
                ["UnknownKey", "Malformed"].contains(&&*verdict(&token)),
                "{alg}"
            );
        }
    }
    assert_eq!(verdict(&forge(r#"{"typ":"JWT"}"#, CLAIMS)), "Malformed");
}

#[test]
fn s03_a_token_of_another_algorithm_than_the_keys_finds_no_key() {
    let jwk =
        json!({ "kty": "RSA", "alg": "RS256", "kid": "r", "e": "AQAB", "n": encode([0xc1; 256]) });
    let key = VerifyingKey::from_jwk(&jwk).unwrap();
    for alg in ["PS256", "RS384", "HS256"] {
        let token = forge(format!(r#"{{"alg":"{alg}","kid":"r"}}"#), CLAIMS);
        assert!(matches!(
            lenient([key.clone()]).verify(&token, NOW),
            Err(Rejected::UnknownKey)
        ));
    }
    // The same secret under another hash is another key.
    let token = forge(r#"{"alg":"HS512"}"#, CLAIMS);
    assert_eq!(verdict(&token), "UnknownKey");
}

#[test]
fn s04_the_kid_of_one_key_with_the_alg_of_another_finds_no_key() {
    let (secret, public) = (hs256(Some("old")), ed25519());
    let verifier = lenient([secret.verifying_key(), public.verifying_key()]);
    let crossed = [("HS256", public.kid().unwrap()), ("EdDSA", "old")];
    for (alg, kid) in crossed {
        let token = forge(format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#), CLAIMS);
        assert!(matches!(
            verifier.verify(&token, NOW),
            Err(Rejected::UnknownKey)
        ));
    }
}

#[test]
fn s05_an_unknown_kid_finds_no_key() {
    let long = "k".repeat(10_000);
    let kids = [
        "",
        "../../etc/passwd",
        "' OR 1=1 --",
        "a\u{0}b",
        "a\r\nb",
        "OLD",
        "old ",
        &long,
    ];
    let verifier = lenient([hs256(Some("old")).verifying_key()]);
    for kid in kids {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        assert!(
            matches!(
                verifier.verify(&forge(header, CLAIMS), NOW),
                Err(Rejected::UnknownKey)
            ),
            "{kid:?}"
        );
        // Nor is a kid invented for a key that has none, nor an empty secret for a kid that is not known.
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        assert_eq!(verdict(&forge(&header, CLAIMS)), "UnknownKey");
        let signed = format!("{}.{}", encode(&header), encode(CLAIMS));
        assert_eq!(verdict(&sealed(&signed, b"")), "UnknownKey");
    }
    for kid in ["1", "null", "[\"old\"]", "{}"] {
        let token = forge(format!(r#"{{"alg":"HS256","kid":{kid}}}"#), CLAIMS);
        assert!(matches!(
            verifier.verify(&token, NOW),
            Err(Rejected::Malformed)
        ));
    }
}

#[test]
fn s05_without_a_kid_there_must_be_no_choice_but_among_secrets() {
    let one = SigningKey::ed25519_from_seed(Some("one"), &[1; 32]).unwrap();
    let two = SigningKey::ed25519_from_seed(Some("two"), &[2; 32]).unwrap();
    let anonymous = Signer::new(&two, None, false).sign(CLAIMS.as_bytes());
    assert!(
        lenient([two.verifying_key()])
            .verify(&anonymous, NOW)
            .is_ok()
    );
    let both = lenient([one.verifying_key(), two.verifying_key()]);
    assert!(matches!(
        both.verify(&anonymous, NOW),
        Err(Rejected::UnknownKey)
    ));
    assert!(
        both.verify(&Signer::new(&two, None, true).sign(CLAIMS.as_bytes()), NOW)
            .is_ok()
    );

    // An older server that rotates its secret names none of them.
    let older = SigningKey::hmac(
        Algorithm::Hs256,
        None,
        b"the secret of the year before last",
    )
    .unwrap();
    let secrets = lenient([
        older.verifying_key(),
        hs256(None).verifying_key(),
        one.verifying_key(),
    ]);
    assert!(
        secrets
            .verify(
                &Signer::new(&older, None, true).sign(CLAIMS.as_bytes()),
                NOW
            )
            .is_ok()
    );
    assert!(secrets.verify(&forge(HS256, CLAIMS), NOW).is_ok());
}

#[test]
fn s06_keys_and_addresses_in_the_header_are_not_looked_at() {
    let stranger = SigningKey::ed25519_from_seed(None, &[9; 32]).unwrap();
    let jwk = stranger.verifying_key().to_jwk().unwrap();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("http://127.0.0.1:1/")),
        ("x5u", json!("http://127.0.0.1:1/")),
        ("x5c", json!(["MIIB"])),
    ] {
        let header = json!({ "alg": "EdDSA", name: value }).to_string();
        let signed = format!("{}.{}", encode(&header), encode(CLAIMS));
        assert_eq!(
            verdict(&format!("{signed}.{}", encode([0; 64]))),
            "UnknownKey"
        );
        let header = json!({ "alg": "HS256", name: value }).to_string();
        assert_eq!(verdict(&forge(header, CLAIMS)), "accepted");
    }
}

#[test]
fn s07_crit_and_b64_are_refused_whatever_they_say() {
    for extra in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""crit":["alg"]"#,
        r#""crit":null"#,
        r#""crit":"b64""#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["b64"],"b64":true"#,
        r#""b64":false"#,
        r#""\u0063rit":["x"]"#,
    ] {
        let token = forge(format!(r#"{{"alg":"HS256",{extra}}}"#), CLAIMS);
        assert_eq!(verdict(&token), "Malformed", "{extra}");
        assert_eq!(Unverified::parse(&token).unwrap_err(), Malformed::Header);
    }
    let detached = sealed(
        &format!(
            "{}.{CLAIMS}",
            encode(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#)
        ),
        SECRET,
    );
    assert_eq!(verdict(&detached), "Malformed");
}

#[test]
fn s08_nothing_is_decrypted_inflated_or_unwrapped() {
    let five_parts = format!(
        "{}.{}.{}.{}.{}",
        encode(r#"{"alg":"dir","enc":"A128GCM"}"#),
        "",
        encode([1; 12]),
        encode([2; 9]),
        encode([3; 16])
    );
    assert_eq!(verdict(&five_parts), "Malformed");
    for extra in [r#""enc":"A128GCM""#, r#""zip":"DEF""#] {
        assert_eq!(
            verdict(&forge(format!(r#"{{"alg":"HS256",{extra}}}"#), CLAIMS)),
            "Malformed"
        );
    }
    let nested = forge(r#"{"alg":"HS256","cty":"JWT"}"#, forge(HS256, CLAIMS));
    assert_eq!(verdict(&nested), "Malformed");
}

/// That MACs are compared in constant time is the library's doing (`hmac::verify`), and cannot be told from outside;
/// that a prefix counts for nothing can.
#[test]
fn s24_a_signature_is_compared_as_a_whole() {
    let good = forge(HS256, CLAIMS);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for length in 0..signature.len() {
        assert_ne!(
            verdict(&format!("{signed}.{}", &signature[..length])),
            "accepted"
        );
    }
    assert_ne!(verdict(&format!("{signed}.{signature}AAAA")), "accepted");
}

/// Forged and expired is forged: nobody learns from a verdict what only a genuine token may tell.
#[test]
fn s36_no_verdict_on_claims_without_a_signature() {
    for claims in [
        r#"{"exp":1}"#,
        r#"{"sub":"1"}"#,
        "no json",
        r#"{"exp":1700000300,"aud":"x"}"#,
    ] {
        let token = sealed(
            &format!("{}.{}", encode(HS256), encode(claims)),
            b"another secret",
        );
        assert_eq!(verdict(&token), "BadSignature");
    }
}
