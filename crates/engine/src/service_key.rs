//! Service keys: what a team's own services show to have done what no person may.
//!
//! A key is `dsk_<id>_<secret>`. The id finds it and is no secret; the secret is 256 random bits.
//! It is shown once, when it is made. A store keeps its hash, which needs no salt and no slowness:
//! nobody guesses 256 bits. Whoever asks is looked up in memory, so a request costs one hash and no
//! question to a store; the keys in memory are those that were committed when the engine last
//! looked ([`Engine::sync`]).

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use aws_lc_rs::{constant_time, digest};
use zeroize::Zeroizing;

use crate::{
    engine::Engine,
    operations::{By, Trouble},
    ports::{NoEntropy, Origin, StoreError, Stored},
    time::Timestamp,
};

/// What every key begins with, so that scanners of sources and logs can tell one.
const PREFIX: &str = "dsk_";
/// The letters of an id: five bits each, none that look alike.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How many letters an id has.
const ID_LETTERS: usize = 16;
/// The longest key that is looked at at all, in bytes.
const LONGEST_KEY: usize = 128;
/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 64;

/// Where service keys are kept.
#[async_trait]
pub trait ServiceKeys: Send + Sync {
    /// Keeps a new key; false where a living one has its name.
    async fn add_service_key(&self, key: ServiceKey, origin: Origin) -> Stored<bool>;

    /// Revokes the living key of that name, and returns it; `None` where there is none.
    async fn revoke_service_key(
        &self,
        name: &str,
        now: Timestamp,
        origin: Origin,
    ) -> Stored<Option<ServiceKey>>;

    /// Every key there ever was, in the order they were made.
    async fn service_keys(&self) -> Stored<Vec<ServiceKey>>;
}

/// What a service may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceScope {
    /// Open and end sessions for subjects it names.
    Tokens,
    /// Administer accounts and sessions.
    Admin,
    /// Follow the stream of revocations.
    Revocations,
    /// Ask about tokens, and revoke them.
    Introspection,
}

impl ServiceScope {
    /// Every scope.
    pub const ALL: [Self; 4] = [
        Self::Tokens,
        Self::Admin,
        Self::Revocations,
        Self::Introspection,
    ];

    /// The stable name that stores and commands use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Admin => "admin",
            Self::Revocations => "revocations",
            Self::Introspection => "introspection",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A key as it is kept: of the key itself only a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceKey {
    /// The public part of the key.
    pub id: Box<str>,
    /// What people call it.
    pub name: Box<str>,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// What whoever shows it may do.
    pub scopes: Vec<ServiceScope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceKey({} {})", self.id, self.name)
    }
}

/// A whole key, as it is shown once and never again.
pub struct PlainServiceKey(Zeroizing<String>);

impl PlainServiceKey {
    /// The text to be shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainServiceKey(…)")
    }
}

/// A service that showed a good key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCaller {
    /// The public part of its key.
    pub id: Box<str>,
    /// What people call it.
    pub name: Box<str>,
}

/// Why there is no new key, or none was revoked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceKeyError {
    /// The name is none.
    #[error("not a name: 1 to 64 lower-case letters, digits, dots, dashes and underscores")]
    InvalidName,
    /// A key that may do nothing is of no use.
    #[error("a key needs a scope")]
    NoScope,
    /// A living key has the name.
    #[error("a living key has this name")]
    NameTaken,
    /// No living key has the name.
    #[error("no living key has this name")]
    NotFound,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<StoreError> for ServiceKeyError {
    fn from(error: StoreError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<NoEntropy> for ServiceKeyError {
    fn from(error: NoEntropy) -> Self {
        Self::Trouble(error.into())
    }
}

impl Engine {
    /// The service that shows `presented`, where that is a living key with that scope. Asks memory
    /// alone.
    #[must_use]
    pub fn service(&self, presented: &str, scope: ServiceScope) -> Option<ServiceCaller> {
        self.service_keys.find(presented, scope)
    }

    /// Makes a key.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn create_service_key(
        &self,
        name: &str,
        scopes: &[ServiceScope],
    ) -> Result<(ServiceKey, PlainServiceKey), ServiceKeyError> {
        if !is_name(name) {
            return Err(ServiceKeyError::InvalidName);
        }
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(ServiceKeyError::NoScope);
        }
        let id = id(self.random()?);
        let plain = plain(&id, &Zeroizing::new(self.random()?));
        let key = ServiceKey {
            id: id.into(),
            name: name.into(),
            hash: hash(plain.reveal()),
            scopes,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        let origin = By::Operator.origin();
        if !self
            .service_key_store
            .add_service_key(key.clone(), origin)
            .await?
        {
            return Err(ServiceKeyError::NameTaken);
        }
        self.load_service_keys().await?;
        Ok((key, plain))
    }

    /// Revokes the living key of that name: no request that shows it is served any more.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn revoke_service_key(&self, name: &str) -> Result<ServiceKey, ServiceKeyError> {
        let now = self.clock.now();
        let origin = By::Operator.origin();
        let revoked = self
            .service_key_store
            .revoke_service_key(name, now, origin)
            .await?;
        self.load_service_keys().await?;
        revoked.ok_or(ServiceKeyError::NotFound)
    }

    /// Every key there ever was, in the order they were made.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn service_keys(&self) -> Result<Vec<ServiceKey>, Trouble> {
        Ok(self.service_key_store.service_keys().await?)
    }

    /// Takes in the keys as they are committed now.
    pub(crate) async fn load_service_keys(&self) -> Stored<()> {
        // One at a time: what was read earlier must not take the place of what was read later.
        let _turn = self.service_keys.loading.lock().await;
        let keys = self.service_key_store.service_keys().await?;
        self.service_keys.replace(keys);
        self.telling.wake();
        Ok(())
    }
}

/// The living keys, in memory.
#[derive(Default)]
pub(crate) struct LivingKeys {
    by_id: RwLock<Arc<HashMap<Box<str>, ServiceKey>>>,
    loading: tokio::sync::Mutex<()>,
}

impl LivingKeys {
    fn replace(&self, keys: Vec<ServiceKey>) {
        let living = keys.into_iter().filter(|key| key.revoked_at.is_none());
        let by_id = living.map(|key| (key.id.clone(), key)).collect();
        *self.by_id.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_id);
    }

    /// Whether the key of that id lives and has the scope. Its secret was checked before.
    pub(crate) fn lives(&self, id: &str, scope: ServiceScope) -> bool {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(id).is_some_and(|key| key.scopes.contains(&scope))
    }

    fn find(&self, presented: &str, scope: ServiceScope) -> Option<ServiceCaller> {
        if presented.len() > LONGEST_KEY {
            return None;
        }
        let (id, _) = presented.strip_prefix(PREFIX)?.split_once('_')?;
        let by_id = Arc::clone(&self.by_id.read().unwrap_or_else(PoisonError::into_inner));
        let key = by_id.get(id)?;
        constant_time::verify_slices_are_equal(&hash(presented), &key.hash).ok()?;
        key.scopes.contains(&scope).then(|| ServiceCaller {
            id: key.id.clone(),
            name: key.name.clone(),
        })
    }
}

fn is_name(name: &str) -> bool {
    let sound =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(sound)
}

fn id(random: [u8; ID_LETTERS]) -> String {
    let letter = |byte: u8| {
        LETTERS
            .get(usize::from(byte % 32))
            .map(|letter| char::from(*letter))
    };
    random.into_iter().filter_map(letter).collect()
}

fn plain(id: &str, secret: &[u8; 32]) -> PlainServiceKey {
    let secret = Zeroizing::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string(secret));
    PlainServiceKey(Zeroizing::new(format!("{PREFIX}{id}_{}", *secret)))
}

fn hash(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, key.as_bytes());
    hash.iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(plain: &PlainServiceKey, id: &str, scopes: &[ServiceScope]) -> ServiceKey {
        ServiceKey {
            id: id.into(),
            name: "billing".into(),
            hash: hash(plain.reveal()),
            scopes: scopes.into(),
            created_at: Timestamp::EPOCH,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_opens_what_its_scopes_say_while_it_lives() {
        let id = id([7; 16]);
        let plain = plain(&id, &[9; 32]);
        let keys = LivingKeys::default();
        let found = |scope| keys.find(plain.reveal(), scope).map(|caller| caller.name);
        assert_eq!(found(ServiceScope::Tokens), None);
        let living = key(&plain, &id, &[ServiceScope::Tokens]);
        keys.replace(vec![living.clone()]);
        assert_eq!(found(ServiceScope::Tokens).as_deref(), Some("billing"));
        assert_eq!(found(ServiceScope::Admin), None);
        keys.replace(vec![ServiceKey {
            revoked_at: Some(Timestamp::EPOCH),
            ..living
        }]);
        assert_eq!(found(ServiceScope::Tokens), None);
    }

    #[test]
    fn s35_a_key_that_differs_anywhere_opens_nothing() {
        let id = id([7; 16]);
        let plain = plain(&id, &[9; 32]);
        let keys = LivingKeys::default();
        keys.replace(vec![key(&plain, &id, &ServiceScope::ALL)]);
        let whole = plain.reveal();
        assert_eq!(whole.len(), 4 + 16 + 1 + 43);
        for at in 0..whole.len() {
            let mut other = whole.to_owned().into_bytes();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(keys.find(&other, ServiceScope::Admin), None, "at {at}");
        }
        let longer = format!("{whole}x");
        let padded = format!("{whole}{}", "=".repeat(200));
        let id_alone = format!("dsk_{id}_");
        for other in [
            "",
            "dsk_",
            "dsk__",
            &id_alone,
            &longer,
            &padded,
            &whole[..63],
        ] {
            assert_eq!(keys.find(other, ServiceScope::Admin), None, "{other}");
        }
        assert!(keys.find(whole, ServiceScope::Admin).is_some());
    }

    #[test]
    fn s34_nothing_that_can_be_printed_shows_a_key() {
        let plain = plain("abcdabcdabcdabcd", &[9; 32]);
        let kept = key(&plain, "abcdabcdabcdabcd", &[]);
        let printed = format!("{plain:?} {kept:?}");
        assert_eq!(
            printed,
            "PlainServiceKey(…) ServiceKey(abcdabcdabcdabcd billing)"
        );
    }

    #[test]
    fn names_are_words_for_logs() {
        for good in ["a", "billing", "old-backend.2_x", &"n".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Billing", "a b", "a:b", "a\n", "é", &"n".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
