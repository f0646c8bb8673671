//! Which keys load, and what comes out of them.

use daemun_token::{Algorithm, KeyError, Refusal, Signer, SigningKey, VerifyingKey, thumbprint};
use serde_json::{Value, json};

use crate::forge::{CLAIMS, ed25519, encode, hs256};

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn refusal(jwk: &Value) -> KeyError {
    VerifyingKey::from_jwk(jwk).unwrap_err()
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({ "kty": "RSA", "alg": "RS256", "n": encode(n), "e": encode(e) })
}

#[test]
fn s13_rsa_keys_that_are_short_or_have_a_bad_exponent_do_not_load() {
    let good = [0xc1; 256];
    assert!(VerifyingKey::from_jwk(&rsa(&good, &[1, 0, 1])).is_ok());
    assert!(VerifyingKey::from_jwk(&rsa(&good, &[3])).is_ok());
    let mut just_short = good;
    just_short[0] = 0x7f;
    for n in [&[0xc1; 128][..], &[0xc1; 255], &just_short, &[0xc1; 1025]] {
        assert_eq!(refusal(&rsa(n, &[1, 0, 1])), Refusal::ModulusSize.into());
    }
    let mut even = good;
    even[255] = 0xc0;
    let mut padded = vec![0];
    padded.extend(good);
    for n in [&even[..], &padded, &[]] {
        assert_eq!(refusal(&rsa(n, &[1, 0, 1])), Refusal::Member("n").into());
    }
    for e in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0, 0],
        &[0, 1, 0, 1],
        &[3, 0, 0, 0, 1],
        &[1, 0, 0, 0, 0, 1],
    ] {
        assert_eq!(refusal(&rsa(&good, e)), Refusal::Exponent.into(), "{e:?}");
    }
}

#[test]
fn s13_points_off_the_curve_do_not_load() {
    let ec = |x: &str, y: &str| json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    assert!(VerifyingKey::from_jwk(&ec(X, Y)).is_ok());
    assert_eq!(refusal(&ec(Y, X)), Refusal::Point.into());
    let zero = encode([0; 32]);
    assert_eq!(refusal(&ec(&zero, &zero)), Refusal::Point.into());
    assert_eq!(refusal(&ec(&encode([0xff; 32]), Y)), Refusal::Point.into());
    assert_eq!(refusal(&ec(&X[..42], Y)), Refusal::Member("x").into());
    assert_eq!(
        refusal(&ec(X, &format!("AA{Y}"))),
        Refusal::Member("y").into()
    );
    assert_eq!(
        refusal(&json!({ "kty": "EC", "crv": "P-384", "x": X, "y": Y })),
        Refusal::Member("x").into()
    );
    assert_eq!(
        refusal(&json!({ "kty": "EC", "crv": "secp256k1", "x": X, "y": Y })),
        Refusal::Type.into()
    );
}

#[test]
fn s13_ed25519_keys_that_are_no_point_or_one_of_small_order_do_not_load() {
    let okp = |point: &[u8]| json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(point) });
    let small = |y: u8| {
        let mut point = [0; 32];
        point[0] = y;
        point
    };
    // y = 2 and y = 7 have no x; 3 to 6 have.
    for y in [2, 7, 8, 11] {
        assert_eq!(refusal(&okp(&small(y))), Refusal::Point.into(), "{y}");
    }
    for y in [3, 4, 5, 6, 9, 10] {
        assert!(VerifyingKey::from_jwk(&okp(&small(y))).is_ok(), "{y}");
    }
    // 0 and 1 and p - 1, with either sign; p and p + 1 are second spellings of 0 and 1.
    for first in [0xec, 0xed, 0xee, 0xff] {
        for last in [0x7f, 0xff] {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (first, last);
            assert_eq!(refusal(&okp(&point)), Refusal::Point.into());
        }
    }
    for y in [0, 1] {
        assert_eq!(refusal(&okp(&small(y))), Refusal::Point.into());
        let mut signed = small(y);
        signed[31] = 0x80;
        assert_eq!(refusal(&okp(&signed)), Refusal::Point.into());
    }
    assert_eq!(refusal(&okp(&[9; 31])), Refusal::Member("x").into());
    assert_eq!(
        refusal(&json!({ "kty": "OKP", "crv": "X25519", "x": X })),
        Refusal::Type.into()
    );
}

#[test]
fn every_ed25519_key_we_make_is_a_point_that_loads() {
    for seed in 0..64 {
        let key = SigningKey::ed25519_from_seed(None, &[seed; 32]).unwrap();
        let jwk = key.verifying_key().to_jwk().unwrap();
        let read = VerifyingKey::from_jwk(&jwk).unwrap();
        assert_eq!(thumbprint::of(&read).as_deref(), key.kid());
    }
}

#[test]
fn a_key_for_something_else_does_not_load() {
    let with = |name: &str, value: Value| {
        let mut jwk = json!({ "kty": "EC", "crv": "P-256", "x": X, "y": Y });
        jwk[name] = value;
        jwk
    };
    for jwk in [
        with("use", json!("enc")),
        with("use", json!(1)),
        with("key_ops", json!(["sign"])),
        with("key_ops", json!("verify")),
    ] {
        assert_eq!(refusal(&jwk), Refusal::Purpose.into());
    }
    for jwk in [
        with("use", json!("sig")),
        with("key_ops", json!(["sign", "verify"])),
        with("alg", json!("ES256")),
    ] {
        assert!(VerifyingKey::from_jwk(&jwk).is_ok());
    }
    assert_eq!(
        refusal(&with("alg", json!("ES384"))),
        KeyError::WrongAlgorithm(Algorithm::Es384)
    );
    assert_eq!(
        refusal(&with("alg", json!("ES521"))),
        Refusal::Algorithm.into()
    );
    assert_eq!(
        refusal(&with("alg", json!("none"))),
        Refusal::Algorithm.into()
    );
    assert_eq!(
        refusal(&with("kid", json!(1))),
        Refusal::Member("kid").into()
    );
}

#[test]
fn a_key_that_fits_several_algorithms_must_name_its_own() {
    let mut jwk = rsa(&[0xc1; 256], &[1, 0, 1]);
    jwk.as_object_mut().unwrap().remove("alg");
    assert_eq!(refusal(&jwk), Refusal::NoAlgorithm.into());
    assert_eq!(
        VerifyingKey::from_jwk_for(&jwk, Algorithm::Ps256)
            .unwrap()
            .algorithm(),
        Algorithm::Ps256
    );
    jwk["alg"] = "RS256".into();
    assert!(VerifyingKey::from_jwk_for(&jwk, Algorithm::Ps256).is_err());
    assert!(VerifyingKey::from_jwk_for(&jwk, Algorithm::Rs256).is_ok());
    for wrong in ["ES256", "HS256", "EdDSA"] {
        jwk["alg"] = wrong.into();
        assert!(VerifyingKey::from_jwk(&jwk).is_err());
    }
}

#[test]
fn the_header_is_written_as_other_libraries_write_it() {
    let header = |key: &SigningKey, typ: Option<&str>, kid: bool| {
        let token = Signer::new(key, typ, kid).sign(CLAIMS.as_bytes());
        let decoded = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(token.split('.').next().unwrap())
            .unwrap();
        String::from_utf8(decoded).unwrap()
    };
    assert_eq!(
        header(&hs256(None), Some("JWT"), true),
        r#"{"alg":"HS256","typ":"JWT"}"#
    );
    assert_eq!(
        header(&hs256(Some("k1")), None, false),
        r#"{"alg":"HS256"}"#
    );
    assert_eq!(
        header(&hs256(Some("a\"b")), Some("JWT"), true),
        r#"{"alg":"HS256","typ":"JWT","kid":"a\"b"}"#
    );
    let native = header(&ed25519(), Some("at+jwt"), true);
    assert_eq!(
        native,
        format!(
            r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#,
            ed25519().kid().unwrap()
        )
    );
}

#[test]
fn algorithms_go_by_their_jose_names() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
    }
    for wrong in ["none", "hs256", "HS256 ", "", "ES256K", "Ed25519"] {
        assert!(Algorithm::parse(wrong).is_none() && wrong.parse::<Algorithm>().is_err());
    }
}
