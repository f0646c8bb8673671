//! The keys of the moment, and where they come from.
//!
//! A [`KeyHolder`] hands out a [`Snapshot`]: a verifier and a version that changes whenever a key comes or goes, so
//! that what was remembered under other keys is not believed. One task fetches; whoever meets an unknown `kid` asks
//! that task and waits, so a thousand waiters cause one fetch, and garbage causes hardly any.

mod copy;
mod fetch;
mod refresher;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use daemun_token::{Access, Verifier, VerifyingKey};

pub(crate) use copy::Copy;
pub(crate) use fetch::Source;
pub(crate) use refresher::{Asked, Asking, Refresher};

use crate::RevocationSet;

/// What tokens are checked with at one moment.
pub(crate) struct Snapshot {
    pub(crate) verifier: Verifier<Access>,
    /// Another one for other keys.
    pub(crate) version: u64,
    all: Vec<VerifyingKey>,
    revoked_version: u64,
    /// From when on the keys are too old; never where they are not fetched.
    ends: Option<Instant>,
}

impl Snapshot {
    /// Whether a key of that name is known, revoked ones included.
    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.all.iter().any(|key| key.kid() == Some(kid))
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| Instant::now() >= ends)
    }
}

/// Holds the keys of the moment.
pub(crate) struct KeyHolder {
    now: RwLock<Option<Arc<Snapshot>>>,
    /// The rules without keys.
    rules: Verifier<Access>,
    set: Arc<RevocationSet>,
}

impl KeyHolder {
    pub(crate) fn new(rules: Verifier<Access>, set: Arc<RevocationSet>) -> Self {
        Self {
            now: RwLock::new(None),
            rules,
            set,
        }
    }

    /// The keys of the moment; `None` where there are none, or they are too old.
    pub(crate) fn current(&self) -> Option<Arc<Snapshot>> {
        let snapshot = {
            let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(now.as_ref()?)
        };
        if snapshot.revoked_version != self.set.keys_version() {
            self.replace(snapshot.all.clone(), snapshot.ends);
            let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
            return now.clone().filter(|snapshot| !snapshot.is_over());
        }
        (!snapshot.is_over()).then_some(snapshot)
    }

    /// Takes keys that are good for that long; for ever, if `None`.
    pub(crate) fn install(&self, keys: Vec<VerifyingKey>, good_for: Option<Duration>) {
        self.replace(keys, good_for.map(|good_for| Instant::now() + good_for));
    }

    fn replace(&self, all: Vec<VerifyingKey>, ends: Option<Instant>) {
        // Read first: a revocation in between is seen again by the next reader.
        let revoked_version = self.set.keys_version();
        let is_revoked = |key: &&VerifyingKey| {
            let kid = key.kid();
            kid.is_some_and(|kid| self.set.is_key_revoked(kid))
        };
        let usable: Vec<_> = all.iter().filter(|key| !is_revoked(key)).cloned().collect();
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let before = now.as_ref();
        let same = before.filter(|before| are_same(before.verifier.keys(), &usable));
        let (verifier, version) = match same {
            Some(before) => (before.verifier.clone(), before.version),
            None => (
                self.rules.with_keys(usable),
                before.map_or(0, |before| before.version + 1),
            ),
        };
        *now = Some(Arc::new(Snapshot {
            verifier,
            version,
            all,
            revoked_version,
            ends,
        }));
    }
}

/// Public keys are compared whole: one name for another key is another key. Secrets never change here.
fn are_same(before: &[VerifyingKey], after: &[VerifyingKey]) -> bool {
    let pairs = before.iter().zip(after);
    before.len() == after.len()
        && pairs
            .into_iter()
            .all(|(one, other)| one.kid() == other.kid() && one.to_jwk() == other.to_jwk())
}
