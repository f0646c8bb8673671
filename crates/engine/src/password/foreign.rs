//! Stored hashes of every make: which one it is, and whether a password matches it.
//!
//! Everything here is parsed and bounded before any work is done, so a malformed or monstrous hash
//! costs nothing. A further make is a variant of [`Stored`], its prefix in [`Stored::parse`], its
//! check in [`Stored::matches`].

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64_simd::STANDARD as BASE64;

use super::argon2id::{Cost, Memory, Phc, number};

/// The most PBKDF2 iterations a stored hash may ask for. Django 6 makes hashes of 1.2 million.
const MOST_ITERATIONS: u32 = 10_000_000;

/// The longest salt, in bytes.
const LONGEST_SALT: usize = 128;

/// The length of an HMAC-SHA-256.
const SHA256: usize = 32;

/// A stored hash that is malformed, or asks for more than is reasonable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusable;

/// What made a stored hash, for a report to whoever takes over a back end; `None` where it cannot
/// be verified here: of no known make, malformed, or asking for more work than is reasonable.
/// `Some("no password")` is an account that has none, which is nothing amiss. Nothing is hashed.
#[must_use]
pub fn make_of(stored: &str) -> Option<&'static str> {
    Stored::parse(stored).ok().map(|stored| stored.make())
}

/// A stored hash, taken apart.
pub(super) enum Stored {
    /// Argon2 in PHC form: ours, or of a back end that did the same.
    Argon2(Phc),
    /// Django's `argon2$argon2id$…`: Argon2 with the name of Django's hasher before it.
    DjangoArgon2(Phc),
    /// Django's `pbkdf2_sha256$iterations$salt$digest`.
    DjangoPbkdf2 {
        iterations: NonZeroU32,
        salt: Box<[u8]>,
        digest: Box<[u8]>,
    },
    /// Django's `!…`: an account that has no password. Nothing matches it.
    NoPassword,
}

impl Stored {
    /// Tells the make by its prefix and takes it apart.
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        if text.starts_with("$argon2") {
            Phc::parse(text).map(Self::Argon2)
        } else if let Some(phc) = text.strip_prefix("argon2") {
            Phc::parse(phc).map(Self::DjangoArgon2)
        } else if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
            django_pbkdf2(rest)
        } else if text.starts_with('!') {
            Ok(Self::NoPassword)
        } else {
            // bcrypt (`$2b$`), Django's `bcrypt_sha256$` and `scrypt$`, Spring's `{id}` go here.
            Err(Unusable)
        }
    }

    fn make(&self) -> &'static str {
        match self {
            Self::Argon2(_) => "Argon2",
            Self::DjangoArgon2(_) => "Django argon2",
            Self::DjangoPbkdf2 { .. } => "Django pbkdf2_sha256",
            Self::NoPassword => "no password",
        }
    }

    /// Whether this is just what we would store today, so that there is nothing to upgrade.
    pub(super) fn is_current(&self, cost: Cost) -> bool {
        matches!(self, Self::Argon2(phc) if phc.is_current(cost))
    }

    /// Whether `password` is the one.
    pub(super) fn matches(&self, password: &[u8], memory: &mut Memory) -> Result<bool, Unusable> {
        match self {
            Self::Argon2(phc) | Self::DjangoArgon2(phc) => phc.matches(password, memory),
            Self::DjangoPbkdf2 {
                iterations,
                salt,
                digest,
            } => Ok(pbkdf2_sha256_matches(*iterations, salt, password, digest)),
            Self::NoPassword => Ok(false),
        }
    }
}

fn django_pbkdf2(text: &str) -> Result<Stored, Unusable> {
    let mut parts = text.split('$');
    let (Some(iterations), Some(salt), Some(digest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Unusable);
    };
    let iterations = NonZeroU32::new(number(iterations)?)
        .filter(|n| n.get() <= MOST_ITERATIONS)
        .ok_or(Unusable)?;
    let sound =
        (1..=LONGEST_SALT).contains(&salt.len()) && digest.len() == BASE64.encoded_length(SHA256);
    if !sound {
        return Err(Unusable);
    }
    let digest = BASE64.decode_to_vec(digest).map_err(|_| Unusable)?;
    if digest.len() != SHA256 {
        return Err(Unusable);
    }
    Ok(Stored::DjangoPbkdf2 {
        iterations,
        salt: salt.as_bytes().into(),
        digest: digest.into(),
    })
}

/// Compares in constant time.
pub(super) fn pbkdf2_sha256_matches(
    iterations: NonZeroU32,
    salt: &[u8],
    password: &[u8],
    digest: &[u8],
) -> bool {
    pbkdf2::verify(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        password,
        digest,
    )
    .is_ok()
}
