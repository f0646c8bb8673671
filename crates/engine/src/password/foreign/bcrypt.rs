//! bcrypt, and what it does to a password.
//!
//! **It reads 72 bytes and no more.** A hash of a longer password cannot tell it from another that
//! begins with the same 72, neither here nor where it was made: until its owner first logs in, such
//! an account takes any of them. The one that is then given becomes the password as a whole, since
//! our own hash takes all of it. (Newer releases of Python's bcrypt and of Spring refuse to hash
//! longer ones; those before cut them.)
//!
//! **It repeats a password, with a NUL after it, until it has 72 bytes**, so `a` and `a\0a` are the
//! same to it, and some libraries end the password at a NUL. Nobody types one: a password that
//! holds a NUL matches no bcrypt hash, though it takes as long to find out.
//!
//! Django's `bcrypt_sha256` has neither trait: there bcrypt gets the SHA-256 of the password in
//! hexadecimal. `$2x$`, which marks hashes of an implementation that had a fault, is not taken.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use bcrypt::{HashParts, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Unusable;

/// Each step doubles the work; 16 takes seconds. Those in use are 10 to 12.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;

/// Where the digest begins in `$2b$12$` + 22 characters of salt + 31 of digest.
const DIGEST_AT: usize = 29;

/// A bcrypt hash, taken apart and within bounds.
pub(in crate::password) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    /// As text.
    digest: Box<str>,
    of: Of,
}

/// What bcrypt gets.
enum Of {
    Password,
    /// Its SHA-256 in hexadecimal.
    Sha256,
}

impl Bcrypt {
    /// Reads `$2b$12$…`, a hash of the password itself.
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        Self::read(text, Of::Password)
    }

    /// Reads `$2b$12$…`, a hash of the hexadecimal SHA-256 of the password.
    pub(super) fn of_sha256(text: &str) -> Result<Self, Unusable> {
        Self::read(text, Of::Sha256)
    }

    fn read(text: &str, of: Of) -> Result<Self, Unusable> {
        let known = ["$2a$", "$2b$", "$2y$"];
        // What reads the parts would take `+4` for a cost.
        let digits = |cost: &str| cost.bytes().all(|byte| byte.is_ascii_digit());
        if !known.iter().any(|prefix| text.starts_with(prefix))
            || !text.get(4..6).is_some_and(digits)
        {
            return Err(Unusable);
        }
        let parts: HashParts = text.parse().map_err(|_| Unusable)?;
        if !COSTS.contains(&parts.get_cost()) {
            return Err(Unusable);
        }
        Ok(Self {
            cost: parts.get_cost(),
            salt: parts.get_salt_raw(),
            digest: text.get(DIGEST_AT..).ok_or(Unusable)?.into(),
            of,
        })
    }

    /// Whether `password` is the one.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, Unusable> {
        match self.of {
            Of::Password => Ok(self.hashes(password)? & !password.contains(&0)),
            Of::Sha256 => self.hashes(hex_sha256(password).as_bytes()),
        }
    }

    fn hashes(&self, key: &[u8]) -> Result<bool, Unusable> {
        let made = bcrypt::hash_with_salt(key, self.cost, self.salt).map_err(|_| Unusable)?;
        let made = made.format_for_version(Version::TwoB);
        let digest = made.get(DIGEST_AT..).ok_or(Unusable)?;
        Ok(digest.as_bytes().ct_eq(self.digest.as_bytes()).into())
    }
}

fn hex_sha256(password: &[u8]) -> Zeroizing<String> {
    let digest = digest(&SHA256, password);
    let mut hex = Zeroizing::new(String::with_capacity(2 * digest.as_ref().len()));
    for byte in digest.as_ref() {
        // A `String` takes whatever is written to it.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
