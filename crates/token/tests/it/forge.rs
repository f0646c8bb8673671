//! Tokens that no honest signer makes, with good signatures nonetheless.

use aws_lc_rs::hmac;
use daemun_token::{Access, Algorithm, SigningKey, TypRule, Verifier, VerifyingKey};

pub const SECRET: &[u8] = b"a secret of exactly sixty-four bytes, as HS512 wants it to be!!!";
pub const NOW: i64 = 1_700_000_000;
pub const CLAIMS: &str = r#"{"exp":1700000300,"sub":"1"}"#;
pub const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A token with this header and these claims, whatever they are, and the HMAC-SHA256 that goes with them.
pub fn forge(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    sealed(&format!("{}.{}", encode(header), encode(claims)), SECRET)
}

/// The text, a dot, and its HMAC-SHA256.
pub fn sealed(signed: &str, secret: &[u8]) -> String {
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        signed.as_bytes(),
    );
    format!("{signed}.{}", encode(tag))
}

pub fn hs256(kid: Option<&str>) -> SigningKey {
    SigningKey::hmac(Algorithm::Hs256, kid, SECRET).unwrap()
}

pub fn ed25519() -> SigningKey {
    SigningKey::ed25519_from_seed(None, &[7; 32]).unwrap()
}

/// Asks for nothing but a good signature and an `exp`.
pub fn lenient(keys: impl IntoIterator<Item = VerifyingKey>) -> Verifier<Access> {
    Verifier::builder().keys(keys).typ(TypRule::Any).build()
}

/// What the lenient verifier of the one secret says.
pub fn verdict(token: &str) -> String {
    said(&lenient([hs256(None).verifying_key()]), token)
}

/// What a verifier says at [`NOW`].
pub fn said(verifier: &Verifier<Access>, token: &str) -> String {
    verifier
        .verify(token, NOW)
        .map_or_else(|rejected| format!("{rejected:?}"), |_| "accepted".into())
}
