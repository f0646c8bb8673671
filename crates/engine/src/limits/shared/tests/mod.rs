//! Several nodes over counters that they share. What real stores do is told by the conformance
//! suite; here they are a map.

mod alike;
mod attempts;
mod clocks;
mod keys;
mod store;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

use async_trait::async_trait;

use super::*;
use crate::{
    limits::{
        Attempt, Limits, ScopeLimits, Throttled,
        tests::{DAY, HOUR, MARY, client, noon},
    },
    operations::LogInError,
    seal::MasterKey,
    vocabulary::{Failure, Outcome},
};

/// What a key has, and until when it is kept.
type Value = (Vec<u8>, Timestamp);

/// Counters as every store has them.
#[derive(Default)]
struct Map {
    values: std::sync::Mutex<HashMap<Vec<u8>, Value>>,
    is_down: AtomicBool,
}

#[async_trait]
impl SharedCounters for Map {
    async fn swap(&self, swap: Swap<'_>) -> Stored<Swapped> {
        // Others come between asking and being served, and between that and the answer.
        tokio::task::yield_now().await;
        if self.is_down.load(SeqCst) {
            return Err(StoreError::Unavailable("down".into()));
        }
        let swapped = self.swap_at_once(swap);
        tokio::task::yield_now().await;
        Ok(swapped)
    }
}

impl Map {
    fn swap_at_once(&self, swap: Swap<'_>) -> Swapped {
        assert!(swap.key.len() <= 64 && swap.new.is_none_or(|new| new.len() <= 64));
        let mut values = self.values.lock().unwrap();
        values.retain(|key, (_, until)| key != swap.key || *until > swap.now);
        let found = values.get(swap.key).map(|(value, _)| value.clone());
        if found.as_deref() != swap.expected {
            return Swapped::Found(found);
        }
        match swap.new {
            Some(new) => {
                let until = swap.now + swap.keep;
                values.insert(swap.key.into(), (new.into(), until));
            }
            None => {
                values.remove(swap.key);
            }
        }
        Swapped::Done
    }

    fn len(&self) -> usize {
        self.values.lock().unwrap().len()
    }
}

fn by_account() -> LimitsConfig {
    LimitsConfig {
        login: ScopeLimits {
            account: Some(FailureLimit::default()),
            address: None,
        },
        remembered: 1000,
        ..LimitsConfig::unlimited()
    }
}

/// Five at once, one more every ten seconds.
fn by_address(daily: Option<u32>) -> LimitsConfig {
    LimitsConfig {
        login: ScopeLimits {
            account: None,
            address: Some(AddressLimit {
                burst: 5,
                every: Duration::from_secs(10),
                daily,
                only_failures: true,
            }),
        },
        remembered: 1000,
        ..LimitsConfig::unlimited()
    }
}

fn node(counters: &Arc<Map>, config: LimitsConfig) -> Limits {
    let key = MasterKey::new([7; 32]).hmac("limits");
    Limits::shared(config, counters.clone(), key)
}

fn nodes<const N: usize>(config: LimitsConfig) -> [Limits; N] {
    let counters = Arc::default();
    [(); N].map(|()| node(&counters, config))
}

async fn on_mary(limits: &Limits, now: Timestamp) -> Result<Attempt, Throttled> {
    throttling(limits.begin(Scope::Login, MARY, client(), now).await)
}

async fn from(limits: &Limits, address: &str, now: Timestamp) -> Result<Attempt, Throttled> {
    let address = address.parse().unwrap();
    throttling(limits.begin(Scope::Login, None, address, now).await)
}

fn throttling(begun: Result<Attempt, Refused>) -> Result<Attempt, Throttled> {
    begun.map_err(|refused| match refused {
        Refused::Throttled(throttled) => throttled,
        Refused::Store(error) => panic!("{error}"),
    })
}

fn wait(begun: Result<Attempt, Throttled>) -> Duration {
    begun
        .err()
        .map_or(Duration::ZERO, |throttled| throttled.retry_after)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
