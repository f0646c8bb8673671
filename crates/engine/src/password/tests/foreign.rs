use std::fs;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::password::foreign::{
    Stored,
    pbkdf2::{self, Pbkdf2},
};

/// What Django 5.2 makes of [`KOREAN`], composed and decomposed: it does not normalise.
const KOREAN: &str = "비밀번호 열다섯 글자 이상 1";
const DJANGO_KOREAN: [&str; 2] = [
    "argon2$argon2id$v=19$m=102400,t=2,p=8$SGpmWnFCTzJUY05wZzQwTERrNGN1UA$V1fEiXG9UtG84WJTpDhf3LPynzVghia5Q4yMzo4HKxQ",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$QldKenJJR3IxT1VxQUhjOTg1NUNuTA$vtG00XJwzcEMzVKeLl/rRVFJw+0Kjg2iGsF2lcGaywI",
];

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
    // Django's mark of an account that has none, and a column that was left empty.
    for none in ["!ezSLMtVTgA94XujS58KRqzMGQCoS2cApJyu2rm0L", "!", ""] {
        assert_eq!(make_of(none), Some("no password"));
        for text in ["", none, PHRASE] {
            let checked = verify(&hasher, text, stored(none)).await.unwrap();
            assert!(!checked.matches && checked.upgraded.is_none());
        }
    }
}

/// In padded base64, as Django and Spring write it.
const DIGEST: &str = "p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=";

/// What follows the cost.
const BCRYPT: &str = "abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.";

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
    assert_refused(&format!("pbkdf2_sha256$1000${}${DIGEST}", "s".repeat(129))).await;
    for iterations in ["10000001", "4294967296", "99999999999999999999"] {
        assert_refused(&format!("pbkdf2_sha256${iterations}$salt${DIGEST}")).await;
        assert_refused(&format!(
            "pbkdf2_sha1${iterations}$salt$0000000000000000000000000000"
        ))
        .await;
        assert_refused(&format!("$pbkdf2-sha256$i={iterations}${SALT_AND_TAG}")).await;
        assert_refused(&format!("$pbkdf2-sha512${iterations}${SALT_AND_TAG}")).await;
    }
    // Two blocks of SHA-1 are twice the work.
    assert_refused(&format!("$pbkdf2-sha1$i=5000001${SALT_AND_TAG}")).await;
    assert!(Stored::parse(&format!("$pbkdf2-sha1$i=5000000${SALT_AND_TAG}")).is_ok());
    for cost in ["17", "31", "32", "99"] {
        for before in ["", "bcrypt$", "bcrypt_sha256$", "{bcrypt}"] {
            assert_refused(&format!("{before}$2b${cost}${BCRYPT}")).await;
        }
    }
    assert!(Stored::parse(&format!("$2b$16${BCRYPT}")).is_ok());
    let long = "A".repeat(1 << 20);
    assert_refused(&format!("$argon2id$v=19$m=64,t=1,p=1${long}${long}")).await;
}

#[tokio::test]
async fn s67_monstrous_scrypt_is_refused() {
    for (log_n, r, p) in [
        // Too much memory: of N, of r, of both, and beyond any number.
        (18_u32, 8_u32, 1_u32),
        (14, 65, 1),
        (17, 16, 1),
        (31, 1, 1),
        (63, 8, 1),
        (64, 8, 1),
        (4_294_967_295, 8, 1),
        (1, 1_073_741_823, 1),
        (14, 4_294_967_295, 1),
        // Too much of it too often.
        (17, 8, 5),
        (14, 8, 17),
        (1, 8, 4_294_967_295),
    ] {
        assert_refused(&format!("$scrypt$ln={log_n},r={r},p={p}${SALT_AND_TAG}")).await;
        if let Some(n) = 1_u64.checked_shl(log_n) {
            assert_refused(&format!("scrypt${n}$salt${r}${p}${DIGEST}")).await;
        }
    }
    for costs in [
        "120801",
        "e41ff",
        "e0811",
        "ffffffff",
        "1000e0801",
        "7fff0801",
    ] {
        assert_refused(&format!("{{scrypt}}${costs}$c29tZXNhbHQ=${DIGEST}")).await;
    }
    for (log_n, r, p) in [(17, 8, 4), (20, 1, 1), (14, 64, 1), (14, 8, 16)] {
        let text = format!("$scrypt$ln={log_n},r={r},p={p}${SALT_AND_TAG}");
        assert!(Stored::parse(&text).is_ok(), "{text}");
    }
}

#[tokio::test]
async fn s67_clear_text_and_bare_digests_are_refused() {
    for text in [
        "{noop}correct horse battery",
        "{MD5}{aRYR+Yp2xSqtgF+vtjH6jNda6M083iEbP+zCFjLt9IA=}905e382a25eed53e22224223b3581092",
        "{SHA-256}{UisHp3pFSMqcqrhQsrhR+hspIG0SyMDyDW/XtY+t6nA=}a98efbaf59277bfd",
        "{sha256}97cde38028ad898ebc02e690819fa220e88c62e0699403e94fff291cfffaf8410849f27605abcbc0",
        "{ldap}{SSHA}igvD9lOiTXm16dmOw0YWRb9OjK2ThZvdQku2EQ==",
        "md5$fMZ66Wgiv2fOqpjjE1Yjf6$69097a639b28f5a730e4dc5bd58e20d3",
        "correct horse battery",
    ] {
        assert_eq!(make_of(text), None, "{text}");
        assert_refused(text).await;
    }
}

#[tokio::test]
async fn s67_malformed_hashes_are_refused() {
    for text in [
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
        // A fault that `$2x$` marks, no terminator, costs that are none, one character less, more,
        // and of another alphabet, bits that no salt leaves over.
        "$2x$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "$2$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz..",
        "$2b$+6$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "$2b$03$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "$2b$6$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz..",
        "$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz",
        "$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz..",
        "$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8x+.",
        "$2b$06$abcdefghijklmnopqrstuv50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "$2b$06$abcdefghijklmnopqrst한50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "$2b$06$",
        "bcrypt$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "bcrypt_sha256$",
        "{bcrypt}",
        "{bcrypt",
        "{}$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "{argon2}{bcrypt}$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        "{pbkdf2}efed3789e49669735b15d4d5439bb391324c29b1a9f005d8fd434e22f72f1bde6606366db29a0e",
        "{pbkdf2}+fed3789e49669735b15d4d5439bb391324c29b1a9f005d8fd434e22f72f1bde6606366db29a0ec3",
        "{pbkdf2@SpringSecurity_v5_8}7+03ieSWaXNbFdTVQ5uzkTJMKbGp8AXY/UNOIvcvG95mBjZtspoOww==",
        "{pbkdf2}",
        "{scrypt}e0801$c29tZXNhbHQ=$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "{scrypt}$+e0801$c29tZXNhbHQ=$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "{scrypt}$801$c29tZXNhbHQ=$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "{scrypt}$$c29tZXNhbHQ=$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "scrypt$16383$salt$8$1$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "scrypt$1$salt$8$1$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "scrypt$16384$salt$0$1$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "scrypt$16384$salt$8$0$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "scrypt$16384$$8$1$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        "scrypt$16384$salt$8$1$",
        "$scrypt$ln=14,r=8$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$scrypt$ln=14,r=8,p=1,x=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$i=1000,l=33$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$l=32$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$i=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-md5$i=1000$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$1000$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph+ArZWb2GRPPc",
        "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0",
        "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
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
            let stored = Pbkdf2::new(
                &pbkdf2::SHA256,
                iterations.try_into().unwrap(),
                hex(&test["salt"]).into(),
                hex(&test["dk"]).into(),
            );
            let matches = stored.unwrap().matches(&hex(&test["password"]));
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
