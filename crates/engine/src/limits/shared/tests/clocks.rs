//! Nodes whose clocks are apart, and clocks that step back.

use super::*;

#[tokio::test]
async fn f08_nodes_whose_clocks_are_30_s_apart_unlock_nothing_for_each_other() {
    let apart = seconds(30);
    let [ahead, behind] = nodes(by_account());
    for _ in 0..10 {
        on_mary(&ahead, noon() + apart)
            .await
            .unwrap()
            .failed()
            .await;
    }
    for passed in 0..30 {
        let now = noon() + seconds(passed);
        // In seconds that truly pass, both tell the same end, each by its own clock.
        assert_eq!(wait(on_mary(&behind, now).await), seconds(60 - passed));
        assert_eq!(
            wait(on_mary(&ahead, now + apart).await),
            seconds(30 - passed)
        );
    }
    let now = noon() + seconds(30);
    on_mary(&ahead, now + apart).await.unwrap().failed().await;
    assert_eq!(wait(on_mary(&behind, now).await), seconds(60 + 30));

    let [ahead, behind] = nodes(by_account());
    for _ in 0..10 {
        on_mary(&behind, noon()).await.unwrap().failed().await;
    }
    let gained = on_mary(&ahead, noon() + apart).await.unwrap();
    gained.failed().await;
    for passed in 0..60 {
        let now = noon() + seconds(passed);
        assert!(on_mary(&behind, now).await.is_err(), "gained once");
        assert!(on_mary(&ahead, now + apart).await.is_err(), "gained once");
    }
}

#[tokio::test]
async fn f08_an_address_gains_nothing_by_going_from_clock_to_clock() {
    let apart = seconds(30);
    let [ahead, behind] = nodes(by_address(Some(20)));
    for _ in 0..5 {
        let attempt = from(&ahead, "192.0.2.1", noon() + apart).await;
        attempt.unwrap().failed().await;
    }
    for _ in 0..10 {
        assert!(from(&behind, "192.0.2.1", noon()).await.is_err());
        assert!(from(&ahead, "192.0.2.1", noon() + apart).await.is_err());
    }
}

#[tokio::test]
async fn f08_a_clock_that_steps_back_neither_unlocks_nor_locks_for_longer() {
    for back in [HOUR, 365 * DAY] {
        let [one, other] = nodes(by_account());
        let mut now = noon();
        for _ in 0..100 {
            // One that is let in is dropped, and fails.
            if let Err(throttled) = on_mary(&one, now).await {
                now = now + throttled.retry_after;
                on_mary(&one, now).await.unwrap().failed().await;
            }
        }
        let stepped = now - back;
        assert_eq!(wait(on_mary(&other, stepped).await), DAY);
        assert_eq!(wait(on_mary(&one, stepped + HOUR).await), 23 * HOUR);
        on_mary(&other, stepped + DAY).await.unwrap().failed().await;
    }
}

#[tokio::test]
async fn f08_what_was_under_way_when_the_clock_stepped_back_locks_for_no_longer() {
    let [limits] = nodes(by_account());
    let mut under_way = Vec::new();
    for _ in 0..10 {
        under_way.push(on_mary(&limits, noon()).await.unwrap());
    }
    let stepped = noon() - HOUR;
    assert_eq!(wait(on_mary(&limits, stepped).await), seconds(1));
    for attempt in under_way {
        attempt.failed().await;
    }
    for passed in [0, 10, 20] {
        let wait = wait(on_mary(&limits, stepped + seconds(passed)).await);
        assert_eq!(wait, seconds(30 - passed));
    }
}
