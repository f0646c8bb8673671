use std::{fs, num::NonZeroU32};

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::password::foreign::{Stored, pbkdf2_sha256_matches};

/// What Django 5.2 makes of [`PHRASE`], with its defaults and with fewer iterations.
const DJANGO: [&str; 3] = [
    "pbkdf2_sha256$1000000$md9UuZaL9GXDfZbdVAyr1L$gOIU2KXD9iL3sXuc87H9GZK1SsafhhZ9GEmCvUT7rQ8=",
    "pbkdf2_sha256$600000$seasalt$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$RU1RVXNLQ1E0UWZCbE9XZW9OZU1LdA$16werIrC36RJCQb+9pGK/KfnBdEUlz8fha8cZ5lMjN0",
];

/// What Django 5.2 makes of [`KOREAN`], composed and decomposed: it does not normalise.
const KOREAN: &str = "비밀번호 열다섯 글자 이상 1";
const DJANGO_KOREAN: [&str; 2] = [
    "argon2$argon2id$v=19$m=102400,t=2,p=8$SGpmWnFCTzJUY05wZzQwTERrNGN1UA$V1fEiXG9UtG84WJTpDhf3LPynzVghia5Q4yMzo4HKxQ",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$QldKenJJR3IxT1VxQUhjOTg1NUNuTA$vtG00XJwzcEMzVKeLl/rRVFJw+0Kjg2iGsF2lcGaywI",
];

/// What the reference implementation (argon2-cffi) makes of [`PHRASE`].
const REFERENCE: [&str; 6] = [
    "$argon2d$v=16$m=256,t=2,p=2$c29tZXNhbHQ$S4sf27hcrXg1wMAObBGO0W1g2nHNbXKE",
    "$argon2d$v=19$m=256,t=2,p=2$c29tZXNhbHQ$b6tLHOoPtHsHAzU2s2WyKy3fVK/2MbmH",
    "$argon2i$v=16$m=256,t=2,p=2$c29tZXNhbHQ$2i2I7Si5QB9hEeZKV61qWUWDB8w7TiAG",
    "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$5l/6JZAfqjZG7p3dydXnonRrffoxI18M",
    "$argon2id$v=16$m=256,t=2,p=2$c29tZXNhbHQ$vIm9zRYw0JQs3Pyz/kgVkNDa4Qy/6Hj+",
    "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$6SlWgIkzZFH3JqlFqzwp7/Iht8IjKjnM",
];

/// The same as the fifth, as it was written before versions were: without `v`.
const UNVERSIONED: &str = "$argon2id$m=256,t=2,p=2$c29tZXNhbHQ$vIm9zRYw0JQs3Pyz/kgVkNDa4Qy/6Hj+";

#[tokio::test]
async fn s66_hashes_of_other_back_ends_match_and_become_ours() {
    let hasher = hasher();
    for foreign in DJANGO.iter().chain(&REFERENCE).chain(&[UNVERSIONED]) {
        let checked = verify(&hasher, PHRASE, stored(foreign)).await.unwrap();
        assert!(checked.matches, "{foreign}");
        let upgraded = checked.upgraded.unwrap();
        assert!(
            upgraded
                .as_stored()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        assert!(matches(&hasher, PHRASE, &upgraded).await);

        let wrong = verify(&hasher, "correct horse batterie", stored(foreign)).await;
        let wrong = wrong.unwrap();
        assert!(!wrong.matches && wrong.upgraded.is_none(), "{foreign}");
    }
}

#[tokio::test]
async fn s61_another_back_end_may_have_hashed_another_normal_form() {
    let hasher = hasher();
    let decomposed: String = KOREAN.nfd().collect();
    let [of_composed, of_decomposed] = DJANGO_KOREAN.map(PasswordHash::from_stored);
    assert!(matches(&hasher, KOREAN, &of_composed).await);
    assert!(matches(&hasher, &decomposed, &of_composed).await);
    assert!(matches(&hasher, &decomposed, &of_decomposed).await);

    // From then on the account has a hash of the normal form.
    let checked = verify(&hasher, &decomposed, Some(of_decomposed)).await;
    let upgraded = checked.unwrap().upgraded.unwrap();
    assert!(matches(&hasher, KOREAN, &upgraded).await);
}

#[tokio::test]
async fn an_account_without_a_password_matches_none() {
    let hasher = hasher();
    let unusable = "!ezSLMtVTgA94XujS58KRqzMGQCoS2cApJyu2rm0L";
    for text in ["", unusable, PHRASE] {
        let checked = verify(&hasher, text, stored(unusable)).await.unwrap();
        assert!(!checked.matches && checked.upgraded.is_none());
    }
}

const SALT_AND_TAG: &str = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[tokio::test]
async fn s67_monstrous_hashes_are_refused() {
    for cost in [
        "m=4194304,t=1,p=1",
        "m=4294967295,t=1,p=1",
        "m=4294967296,t=1,p=1",
        "m=1048577,t=1,p=1",
        "m=1048576,t=5,p=1",
        "m=19456,t=4294967295,p=1",
        "m=1048576,t=1,p=65",
        "m=1048576,t=1,p=16777216",
    ] {
        let text = format!("$argon2id$v=19${cost}${SALT_AND_TAG}");
        assert_refused(&text).await;
        assert_refused(&format!("argon2{text}")).await;
    }
    assert!(Stored::parse(&format!("$argon2id$v=19$m=1048576,t=4,p=1${SALT_AND_TAG}")).is_ok());
    let digest = "p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=";
    assert_refused(&format!("pbkdf2_sha256$10000001$salt${digest}")).await;
    assert_refused(&format!("pbkdf2_sha256$4294967296$salt${digest}")).await;
    assert_refused(&format!("pbkdf2_sha256$1000${}${digest}", "s".repeat(129))).await;
    let long = "A".repeat(1 << 20);
    assert_refused(&format!("$argon2id$v=19$m=64,t=1,p=1${long}${long}")).await;
}

#[tokio::test]
async fn s67_malformed_hashes_are_refused() {
    for text in [
        "",
        "plain",
        "$",
        "$argon2id",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
        "pbkdf2_sha256$0$salt$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "pbkdf2_sha256$1000$$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "pbkdf2_sha256$1000$salt$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0",
        "pbkdf2_sha256$1000$salt$AAAA",
        "pbkdf2_sha256$1000$salt$",
        "pbkdf2_sha256$-1$salt$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "argon2$",
        "argon2",
    ] {
        assert_refused(text).await;
    }
    for (id, version, cost) in [
        ("argon2x", "v=19", "m=64,t=1,p=1"),
        ("argon2id", "v=20", "m=64,t=1,p=1"),
        ("argon2id", "v=", "m=64,t=1,p=1"),
        ("argon2id", "v=19", "m=7,t=1,p=1"),
        ("argon2id", "v=19", "m=8,t=1,p=2"),
        ("argon2id", "v=19", "m=64,t=0,p=1"),
        ("argon2id", "v=19", "m=64,t=1,p=0"),
        ("argon2id", "v=19", "m=064,t=1,p=1"),
        ("argon2id", "v=19", "m=+64,t=1,p=1"),
        ("argon2id", "v=19", "t=1,m=64,p=1"),
        ("argon2id", "v=19", "m=64,t=1"),
        ("argon2id", "v=19", "m=64,t=1,p=1,keyid=AAAA"),
    ] {
        assert_refused(&format!("${id}${version}${cost}${SALT_AND_TAG}")).await;
    }
    for (salt, tag) in [
        ("c29t", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
        ("c29tZXNhbHQ", "CTFhFdXPJO0"),
        (
            "c29tZXNhbHQ",
            "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc$x",
        ),
        ("c29tZXN*bHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ] {
        assert_refused(&format!("$argon2id$v=19$m=64,t=1,p=1${salt}${tag}")).await;
    }
}

async fn assert_refused(text: &str) {
    // This hasher has no thread that would get anything done.
    let hasher = queue::stuck_hasher();
    let result = verify(&hasher, PHRASE, stored(text)).await;
    assert_eq!(result.err(), Some(HashFailure::Unusable), "{text:.80}");
}

#[test]
fn wycheproof_pbkdf2() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/wycheproof/pbkdf2_hmacsha256_test.json"
    );
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: {path} is not there");
        return;
    };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let iterations = test["iterationCount"].as_u64().unwrap();
            let matches = pbkdf2_sha256_matches(
                NonZeroU32::new(iterations.try_into().unwrap()).unwrap(),
                &hex(&test["salt"]),
                &hex(&test["password"]),
                &hex(&test["dk"]),
            );
            assert_eq!(matches, test["result"] == "valid", "tcId {}", test["tcId"]);
            checked += 1;
        }
    }
    assert_eq!(vectors["numberOfTests"], checked);
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
