//! The boundaries of `exp`, `nbf` and `iat`, to the second.

use daemun_token::{Access, Rejected, Verifier};

use crate::forge::{HS256, NOW, forge, hs256};

fn verifier(leeway: u32) -> Verifier<Access> {
    Verifier::builder()
        .key(hs256(None).verifying_key())
        .leeway_seconds(leeway)
        .build()
}

#[test]
fn s15_a_token_is_over_from_the_very_second_of_exp() {
    let token = forge(HS256, format!(r#"{{"exp":{NOW}}}"#));
    for leeway in [0, 1, 30, 60] {
        let end = NOW + i64::from(leeway);
        assert!(verifier(leeway).verify(&token, end - 1).is_ok());
        assert!(matches!(
            verifier(leeway).verify(&token, end),
            Err(Rejected::Expired(_))
        ));
        assert!(matches!(
            verifier(leeway).verify(&token, end + 1),
            Err(Rejected::Expired(_))
        ));
    }
}

#[test]
fn s15_a_token_is_good_from_the_very_second_of_nbf_and_iat() {
    for name in ["nbf", "iat"] {
        let token = forge(
            HS256,
            format!(r#"{{"exp":{},"{name}":{NOW}}}"#, NOW + 1_000),
        );
        for leeway in [0, 1, 30, 60] {
            let start = NOW - i64::from(leeway);
            assert!(matches!(
                verifier(leeway).verify(&token, start - 1),
                Err(Rejected::NotYetValid)
            ));
            assert!(verifier(leeway).verify(&token, start).is_ok());
            assert!(verifier(leeway).verify(&token, start + 1).is_ok());
        }
        for wrong in [r#""1""#, "-1", "null", "[]"] {
            let token = forge(
                HS256,
                format!(r#"{{"exp":{},"{name}":{wrong}}}"#, NOW + 1_000),
            );
            assert!(
                matches!(verifier(0).verify(&token, NOW), Err(Rejected::InvalidClaim(claim)) if claim == name)
            );
        }
    }
}

#[test]
fn s15_leeway_is_at_most_a_minute() {
    let token = forge(HS256, format!(r#"{{"exp":{NOW}}}"#));
    assert!(verifier(u32::MAX).verify(&token, NOW + 59).is_ok());
    assert!(verifier(u32::MAX).verify(&token, NOW + 60).is_err());
}

#[test]
fn fractions_of_a_second_are_exact() {
    let token = forge(HS256, format!(r#"{{"exp":{NOW}.5,"iat":{}.5}}"#, NOW - 10));
    assert!(verifier(0).verify(&token, NOW).is_ok());
    assert!(matches!(
        verifier(0).verify(&token, NOW + 1),
        Err(Rejected::Expired(_))
    ));
    assert!(matches!(
        verifier(0).verify(&token, NOW - 10),
        Err(Rejected::NotYetValid)
    ));
    assert!(verifier(0).verify(&token, NOW - 9).is_ok());
}

#[test]
fn extreme_times_do_not_overflow() {
    for exp in [
        "9223372036854775807",
        "18446744073709551615",
        "1e308",
        "999999999999999999",
    ] {
        let token = forge(HS256, format!(r#"{{"exp":{exp}}}"#));
        assert!(verifier(60).verify(&token, NOW).is_ok());
        let _ = verifier(60).verify(&token, i64::MAX);
        assert!(verifier(60).verify(&token, i64::MIN).is_ok());
        let ahead = forge(HS256, format!(r#"{{"exp":{exp},"nbf":{exp}}}"#));
        assert!(matches!(
            verifier(60).verify(&ahead, NOW),
            Err(Rejected::NotYetValid)
        ));
    }
}

#[test]
fn the_claims_of_an_expired_token_can_be_read() {
    let token = forge(HS256, r#"{"exp":1,"sub":"7","iat":0}"#);
    let Err(Rejected::Expired(expired)) = verifier(0).verify(&token, NOW) else {
        panic!("expired")
    };
    assert_eq!(
        (
            expired.get_str("sub"),
            expired.exp(),
            expired.claims().iat()
        ),
        (Some("7"), Some(1), Some(0))
    );
    assert_eq!(
        expired.into_claims().json(),
        r#"{"exp":1,"sub":"7","iat":0}"#
    );
}

/// Nodes of one server, whose clocks are never quite the same.
#[test]
fn f08_a_clock_that_is_ahead_makes_tokens_good_early_and_never_longer() {
    let token = forge(HS256, format!(r#"{{"iat":{NOW},"exp":{}}}"#, NOW + 300));
    for (ahead, allowed) in [(0, 0), (1, 1), (60, 60), (3_600, 60)] {
        let verifier = Verifier::<Access>::builder()
            .key(hs256(None).verifying_key())
            .ahead_seconds(ahead)
            .build();
        assert!(matches!(
            verifier.verify(&token, NOW - allowed - 1),
            Err(Rejected::NotYetValid)
        ));
        assert!(verifier.verify(&token, NOW - allowed).is_ok());
        assert!(verifier.verify(&token, NOW + 299).is_ok());
        assert!(matches!(
            verifier.verify(&token, NOW + 300),
            Err(Rejected::Expired(_))
        ));
    }
}
