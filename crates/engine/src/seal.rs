//! Secrets at rest. One master key, kept outside the database, from which every other key of this
//! installation is derived; what must be stored and read again is sealed under one of them.

use std::fmt;

use aws_lc_rs::{aead, hkdf, hmac};
use zeroize::Zeroizing;

use crate::ports::Entropy;

const NONCE: usize = 12;

/// The installation's master key: 32 random bytes.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why sealing or opening failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not sealed under this installation's master key, or damaged since.
    #[error("cannot be opened: sealed under another master key, or damaged")]
    Unsealable,
    /// The system gave no random bytes.
    #[error("the system's random number generator failed")]
    NoEntropy,
}

impl MasterKey {
    /// Takes 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key for one use, derived by HKDF-SHA-256 (RFC 5869) with the use's name as its info.
    #[must_use]
    pub fn derive(&self, name: &str) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"daemun");
        let filled = salt
            .extract(self.0.as_ref())
            .expand(&[name.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(derived.as_mut()));
        debug_assert!(filled.is_ok(), "32 bytes are within HKDF's bound");
        derived
    }

    /// An HMAC-SHA-256 key for one use.
    #[must_use]
    pub fn hmac(&self, name: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.derive(name).as_ref())
    }

    /// A sealer for one use.
    ///
    /// # Errors
    /// Never in practice; the primitive's constructor can fail by type.
    pub fn sealer(&self, name: &str) -> Result<Sealer, SealError> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, self.derive(name).as_ref())
            .map_err(|_| SealError::Unsealable)?;
        Ok(Sealer(aead::LessSafeKey::new(key)))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Seals and opens by AES-256-GCM with random nonces (NIST SP 800-38D §8.2.2).
pub struct Sealer(aead::LessSafeKey);

impl Sealer {
    /// Seals `plain`, bound to `context`: what was sealed as one thing does not open as another.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn seal(
        &self,
        context: &[u8],
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce).map_err(|_| SealError::NoEntropy)?;
        let mut body = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(context),
                &mut body,
            )
            .map_err(|_| SealError::Unsealable)?;
        Ok([&nonce[..], &body].concat())
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// Where it was sealed under another key or as another thing, or damaged.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, body) = sealed
            .split_first_chunk::<NONCE>()
            .ok_or(SealError::Unsealable)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .0
            .open_in_place(
                aead::Nonce::assume_unique_for_key(*nonce),
                aead::Aad::from(context),
                &mut body,
            )
            .map_err(|_| SealError::Unsealable)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ports::NoEntropy;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            Ok(())
        }
    }

    #[test]
    fn s35_every_use_has_a_key_of_its_own_with_256_bits() {
        let master = MasterKey::new([1; 32]);
        let uses = [
            "client prints",
            "codes",
            "outbox",
            "internal tokens",
            "signing keys",
        ];
        let keys: HashSet<[u8; 32]> = uses.iter().map(|name| *master.derive(name)).collect();
        assert_eq!(keys.len(), uses.len());
        let other = MasterKey::new([2; 32]);
        assert!(uses.iter().all(|name| !keys.contains(&*other.derive(name))));
    }

    #[test]
    fn s34_what_is_sealed_opens_as_what_it_was_and_in_no_other_way() {
        let entropy = Counting(0.into());
        let sealer = MasterKey::new([1; 32]).sealer("outbox").unwrap();
        let sealed = sealer
            .seal(b"notice", b"the code is 123456", &entropy)
            .unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"123456"));
        assert_eq!(
            &**sealer.open(b"notice", &sealed).unwrap(),
            b"the code is 123456"
        );
        assert_ne!(
            sealer
                .seal(b"notice", b"the code is 123456", &entropy)
                .unwrap(),
            sealed
        );
        assert!(sealer.open(b"key", &sealed).is_err());
        assert!(
            MasterKey::new([2; 32])
                .sealer("outbox")
                .unwrap()
                .open(b"notice", &sealed)
                .is_err()
        );
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(sealer.open(b"notice", &changed).is_err(), "byte {place}");
            assert!(
                sealer.open(b"notice", &sealed[..place]).is_err(),
                "cut at {place}"
            );
        }
    }
}
