//! Attempts at several nodes: how many there are, how they end, and those that never do.

use tokio::task::JoinSet;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s70_of_600_at_three_nodes_no_more_are_evaluated_than_may_fail() {
    let evaluated = Arc::new(AtomicU32::new(0));
    let mut all = JoinSet::new();
    for limits in nodes::<3>(by_account()) {
        for _ in 0..200 {
            let (limits, evaluated) = (limits.clone(), evaluated.clone());
            all.spawn(async move {
                if let Ok(attempt) = on_mary(&limits, noon()).await {
                    evaluated.fetch_add(1, SeqCst);
                    tokio::task::yield_now().await;
                    attempt.failed().await;
                }
            });
        }
    }
    all.join_all().await;
    assert_eq!(evaluated.load(SeqCst), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s72_of_300_from_one_address_at_three_nodes_as_many_are_let_in_as_may_be() {
    let mut all = JoinSet::new();
    for limits in nodes::<3>(by_address(None)) {
        for _ in 0..100 {
            let limits = limits.clone();
            all.spawn(async move { from(&limits, "192.0.2.1", noon()).await.is_ok() });
        }
    }
    let admitted = all.join_all().await;
    assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), 5);
}

#[tokio::test]
async fn s70_what_fails_at_one_node_counts_at_another_and_success_forgives_at_all() {
    let [one, other] = nodes(by_account());
    for _ in 0..5 {
        on_mary(&one, noon()).await.unwrap().failed().await;
        on_mary(&other, noon()).await.unwrap().failed().await;
    }
    for limits in [&one, &other] {
        assert_eq!(wait(on_mary(limits, noon()).await), seconds(30));
    }
    let later = noon() + seconds(30);
    on_mary(&one, later).await.unwrap().succeeded().await;
    for _ in 0..10 {
        on_mary(&other, later).await.unwrap().failed().await;
    }
    assert_eq!(wait(on_mary(&one, later).await), seconds(30));
}

#[tokio::test]
async fn s70_what_is_over_and_forgiven_is_not_kept() {
    let counters = Arc::default();
    let limits = node(&counters, by_account());
    on_mary(&limits, noon()).await.unwrap().failed().await;
    assert_eq!(counters.len(), 1);
    on_mary(&limits, noon()).await.unwrap().succeeded().await;
    assert_eq!(counters.len(), 0);
}

#[tokio::test]
async fn s70_an_attempt_that_is_dropped_counts_as_failed_at_all_nodes() {
    let [one, other] = nodes(by_account());
    for _ in 0..10 {
        drop(on_mary(&one, noon()).await.unwrap());
    }
    // Its turn comes after theirs.
    assert_eq!(wait(on_mary(&one, noon()).await), seconds(30));
    assert_eq!(wait(on_mary(&other, noon()).await), seconds(30));
}

#[tokio::test]
async fn s70_a_request_given_up_while_it_waits_for_leave_counts_as_failed() {
    let [limits] = nodes(by_account());
    for _ in 0..10 {
        tokio::select! {
            biased;
            _ = on_mary(&limits, noon()) => panic!("nothing to wait for"),
            () = std::future::ready(()) => {}
        }
    }
    // While they are under way one is told to come again soon.
    let ends = (0..1000).map(|_| on_mary(&limits, noon()));
    for end in ends {
        if wait(end.await) == seconds(30) {
            return;
        }
    }
    panic!("they are under way for ever");
}

#[tokio::test]
async fn s70_a_request_given_up_while_it_says_how_it_ended_ends_so_and_once() {
    let [limits] = nodes(by_account());
    for _ in 0..9 {
        on_mary(&limits, noon()).await.unwrap().failed().await;
    }
    let attempt = on_mary(&limits, noon()).await.unwrap();
    tokio::select! {
        biased;
        () = attempt.succeeded() => panic!("nothing to wait for"),
        () = std::future::ready(()) => {}
    }
    for _ in 0..10 {
        on_mary(&limits, noon()).await.unwrap().failed().await;
    }
    assert_eq!(wait(on_mary(&limits, noon()).await), seconds(30));
}

#[tokio::test]
async fn f10_an_attempt_that_was_never_evaluated_does_not_count() {
    let [limits] = nodes(LimitsConfig::default());
    for _ in 0..200 {
        on_mary(&limits, noon())
            .await
            .unwrap()
            .not_evaluated()
            .await;
    }
}

/// As if its node had died: nobody says how they ended.
async fn abandoned(limits: &Limits, attempts: u32, now: Timestamp) {
    for _ in 0..attempts {
        std::mem::forget(on_mary(limits, now).await.unwrap());
    }
}

#[tokio::test]
async fn s70_a_node_that_dies_with_attempts_under_way_locks_nobody_out_for_longer_than_a_lease() {
    let [dead, alive] = nodes(by_account());
    abandoned(&dead, 10, noon()).await;
    let almost = noon() + LEASE - Duration::from_micros(1);
    assert_eq!(wait(on_mary(&alive, almost).await), seconds(1));
    // They count as failed: what was free is used up, and the first wait is over.
    on_mary(&alive, noon() + LEASE)
        .await
        .unwrap()
        .failed()
        .await;
    assert_eq!(wait(on_mary(&alive, noon() + LEASE).await), seconds(60));

    let [dead, alive] = nodes(by_account());
    abandoned(&dead, 3, noon()).await;
    let later = noon() + LEASE;
    for _ in 0..7 {
        on_mary(&alive, later).await.unwrap().failed().await;
    }
    assert_eq!(wait(on_mary(&alive, later).await), seconds(30));
}

#[tokio::test]
async fn s70_an_attempt_that_ends_after_its_lease_takes_nobodys_place() {
    let [slow, other] = nodes(by_account());
    let late = [
        on_mary(&slow, noon()).await.unwrap(),
        on_mary(&slow, noon()).await.unwrap(),
        on_mary(&slow, noon()).await.unwrap(),
    ];
    let later = noon() + LEASE;
    let mut under_way = Vec::new();
    for _ in 0..7 {
        under_way.push(on_mary(&other, later).await.unwrap());
    }
    let [failed, never_evaluated, succeeded] = late;
    failed.failed().await;
    never_evaluated.not_evaluated().await;
    assert_eq!(wait(on_mary(&other, later).await), seconds(1), "ten of ten");
    succeeded.succeeded().await;
    for _ in 0..3 {
        under_way.push(on_mary(&other, later).await.unwrap());
    }
    assert_eq!(wait(on_mary(&other, later).await), seconds(1), "ten again");
}

#[tokio::test]
async fn s70_a_late_end_takes_nobodys_place_where_all_was_forgiven_either() {
    let [slow, other] = nodes(by_account());
    let late = on_mary(&slow, noon()).await.unwrap();
    let later = noon() + LEASE;
    on_mary(&other, later).await.unwrap().succeeded().await;
    let mut under_way = Vec::new();
    for _ in 0..10 {
        under_way.push(on_mary(&other, later).await.unwrap());
    }
    late.not_evaluated().await;
    assert_eq!(wait(on_mary(&other, later).await), seconds(1));
}

#[tokio::test]
async fn s70_polling_does_not_lengthen_the_lease_of_what_is_lost() {
    let [dead, alive] = nodes(by_account());
    abandoned(&dead, 10, noon()).await;
    for second in 1..60 {
        assert!(on_mary(&alive, noon() + seconds(second)).await.is_err());
    }
    on_mary(&alive, noon() + LEASE)
        .await
        .unwrap()
        .failed()
        .await;
}
