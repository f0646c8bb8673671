//! Several nodes over one store of counters.

use std::{
    collections::HashMap,
    sync::{
        Mutex as Held,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::limits::{Attempt, FailureLimit, Limits};

const MARY: Option<&str> = Some("mary@example.com");

/// Counters in memory, and whether they answer. The real ones pass the same suite elsewhere.
#[derive(Default)]
struct Memory {
    values: Held<HashMap<Vec<u8>, Vec<u8>>>,
    is_down: AtomicBool,
}

#[async_trait]
impl SharedCounters for Memory {
    async fn swap(&self, swap: Swap<'_>) -> Stored<Swapped> {
        // Others get between what is read and what is written.
        tokio::task::yield_now().await;
        if self.is_down.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("down".into()));
        }
        assert!(swap.key.len() <= 64 && swap.new.is_none_or(|new| new.len() <= 64));
        let mut values = self.values.lock().unwrap();
        let found = values.get(swap.key).cloned();
        if found.as_deref() != swap.expected {
            return Ok(Swapped::Found(found));
        }
        match swap.new {
            Some(new) => values.insert(swap.key.into(), new.into()),
            None => values.remove(swap.key),
        };
        Ok(Swapped::Done)
    }
}

fn config() -> LimitsConfig {
    LimitsConfig {
        login: ScopeLimits {
            account: Some(FailureLimit::default()),
            address: None,
        },
        ..LimitsConfig::unlimited()
    }
}

fn node(counters: &Arc<Memory>, config: LimitsConfig) -> Limits {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"the same at every node");
    Limits::shared(config, counters.clone(), key)
}

fn nodes() -> (Arc<Memory>, [Limits; 3]) {
    let counters = Arc::<Memory>::default();
    let nodes = std::array::from_fn(|_| node(&counters, config()));
    (counters, nodes)
}

fn noon() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

async fn on_mary(limits: &Limits, now: Timestamp) -> Result<Attempt, Refused> {
    limits
        .begin(Scope::Login, MARY, [192, 0, 2, 1].into(), now)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s70_of_200_at_three_nodes_no_more_are_evaluated_than_may_fail() {
    let (_, nodes) = nodes();
    let evaluated = Arc::new(AtomicUsize::new(0));
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..200 {
        let (limits, evaluated) = (nodes[guess % 3].clone(), evaluated.clone());
        guesses.spawn(async move {
            if let Ok(attempt) = on_mary(&limits, noon()).await {
                evaluated.fetch_add(1, Ordering::SeqCst);
                attempt.failed().await;
            }
        });
    }
    guesses.join_all().await;
    assert_eq!(evaluated.load(Ordering::SeqCst), 10);
    for limits in &nodes {
        assert!(matches!(
            on_mary(limits, noon()).await,
            Err(Refused::Throttled(_))
        ));
    }
}

#[tokio::test]
async fn s70_success_at_one_node_forgives_at_all_and_leaves_nothing() {
    let (counters, nodes) = nodes();
    for limits in nodes.iter().cycle().take(9) {
        on_mary(limits, noon()).await.unwrap().failed().await;
    }
    on_mary(&nodes[0], noon()).await.unwrap().succeeded().await;
    assert!(counters.values.lock().unwrap().is_empty());
    for limits in nodes.iter().cycle().take(10) {
        on_mary(limits, noon()).await.unwrap().failed().await;
    }
    assert!(on_mary(&nodes[1], noon()).await.is_err());
}

#[tokio::test]
async fn s70_an_attempt_that_is_given_up_counts_as_failed() {
    let (_, nodes) = nodes();
    for _ in 0..10 {
        drop(on_mary(&nodes[0], noon()).await.unwrap());
        // The settling is a task of this very thread.
        while on_mary_is_under_way(&nodes[1]).await {}
    }
    let refused = on_mary(&nodes[1], noon()).await.err().unwrap();
    assert!(matches!(refused, Refused::Throttled(t) if t.retry_after.as_secs() == 30));
}

async fn on_mary_is_under_way(limits: &Limits) -> bool {
    let Where(everywhere) = Where::of(limits);
    let name = everywhere.name::<Failures>(Scope::Login, b"mary@example.com");
    let swap = Swap {
        key: &name,
        expected: None,
        new: None,
        now: noon(),
        keep: KEEP,
    };
    match everywhere.counters.swap(swap).await.unwrap() {
        Swapped::Found(Some(bytes)) => bytes[7] > 0,
        _ => false,
    }
}

/// The shared half of limits.
struct Where(Arc<Everywhere>);

impl Where {
    fn of(limits: &Limits) -> Self {
        match &limits.counted {
            crate::limits::Where::Everywhere(everywhere) => Self(everywhere.clone()),
            crate::limits::Where::InProcess(_) => panic!("these are in process"),
        }
    }
}

#[tokio::test]
async fn f03_a_node_that_dies_with_attempts_under_way_locks_nobody_for_long() {
    let (_, nodes) = nodes();
    for _ in 0..10 {
        // Forgotten, not dropped: as a process is that was killed.
        std::mem::forget(on_mary(&nodes[0], noon()).await.unwrap());
    }
    let refused = on_mary(&nodes[1], noon()).await.err().unwrap();
    assert!(matches!(refused, Refused::Throttled(t) if t.retry_after.as_secs() == 1));
    let later = noon() + Duration::from_secs(61 + 30);
    let attempt = on_mary(&nodes[1], later).await.unwrap();
    attempt.succeeded().await;
    on_mary(&nodes[2], later).await.unwrap().failed().await;
}

#[tokio::test]
async fn f08_a_node_whose_clock_is_behind_unlocks_nothing() {
    let (_, nodes) = nodes();
    for _ in 0..10 {
        on_mary(&nodes[0], noon()).await.unwrap().failed().await;
    }
    let behind = noon() - Duration::from_secs(30);
    let ahead = noon() + Duration::from_secs(29);
    for now in [behind, ahead] {
        assert!(on_mary(&nodes[1], now).await.is_err());
    }
    let waited = noon() + Duration::from_secs(31);
    assert!(on_mary(&nodes[2], waited).await.is_ok());
}

#[tokio::test]
async fn s88_where_nobody_can_count_nobody_may_try() {
    let (counters, nodes) = nodes();
    let attempt = on_mary(&nodes[0], noon()).await.unwrap();
    counters.is_down.store(true, Ordering::Release);
    assert!(matches!(
        on_mary(&nodes[1], noon()).await,
        Err(Refused::Store(_))
    ));
    attempt.succeeded().await;
    counters.is_down.store(false, Ordering::Release);
    let name = Where::of(&nodes[0])
        .0
        .name::<Failures>(Scope::Login, b"mary@example.com");
    counters
        .values
        .lock()
        .unwrap()
        .insert(name.into(), b"?".into());
    assert!(matches!(
        on_mary(&nodes[1], noon()).await,
        Err(Refused::Store(StoreError::Corrupt(_)))
    ));
}

#[tokio::test]
async fn s72_s75_addresses_are_counted_together_by_their_64() {
    let counters = Arc::<Memory>::default();
    let limited = LimitsConfig {
        login: ScopeLimits {
            account: None,
            address: Some(AddressLimit {
                burst: 4,
                every: Duration::from_secs(10),
                daily: None,
                only_failures: true,
            }),
        },
        ..LimitsConfig::unlimited()
    };
    let nodes = [node(&counters, limited), node(&counters, limited)];
    let begin = async |turn: usize, address: &str| {
        let address = address.parse().unwrap();
        nodes[turn % 2]
            .begin(Scope::Login, None, address, noon())
            .await
    };
    for turn in 0..4 {
        let address = format!("2001:db8::{turn}");
        begin(turn, &address).await.unwrap().failed().await;
    }
    assert!(begin(0, "2001:db8::ffff").await.is_err());
    assert!(begin(1, "2001:db8:0:1::1").await.is_ok());
    for turn in 0..20 {
        begin(turn, "192.0.2.7").await.unwrap().succeeded().await;
    }
}

#[tokio::test]
async fn s34_the_store_is_told_no_address_and_nobodys_name() {
    let (counters, nodes) = nodes();
    on_mary(&nodes[0], noon()).await.unwrap().failed().await;
    let other = Limits::shared(
        config(),
        counters.clone(),
        hmac::Key::new(hmac::HMAC_SHA256, b"another installation's"),
    );
    on_mary(&other, noon()).await.unwrap().failed().await;
    let values = counters.values.lock().unwrap();
    assert_eq!(values.len(), 2, "names follow from the key");
    let all: Vec<u8> = values
        .iter()
        .flat_map(|(k, v)| [&k[..], v].concat())
        .collect();
    assert!(!all.windows(4).any(|part| part == b"mary"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// For one node, counting in a store is counting in memory.
    #[test]
    fn s70_where_attempts_are_counted_makes_no_difference(
        steps in prop::collection::vec((0..4_u8, 0..900_i64, 0..3_u8), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let shared = node(&Arc::default(), LimitsConfig::default());
            let local = Limits::new(LimitsConfig::default());
            let mut now = noon();
            for (end, seconds, who) in steps {
                now = now + Duration::from_secs(u64::try_from(seconds).unwrap());
                let account = format!("account {who}");
                let begin = async |limits: &Limits| {
                    let address = [192, 0, 2, who].into();
                    limits.begin(Scope::Login, Some(&account), address, now).await
                };
                let (a, b) = (begin(&shared).await, begin(&local).await);
                match (a, b) {
                    (Ok(a), Ok(b)) => for attempt in [a, b] {
                        match end {
                            0 => attempt.succeeded().await,
                            1 => attempt.not_evaluated().await,
                            _ => attempt.failed().await,
                        }
                    },
                    (Err(Refused::Throttled(a)), Err(Refused::Throttled(b))) => {
                        prop_assert_eq!(a, b);
                    }
                    (a, b) => prop_assert!(false, "{} {}", a.is_ok(), b.is_ok()),
                }
            }
            Ok(())
        })?;
    }
}
