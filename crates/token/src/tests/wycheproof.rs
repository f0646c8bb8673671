//! Wycheproof's vectors. They are not part of the repository; where they are absent the tests say so and pass.

use serde_json::{Value, json};

use super::open;
use crate::{VerifyingKey, base64url};

/// The groups of a file, if it is there.
fn groups(file: &str) -> Vec<Value> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/wycheproof"
    );
    let Ok(text) = std::fs::read(format!("{folder}/{file}")) else {
        println!("skipped: {file} is not there");
        return Vec::new();
    };
    let file: Value = serde_json::from_slice(&text).unwrap();
    file["testGroups"].as_array().unwrap().clone()
}

fn tests(group: &Value) -> impl Iterator<Item = &Value> {
    group["tests"].as_array().unwrap().iter()
}

fn hex(value: &Value) -> Vec<u8> {
    let digits: Vec<u8> = value
        .as_str()
        .unwrap()
        .bytes()
        .map(|c| (c as char).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Checks that the key accepts exactly the valid signatures; gives their number.
fn signatures(file: &str, jwk: impl Fn(&Value) -> Value) -> usize {
    let mut accepted = 0;
    for group in groups(file) {
        let key = VerifyingKey::from_jwk(&jwk(&group)).unwrap();
        for test in tests(&group).filter(|test| test["result"] != "acceptable") {
            let is_accepted = key.accepts(&hex(&test["msg"]), &hex(&test["sig"]));
            assert_eq!(
                is_accepted,
                test["result"] == "valid",
                "{file} {}: {}",
                test["tcId"],
                test["comment"]
            );
            accepted += usize::from(is_accepted);
        }
    }
    accepted
}

fn is_absent(file: &str) -> bool {
    groups(file).is_empty()
}

/// A number in hexadecimal, at `size` bytes or else as short as it can be.
fn number(value: &Value, size: Option<usize>) -> String {
    let bytes = hex(value);
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let short = &bytes[zeros..];
    let padding = vec![0; size.map_or(0, |size| size - short.len())];
    base64url::encode(&[&padding, short].concat())
}

/// Not every group has a JWK; all have the coordinates.
fn ec_jwk(group: &Value, curve: &str, size: usize) -> Value {
    let coordinate = |name: &str| number(&group["publicKey"][name], Some(size));
    json!({ "kty": "EC", "crv": curve, "x": coordinate("wx"), "y": coordinate("wy") })
}

#[test]
fn ecdsa_signatures() {
    for (file, curve, size, valid) in [
        ("ecdsa_secp256r1_sha256_p1363_test.json", "P-256", 32, 173),
        ("ecdsa_secp384r1_sha384_p1363_test.json", "P-384", 48, 193),
        ("ecdsa_secp521r1_sha512_p1363_test.json", "P-521", 66, 231),
    ] {
        let accepted = signatures(file, |group| ec_jwk(group, curve, size));
        assert!(accepted == valid || is_absent(file), "{file}: {accepted}");
    }
}

#[test]
fn ed25519_signatures() {
    let file = "ed25519_test.json";
    let accepted = signatures(file, |group| group["publicKeyJwk"].clone());
    assert!(accepted == 88 || is_absent(file), "{accepted}");
}

#[test]
fn rsa_signatures() {
    let file = "rsa_pss_2048_sha256_mgf1_32_test.json";
    let accepted = signatures(file, |group| group["publicKeyJwk"].clone());
    assert!(accepted == 63 || is_absent(file), "{accepted}");

    let file = "rsa_signature_2048_sha256_test.json";
    let accepted = signatures(file, |group| {
        let number = |name: &str| number(&group["publicKey"][name], None);
        json!({ "kty": "RSA", "alg": "RS256", "n": number("modulus"), "e": number("publicExponent") })
    });
    assert!(accepted == 9 || is_absent(file), "{accepted}");
}

/// A key shorter than the hash is refused, and so is a tag that was cut, which these files call valid where a group has
/// short tags.
#[test]
fn hmac_tags() {
    for (file, algorithm, size) in [
        ("hmac_sha256_test.json", "HS256", 32),
        ("hmac_sha384_test.json", "HS384", 48),
        ("hmac_sha512_test.json", "HS512", 64),
    ] {
        let mut accepted = 0;
        for group in groups(file) {
            for test in tests(&group) {
                let secret = hex(&test["key"]);
                let key = VerifyingKey::from_jwk(
                    &json!({ "kty": "oct", "alg": algorithm, "k": base64url::encode(&secret) }),
                );
                assert_eq!(key.is_ok(), secret.len() >= size);
                let Ok(key) = key else { continue };
                let is_accepted = key.accepts(&hex(&test["msg"]), &hex(&test["tag"]));
                let is_whole = group["tagSize"].as_u64() == Some(size as u64 * 8);
                assert_eq!(
                    is_accepted,
                    is_whole && test["result"] == "valid",
                    "{file} {}",
                    test["tcId"]
                );
                accepted += usize::from(is_accepted);
            }
        }
        assert!(accepted > 0 || is_absent(file), "{file}");
    }
}

/// Cases whose mark is not to be believed, found by others running four libraries over this file:
/// - 367 and 370 are called invalid, yet are byte for byte the token of 357, which is called valid, under its key.
/// - 372 and 373 are called valid, yet have a `?` inside the header or the payload.
/// - 346 and 350 are PS384 tokens under a key that says it is for PS256; 347 and 351 have a key for `ES521`, which does
///   not exist. Called valid, but the algorithm belongs to the key.
fn expected(test: &Value) -> bool {
    match test["tcId"].as_u64().unwrap() {
        367 | 370 => true,
        372 | 373 | 346 | 350 | 347 | 351 => false,
        _ => test["result"] == "valid",
    }
}

#[test]
fn json_web_signatures() {
    let file = "json_web_signature_test.json";
    let (mut accepted, mut rejected) = (0, 0);
    for group in groups(file) {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        for test in tests(&group) {
            let is_accepted = open(jwk, test["jws"].as_str().unwrap()).is_ok();
            assert_eq!(
                is_accepted,
                expected(test),
                "{}: {} in {}",
                test["tcId"],
                test["comment"],
                group["comment"]
            );
            accepted += usize::from(is_accepted);
            rejected += usize::from(!is_accepted);
        }
    }
    assert!(
        accepted == 42 && rejected == 359 || is_absent(file),
        "{accepted} {rejected}"
    );
}

/// 346, 347, 350 and 351 again, with the algorithm their key should have named: the signatures themselves are good.
#[test]
fn signatures_under_a_mislabelled_key_are_good_once_its_algorithm_is_corrected() {
    for group in groups("json_web_signature_test.json") {
        let mut jwk = group.get("public").unwrap_or(&group["private"]).clone();
        for test in tests(&group) {
            let algorithm = match test["tcId"].as_u64().unwrap() {
                346 | 350 => "PS384",
                347 | 351 => "ES512",
                _ => continue,
            };
            jwk["alg"] = algorithm.into();
            assert!(
                open(&jwk, test["jws"].as_str().unwrap()).is_ok(),
                "{}",
                test["tcId"]
            );
        }
    }
}

#[test]
fn the_older_mix_of_signatures_and_encryption() {
    let mut accepted = 0;
    for group in groups("json_web_crypto_test.json") {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        for test in tests(&group) {
            let Some(token) = test["jws"].as_str().or(test["jwe"].as_str()) else {
                continue;
            };
            let is_signature = test.get("jws").is_some();
            let is_accepted = open(jwk, token).is_ok();
            assert_eq!(
                is_accepted,
                is_signature && test["result"] == "valid",
                "{}: {}",
                test["tcId"],
                test["comment"]
            );
            accepted += usize::from(is_accepted);
        }
    }
    assert!(accepted > 0 || is_absent("json_web_crypto_test.json"));
}

/// s08: nothing is ever decrypted, so every one of these is refused, with its own key and with any other.
#[test]
fn s08_no_encrypted_token_is_accepted() {
    let signing = json!({ "kty": "oct", "alg": "HS256", "k": base64url::encode(&[7; 64]) });
    for group in groups("json_web_encryption_test.json") {
        for test in tests(&group) {
            let token = test["jwe"].as_str().unwrap();
            assert!(open(&group["private"], token).is_err(), "{}", test["tcId"]);
            assert!(open(&signing, token).is_err(), "{}", test["tcId"]);
        }
    }
}
