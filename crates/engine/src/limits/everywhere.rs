//! Counting for all nodes: the same judgements, on counters that a store compares and sets.
//!
//! What is known of a key is read, judged, and put back only if nobody changed it meanwhile; so of
//! many that try at once at several nodes, no more are let try than may fail. Those at one node take
//! turns before they ask the store, which then sees contention between nodes alone.

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use tokio::{runtime::Handle, sync::Mutex};

use super::{
    AddressLimit, By, LimitsConfig, Refused, Scope, ScopeLimits, SharedCounters, Swap, Swapped,
    failures::Failures, in_process::address_key, quota::Usage, throttled,
};
use crate::{
    ports::{StoreError, Stored},
    time::Timestamp,
};

/// How often to try against other nodes.
const TRIES: usize = 64;
/// How many keys at least can be asked for at once.
const TURNS: usize = 64;
/// How long a counter matters: longer than any lock and any day.
const KEEP: Duration = Duration::from_secs(2 * 86_400);

/// A counter as it is kept.
pub(super) trait Kept: Default {
    /// What tells it from counters of another kind under the same name.
    const KIND: u8;

    /// Whether it is as good as none.
    fn is_none(&self) -> bool;

    /// Settles what a process that is no more has left open.
    fn reclaim(&mut self, now: Timestamp);

    fn write(&self) -> Vec<u8>;

    /// `None` where the bytes are not what [`write`](Self::write) makes.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// The limits, and where all nodes count.
pub(super) struct Everywhere {
    config: LimitsConfig,
    counters: Arc<dyn SharedCounters>,
    key: hmac::Key,
    turns: [Mutex<()>; TURNS],
}

/// The name of a counter: scope, kind, and a keyed hash of whom it counts.
type Name = [u8; 18];

impl Everywhere {
    pub(super) fn new(
        config: LimitsConfig,
        counters: Arc<dyn SharedCounters>,
        key: hmac::Key,
    ) -> Self {
        Self {
            config,
            counters,
            key,
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// As [`Limits::begin`](super::Limits::begin).
    pub(super) async fn begin(
        self: &Arc<Self>,
        scope: Scope,
        account: Option<&str>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Counted, Refused> {
        let limits = self.limits(scope);
        let mut counted = Counted {
            everywhere: Arc::clone(self),
            address_limit: self.address_limit(limits, address),
            account: None,
            address: None,
            begun: now,
        };
        if let Some(limit) = counted.address_limit {
            let name = self.name::<Usage>(scope, &address_key(address).to_be_bytes());
            self.change::<Usage>(name, now, |usage| usage.admit(&limit, now))
                .await?
                .map_err(|retry_after| throttled(retry_after, By::Address))?;
            counted.address = Some(name);
        }
        if let (Some(limit), Some(account)) = (limits.account, account) {
            let name = self.name::<Failures>(scope, account.as_bytes());
            self.change::<Failures>(name, now, |failures| failures.admit(&limit, now))
                .await?
                .map_err(|retry_after| throttled(retry_after, By::Account))?;
            counted.account = Some(name);
        }
        Ok(counted)
    }

    /// Changes a counter and says what came of it; a refusal changes nothing.
    async fn change<K: Kept>(
        &self,
        name: Name,
        now: Timestamp,
        change: impl Fn(&mut K) -> Result<(), Duration>,
    ) -> Stored<Result<(), Duration>> {
        let turn = name.last().map_or(0, |byte| usize::from(*byte) % TURNS);
        let _turn = match self.turns.get(turn) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let mut known: Option<Vec<u8>> = None;
        let mut is_guess = true;
        for _ in 0..TRIES {
            let mut counter = match &known {
                Some(bytes) => K::read(bytes).ok_or_else(unreadable)?,
                None => K::default(),
            };
            counter.reclaim(now);
            let answer = change(&mut counter);
            if answer.is_err() && !is_guess {
                return Ok(answer);
            }
            let new = (answer.is_ok() && !counter.is_none()).then(|| counter.write());
            if !is_guess && new == known {
                return Ok(answer);
            }
            let swap = Swap {
                key: &name,
                expected: known.as_deref(),
                new: new.as_deref(),
                now,
                keep: KEEP,
            };
            match self.counters.swap(swap).await? {
                Swapped::Done => return Ok(answer),
                Swapped::Found(found) => known = found,
            }
            is_guess = false;
        }
        let what = "a counter changes all the time under this process";
        Err(StoreError::Unavailable(what.into()))
    }

    fn name<K: Kept>(&self, scope: Scope, whom: &[u8]) -> Name {
        let number = match scope {
            Scope::Login => 1,
            Scope::VerifyCode => 2,
            Scope::SendCode => 3,
            Scope::SignUp => 4,
        };
        let kind = [number, K::KIND];
        let hash = hmac::sign(&self.key, &[&kind, whom].concat());
        let mut name = [0; 18];
        let bytes = kind.iter().chain(hash.as_ref());
        name.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        name
    }

    const fn limits(&self, scope: Scope) -> ScopeLimits {
        match scope {
            Scope::Login => self.config.login,
            Scope::VerifyCode => self.config.verify_code,
            Scope::SendCode => self.config.send_code,
            Scope::SignUp => self.config.sign_up,
        }
    }

    fn address_limit(&self, limits: ScopeLimits, address: IpAddr) -> Option<AddressLimit> {
        let exempt = self.config.exempt_loopback && address.to_canonical().is_loopback();
        limits.address.filter(|_| !exempt)
    }
}

/// An attempt that all nodes know of.
pub(super) struct Counted {
    everywhere: Arc<Everywhere>,
    address_limit: Option<AddressLimit>,
    /// Whose failures it is counted among, until its end is known.
    account: Option<Name>,
    address: Option<Name>,
    begun: Timestamp,
}

impl Counted {
    pub(super) async fn succeeded(mut self) {
        self.settle_account(Failures::succeed).await;
        if self.address_limit.is_some_and(|limit| limit.only_failures) {
            self.give_back_address().await;
        }
    }

    pub(super) async fn failed(mut self) {
        let begun = self.begun;
        self.settle_account(|failures| failures.fail(begun)).await;
    }

    pub(super) async fn not_evaluated(mut self) {
        self.settle_account(Failures::withdraw).await;
        self.give_back_address().await;
    }

    async fn settle_account(&mut self, settle: impl Fn(&mut Failures)) {
        let Some(name) = self.account.take() else {
            return;
        };
        let change = |failures: &mut Failures| {
            settle(failures);
            Ok(())
        };
        let settled = self.everywhere.change(name, self.begun, change).await;
        tell_of(settled);
    }

    async fn give_back_address(&mut self) {
        if let (Some(name), Some(limit)) = (self.address.take(), self.address_limit) {
            let change = |usage: &mut Usage| {
                usage.give_back(&limit);
                Ok(())
            };
            tell_of(self.everywhere.change(name, self.begun, change).await);
        }
    }
}

impl Drop for Counted {
    /// A request that was given up: somebody else settles it. Should nobody, the attempt counts as
    /// failed by itself once it has been under way for too long.
    fn drop(&mut self) {
        if let (Some(name), Ok(runtime)) = (self.account.take(), Handle::try_current()) {
            let (everywhere, begun) = (Arc::clone(&self.everywhere), self.begun);
            runtime.spawn(async move {
                let change = |failures: &mut Failures| {
                    failures.fail(begun);
                    Ok(())
                };
                tell_of(everywhere.change(name, begun, change).await);
            });
        }
    }
}

/// What could not be counted counts against whoever tried, after a while; the operation itself has
/// been decided.
fn tell_of(settled: Stored<Result<(), Duration>>) {
    if let Err(error) = settled {
        tracing::warn!(%error, "an attempt's end could not be counted");
    }
}

fn unreadable() -> StoreError {
    StoreError::Corrupt("a counter of attempts cannot be read".into())
}

#[cfg(test)]
mod tests;
