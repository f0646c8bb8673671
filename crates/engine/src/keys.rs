//! The signing keys: Ed25519, published in the JWKS, living next → active → verify-only →
//! retired. A new key is published well before it signs, so that every verifier has it in time,
//! and an old one verifies until the last token it signed has expired.
//!
//! Seeds lie sealed in the store. Whichever process finds that the keys are due changes them by a
//! compare-and-set, so that many processes change them once.

use std::{sync::Arc, time::Duration};

use daemun_token::{Jwks, KeyError, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::{
    ports::{Entropy, KeyChange, KeyState, KeyStore, NoEntropy, StoreError, StoredKey},
    seal::{SealError, Sealer},
    time::Timestamp,
};

/// Why the keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored key does not open: the master key is not the one it was sealed under.
    #[error("signing key {kid}: {source}; is the master key the one this data was made with?")]
    Sealed {
        /// Which key.
        kid: Box<str>,
        /// Why not.
        source: SealError,
    },
    /// A key is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// Several processes kept changing the keys under each other.
    #[error("the signing keys keep changing under this process; try again")]
    Contended,
}

/// The signing keys of the moment.
#[derive(Clone)]
pub(crate) struct KeyRing {
    keys: Vec<RingKey>,
}

#[derive(Clone)]
struct RingKey {
    key: Arc<SigningKey>,
    kid: Box<str>,
    state: KeyState,
    since: Timestamp,
}

/// A signing key, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// Its id.
    pub kid: Box<str>,
    /// Its state.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
}

/// When keys move on.
#[derive(Clone, Copy, Debug)]
pub struct KeySchedule {
    /// How long a key signs before the next takes over.
    pub active_for: Duration,
    /// How long a replaced key still verifies: no shorter than the longest access token.
    pub verify_for: Duration,
}

impl KeyRing {
    /// Loads the keys; makes the first two where there are none.
    pub(crate) async fn load(
        store: &dyn KeyStore,
        sealer: &Sealer,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        for _ in 0..5 {
            let stored = store.keys().await?;
            let ring = Self::open(&stored, sealer)?;
            if ring.active().is_some() {
                return Ok(ring);
            }
            let first = new_key(sealer, entropy, KeyState::Active, now)?;
            store
                .change_keys(
                    &kids(&stored),
                    KeyChange {
                        add: Some(first),
                        set: Vec::new(),
                        now,
                    },
                )
                .await?;
        }
        Err(KeysError::Contended)
    }

    fn open(stored: &[StoredKey], sealer: &Sealer) -> Result<Self, KeysError> {
        let mut keys = Vec::with_capacity(stored.len());
        for key in stored.iter().filter(|key| key.state != KeyState::Retired) {
            let broken = |source| KeysError::Sealed {
                kid: key.kid.clone(),
                source,
            };
            let plain = sealer.open(b"signing key", &key.sealed).map_err(broken)?;
            let seed: &[u8; 32] = plain
                .as_slice()
                .try_into()
                .map_err(|_| broken(SealError::Unsealable))?;
            keys.push(RingKey {
                key: Arc::new(SigningKey::ed25519_from_seed(Some(&key.kid), seed)?),
                kid: key.kid.clone(),
                state: key.state,
                since: key.since,
            });
        }
        Ok(Self { keys })
    }

    /// The key that signs.
    pub(crate) fn active(&self) -> Option<Arc<SigningKey>> {
        let newest = self
            .keys
            .iter()
            .filter(|key| key.state == KeyState::Active)
            .max_by_key(|key| key.since);
        newest.map(|key| Arc::clone(&key.key))
    }

    /// Whether there is a key that could take over.
    pub(crate) fn has_next(&self) -> bool {
        self.keys.iter().any(|key| key.state == KeyState::Next)
    }

    /// The public halves of all keys in use, the next one included.
    pub(crate) fn verifying(&self) -> Vec<VerifyingKey> {
        self.keys
            .iter()
            .map(|key| key.key.verifying_key())
            .collect()
    }

    /// The JWKS document (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> String {
        Jwks::new(&self.verifying()).to_json()
    }

    pub(crate) fn views(&self) -> Vec<KeyView> {
        let view = |key: &RingKey| KeyView {
            kid: key.kid.clone(),
            state: key.state,
            since: key.since,
        };
        self.keys.iter().map(view).collect()
    }

    /// What is due at `now`: `force` makes the next key take over at once.
    pub(crate) fn due(&self, schedule: KeySchedule, force: bool, now: Timestamp) -> Due {
        let of = |state| self.keys.iter().filter(move |key| key.state == state);
        let mut set: Vec<(Box<str>, KeyState)> = of(KeyState::VerifyOnly)
            .filter(|key| now.since(key.since) >= schedule.verify_for)
            .map(|key| (key.kid.clone(), KeyState::Retired))
            .collect();
        let old = of(KeyState::Active).any(|key| now.since(key.since) >= schedule.active_for);
        let next = of(KeyState::Next).min_by_key(|key| key.since);
        match next {
            Some(next) if force || old => {
                set.extend(of(KeyState::Active).map(|key| (key.kid.clone(), KeyState::VerifyOnly)));
                set.push((next.kid.clone(), KeyState::Active));
                Due {
                    set,
                    wants_next: true,
                }
            }
            Some(_) => Due {
                set,
                wants_next: false,
            },
            None => Due {
                set,
                wants_next: true,
            },
        }
    }

    fn kids(&self) -> Vec<Box<str>> {
        self.keys.iter().map(|key| key.kid.clone()).collect()
    }
}

/// What is to be done about the keys.
pub(crate) struct Due {
    set: Vec<(Box<str>, KeyState)>,
    wants_next: bool,
}

impl Due {
    pub(crate) fn is_nothing(&self) -> bool {
        self.set.is_empty() && !self.wants_next
    }

    /// Does it, unless another process did first.
    pub(crate) async fn carry_out(
        self,
        ring: &KeyRing,
        store: &dyn KeyStore,
        sealer: &Sealer,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<bool, KeysError> {
        let add = if self.wants_next {
            Some(new_key(sealer, entropy, KeyState::Next, now)?)
        } else {
            None
        };
        let change = KeyChange {
            add,
            set: self.set,
            now,
        };
        Ok(store.change_keys(&ring.kids(), change).await?)
    }
}

fn kids(stored: &[StoredKey]) -> Vec<Box<str>> {
    stored.iter().map(|key| key.kid.clone()).collect()
}

fn new_key(
    sealer: &Sealer,
    entropy: &dyn Entropy,
    state: KeyState,
    now: Timestamp,
) -> Result<StoredKey, KeysError> {
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(seed.as_mut())?;
    let key = SigningKey::ed25519_from_seed(None, &seed)?;
    let kid = key.kid().unwrap_or_default().into();
    let sealed = sealer
        .seal(b"signing key", seed.as_ref(), entropy)
        .map_err(|_| NoEntropy)?;
    Ok(StoredKey {
        kid,
        state,
        sealed,
        since: now,
    })
}
