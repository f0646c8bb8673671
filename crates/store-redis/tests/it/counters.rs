//! Counters that several processes share pass the suite of all such counters.

use std::{sync::Arc, time::Duration};

use daemun_engine::{
    conformance::counters,
    limits::{SharedCounters, Swap, Swapped},
};
use daemun_test_servers::Redis;

use crate::world::{self, now};

macro_rules! cases {
    ($($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(redis) = Redis::start() else { return };
                counters::$case(Arc::new(world::open(&redis).await)).await;
            }
        )*
    };
}

cases! {
    a_counter_is_set_by_who_knows_what_it_was
    counters_do_not_mix
    any_bytes_are_kept_as_they_are
    s70_many_who_change_one_counter_change_it_one_after_another
}

#[tokio::test]
async fn a_counter_is_kept_as_long_as_it_matters() {
    let Some(redis) = Redis::start() else { return };
    let store = world::open(&redis).await;
    for (key, keep) in [(&b"a"[..], 90), (b"b", 0), (b"c", u64::MAX)] {
        let swap = Swap {
            key,
            expected: None,
            new: Some(b"1"),
            now: now(),
            keep: Duration::from_secs(keep),
        };
        assert_eq!(store.swap(swap).await.unwrap(), Swapped::Done);
    }
    let left: u64 = redis.ask(&["PTTL", "daemun:n:a"]).parse().unwrap();
    assert!((80_000..=90_000).contains(&left), "{left} ms");
    let forever: u64 = redis.ask(&["PTTL", "daemun:n:c"]).parse().unwrap();
    assert!(forever > 90_000, "{forever} ms");
}
