//! Stored hashes of every make: which one it is, and whether a password matches it.
//!
//! Everything here is parsed and bounded before any work is done, so a malformed or monstrous hash
//! costs nothing. A make is told by how its text begins, in one of the functions below
//! [`Stored::parse`]; a file for each algorithm knows the forms it is written in.
//!
//! Never taken: clear text (Spring's `{noop}`) and what is hardly better, a single pass of a fast
//! digest (`md5$`, `{SHA-256}`, …).

mod bcrypt;
pub(super) mod pbkdf2;
mod scrypt;

use base64_simd::Base64;

use self::{bcrypt::Bcrypt, pbkdf2::Pbkdf2, scrypt::Scrypt};
use super::argon2id::{Cost, Memory, Phc, number};

/// The longest stored text that is looked at, in bytes. The longest of those below has 300.
const LONGEST: usize = 1024;

/// The longest salt, in bytes.
const LONGEST_SALT: usize = 128;

/// The shortest and the longest digest, in bytes. A shorter one could be met by chance.
const SHORTEST_DIGEST: usize = 16;
const LONGEST_DIGEST: usize = 64;

/// A stored hash that is malformed, of no known make, or asks for more than is reasonable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusable;

/// What made a stored hash, for a report to whoever takes over a back end; `None` where it cannot
/// be verified here: of no known make, malformed, or asking for more work than is reasonable.
/// `Some("no password")` is an account that has none, which is nothing amiss. Nothing is hashed.
#[must_use]
pub fn make_of(stored: &str) -> Option<&'static str> {
    Some(match Stored::parse(stored).ok()? {
        Stored::Argon2(_) => "Argon2",
        Stored::Foreign { make, .. } => make,
        Stored::NoPassword => "no password",
    })
}

/// A stored hash, taken apart.
pub(super) enum Stored {
    /// Argon2 in PHC form: ours, or of a back end that did the same.
    Argon2(Phc),
    /// Of another back end.
    Foreign { make: &'static str, hash: Hash },
    /// An account that has no password: Django's `!…`, or nothing at all. Nothing matches it.
    NoPassword,
}

/// A hash in whatever form it was stored.
pub(super) enum Hash {
    Argon2(Phc),
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
}

impl Stored {
    /// Tells the make by its beginning and takes it apart.
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        if text.len() > LONGEST {
            return Err(Unusable);
        }
        let (make, hash) = match text.as_bytes().first() {
            None | Some(b'!') => return Ok(Self::NoPassword),
            Some(b'$') if text.starts_with("$argon2") => return Phc::parse(text).map(Self::Argon2),
            Some(b'$') => modular(text)?,
            Some(b'{') => spring(text)?,
            Some(_) => django(text)?,
        };
        Ok(Self::Foreign { make, hash })
    }

    /// Whether this is just what we would store today, so that there is nothing to upgrade.
    pub(super) fn is_current(&self, cost: Cost) -> bool {
        matches!(self, Self::Argon2(phc) if phc.is_current(cost))
    }

    /// Whether `password` is the one.
    pub(super) fn matches(&self, password: &[u8], memory: &mut Memory) -> Result<bool, Unusable> {
        match self {
            Self::Argon2(phc) => phc.matches(password, memory),
            Self::Foreign { hash, .. } => hash.matches(password, memory),
            Self::NoPassword => Ok(false),
        }
    }
}

impl Hash {
    fn matches(&self, password: &[u8], memory: &mut Memory) -> Result<bool, Unusable> {
        match self {
            Self::Argon2(hash) => hash.matches(password, memory),
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
            Self::Scrypt(hash) => hash.matches(password),
        }
    }
}

type Made = Result<(&'static str, Hash), Unusable>;

/// `$id$…`: bcrypt as everybody writes it, PHC strings, and passlib's.
fn modular(text: &str) -> Made {
    let (id, rest) = text
        .strip_prefix('$')
        .and_then(|text| text.split_once('$'))
        .ok_or(Unusable)?;
    Ok(match id {
        "2a" | "2b" | "2y" => ("bcrypt", Hash::Bcrypt(Bcrypt::parse(text)?)),
        "scrypt" => ("scrypt", Hash::Scrypt(Scrypt::phc(rest)?)),
        "pbkdf2" | "pbkdf2-sha1" => ("pbkdf2-sha1", pbkdf2::phc(&pbkdf2::SHA1, rest)?),
        "pbkdf2-sha256" => ("pbkdf2-sha256", pbkdf2::phc(&pbkdf2::SHA256, rest)?),
        "pbkdf2-sha512" => ("pbkdf2-sha512", pbkdf2::phc(&pbkdf2::SHA512, rest)?),
        _ => return Err(Unusable),
    })
}

/// `hasher$…`, as Django writes them.
fn django(text: &str) -> Made {
    let (hasher, rest) = text.split_once('$').ok_or(Unusable)?;
    Ok(match hasher {
        "pbkdf2_sha256" => (
            "Django pbkdf2_sha256",
            pbkdf2::django(&pbkdf2::SHA256, rest)?,
        ),
        "pbkdf2_sha1" => ("Django pbkdf2_sha1", pbkdf2::django(&pbkdf2::SHA1, rest)?),
        "bcrypt_sha256" => (
            "Django bcrypt_sha256",
            Hash::Bcrypt(Bcrypt::of_sha256(rest)?),
        ),
        "bcrypt" => ("Django bcrypt", Hash::Bcrypt(Bcrypt::parse(rest)?)),
        "scrypt" => ("Django scrypt", Hash::Scrypt(Scrypt::django(rest)?)),
        // What follows is a PHC string without the `$` that was split off.
        "argon2" => (
            "Django argon2",
            Hash::Argon2(Phc::parse(text.trim_start_matches(hasher))?),
        ),
        _ => return Err(Unusable),
    })
}

/// `{id}…`, as Spring Security's `DelegatingPasswordEncoder` writes them with the encoders that its
/// `PasswordEncoderFactories` gives those ids. A back end that gave them to others of its own
/// making, or added a secret, has hashes that look the same and will not match.
fn spring(text: &str) -> Made {
    let (id, rest) = text
        .strip_prefix('{')
        .and_then(|text| text.split_once('}'))
        .ok_or(Unusable)?;
    Ok(match id {
        "bcrypt" => ("Spring bcrypt", Hash::Bcrypt(Bcrypt::parse(rest)?)),
        "argon2" | "argon2@SpringSecurity_v5_8" => {
            ("Spring argon2", Hash::Argon2(Phc::parse(rest)?))
        }
        "pbkdf2" => ("Spring pbkdf2 (5.5)", pbkdf2::spring_5_5(rest)?),
        "pbkdf2@SpringSecurity_v5_8" => ("Spring pbkdf2 (5.8)", pbkdf2::spring_5_8(rest)?),
        "scrypt" | "scrypt@SpringSecurity_v5_8" => {
            ("Spring scrypt", Hash::Scrypt(Scrypt::spring(rest)?))
        }
        _ => return Err(Unusable),
    })
}

/// The parts between `$`, just as many as are wanted.
fn parts<const N: usize>(text: &str) -> Result<[&str; N], Unusable> {
    let mut parts = text.split('$');
    let mut taken = [""; N];
    for part in &mut taken {
        *part = parts.next().ok_or(Unusable)?;
    }
    parts.next().is_none().then_some(taken).ok_or(Unusable)
}

/// A salt that is used as the text it is.
fn text_salt(text: &str) -> Result<Box<[u8]>, Unusable> {
    let sound = (1..=LONGEST_SALT).contains(&text.len());
    sound.then(|| text.as_bytes().into()).ok_or(Unusable)
}

/// A salt that was encoded.
fn salt(text: &str, base64: &Base64) -> Result<Box<[u8]>, Unusable> {
    let salt = base64.decode_to_vec(text).map_err(|_| Unusable)?;
    let sound = (1..=LONGEST_SALT).contains(&salt.len());
    sound.then(|| salt.into()).ok_or(Unusable)
}

/// What the password is to come out as.
fn digest(text: &str, base64: &Base64) -> Result<Box<[u8]>, Unusable> {
    let digest = base64.decode_to_vec(text).map_err(|_| Unusable)?;
    let sound = (SHORTEST_DIGEST..=LONGEST_DIGEST).contains(&digest.len());
    sound.then(|| digest.into()).ok_or(Unusable)
}

/// Bytes from hexadecimal digits.
fn hex(text: &str) -> Result<Vec<u8>, Unusable> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Unusable);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .ok_or(Unusable)
}
