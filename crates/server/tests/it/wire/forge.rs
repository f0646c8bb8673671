//! Tokens and cookies made by hand: with whatever is wrong with them, and a good signature all the
//! same. Nothing of daemun's own code is used here.

use aws_lc_rs::{digest, hmac};
use serde_json::{Map, Value};

pub const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub type Claims = Map<String, Value>;

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

pub fn decode(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .expect("base64url")
}

/// A token with this header and these claims, whatever they are, and its HMAC-SHA256.
pub fn forge(secret: &str, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    sealed(
        secret.as_bytes(),
        &format!("{}.{}", encode(header), encode(claims)),
    )
}

/// The same under HS512, as some back ends sign.
pub fn forge_hs512(secret: &str, claims: impl AsRef<[u8]>) -> String {
    let signed = format!("{}.{}", encode(r#"{"alg":"HS512"}"#), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA512, secret.as_bytes());
    format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())))
}

/// The text, a dot, and its HMAC-SHA256.
pub fn sealed(secret: &[u8], signed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())))
}

/// The header of a token, as text.
pub fn header(token: &str) -> String {
    part(token, 0)
}

/// The claims of a token, as text.
pub fn payload(token: &str) -> String {
    part(token, 1)
}

/// The claims of a token.
pub fn claims(token: &str) -> Claims {
    serde_json::from_str(&payload(token)).expect("claims")
}

fn part(token: &str, at: usize) -> String {
    let part = token.split('.').nth(at).expect("three parts");
    String::from_utf8(decode(part)).expect("text")
}

/// The same token with other claims, signed as the team's former back end would.
pub fn altered(secret: &str, token: &str, alter: impl FnOnce(&mut Claims)) -> String {
    let mut claims = claims(token);
    alter(&mut claims);
    forge(secret, HS256, serde_json::to_vec(&claims).expect("JSON"))
}

/// The same token with another value of one claim.
pub fn with_claim(secret: &str, token: &str, name: &str, value: impl Into<Value>) -> String {
    altered(secret, token, |claims| {
        claims.insert(name.to_owned(), value.into());
    })
}

/// A value as Django signs it for a cookie: up to 5.2.14 with the cookie's name as the salt.
pub fn django(secret: &str, name: &str, value: &str, at: u64) -> String {
    django_salted(secret, name, value, at)
}

/// As Django signs it from 5.2.15 on.
pub fn django_v2(secret: &str, name: &str, value: &str, at: u64) -> String {
    django_salted(
        secret,
        &format!("django.http.cookies.v2:0:{name}"),
        value,
        at,
    )
}

fn django_salted(secret: &str, salt: &str, value: &str, at: u64) -> String {
    let key = format!("{salt}signerdjango.http.cookies{secret}");
    let key = digest::digest(&digest::SHA256, key.as_bytes());
    let signed = format!("{value}:{}", base62(at));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
    format!("{signed}:{}", encode(hmac::sign(&key, signed.as_bytes())))
}

/// The value in a cookie that Django signed.
pub fn unsigned(cookie: &str) -> &str {
    cookie
        .rsplitn(3, ':')
        .nth(2)
        .expect("a value, a time and a signature")
}

/// The same with one bit of its signature turned.
pub fn badly_signed(text: &str) -> String {
    let at = text.rfind([':', '.']).expect("a signature") + 1;
    let turned = if text[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    format!("{}{turned}{}", &text[..at], &text[at + 1..])
}

fn base62(mut number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    while number > 0 {
        digits.insert(0, DIGITS[(number % 62) as usize]);
        number /= 62;
    }
    String::from_utf8(digits).expect("ASCII")
}

/// Seconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens made by hand need the time on the wall"
)]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a time after the epoch").as_secs()
}

#[test]
fn cookies_made_by_hand_are_those_of_django() {
    let sign = |with: fn(&str, &str, &str, u64) -> String| {
        with(
            "test-secret-key",
            "access_token",
            "aaa.bbb.ccc",
            1_679_360_000,
        )
    };
    assert_eq!(
        sign(django),
        "aaa.bbb.ccc:1peQFc:UrR-ATpz1J8sN30vPZ28dSEeFIKjMtkPtnTSB3cdaJ4"
    );
    assert_eq!(
        sign(django_v2),
        "aaa.bbb.ccc:1peQFc:aYB8Pk5Ww4a1VQx6_pAWnUX1oumX_tad_OW11xuFsys"
    );
}
