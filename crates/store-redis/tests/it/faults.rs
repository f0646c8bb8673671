//! A Redis that forgets, dies and stalls: whatever it does, nobody is let in who should not be, and nobody waits for it.

use std::time::{Duration, Instant};

use daemun_engine::{
    apart::{CutOff, SessionsApart, Whose},
    changes::Change,
    ids::AccountId,
    limits::{SharedCounters, Swap},
    ports::{Rotated, StoreError, Stored},
    revocation::RevokedThing,
    session::{RevokeReason, Verdict},
};
use daemun_store_redis::RedisStore;
use daemun_test_servers::Redis;

use crate::world::*;

/// SECURITY S6: sessions that are lost are logged out, and everybody who follows the log hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_flushed_redis_knows_no_session_and_its_log_says_so() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let lost = session(1);
    put(&store, &lost).await;
    let ended = session(2);
    put(&store, &ended).await;
    store.log_page(0, now(), HORIZON, 10).await.unwrap();
    let before = store.end(ended.id, end_at(now())).await.unwrap().unwrap();
    let name = store.log_name().await.unwrap();
    redis.ask(&["FLUSHALL"]);

    let rotated = store.rotate(&presented(&lost, 1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Unknown), "{rotated:?}");
    assert_eq!(store.session(lost.id).await.unwrap(), None);
    assert_eq!(store.sessions(None, 10).await.unwrap(), []);
    let at = now() + MINUTE;
    let page = store.log_page(0, at, HORIZON, 10).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].thing, RevokedThing::EverythingBefore(at));
    assert_eq!(page[0].reason, RevokeReason::Lost);
    assert_eq!(page[0].until, at + HORIZON);
    assert!(page[0].seq > before.seq, "numbers go on rising");
    assert_ne!(store.log_name().await.unwrap(), name);
    let again = store.log_page(0, at + SECOND, HORIZON, 10).await.unwrap();
    assert_eq!(again, page, "once");
}

/// SECURITY S6: whoever logs in before anybody noticed is not among the lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_who_logs_in_right_after_a_loss_stays_logged_in() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    store.log_page(0, now(), HORIZON, 10).await.unwrap();
    redis.ask(&["FLUSHALL"]);
    let fresh = session_at(1, now() + MINUTE);
    put(&store, &fresh).await;
    let at = now() + MINUTE + SECOND;
    let page = store.log_page(0, at, HORIZON, 10).await.unwrap();
    let [entry] = page[..] else {
        panic!("{page:?}");
    };
    let RevokedThing::EverythingBefore(before) = entry.thing else {
        panic!("{entry:?}");
    };
    assert!(before.unix_millis() < fresh.id.created_millis());
    assert_eq!(entry.until, fresh.created_at + HORIZON);
    assert_eq!(present(&store, &fresh, 1).await, Verdict::Rotated);
}

/// SECURITY S6: a Redis that died is noticed at once, and used again as soon as it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_killed_redis_is_unavailable_at_once_and_used_again_when_it_is_back() {
    let Some(mut redis) = Redis::durable() else {
        return;
    };
    let store = open(&redis).await;
    let opened = session(1);
    put(&store, &opened).await;
    assert_eq!(store.changes().await.unwrap(), [Change::Everything]);
    redis.kill();
    let began = Instant::now();
    unavailable(store.rotate(&presented(&opened, 1)).await);
    assert!(began.elapsed() < Duration::from_millis(600));
    everything_is_refused(&store).await;
    redis.start_again();
    let back = Instant::now();
    until_it_answers(&store).await;
    assert!(
        back.elapsed() < Duration::from_secs(5),
        "{:?}",
        back.elapsed()
    );
    assert_eq!(present(&store, &opened, 1).await, Verdict::Rotated);
    assert_eq!(store.changes().await.unwrap(), [Change::Everything]);
}

/// SECURITY S6: a Redis that stands still holds nobody up: the first to ask waits as long as an answer may take, and those
/// after not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_stalled_redis_holds_nobody_up() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let opened = session(1);
    put(&store, &opened).await;
    redis.stall();
    let began = Instant::now();
    unavailable(store.rotate(&presented(&opened, 1)).await);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );

    let mut times = Vec::new();
    while began.elapsed() < Duration::from_secs(6) {
        let asked = Instant::now();
        unavailable(store.rotate(&presented(&opened, 1)).await);
        times.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    assert!(times.len() > 100, "only {} calls", times.len());
    assert!(p99 < Duration::from_millis(50), "{p99:?}");
    everything_is_refused(&store).await;

    redis.go_on();
    let back = Instant::now();
    until_it_answers(&store).await;
    assert!(
        back.elapsed() < Duration::from_secs(5),
        "{:?}",
        back.elapsed()
    );
}

/// SECURITY S6: what was asked of a Redis that stood still may have been done. Asking again does it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_rotation_whose_answer_was_lost_is_asked_for_again() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let opened = session(1);
    put(&store, &opened).await;
    redis.stall();
    unavailable(store.rotate(&presented(&opened, 1)).await);
    redis.go_on();
    until_it_answers(&store).await;
    let verdict = present(&store, &opened, 1).await;
    assert!(verdict.grants(), "{verdict:?}");
    let after = store.session(opened.id).await.unwrap().unwrap();
    assert_eq!(after.generation, 2);
}

/// SECURITY S6: it is noticed where nobody asks for anything, too, and whoever waits for news is told that there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_stall_is_noticed_by_who_only_listens() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    assert_eq!(store.changes().await.unwrap(), [Change::Everything]);
    redis.stall();
    let began = Instant::now();
    unavailable(store.changes().await);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    redis.go_on();
    until_it_answers(&store).await;
    assert_eq!(store.changes().await.unwrap(), [Change::Everything]);
}

/// SECURITY S3, S5: a server that is killed has lost nothing of what it acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f03_f05_what_was_acknowledged_survives_a_kill() {
    let Some(mut redis) = Redis::durable() else {
        return;
    };
    let store = open(&redis).await;
    let mut writers = Vec::new();
    for n in 0..16 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            let opened = session(n);
            put(&store, &opened).await;
            let mut acknowledged = 1;
            loop {
                match store.rotate(&presented(&opened, acknowledged)).await {
                    Ok(rotated) => assert_eq!(verdict(rotated), Verdict::Rotated),
                    Err(_) => return (opened, acknowledged),
                }
                acknowledged += 1;
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.kill();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.push(writer.await.unwrap());
    }
    redis.start_again();
    until_it_answers(&store).await;
    let mut rotations = 0;
    for (opened, generation) in acknowledged {
        let kept = store.session(opened.id).await.unwrap().unwrap().generation;
        assert!(kept == generation || kept == generation + 1);
        rotations += generation - 1;
        let verdict = present(&store, &opened, generation).await;
        assert!(verdict.grants(), "{verdict:?}");
    }
    assert!(rotations > 100, "only {rotations} rotations");
}

/// SECURITY S6: one that became a replica must not be written to; it is used again once it is the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_replica_is_not_used() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let opened = session(1);
    put(&store, &opened).await;
    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    unavailable(store.rotate(&presented(&opened, 1)).await);
    unavailable(store.session(opened.id).await);
    redis.ask(&["REPLICAOF", "NO", "ONE"]);
    until_it_answers(&store).await;
    assert_eq!(present(&store, &opened, 1).await, Verdict::Rotated);
}

#[expect(clippy::needless_pass_by_value, reason = "it ends here")]
fn unavailable<T: std::fmt::Debug>(answer: Stored<T>) {
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
}

async fn everything_is_refused(store: &RedisStore) {
    let opened = session(1);
    let swap = Swap {
        key: b"login",
        expected: None,
        new: Some(b"1"),
        now: now(),
        keep: MINUTE,
    };
    let put = daemun_engine::apart::Put {
        session: &opened,
        kept_until: None,
        replaces: None,
    };
    let cut_off = CutOff {
        account: AccountId(7),
        before: now(),
        again: true,
    };
    let whose = Whose::Account(AccountId(7));
    unavailable(store.put(put).await);
    unavailable(store.session(opened.id).await);
    unavailable(store.live(whose, now()).await);
    unavailable(store.sessions(None, 1).await);
    unavailable(store.end(opened.id, end_at(now())).await);
    unavailable(store.cut_off(cut_off, end_at(now())).await);
    unavailable(store.log_page(0, now(), HORIZON, 1).await);
    unavailable(store.log_name().await);
    unavailable(store.forget(AccountId(7)).await);
    unavailable(store.purge(now(), now()).await);
    unavailable(store.changes().await);
    unavailable(store.ping().await);
    unavailable(store.swap(swap).await);
}

async fn until_it_answers(store: &RedisStore) {
    let began = Instant::now();
    while store.ping().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "it stays away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
