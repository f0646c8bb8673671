//! Argon2 (RFC 9106): our own parameters, the PHC strings that carry them, and the memory it works
//! in.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64_simd::STANDARD_NO_PAD as BASE64;
use subtle::ConstantTimeEq;

use super::foreign::Unusable;

/// The length of the tags we make, in bytes.
const TAG: usize = 32;

/// What a stored hash may ask for. Beyond it nothing is allocated and nothing computed: a row that
/// asks for 4 GiB is a mistake or an attack. The largest parameters in use (libsodium "sensitive")
/// are 1 GiB in 4 passes.
mod most {
    /// Memory in KiB.
    pub(super) const MEMORY: u32 = 1024 * 1024;
    /// Memory in KiB times passes.
    pub(super) const WORK: u64 = 4 * 1024 * 1024;
    /// Lanes.
    pub(super) const LANES: u32 = 64;
    /// Salt and tag in bytes.
    pub(super) const BYTES: usize = 64;
}

/// The shortest salt and tag of a stored hash, in bytes. A shorter tag could be met by chance.
const FEWEST_SALT: usize = 8;
const FEWEST_TAG: usize = 16;

/// How much an Argon2 hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Memory in KiB.
    pub(super) memory: u32,
    /// Passes over it.
    pub(super) passes: u32,
    /// Lanes.
    pub(super) lanes: u32,
}

impl Cost {
    /// The cost, where it is within bounds.
    pub(super) fn checked(self) -> Result<Self, Unusable> {
        let work = u64::from(self.memory) * u64::from(self.passes);
        let within = self.memory <= most::MEMORY
            && (1..=most::LANES).contains(&self.lanes)
            && self.memory >= 8 * self.lanes
            && self.passes >= 1
            && work <= most::WORK;
        within.then_some(self).ok_or(Unusable)
    }

    fn params(self) -> Result<Params, Unusable> {
        Params::new(self.memory, self.passes, self.lanes, None).map_err(|_| Unusable)
    }
}

/// A stored Argon2 hash, taken apart and within bounds.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Phc {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    salt: Box<[u8]>,
    tag: Box<[u8]>,
}

impl Phc {
    /// Hashes `password` as we do: Argon2id, version 1.3.
    pub(super) fn make(
        password: &[u8],
        salt: &[u8; 16],
        cost: Cost,
        memory: &mut Memory,
    ) -> Result<Self, Unusable> {
        let mut phc = Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            cost,
            salt: (*salt).into(),
            tag: [0; TAG].into(),
        };
        phc.tag = phc.tag_of(password, memory)?;
        Ok(phc)
    }

    /// Reads `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`.
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let rest = text.strip_prefix('$').ok_or(Unusable)?;
        let (algorithm, rest) = rest.split_once('$').ok_or(Unusable)?;
        let (version, rest) = match rest.strip_prefix("v=") {
            Some(rest) => rest.split_once('$').ok_or(Unusable)?,
            None => ("16", rest),
        };
        let mut parts = rest.split('$');
        let (Some(cost), Some(salt), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Unusable);
        };
        Ok(Self {
            algorithm: Algorithm::new(algorithm).map_err(|_| Unusable)?,
            version: Version::try_from(number(version)?).map_err(|_| Unusable)?,
            cost: parse_cost(cost)?,
            salt: bytes(salt, FEWEST_SALT)?,
            tag: bytes(tag, FEWEST_TAG)?,
        })
    }

    /// Whether `password` is the one.
    pub(super) fn matches(&self, password: &[u8], memory: &mut Memory) -> Result<bool, Unusable> {
        let tag = self.tag_of(password, memory)?;
        Ok(tag.ct_eq(&self.tag).into())
    }

    /// Whether this is just what [`Phc::make`] would make today. Dearer ones are not: every account
    /// is to cost the same, or the time a login takes would tell them apart.
    pub(super) fn is_current(&self, cost: Cost) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.cost == cost
            && self.salt.len() >= 16
            && self.tag.len() == TAG
    }

    fn tag_of(&self, password: &[u8], memory: &mut Memory) -> Result<Box<[u8]>, Unusable> {
        let params = self.cost.params()?;
        let blocks = memory.blocks(params.block_count())?;
        let mut tag: Box<[u8]> = vec![0; self.tag.len()].into();
        Argon2::new(self.algorithm, self.version, params)
            .hash_password_into_with_memory(password, &self.salt, &mut tag, blocks)
            .map_err(|_| Unusable)?;
        Ok(tag)
    }
}

impl fmt::Display for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "${}$v={}$m={},t={},p={}${}${}",
            self.algorithm.as_str(),
            u32::from(self.version),
            self.cost.memory,
            self.cost.passes,
            self.cost.lanes,
            BASE64.encode_to_string(&self.salt),
            BASE64.encode_to_string(&self.tag),
        )
    }
}

fn parse_cost(text: &str) -> Result<Cost, Unusable> {
    let mut parts = text.split(',');
    let mut next = |name: &str| {
        let value = parts.next().and_then(|part| part.strip_prefix(name));
        value.ok_or(Unusable).and_then(number)
    };
    let (memory, passes, lanes) = (next("m=")?, next("t=")?, next("p=")?);
    if parts.next().is_some() {
        return Err(Unusable);
    }
    Cost {
        memory,
        passes,
        lanes,
    }
    .checked()
}

/// A decimal number without sign or leading zeros.
pub(super) fn number(text: &str) -> Result<u32, Unusable> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    canonical
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(Unusable)
}

fn bytes(text: &str, fewest: usize) -> Result<Box<[u8]>, Unusable> {
    if text.len() > BASE64.encoded_length(most::BYTES) {
        return Err(Unusable);
    }
    let bytes = BASE64.decode_to_vec(text).map_err(|_| Unusable)?;
    if bytes.len() < fewest {
        return Err(Unusable);
    }
    Ok(bytes.into())
}

/// The blocks Argon2 works in, kept from one hash to the next.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

/// glibc takes allocations beyond 32 MiB from the system and gives them back when freed, but once
/// it has freed a smaller one it keeps the next of that size. So never less is reserved: pages not
/// touched cost nothing.
const RESERVED: usize = 33 * 1024;

/// More is given back as soon as the hash that needed it is done.
const KEPT: usize = 64 * 1024;

impl Memory {
    pub(super) fn is_empty(&self) -> bool {
        self.0.capacity() == 0
    }

    pub(super) fn release(&mut self) {
        self.0 = Vec::new();
    }

    /// Lets go of what only an unusually dear hash needed.
    pub(super) fn trim(&mut self) {
        if self.0.capacity() > KEPT {
            self.release();
        }
    }

    fn blocks(&mut self, count: usize) -> Result<&mut [Block], Unusable> {
        if self.0.len() < count {
            self.release();
            self.0
                .try_reserve_exact(count.max(RESERVED))
                .map_err(|_| Unusable)?;
            self.0.resize(count, Block::new());
        }
        self.0.get_mut(..count).ok_or(Unusable)
    }
}
