//! Genuine tokens that are not good enough: s14, s16, s17, s19, s20. (s15 is in `times`; s18, accounts that are gone, and
//! s21, personal data, are not for a layer without accounts to pin.)

use daemun_token::{Access, Kind, Refresh, Rejected, Signer, TypRule, Verifier};

use crate::forge::{CLAIMS, HS256, NOW, ed25519, forge, hs256, said, verdict};

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

fn kind<K: Kind>(token_type: &str) -> Verifier<K> {
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
