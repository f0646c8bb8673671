//! scrypt (RFC 7914), as Django, Spring and PHC strings write it.

use base64_simd::{STANDARD, STANDARD_NO_PAD};
use scrypt::Params;
use subtle::ConstantTimeEq;

use super::{Unusable, digest, number, parts, salt, text_salt};

/// What a stored hash may ask for. OWASP's strongest advice is 128 MiB once, its others and
/// Django's default less memory several times and the same work.
mod most {
    /// Memory in bytes, 128 N r.
    pub(super) const MEMORY: u64 = 128 * 1024 * 1024;
    /// Memory times passes over it, 128 N r p.
    pub(super) const WORK: u64 = 4 * MEMORY;
    /// N as a power of two.
    pub(super) const LOG_N: u32 = 24;
    /// Block size and parallelism, whose product takes memory too.
    pub(super) const R: u32 = 64;
    pub(super) const P: u32 = 16;
}

/// A scrypt hash, taken apart and within bounds.
pub(in crate::password) struct Scrypt {
    params: Params,
    salt: Box<[u8]>,
    digest: Box<[u8]>,
}

impl Scrypt {
    /// Django's `N$salt$r$p$digest`: the salt is text.
    pub(super) fn django(text: &str) -> Result<Self, Unusable> {
        let [n, salt, r, p, hash] = parts(text)?;
        let n = number(n)?;
        if !n.is_power_of_two() {
            return Err(Unusable);
        }
        Ok(Self {
            params: within_bounds(n.ilog2(), number(r)?, number(p)?)?,
            salt: text_salt(salt)?,
            digest: digest(hash, &STANDARD)?,
        })
    }

    /// A PHC string's `ln=17,r=8,p=1$salt$digest`.
    pub(super) fn phc(text: &str) -> Result<Self, Unusable> {
        let [costs, salted, hash] = parts(text)?;
        let mut costs = costs.split(',');
        let mut next = |name: &str| {
            let value = costs.next().and_then(|cost| cost.strip_prefix(name));
            value.ok_or(Unusable).and_then(number)
        };
        let params = within_bounds(next("ln=")?, next("r=")?, next("p=")?)?;
        if costs.next().is_some() {
            return Err(Unusable);
        }
        Ok(Self {
            params,
            salt: salt(salted, &STANDARD_NO_PAD)?,
            digest: digest(hash, &STANDARD_NO_PAD)?,
        })
    }

    /// Spring's `$e0801$salt$digest`: in hexadecimal the binary logarithm of N, then r and p of two
    /// digits each.
    pub(super) fn spring(text: &str) -> Result<Self, Unusable> {
        let ["", costs, salted, hash] = parts(text)? else {
            return Err(Unusable);
        };
        let sound = costs.len() <= 8 && costs.bytes().all(|byte| byte.is_ascii_hexdigit());
        let costs = sound.then(|| u32::from_str_radix(costs, 16).ok());
        let [log_n @ .., r, p] = costs.flatten().ok_or(Unusable)?.to_be_bytes();
        Ok(Self {
            params: within_bounds(u16::from_be_bytes(log_n).into(), r.into(), p.into())?,
            salt: salt(salted, &STANDARD)?,
            digest: digest(hash, &STANDARD)?,
        })
    }

    /// Whether `password` is the one.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, Unusable> {
        let mut made: Box<[u8]> = vec![0; self.digest.len()].into();
        scrypt::scrypt(password, &self.salt, &self.params, &mut made).map_err(|_| Unusable)?;
        Ok(made.ct_eq(&self.digest).into())
    }
}

fn within_bounds(log_n: u32, r: u32, p: u32) -> Result<Params, Unusable> {
    let sound = (1..=most::LOG_N).contains(&log_n)
        && (1..=most::R).contains(&r)
        && (1..=most::P).contains(&p);
    if !sound {
        return Err(Unusable);
    }
    let memory = (128 * u64::from(r)) << log_n;
    if memory > most::MEMORY || memory * u64::from(p) > most::WORK {
        return Err(Unusable);
    }
    let log_n = u8::try_from(log_n).map_err(|_| Unusable)?;
    Params::new(log_n, r, p).map_err(|_| Unusable)
}
