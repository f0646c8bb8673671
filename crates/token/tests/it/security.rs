//! The attacks on tokens that are listed, numbered, in the project's security page, as far as a layer without routes
//! and stores can meet them. (18, accounts that are gone; 19, contracts; 21, personal data: theirs, not ours.)

use std::time::{Duration, Instant};

use daemun_token::{
    Access, Algorithm, Jwks, KeyError, Malformed, Refresh, Rejected, Signer, SigningKey, TypRule,
    Unverified, Verifier, VerifyingKey,
};
use serde_json::{Value, json};

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

#[test]
fn s09_only_the_one_spelling_of_a_token_is_read() {
    let good = forge(HS256, CLAIMS);
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    let mut bad = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.into(),
        format!("{header}.{claims}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{claims}"),
        format!("{good}.{claims}.{claims}.{claims}"),
        format!("{header}..{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}..{signature}"),
        json!({ "protected": header, "payload": claims, "signature": signature }).to_string(),
    ];
    for space in [
        " ", "\n", "\t", "\r\n", "=", "==", "\0", "\u{feff}", "\u{a0}", "+", "/", "é",
    ] {
        bad.push(format!("{space}{good}"));
        bad.push(format!("{good}{space}"));
        bad.push(format!("{header}{space}.{claims}.{signature}"));
        bad.push(format!("{header}.{claims}{space}.{signature}"));
        bad.push(format!("{header}.{space}{claims}.{signature}"));
        // The same with a signature over what is sent.
        bad.push(sealed(&format!("{header}{space}.{claims}"), SECRET));
        bad.push(sealed(&format!("{header}.{claims}{space}"), SECRET));
    }
    for token in bad {
        assert!(
            ["Malformed", "BadSignature", "UnknownKey"].contains(&&*verdict(&token)),
            "{token:?}"
        );
    }
}

#[test]
fn s09_a_signature_with_spare_bits_set_is_refused() {
    let good = forge(HS256, CLAIMS);
    let (rest, last) = good.split_at(good.len() - 1);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let accepted: Vec<_> = alphabet
        .iter()
        .filter(|&&c| verdict(&format!("{rest}{}", c as char)) == "accepted")
        .collect();
    assert_eq!(accepted, [&last.as_bytes()[0]]);
}

#[test]
fn s10_only_utf8_without_a_byte_order_mark_is_read() {
    let utf16: Vec<u8> = CLAIMS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_marked = [&[0xff, 0xfe][..], &utf16].concat();
    let marked = [&[0xef, 0xbb, 0xbf][..], CLAIMS.as_bytes()].concat();
    let mut broken = CLAIMS.as_bytes().to_vec();
    broken[2] = 0xff;
    let overlong = [br#"{"exp":1700000300,"a":""#, &[0xc0, 0xaf][..], br#""}"#].concat();
    let surrogate = [
        br#"{"exp":1700000300,"a":""#,
        &[0xed, 0xa0, 0x80][..],
        br#""}"#,
    ]
    .concat();
    for bytes in [utf16, utf16_marked, marked, broken, overlong, surrogate] {
        assert_eq!(verdict(&forge(HS256, &bytes)), "Malformed");
    }
    let header = [&[0xef, 0xbb, 0xbf][..], HS256.as_bytes()].concat();
    assert_eq!(verdict(&forge(header, CLAIMS)), "Malformed");
    assert_eq!(
        verdict(&forge(HS256, r#"{"exp":1700000300,"name":"대문"}"#)),
        "accepted"
    );
}

#[test]
fn s11_duplicate_members_are_refused() {
    for claims in [
        r#"{"exp":1700000300,"exp":1700000300}"#,
        r#"{"exp":1700000300,"sub":"1","sub":"2"}"#,
        r#"{"exp":1700000300,"sub":"1","\u0073ub":"2"}"#,
        r#"{"exp":1700000300,"":1,"":2}"#,
        r#"{"exp":1700000300,"a":{"b":1,"b":2}}"#,
        r#"{"exp":1700000300,"a":[{"c":{},"c":[]}]}"#,
    ] {
        assert_eq!(verdict(&forge(HS256, claims)), "Malformed", "{claims}");
        let token = forge(HS256, claims);
        assert_eq!(
            Unverified::parse(&token).unwrap().claims().unwrap_err(),
            Malformed::Duplicate
        );
    }
    assert_eq!(
        verdict(&forge(r#"{"alg":"none","alg":"HS256"}"#, CLAIMS)),
        "Malformed"
    );
    // Among very many members, too.
    let many: String = (0..500).map(|n| format!(r#""m{n}":0,"#)).collect();
    assert_eq!(
        verdict(&forge(HS256, format!(r#"{{{many}"exp":1700000300}}"#))),
        "accepted"
    );
    assert_eq!(
        verdict(&forge(
            HS256,
            format!(r#"{{{many}"exp":1700000300,"m7":0}}"#)
        )),
        "Malformed"
    );
}

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
fn s14_exp_must_be_a_finite_number_that_is_not_negative() {
    for (exp, expected) in [
        (r#""1700000300""#, "InvalidClaim(\"exp\")"),
        ("-1", "InvalidClaim(\"exp\")"),
        ("-0.5", "InvalidClaim(\"exp\")"),
        ("null", "InvalidClaim(\"exp\")"),
        ("true", "InvalidClaim(\"exp\")"),
        ("[1700000300]", "InvalidClaim(\"exp\")"),
        ("{}", "InvalidClaim(\"exp\")"),
        ("1e400", "Malformed"),
        ("-1e400", "Malformed"),
        ("NaN", "Malformed"),
        ("Infinity", "Malformed"),
        ("01700000300", "Malformed"),
        ("+1700000300", "Malformed"),
        ("0x65", "Malformed"),
        ("1e5", "Expired(ExpiredClaims(redacted))"),
        ("0", "Expired(ExpiredClaims(redacted))"),
        ("1e300", "accepted"),
        ("1.7000003e9", "accepted"),
        ("1700000300.0", "accepted"),
        ("99999999999999999999999", "accepted"),
    ] {
        assert_eq!(
            verdict(&forge(HS256, format!(r#"{{"exp":{exp}}}"#))),
            expected,
            "{exp}"
        );
    }
    assert_eq!(
        verdict(&forge(HS256, r#"{"sub":"1"}"#)),
        "MissingClaim(\"exp\")"
    );
    assert_eq!(
        verdict(&forge(HS256, format!(r#"{{"exp":{}}}"#, "9".repeat(400)))),
        "Malformed"
    );
}

#[test]
fn s16_the_issuer_must_be_the_one() {
    let verifier = Verifier::<Access>::builder()
        .key(hs256(None).verifying_key())
        .issuer("https://id.example")
        .build();
    for (iss, expected) in [
        (r#","iss":"https://id.example""#, "accepted"),
        ("", "MissingClaim(\"iss\")"),
        (r#","iss":"https://id.example/""#, "WrongIssuer"),
        (r#","iss":"https://id.exampl""#, "WrongIssuer"),
        (r#","iss":["https://id.example"]"#, "WrongIssuer"),
        (r#","iss":null"#, "WrongIssuer"),
        (r#","iss":"https:\/\/id.example""#, "accepted"),
    ] {
        let token = forge(HS256, format!(r#"{{"exp":1700000300{iss}}}"#));
        assert_eq!(said(&verifier, &token), expected, "{iss}");
    }
}

#[test]
fn s17_the_audience_must_include_us() {
    let strict = Verifier::<Access>::builder()
        .key(hs256(None).verifying_key())
        .audience("api")
        .audience("web")
        .build();
    for (aud, expected) in [
        (r#","aud":"api""#, "accepted"),
        (r#","aud":["x","web"]"#, "accepted"),
        ("", "MissingClaim(\"aud\")"),
        (r#","aud":"ap""#, "WrongAudience"),
        (r#","aud":"api2""#, "WrongAudience"),
        (r#","aud":["x","y"]"#, "WrongAudience"),
        (r#","aud":[]"#, "WrongAudience"),
        (r#","aud":[["api"]]"#, "WrongAudience"),
        (r#","aud":null"#, "InvalidClaim(\"aud\")"),
        (r#","aud":{"api":1}"#, "InvalidClaim(\"aud\")"),
        (r#","aud":"API""#, "WrongAudience"),
    ] {
        let token = forge(HS256, format!(r#"{{"exp":1700000300{aud}}}"#));
        assert_eq!(said(&strict, &token), expected, "{aud}");
    }
    // For somebody else is not for us, even where nobody said who we are.
    assert_eq!(
        verdict(&forge(HS256, r#"{"exp":1700000300,"aud":"api"}"#)),
        "WrongAudience"
    );
}

#[test]
fn s19_a_token_of_one_kind_fails_as_another() {
    let (access, refresh) = (kind::<Access>("access"), kind::<Refresh>("refresh"));
    for exp in [NOW + 1, NOW - 1] {
        let token = |kind: &str| forge(HS256, format!(r#"{{"token_type":"{kind}","exp":{exp}}}"#));
        assert_eq!(access.verify(&token("access"), NOW).is_ok(), exp > NOW);
        assert_eq!(refresh.verify(&token("refresh"), NOW).is_ok(), exp > NOW);
        assert!(matches!(
            access.verify(&token("refresh"), NOW),
            Err(Rejected::WrongType)
        ));
        assert!(matches!(
            refresh.verify(&token("access"), NOW),
            Err(Rejected::WrongType)
        ));
        assert!(matches!(
            access.verify(&token("code"), NOW),
            Err(Rejected::WrongType)
        ));
    }
    let none = forge(HS256, CLAIMS);
    assert!(
        matches!(access.verify(&none, NOW), Err(Rejected::MissingClaim(claim)) if claim == "token_type")
    );
    let array = forge(HS256, r#"{"token_type":["access"],"exp":1700000300}"#);
    assert!(matches!(
        access.verify(&array, NOW),
        Err(Rejected::WrongType)
    ));
}

fn kind<K: daemun_token::Kind>(token_type: &str) -> Verifier<K> {
    Verifier::builder()
        .key(hs256(None).verifying_key())
        .claim_equals("token_type", token_type)
        .build()
}

#[test]
fn s20_native_access_tokens_say_at_jwt() {
    let key = ed25519();
    let verifier = Verifier::<Access>::builder()
        .key(key.verifying_key())
        .typ(TypRule::AtJwt)
        .build();
    for (typ, is_right) in [
        (Some("at+jwt"), true),
        (Some("application/at+jwt"), true),
        (Some("AT+JWT"), true),
        (Some("Application/at+JWT"), true),
        (Some("JWT"), false),
        (Some("jwt"), false),
        (Some(""), false),
        (Some("at+jwt "), false),
        (Some("text/at+jwt"), false),
        (Some("application/application/at+jwt"), false),
        (Some("rt+jwt"), false),
        (None, false),
    ] {
        let token = Signer::new(&key, typ, true).sign(CLAIMS.as_bytes());
        let expected = if is_right { "accepted" } else { "WrongType" };
        assert_eq!(said(&verifier, &token), expected, "{typ:?}");
    }
}

#[test]
fn the_other_rules_of_type() {
    let key = hs256(None);
    let cases = [
        (
            TypRule::JwtOrAbsent,
            vec![None, Some("JWT"), Some("jwt"), Some("application/jwt")],
            vec![Some("at+jwt"), Some("")],
        ),
        (
            TypRule::Exactly("rt+jwt".into()),
            vec![Some("rt+jwt")],
            vec![
                None,
                Some("RT+JWT"),
                Some("JWT"),
                Some("application/rt+jwt"),
            ],
        ),
        (TypRule::Any, vec![None, Some("anything")], vec![]),
    ];
    for (rule, right, wrong) in cases {
        let verifier = Verifier::<Access>::builder()
            .key(key.verifying_key())
            .typ(rule)
            .build();
        for typ in right {
            assert_eq!(
                said(
                    &verifier,
                    &Signer::new(&key, typ, false).sign(CLAIMS.as_bytes())
                ),
                "accepted",
                "{typ:?}"
            );
        }
        for typ in wrong {
            assert_eq!(
                said(
                    &verifier,
                    &Signer::new(&key, typ, false).sign(CLAIMS.as_bytes())
                ),
                "WrongType",
                "{typ:?}"
            );
        }
    }
}

/// A debug build on a busy machine is slow and noisy: the best of several tries counts.
#[test]
fn s22_large_and_costly_input_is_answered_at_once() {
    let deep = format!(
        r#"{{"alg":"HS256","x":{}1{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let many: String = (0..1_500).map(|n| format!(r#""{n}":0,"#)).collect();
    let escapes = format!(r#"{{"alg":"HS256","x":"{}"}}"#, r"\n".repeat(5_000));
    for token in [
        forge(
            format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(1 << 20)),
            CLAIMS,
        ),
        ".".repeat(8 << 10),
        forge(
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1200000,"p2s":"AAAA"}"#,
            CLAIMS,
        ),
        forge(deep, CLAIMS),
        forge(format!(r#"{{{many}"alg":"none"}}"#), CLAIMS),
        forge(escapes, CLAIMS),
        forge(HS256, "[".repeat(12_000)),
    ] {
        let verifier = lenient([hs256(None).verifying_key()]);
        let once = || {
            let start = Instant::now();
            let _ = verifier.verify(&token, NOW);
            let _ = Unverified::parse(&token).map(|token| token.claims());
            start.elapsed()
        };
        let best = (0..20).map(|_| once()).min().unwrap();
        let allowed = Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 1 });
        assert!(best < allowed, "{best:?} for {}…", &token[..20]);
    }
}

#[test]
fn s22_nesting_is_bounded() {
    let nested = |depth: usize| {
        format!(
            r#"{{"exp":1700000300,"x":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(verdict(&forge(HS256, nested(31))), "accepted");
    assert_eq!(verdict(&forge(HS256, nested(32))), "Malformed");
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

fn said(verifier: &Verifier<Access>, token: &str) -> String {
    verifier
        .verify(token, NOW)
        .map_or_else(|rejected| format!("{rejected:?}"), |_| "accepted".into())
}
