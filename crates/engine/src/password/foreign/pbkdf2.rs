//! PBKDF2 (RFC 8018), as Django, Spring, passlib and PHC strings write it.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64_simd::{STANDARD, STANDARD_NO_PAD};

use super::{Hash, Unusable, digest, hex, number, parts, salt, text_salt};

/// The most iterations a stored hash may ask for, counted for each block of its digest. Django 6
/// makes hashes of 1.2 million.
const MOST_ITERATIONS: u32 = 10_000_000;

/// An HMAC by its digest.
pub(in crate::password) struct Hmac {
    algorithm: pbkdf2::Algorithm,
    /// In bytes.
    length: usize,
}

macro_rules! hmacs {
    ($($name:ident $algorithm:ident $length:literal)*) => {$(
        pub(in crate::password) static $name: Hmac = Hmac {
            algorithm: pbkdf2::$algorithm,
            length: $length,
        };
    )*};
}
hmacs! {
    SHA1 PBKDF2_HMAC_SHA1 20
    SHA256 PBKDF2_HMAC_SHA256 32
    SHA512 PBKDF2_HMAC_SHA512 64
}

/// A PBKDF2 hash, taken apart and within bounds.
pub(in crate::password) struct Pbkdf2 {
    hmac: &'static Hmac,
    iterations: NonZeroU32,
    salt: Box<[u8]>,
    digest: Box<[u8]>,
}

impl Pbkdf2 {
    pub(in crate::password) fn new(
        hmac: &'static Hmac,
        iterations: u32,
        salt: Box<[u8]>,
        digest: Box<[u8]>,
    ) -> Result<Self, Unusable> {
        let blocks = u32::try_from(digest.len().div_ceil(hmac.length)).map_err(|_| Unusable)?;
        let iterations = NonZeroU32::new(iterations).ok_or(Unusable)?;
        let work = iterations.get().saturating_mul(blocks);
        let hash = Self {
            hmac,
            iterations,
            salt,
            digest,
        };
        (work <= MOST_ITERATIONS).then_some(hash).ok_or(Unusable)
    }

    /// Whether `password` is the one; compared in constant time.
    pub(in crate::password) fn matches(&self, password: &[u8]) -> bool {
        pbkdf2::verify(
            self.hmac.algorithm,
            self.iterations,
            &self.salt,
            password,
            &self.digest,
        )
        .is_ok()
    }
}

/// Django's `iterations$salt$digest`: the salt is text.
pub(super) fn django(hmac: &'static Hmac, text: &str) -> Result<Hash, Unusable> {
    let [iterations, salt, hash] = parts(text)?;
    let hash = digest(hash, &STANDARD)?;
    if hash.len() != hmac.length {
        return Err(Unusable);
    }
    Pbkdf2::new(hmac, number(iterations)?, text_salt(salt)?, hash).map(Hash::Pbkdf2)
}

/// A PHC string's `i=600000,l=32$salt$digest`, where the length may be left out, and passlib's
/// `29000$salt$digest`, in whose base64 a full stop stands for the plus.
pub(super) fn phc(hmac: &'static Hmac, text: &str) -> Result<Hash, Unusable> {
    let [costs, salted, hash] = parts(text)?;
    let (iterations, length, plus) = match costs.strip_prefix("i=") {
        None => (costs, None, "."),
        Some(costs) => match costs.split_once(",l=") {
            None => (costs, None, "+"),
            Some((iterations, length)) => (iterations, Some(number(length)?), "+"),
        },
    };
    if plus == "." && (salted.contains('+') || hash.contains('+')) {
        return Err(Unusable);
    }
    let hash = digest(&hash.replace(plus, "+"), &STANDARD_NO_PAD)?;
    if length.is_some_and(|length| usize::try_from(length) != Ok(hash.len())) {
        return Err(Unusable);
    }
    let salt = salt(&salted.replace(plus, "+"), &STANDARD_NO_PAD)?;
    Pbkdf2::new(hmac, number(iterations)?, salt, hash).map(Hash::Pbkdf2)
}

/// Spring's `{pbkdf2}`, the defaults of 5.5 and before: an 8-byte salt and 32 bytes of digest.
pub(super) fn spring_5_5(text: &str) -> Result<Hash, Unusable> {
    spring(&SHA1, 185_000, 8, text)
}

/// Spring's `{pbkdf2@SpringSecurity_v5_8}`: a 16-byte salt and 32 bytes of digest.
pub(super) fn spring_5_8(text: &str) -> Result<Hash, Unusable> {
    spring(&SHA256, 310_000, 16, text)
}

/// Salt and digest in one, in hexadecimal or, where the back end chose so, in base64.
fn spring(hmac: &'static Hmac, iterations: u32, salt: usize, text: &str) -> Result<Hash, Unusable> {
    const DIGEST: usize = 32;
    let bytes = if text.len() == 2 * (salt + DIGEST) {
        hex(text)?
    } else {
        STANDARD.decode_to_vec(text).map_err(|_| Unusable)?
    };
    let (salt, digest) = bytes.split_at_checked(salt).ok_or(Unusable)?;
    if digest.len() != DIGEST {
        return Err(Unusable);
    }
    Pbkdf2::new(hmac, iterations, salt.into(), digest.into()).map(Hash::Pbkdf2)
}
