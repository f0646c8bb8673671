//! Counters in a store that several processes share.
//!
//! The store knows nothing of limits: it compares and sets. What is there is read, judged, and put
//! back changed, where it is still what was judged; where not, it is judged anew. Within one process
//! attempts on one key take turns, so only nodes ever contend.
//!
//! Reserving and settling run as tasks of their own. A request that is given up cannot stop one
//! halfway, and an attempt whose request is gone by the time it is reserved counts as failed.

mod record;

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
    task::JoinHandle,
};

pub(super) use self::record::End;
use self::record::{Account, LEASE, Record, SKEW, State, Ticket};
use super::{
    AddressLimit, By, FailureLimit, LimitsConfig, Refused, Scope, SharedCounters, Swap, Swapped,
    address_key,
    quota::{DAY, Usage},
    throttled,
};
use crate::{
    ports::{StoreError, Stored},
    time::Timestamp,
};

/// In how many places keys take turns.
const SLOTS: usize = 1024;

/// How long whoever begins waits for a turn. Whoever ends waits while it is of use: what queues
/// before it goes away.
const TURN: Duration = Duration::from_secs(3);

/// How often a counter is judged anew because another node changed it.
const TRIES: u32 = 64;

/// Which counter: the scope, whether it is an account's or an address's, and whose under the key of
/// the installation.
type Key = [u8; 18];

/// The limits, and where it is kept who has used how much of them.
pub(super) struct Shared {
    config: LimitsConfig,
    counters: Arc<dyn SharedCounters>,
    key: hmac::Key,
    slots: Box<[Mutex<Slot>]>,
}

/// A turn, and the value last known of the key that last had it.
#[derive(Default)]
struct Slot {
    known: Option<(Key, Option<Vec<u8>>)>,
}

/// When a counter is changed, how long it matters after, and how long to wait for a turn.
#[derive(Clone, Copy)]
struct When {
    now: Timestamp,
    keep: Duration,
    turn: Duration,
}

/// What an attempt is to be counted under.
struct Wanted {
    scope: Scope,
    address: Option<(Key, AddressLimit)>,
    account: Option<(Key, FailureLimit)>,
    now: Timestamp,
}

impl Shared {
    pub(super) fn new(
        config: LimitsConfig,
        counters: Arc<dyn SharedCounters>,
        key: hmac::Key,
    ) -> Self {
        Self {
            config,
            counters,
            key,
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
        }
    }

    /// See [`Limits::begin`](super::Limits::begin).
    pub(super) async fn begin(
        self: &Arc<Self>,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Reserved, Refused> {
        let by_address = self.config.for_address(scope, address);
        let by_account = self.config.of(scope).account.zip(account);
        if by_address.is_none() && by_account.is_none() {
            return Ok(Reserved::unlimited(self));
        }
        let wanted = Wanted {
            scope,
            address: by_address.map(|limit| {
                let address = address_key(address).to_be_bytes();
                (self.key_of(scope, Usage::KIND, &address), limit)
            }),
            account: by_account.map(|(limit, account)| {
                let key = self.key_of(scope, Account::KIND, account.as_bytes());
                (key, limit)
            }),
            now,
        };
        let reserving = Reserved::reserve(Arc::clone(self), wanted);
        let reserved = tokio::spawn(reserving).await;
        reserved.unwrap_or_else(|_| Err(unavailable("the task that was to ask them ended").into()))
    }

    /// Keys are not what they are made of: whoever reads the store learns neither identifiers nor
    /// addresses, and cannot try which they are.
    fn key_of(&self, scope: Scope, kind: u8, whose: &[u8]) -> Key {
        let scope = match scope {
            Scope::Login => 1,
            Scope::VerifyCode => 2,
            Scope::SendCode => 3,
            Scope::SignUp => 4,
        };
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[scope, kind]);
        context.update(whose);
        let tag = context.sign();
        let mut key = [0; 18];
        let bytes = [scope, kind]
            .into_iter()
            .chain(tag.as_ref().iter().copied());
        key.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        key
    }

    /// Changes a counter as `judge` says, in one step as all others see it, and returns its answer.
    async fn change<S: State, T>(
        &self,
        key: Key,
        when: When,
        judge: impl Fn(&mut Record<S>) -> T,
    ) -> Stored<T> {
        let mut slot = self.turn(&key, when.turn).await?;
        let mut known = slot.take(&key);
        let mut is_certain = false;
        for _ in 0..TRIES {
            let mut record = read(&key, known.as_deref())?;
            let answer = judge(&mut record);
            let new = record.encode();
            if is_certain && new == known {
                slot.known = Some((key, known));
                return Ok(answer);
            }
            let swap = Swap {
                key: &key,
                expected: known.as_deref(),
                new: new.as_deref(),
                now: when.now,
                keep: when.keep,
            };
            match self.counters.swap(swap).await? {
                Swapped::Done => {
                    slot.known = Some((key, new));
                    return Ok(answer);
                }
                Swapped::Found(value) => (known, is_certain) = (value, true),
            }
        }
        Err(unavailable("too many change one counter at once"))
    }

    async fn turn(&self, key: &Key, patience: Duration) -> Stored<MutexGuard<'_, Slot>> {
        let [.., high, low] = *key;
        let nth = usize::from(u16::from_be_bytes([high, low])) % SLOTS;
        let slot = self.slots.get(nth);
        let slot = slot.ok_or_else(|| unavailable("there is no turn to wait for"))?;
        let waited = tokio::time::timeout(patience, slot.lock()).await;
        waited.map_err(|_| unavailable("too many wait for one counter"))
    }

    /// Says how an attempt ended.
    async fn settle(&self, attempt: &Unsettled, end: End) {
        let when = |keep| When {
            now: attempt.begun,
            keep,
            turn: LEASE,
        };
        let limits = self.config.of(attempt.scope);
        let account = async {
            let (Some((key, ticket)), Some(limit)) = (attempt.account, limits.account) else {
                return Ok(());
            };
            let judge = |record: &mut Record<Account>| record.end(ticket, end);
            self.change(key, when(limit.keep()), judge).await
        };
        let address = async {
            let (Some(key), Some(limit)) = (attempt.address, limits.address) else {
                return Ok(());
            };
            let is_given_back = match end {
                End::NotEvaluated => true,
                End::Succeeded => limit.only_failures,
                End::Failed => false,
            };
            if !is_given_back {
                return Ok(());
            }
            let judge = |record: &mut Record<Usage>| {
                if !record.state.is_blank() {
                    record.state.give_back(&limit);
                }
            };
            self.change(key, when(limit.keep()), judge).await
        };
        let (account, address) = tokio::join!(account, address);
        if let Err(error) = account.and(address) {
            tracing::warn!(%error, "how an attempt ended could not be counted");
        }
    }
}

impl FailureLimit {
    /// How long a counter matters after the last attempt on it has begun.
    fn keep(&self) -> Duration {
        self.lock.max(LEASE).saturating_add(LEASE + SKEW)
    }
}

impl AddressLimit {
    /// How long a counter matters after the last attempt from the address has begun.
    fn keep(&self) -> Duration {
        let day = self.daily.map_or(Duration::ZERO, |_| DAY);
        self.span().max(day).saturating_add(SKEW)
    }
}

impl Slot {
    /// The value last known of a key, where it is that key's turn again.
    fn take(&mut self, key: &Key) -> Option<Vec<u8>> {
        let (known, value) = self.known.take()?;
        value.filter(|_| known == *key)
    }
}

/// An attempt under way. Dropped, it counts as failed.
pub(super) struct Reserved {
    shared: Arc<Shared>,
    /// What is to be settled, until it is.
    attempt: Option<Unsettled>,
}

/// What an attempt was counted under.
struct Unsettled {
    scope: Scope,
    account: Option<(Key, Ticket)>,
    address: Option<Key>,
    begun: Timestamp,
}

impl Reserved {
    /// One that nothing counts.
    fn unlimited(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            attempt: None,
        }
    }

    /// The address first, then the account. Whoever the account refuses has used the address.
    async fn reserve(shared: Arc<Shared>, wanted: Wanted) -> Result<Self, Refused> {
        let now = wanted.now;
        let when = |keep| When {
            now,
            keep,
            turn: TURN,
        };
        let mut attempt = Unsettled {
            scope: wanted.scope,
            account: None,
            address: None,
            begun: now,
        };
        if let Some((key, limit)) = wanted.address {
            let judge = |record: &mut Record<Usage>| {
                record.ask(now, |usage, _, time| usage.admit(&limit, time))
            };
            let admitted = shared.change(key, when(limit.keep()), judge).await?;
            admitted.map_err(|retry_after| throttled(retry_after, By::Address))?;
            attempt.address = Some(key);
        }
        if let Some((key, limit)) = wanted.account {
            let judge = |record: &mut Record<Account>| {
                record.ask(now, |account, seen, time| account.admit(&limit, seen, time))
            };
            match shared.change(key, when(limit.keep()), judge).await {
                Ok(Ok(ticket)) => attempt.account = Some((key, ticket)),
                Ok(Err(retry_after)) => return Err(throttled(retry_after, By::Account).into()),
                Err(error) => {
                    shared.settle(&attempt, End::NotEvaluated).await;
                    return Err(error.into());
                }
            }
        }
        Ok(Self {
            shared,
            attempt: Some(attempt),
        })
    }

    /// Says how it ended, and waits until all nodes know.
    pub(super) async fn end(mut self, end: End) {
        if let Some(settling) = self.settle(end) {
            // One that breaks off is as good as none: what is under way fails by and by.
            let _ = settling.await;
        }
    }

    fn settle(&mut self, end: End) -> Option<JoinHandle<()>> {
        let attempt = self.attempt.take()?;
        if end == End::Failed && attempt.account.is_none() {
            return None;
        }
        // Outside a runtime nothing can be settled.
        let runtime = Handle::try_current().ok()?;
        let shared = Arc::clone(&self.shared);
        let settling = async move { shared.settle(&attempt, end).await };
        Some(runtime.spawn(settling))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let _ = self.settle(End::Failed);
    }
}

fn read<S: State>(key: &Key, value: Option<&[u8]>) -> Stored<Record<S>> {
    let Some(value) = value else {
        return Ok(Record::default());
    };
    Record::decode(value).ok_or_else(|| {
        let kind = u16::from_be_bytes(key.first_chunk().copied().unwrap_or_default());
        let whose = u128::from_be_bytes(key.last_chunk().copied().unwrap_or_default());
        StoreError::Corrupt(format!(
            "limits: the counter {kind:04x}{whose:032x} is of another version, or damaged"
        ))
    })
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(format!("limits: {why}"))
}

#[cfg(test)]
mod tests;
