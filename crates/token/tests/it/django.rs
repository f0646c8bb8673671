//! Cookie values as Django signs them. The vectors were made by Django 5.2.14 and 5.2.15.

use daemun_token::django::{CookieError, CookieSigner, Django};

const NAME: &str = "access_token";
const VALUE: &str = "aaa.bbb.ccc";
const TIME: u64 = 1_679_360_000;
const OLDER: &str = "aaa.bbb.ccc:1peQFc:UrR-ATpz1J8sN30vPZ28dSEeFIKjMtkPtnTSB3cdaJ4";
const NEWER: &str = "aaa.bbb.ccc:1peQFc:aYB8Pk5Ww4a1VQx6_pAWnUX1oumX_tad_OW11xuFsys";

fn signer() -> CookieSigner {
    CookieSigner::new(b"test-secret-key")
}

#[test]
fn values_are_signed_as_django_signs_them() {
    assert_eq!(signer().sign(Django::V1, NAME, VALUE, TIME), OLDER);
    assert_eq!(signer().sign(Django::V2, NAME, VALUE, TIME), NEWER);
}

#[test]
fn values_of_both_versions_are_read() {
    let now = TIME as i64;
    for signed in [OLDER, NEWER] {
        assert_eq!(signer().verify(NAME, signed, now, None), Ok(VALUE));
        assert_eq!(signer().keys(NAME).verify(signed, now, Some(0)), Ok(VALUE));
    }
    // One version's key reads that version alone.
    let keys = signer().keys(NAME);
    assert_eq!(
        keys.of(Django::V1).verify(NEWER, now, None),
        Err(CookieError::BadSignature)
    );
    assert_eq!(
        keys.of(Django::V2).verify(OLDER, now, None),
        Err(CookieError::BadSignature)
    );
}

#[test]
fn a_value_as_old_as_allowed_still_counts() {
    let now = TIME as i64 + 600;
    assert_eq!(signer().verify(NAME, NEWER, now, Some(600)), Ok(VALUE));
    assert_eq!(
        signer().verify(NAME, NEWER, now + 1, Some(600)),
        Err(CookieError::Expired)
    );
    assert_eq!(signer().verify(NAME, NEWER, i64::MAX, None), Ok(VALUE));
    assert_eq!(signer().verify(NAME, NEWER, i64::MIN, Some(0)), Ok(VALUE));
}

#[test]
fn s52_a_value_under_another_name_or_secret_is_refused() {
    for signed in [OLDER, NEWER] {
        for name in [
            "refresh_token",
            "access_toke",
            "access_tokens",
            "",
            "django.http.cookies.v2:0:access_toke",
        ] {
            assert_eq!(
                signer().verify(name, signed, 0, None),
                Err(CookieError::BadSignature),
                "{name}"
            );
        }
        let other = CookieSigner::new(b"test-secret-keyy");
        assert_eq!(
            other.verify(NAME, signed, 0, None),
            Err(CookieError::BadSignature)
        );
    }
}

#[test]
fn s52_a_value_that_was_flipped_or_cut_is_refused() {
    for signed in [OLDER, NEWER] {
        for end in 0..signed.len() {
            assert!(signer().verify(NAME, &signed[..end], 0, None).is_err());
        }
        for at in 0..signed.len() {
            let mut bytes = signed.as_bytes().to_vec();
            bytes[at] ^= 1;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(
                signer().verify(NAME, &flipped, 0, None).is_err(),
                "{flipped}"
            );
        }
        for ending in ["=", " ", "A", "\n", ":"] {
            assert!(
                signer()
                    .verify(NAME, &format!("{signed}{ending}"), 0, None)
                    .is_err()
            );
        }
    }
}

#[test]
fn a_value_may_hold_colons_and_anything_else() {
    for value in ["", "a:b:c", ":::", "대문", "=;, \""] {
        let signed = signer().sign(Django::V1, NAME, value, TIME);
        assert_eq!(signer().verify(NAME, &signed, 0, None), Ok(value));
    }
}

#[test]
fn a_signed_value_without_a_time_is_malformed() {
    for bad in ["", "a", "a:b", ":"] {
        assert_eq!(
            signer().verify(NAME, bad, 0, None),
            Err(CookieError::Malformed),
            "{bad:?}"
        );
    }
}
