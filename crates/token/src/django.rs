//! Django's signed cookie values (`set_signed_cookie`, `get_signed_cookie`), byte for byte.
//!
//! `value:time:signature`, where the time is Unix seconds in base 62 and the signature an HMAC-SHA256 in base64url over
//! `value:time`. The key is derived from the secret and the cookie's name, so a value signed for one
//! cookie says nothing under another name. Django 5.2.15 changed how; both ways are written and read here.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};

use crate::base64url;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Which Django wrote, or is to read, a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Django {
    /// Up to 5.2.14: the salt is the cookie's name.
    V1,
    /// From 5.2.15: the salt says that it is for a cookie, too.
    V2,
}

/// Makes the keys of cookies from Django's `SECRET_KEY`.
pub struct CookieSigner {
    secret: zeroize::Zeroizing<Vec<u8>>,
}

impl CookieSigner {
    /// The signer of an application.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec().into(),
        }
    }

    /// The key of one cookie, to be kept: with it, each value costs one HMAC.
    #[must_use]
    pub fn key(&self, version: Django, name: &str) -> CookieKey {
        let mut context = digest::Context::new(&digest::SHA256);
        if version == Django::V2 {
            context.update(b"django.http.cookies.v2:0:");
        }
        for part in [
            name.as_bytes(),
            b"signer",
            b"django.http.cookies",
            &self.secret,
        ] {
            context.update(part);
        }
        CookieKey(hmac::Key::new(hmac::HMAC_SHA256, context.finish().as_ref()))
    }

    /// Both keys of one cookie, to read whatever a Django of either version wrote.
    #[must_use]
    pub fn keys(&self, name: &str) -> CookieKeys {
        CookieKeys {
            newer: self.key(Django::V2, name),
            older: self.key(Django::V1, name),
        }
    }

    /// Signs a value for a cookie. Derives the key anew: see [`CookieSigner::key`].
    #[must_use]
    pub fn sign(&self, version: Django, name: &str, value: &str, unix_seconds: u64) -> String {
        self.key(version, name).sign(value, unix_seconds)
    }

    /// Checks a value of either version. Derives the keys anew: see [`CookieSigner::keys`].
    ///
    /// # Errors
    /// As [`CookieKey::verify`].
    pub fn verify<'c>(
        &self,
        name: &str,
        signed: &'c str,
        now: i64,
        max_age: Option<u64>,
    ) -> Result<&'c str, CookieError> {
        self.keys(name).verify(signed, now, max_age)
    }
}

impl fmt::Debug for CookieSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSigner(redacted)")
    }
}

/// The key of one cookie name in one version.
#[derive(Clone)]
pub struct CookieKey(hmac::Key);

impl CookieKey {
    /// The signed value.
    #[must_use]
    pub fn sign(&self, value: &str, unix_seconds: u64) -> String {
        let mut signed = String::with_capacity(value.len() + 56);
        signed.push_str(value);
        signed.push(':');
        push_base62(&mut signed, unix_seconds);
        let tag = hmac::sign(&self.0, signed.as_bytes());
        signed.push(':');
        base64url::encode_onto(&mut signed, tag.as_ref());
        signed
    }

    /// The value, if this key signed it no more than `max_age` seconds before `now`.
    ///
    /// # Errors
    /// [`CookieError`]; its age is only spoken of once the signature stood.
    pub fn verify<'c>(
        &self,
        signed: &'c str,
        now: i64,
        max_age: Option<u64>,
    ) -> Result<&'c str, CookieError> {
        let parts = Parts::split(signed)?;
        if self.signed(&parts) {
            parts.fresh(now, max_age)
        } else {
            Err(CookieError::BadSignature)
        }
    }

    /// Compares the encoded signature, which makes its spelling part of what must agree.
    fn signed(&self, parts: &Parts<'_>) -> bool {
        let expected = base64url::encode(hmac::sign(&self.0, parts.covered.as_bytes()).as_ref());
        constant_time::verify_slices_are_equal(expected.as_bytes(), parts.signature.as_bytes())
            .is_ok()
    }
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKey(redacted)")
    }
}

/// The keys of one cookie name in both versions.
#[derive(Clone, Debug)]
pub struct CookieKeys {
    newer: CookieKey,
    older: CookieKey,
}

impl CookieKeys {
    /// The key to write with.
    #[must_use]
    pub fn of(&self, version: Django) -> &CookieKey {
        match version {
            Django::V1 => &self.older,
            Django::V2 => &self.newer,
        }
    }

    /// The value, if a Django of either version signed it no more than `max_age` seconds before `now`.
    ///
    /// # Errors
    /// As [`CookieKey::verify`].
    pub fn verify<'c>(
        &self,
        signed: &'c str,
        now: i64,
        max_age: Option<u64>,
    ) -> Result<&'c str, CookieError> {
        let parts = Parts::split(signed)?;
        if self.newer.signed(&parts) || self.older.signed(&parts) {
            parts.fresh(now, max_age)
        } else {
            Err(CookieError::BadSignature)
        }
    }
}

/// Why a signed cookie value is to be treated as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// Not `value:time:signature`.
    #[error("the cookie is not a signed value")]
    Malformed,
    /// Not signed with this secret for this cookie.
    #[error("the cookie's signature is wrong")]
    BadSignature,
    /// Signed longer ago than allowed.
    #[error("the cookie is too old")]
    Expired,
}

struct Parts<'c> {
    value: &'c str,
    time: &'c str,
    /// `value:time`.
    covered: &'c str,
    signature: &'c str,
}

impl<'c> Parts<'c> {
    /// Splits from the right: the value may hold colons.
    fn split(signed: &'c str) -> Result<Self, CookieError> {
        let (covered, signature) = signed.rsplit_once(':').ok_or(CookieError::Malformed)?;
        let (value, time) = covered.rsplit_once(':').ok_or(CookieError::Malformed)?;
        Ok(Self {
            value,
            time,
            covered,
            signature,
        })
    }

    /// As Django has it: a cookie exactly `max_age` old still counts.
    fn fresh(&self, now: i64, max_age: Option<u64>) -> Result<&'c str, CookieError> {
        let time = base62(self.time).ok_or(CookieError::Malformed)?;
        let age = i128::from(now) - i128::from(time);
        match max_age {
            Some(max_age) if age > i128::from(max_age) => Err(CookieError::Expired),
            _ => Ok(self.value),
        }
    }
}

fn push_base62(text: &mut String, mut number: u64) {
    let mut digits = [b'0'; 11];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = BASE62
            .get((number % 62) as usize)
            .copied()
            .unwrap_or_default();
        number /= 62;
        used += 1;
        if number == 0 {
            break;
        }
    }
    text.extend(
        digits
            .iter()
            .skip(digits.len() - used)
            .map(|&digit| char::from(digit)),
    );
}

fn base62(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = BASE62.iter().position(|&known| known == byte)?;
        number.checked_mul(62)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_goes_there_and_back() {
        for (number, text) in [
            (0, "0"),
            (9, "9"),
            (10, "A"),
            (61, "z"),
            (62, "10"),
            (1_679_360_000, "1peQFc"),
            (u64::MAX, "LygHa16AHYF"),
        ] {
            let mut written = String::new();
            push_base62(&mut written, number);
            assert_eq!(written, text);
            assert_eq!(base62(text), Some(number));
        }
        for bad in ["", "-1", "LygHa16AHYG", "zzzzzzzzzzzz", " 1", "é"] {
            assert_eq!(base62(bad), None, "{bad:?}");
        }
    }
}
