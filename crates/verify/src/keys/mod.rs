//! The keys of the moment, and where they come from.
//!
//! A [`KeyHolder`] hands out a [`Snapshot`]: a verifier and a version that changes whenever a key comes or goes, so
//! that what was remembered under other keys is not believed. One task fetches; whoever meets an unknown `kid` asks
//! that task and waits, so a thousand waiters cause one fetch, and garbage causes hardly any.

mod copy;
mod fetch;
mod refresher;

use std::{
    cell::Cell,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use daemun_token::{Access, Verifier, VerifyingKey};

pub(crate) use copy::Copy;
pub(crate) use fetch::Source;
pub(crate) use refresher::{Asked, Asking, Refresher};

use crate::{RevocationSet, seen::Keep};

/// The number of the next snapshot, whoever's it will be: no two have the same.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The snapshot that this thread used last. It may hold it longer than anybody else; it never uses an old one.
    static HELD: Cell<Option<Arc<Snapshot>>> = const { Cell::new(None) };
}

/// What tokens are checked with at one moment.
pub(crate) struct Snapshot {
    number: u64,
    pub(crate) verifier: Verifier<Access>,
    /// Another one for other keys.
    pub(crate) version: u64,
    /// When what they signed is worth remembering.
    pub(crate) keep: Keep,
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
    /// The number of that snapshot; 0 where there is none.
    number: AtomicU64,
    /// The rules without keys.
    rules: Verifier<Access>,
    set: Arc<RevocationSet>,
}

impl KeyHolder {
    pub(crate) fn new(rules: Verifier<Access>, set: Arc<RevocationSet>) -> Self {
        Self {
            now: RwLock::new(None),
            number: AtomicU64::new(0),
            rules,
            set,
        }
    }

    /// Does something with the keys of the moment; `None` where there are none, or they are too old.
    ///
    /// Each thread has a hold of those it used last: to look whether they are still the ones costs a read, where a
    /// lock or a count would be a write that all threads contend for.
    #[inline]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        let number = self.number.load(Ordering::Acquire);
        let held = HELD.try_with(Cell::take).ok().flatten();
        let mut snapshot = match held.filter(|held| held.number == number) {
            Some(held) => held,
            None => self.shared()?,
        };
        if snapshot.revoked_version != self.set.keys_version() {
            self.replace(snapshot.all.clone(), snapshot.ends);
            snapshot = self.shared()?;
        }
        let done = (!snapshot.is_over()).then(|| work(&snapshot));
        // A thread that is about to end holds nothing.
        let _ = HELD.try_with(|held| held.set(Some(snapshot)));
        done
    }

    #[cold]
    fn shared(&self) -> Option<Arc<Snapshot>> {
        let now = self.now.read();
        now.unwrap_or_else(PoisonError::into_inner).clone()
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
        let keep = keep(verifier.keys());
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        *now = Some(Arc::new(Snapshot {
            number,
            verifier,
            version,
            keep,
            all,
            revoked_version,
            ends,
        }));
        self.number.store(number, Ordering::Release);
    }
}

/// An HMAC is checked more quickly than a token is remembered.
fn keep(keys: &[VerifyingKey]) -> Keep {
    if keys.iter().all(|key| key.algorithm().is_symmetric()) {
        Keep::WhenItComesAgain
    } else {
        Keep::AtOnce
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
