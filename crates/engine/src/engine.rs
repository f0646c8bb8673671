//! The engine itself: what all operations share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use daemun_token::{Algorithm, KeyError, SigningKey};
use zeroize::Zeroizing;

use crate::{
    account::Account,
    account_cache::AccountCache,
    assertion::Asserter,
    audit::{AuditEvent, AuditKind},
    changes::Changes,
    client::Client,
    ids::{AccountId, SessionId},
    keys::{KeyRing, KeySchedule, KeyView, KeysError},
    legacy::LegacySecrets,
    limits::Limits,
    nodes::{Elsewhere, Nodes},
    operations::Trouble,
    password::Hasher,
    policy::{KeyName, Locale, Policy, TokenSpec},
    ports::{
        Accounts, Clock, Entropy, KeyStore, NoEntropy, Opened, Opening, Origin, Sessions, Store,
        StoreError, Upkeep,
    },
    revocation::{Revocation, RevocationSet},
    seal::{MasterKey, SealError, Sealer},
    service_key::{LivingKeys, ServiceKeys},
    session::{Burst, Session, Subject},
    stream::Telling,
    time::Timestamp,
    tokens::{SpecKeys, TokenMachine},
};

/// What the engine is made of.
pub struct Parts {
    /// Where accounts, sessions, keys and the rest are kept.
    pub store: Arc<dyn Store>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The password pool.
    pub hasher: Hasher,
    /// The limits on guessing and flooding.
    pub limits: Limits,
    /// The installation's master key.
    pub master: MasterKey,
    /// The teams' own secrets.
    pub legacy: LegacySecrets,
    /// The URL this installation is known by: `iss` of its tokens.
    pub issuer: String,
    /// The name people know the service by; no password may be it.
    pub service_name: String,
    /// How long a signing key signs.
    pub signing_key_age: Duration,
    /// How far apart the clocks may be of nodes that share the store: a token that another made may
    /// be from so far ahead, a minute at most.
    pub clocks_apart: Duration,
    /// The contracts' policies.
    pub policies: Vec<Policy>,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A contract signs with the team's secret, and there is none.
    #[error(
        "contract `{contract}` signs with the team's own secret, and none is given: set DAEMUN_LEGACY_SECRET, or DAEMUN_LEGACY_SECRET_FILE, or `secrets.legacy` in the configuration"
    )]
    NoLegacySecret {
        /// Which contract.
        contract: Box<str>,
    },
    /// A key does not fit its algorithm.
    #[error("contract `{contract}`: {source}")]
    Key {
        /// Which contract.
        contract: Box<str>,
        /// Why.
        source: KeyError,
    },
    /// A contract asks for a key that cannot serve its algorithm.
    #[error("contract `{contract}`: key `{key}` cannot sign with {algorithm}")]
    Mismatch {
        /// Which contract.
        contract: Box<str>,
        /// Which key.
        key: &'static str,
        /// The algorithm asked for.
        algorithm: Algorithm,
    },
    /// The signing keys could not be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No sealer.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// A contract as the engine sees it: its policy, and what mints and verifies its tokens.
pub struct Realm {
    policy: Policy,
    tokens: RwLock<Arc<TokenMachine>>,
    asserter: RwLock<Arc<Asserter>>,
}

impl Realm {
    /// The contract's policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn tokens(&self) -> Arc<TokenMachine> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn asserter(&self) -> Arc<Asserter> {
        Arc::clone(&self.asserter.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who asks, and in which language.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client.
    pub client: Client,
    /// The language of messages to the person.
    pub locale: Locale,
}

/// daemun's engine. One per process; shared by everything that serves requests.
pub struct Engine {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) upkeep: Arc<dyn Upkeep>,
    pub(crate) key_store: Arc<dyn KeyStore>,
    pub(crate) service_key_store: Arc<dyn ServiceKeys>,
    pub(crate) changes: Arc<dyn Changes>,
    pub(crate) nodes: Arc<dyn Nodes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: Hasher,
    pub(crate) limits: Limits,
    pub(crate) cache: AccountCache,
    pub(crate) revocations: RevocationSet,
    pub(crate) telling: Telling,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) service_keys: LivingKeys,
    pub(crate) service_name: String,
    pub(crate) print_key: hmac::Key,
    pub(crate) code_key: hmac::Key,
    pub(crate) outbox_sealer: Sealer,
    key_sealer: Sealer,
    internal_secret: Zeroizing<[u8; 32]>,
    legacy: LegacySecrets,
    issuer: String,
    signing_key_age: Duration,
    clocks_apart: Duration,
    /// How long the longest access token of the contracts mounted here lives.
    own_horizon: Duration,
    /// The same of any contract ever mounted on this data, in microseconds.
    horizon: AtomicU64,
    ring: RwLock<KeyRing>,
    /// One at a time: what was read earlier must not take the place of what was read later.
    tending: tokio::sync::Mutex<()>,
    pub(crate) realms: BTreeMap<Box<str>, Arc<Realm>>,
}

impl Engine {
    /// Starts the engine: loads the signing keys (making them where there are none) and the
    /// revocations in force.
    ///
    /// # Errors
    /// Why it cannot start, in words that say what to mend.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let now = parts.clock.now();
        let store = parts.store;
        let master = &parts.master;
        let key_sealer = master.sealer("signing keys")?;
        let telling = Telling::new(&*parts.entropy).map_err(KeysError::from)?;
        let ring = KeyRing::load(&*store, &key_sealer, &*parts.entropy, now).await?;
        let own_horizon = parts
            .policies
            .iter()
            .map(|policy| policy.tokens.access.lifetime)
            .max()
            .unwrap_or_default();
        let horizon = store.horizon(own_horizon).await?;
        let mut engine = Self {
            accounts: store.clone(),
            sessions: store.clone(),
            upkeep: store.clone(),
            key_store: store.clone(),
            service_key_store: store.clone(),
            changes: store.clone(),
            nodes: store,
            clock: parts.clock,
            entropy: parts.entropy,
            hasher: parts.hasher,
            limits: parts.limits,
            cache: AccountCache::default(),
            revocations: RevocationSet::default(),
            telling,
            elsewhere: Elsewhere::default(),
            service_keys: LivingKeys::default(),
            service_name: parts.service_name,
            print_key: master.hmac("client prints"),
            code_key: master.hmac("codes"),
            outbox_sealer: master.sealer("outbox")?,
            key_sealer,
            internal_secret: master.derive("internal tokens"),
            legacy: parts.legacy,
            issuer: parts.issuer,
            signing_key_age: parts.signing_key_age,
            clocks_apart: parts.clocks_apart,
            own_horizon,
            horizon: AtomicU64::new(micros(horizon)),
            ring: RwLock::new(ring),
            tending: tokio::sync::Mutex::default(),
            realms: BTreeMap::new(),
        };
        for policy in parts.policies {
            let realm = Realm {
                tokens: RwLock::new(Arc::new(engine.token_machine(&policy)?)),
                asserter: RwLock::new(Arc::new(engine.new_asserter(&policy)?)),
                policy,
            };
            let name = realm.policy.contract.clone();
            engine.realms.insert(name, Arc::new(realm));
        }
        engine.read_log().await?;
        engine.load_service_keys().await?;
        Ok(engine)
    }

    /// The contract of that name.
    #[must_use]
    pub fn realm(&self, contract: &str) -> Option<Arc<Realm>> {
        self.realms.get(contract).cloned()
    }

    /// The URL this installation is known by.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Now, by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The JWKS document: the public keys that verify our access tokens.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.ring().jwks()
    }

    /// The signing keys in use.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyView> {
        self.ring().views()
    }

    /// Moves the signing keys on where they are due, or at once where `force`. Returns whether
    /// anything changed.
    ///
    /// # Errors
    /// Where the store or the keys fail.
    pub async fn tend_keys(&self, force: bool) -> Result<bool, KeysError> {
        let _turn = self.tending.lock().await;
        let now = self.clock.now();
        if force && !self.load_keys(now).await?.has_next() {
            // There must be a key to move to; what is due makes one where there is none.
            self.move_keys(false, now).await?;
        }
        let changed = self.move_keys(force, now).await?;
        let ring = self.load_keys(now).await?;
        let differs = ring.views() != self.keys();
        if differs {
            self.use_keys(ring).map_err(|error| match error {
                StartError::Keys(error) => error,
                _ => KeysError::Contended,
            })?;
        }
        Ok(changed || differs)
    }

    /// Takes in what other processes committed to the store: revocations, changed accounts, keys,
    /// services.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn sync(&self) -> Result<(), KeysError> {
        self.cache.clear();
        let horizon = self.upkeep.horizon(self.own_horizon).await?;
        self.horizon.store(micros(horizon), Ordering::Release);
        self.read_log().await?;
        self.load_service_keys().await?;
        self.tend_keys(false).await?;
        Ok(())
    }

    /// Does a little housekeeping, and erases a little of what is due. Returns how many rows; call
    /// again soon while that is not 0.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn purge(&self, retention: &crate::ports::Retention) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.revocations.forget_expired(now);
        let erased = self.upkeep.erase_due(now).await?;
        if erased > 0 {
            self.cache.clear();
        }
        Ok(erased + self.upkeep.purge(now, retention).await?)
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.upkeep.ping().await
    }

    /// How many revocations are held in memory.
    #[must_use]
    pub fn revocations_held(&self) -> usize {
        self.revocations.len()
    }

    /// How long revocations are kept: as long as the longest access token of any contract that was
    /// ever mounted on this data may live.
    #[must_use]
    pub fn horizon(&self) -> Duration {
        Duration::from_micros(self.horizon.load(Ordering::Acquire))
    }

    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A session that begins now.
    pub(crate) fn new_session(
        &self,
        realm: &Realm,
        caller: &Caller,
        subject: Subject,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Session, NoEntropy> {
        let policy = realm.policy();
        Ok(Session {
            id: SessionId::new(now, self.random()?),
            subject,
            contract: policy.contract.clone(),
            generation: 1,
            rotated_at: now,
            rotated_by: caller.client.print(&self.print_key),
            burst: Burst::beginning(1, now),
            recovered: None,
            created_at: now,
            idle,
            expires_at: now + policy.sessions.absolute.max(idle),
            revoked: None,
            user_agent: caller.client.short_user_agent(),
            network: caller.client.network().to_string().into(),
        })
    }

    /// Opens a session that begins now; where the contract has one per subject, the one before ends.
    /// `None` where the subject's account cannot be used: the write is what counts.
    pub(crate) async fn open_session(
        &self,
        realm: &Realm,
        caller: &Caller,
        subject: Subject,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Option<Session>, Trouble> {
        let session = self.new_session(realm, caller, subject, idle, now)?;
        let opening = Opening {
            session: session.clone(),
            replaces: realm.policy().sessions.one_per_subject,
            horizon: self.horizon(),
        };
        match self.sessions.open_session(opening).await? {
            Opened::Opened(replaced) => {
                self.applied(&replaced);
                Ok(Some(session))
            }
            Opened::Refused => Ok(None),
        }
    }

    /// Takes in what this process committed, before it says so to anybody; what follows the log
    /// is told to look.
    pub(crate) fn applied(&self, revocations: &[Revocation]) {
        self.hold(revocations);
        if !revocations.is_empty() {
            self.telling.hint();
        }
    }

    /// Has every guard of this process know of revocations.
    pub(crate) fn hold(&self, revocations: &[Revocation]) {
        self.revocations.apply(revocations);
        for revocation in revocations {
            if let crate::revocation::RevokedThing::AccountBefore(id, _) = revocation.thing {
                self.cache.forget(id);
            }
        }
    }

    /// The account of that id, from memory where it is there.
    pub(crate) async fn load_account(
        &self,
        id: AccountId,
    ) -> Result<Option<Arc<Account>>, StoreError> {
        if let Some(account) = self.cache.get(id) {
            return Ok(Some(account));
        }
        let epoch = self.cache.epoch();
        let Some(account) = self.accounts.account(id).await? else {
            return Ok(None);
        };
        let account = Arc::new(account);
        self.cache.keep(epoch, &account);
        Ok(Some(account))
    }

    /// Adds to the audit trail what no other fact carries. A store that fails here fails the
    /// operation: what cannot be audited is not decided.
    pub(crate) async fn record(
        &self,
        kind: AuditKind,
        origin: Origin,
        about: (Option<AccountId>, Option<SessionId>),
        detail: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = AuditEvent {
            at: now,
            kind,
            contract: origin.contract,
            account: about.0,
            session: about.1,
            network: origin.network,
            detail: Some(detail.into()),
        };
        self.upkeep.record(event).await
    }

    async fn load_keys(&self, now: Timestamp) -> Result<KeyRing, KeysError> {
        KeyRing::load(&*self.key_store, &self.key_sealer, &*self.entropy, now).await
    }

    /// Does in the store what is due; false where nothing was, or another process did it first.
    async fn move_keys(&self, force: bool, now: Timestamp) -> Result<bool, KeysError> {
        let ring = self.load_keys(now).await?;
        let schedule = KeySchedule {
            active_for: self.signing_key_age,
            verify_for: self.horizon() + Duration::from_secs(3600),
        };
        let due = ring.due(schedule, force, now);
        if due.is_nothing() {
            return Ok(false);
        }
        due.carry_out(
            &ring,
            &*self.key_store,
            &self.key_sealer,
            &*self.entropy,
            now,
        )
        .await
    }

    fn ring(&self) -> KeyRing {
        self.ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Uses other keys from now on: in every contract or in none.
    fn use_keys(&self, ring: KeyRing) -> Result<(), StartError> {
        let before = std::mem::replace(
            &mut *self.ring.write().unwrap_or_else(PoisonError::into_inner),
            ring,
        );
        let made: Result<Vec<_>, StartError> = self
            .realms
            .values()
            .map(|realm| {
                let machine = Arc::new(self.token_machine(&realm.policy)?);
                Ok((realm, machine, Arc::new(self.new_asserter(&realm.policy)?)))
            })
            .collect();
        let made = made.inspect_err(|_| {
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = before;
        })?;
        for (realm, machine, asserter) in made {
            *realm.tokens.write().unwrap_or_else(PoisonError::into_inner) = machine;
            *realm
                .asserter
                .write()
                .unwrap_or_else(PoisonError::into_inner) = asserter;
        }
        Ok(())
    }

    fn new_asserter(&self, policy: &Policy) -> Result<Asserter, StartError> {
        let key = self.ring().active().ok_or(KeysError::Contended)?;
        Ok(Asserter::new(&policy.contract, &self.issuer, &key))
    }

    fn token_machine(&self, policy: &Policy) -> Result<TokenMachine, StartError> {
        let access = self.keys_for(policy, &policy.tokens.access)?;
        let refresh = self.keys_for(policy, &policy.tokens.refresh)?;
        Ok(TokenMachine::new(
            policy,
            &self.issuer,
            access,
            refresh,
            self.clocks_apart,
        ))
    }

    fn keys_for(&self, policy: &Policy, spec: &TokenSpec) -> Result<SpecKeys, StartError> {
        let contract = || policy.contract.clone();
        let mismatch = |key| StartError::Mismatch {
            contract: contract(),
            key,
            algorithm: spec.algorithm,
        };
        let hmac_key = |secret: &[u8]| {
            let key = SigningKey::hmac(spec.algorithm, None, secret);
            let key = key.map_err(|source| StartError::Key {
                contract: contract(),
                source,
            })?;
            Ok(SpecKeys {
                verifying: vec![key.verifying_key()],
                signing: Arc::new(key),
            })
        };
        match spec.key {
            KeyName::Legacy if spec.algorithm.is_symmetric() => {
                let secret = self.legacy.of(&policy.contract);
                hmac_key(secret.ok_or_else(|| StartError::NoLegacySecret {
                    contract: contract(),
                })?)
            }
            KeyName::Internal if spec.algorithm == Algorithm::Hs256 => {
                hmac_key(self.internal_secret.as_ref())
            }
            KeyName::Signing if spec.algorithm == Algorithm::EdDsa => {
                let ring = self.ring();
                let signing = ring.active().ok_or(KeysError::Contended)?;
                Ok(SpecKeys {
                    signing,
                    verifying: ring.verifying(),
                })
            }
            KeyName::Legacy => Err(mismatch("legacy")),
            KeyName::Internal => Err(mismatch("internal")),
            KeyName::Signing => Err(mismatch("signing")),
        }
    }
}

impl Caller {
    pub(crate) fn origin(&self, realm: &Realm) -> Origin {
        Origin {
            contract: realm.policy.contract.clone(),
            network: Some(self.client.network().to_string().into()),
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
