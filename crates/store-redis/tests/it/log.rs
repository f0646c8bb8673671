//! The log, and news of it.

use std::time::Duration;

use daemun_engine::{
    apart::{CutOff, SessionsApart},
    changes::Change,
    ids::AccountId,
    revocation::RevokedThing,
};
use daemun_test_servers::Redis;

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_ends_another_hears_of() {
    let Some(redis) = Redis::start() else { return };
    let (one, other) = (open(&redis).await, open(&redis).await);
    put(&one, &session(1)).await;
    assert_eq!(other.changes().await.unwrap(), [Change::Everything]);
    // What was added before is told, too; what comes after is what is meant here.
    while tokio::time::timeout(Duration::from_millis(200), other.changes())
        .await
        .is_ok()
    {}
    one.end(session(1).id, end_at(now()))
        .await
        .unwrap()
        .unwrap();
    let told = tokio::time::timeout(Duration::from_secs(5), other.changes());
    assert_eq!(told.await.unwrap().unwrap(), [Change::Log]);
    let page = other.log_page(0, now(), HORIZON, 10).await.unwrap();
    let ended = RevokedThing::Session(session(1).id);
    assert_eq!(page.last().unwrap().thing, ended);
    assert_eq!(
        one.log_name().await.unwrap(),
        other.log_name().await.unwrap()
    );
}

#[tokio::test]
async fn a_cut_off_is_told_of_once_unless_it_is_to_be_told_again() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let told = async |account, before, again| {
        let cut_off = CutOff {
            account: AccountId(account),
            before,
            again,
        };
        let added = store.cut_off(cut_off, end_at(now())).await.unwrap();
        if let Some(added) = added {
            assert_eq!(
                added.thing,
                RevokedThing::AccountBefore(AccountId(account), before)
            );
        }
        added.is_some()
    };
    assert!(told(7, now(), false).await);
    assert!(!told(7, now(), false).await);
    assert!(told(7, now(), true).await);
    assert!(!told(7, now() - SECOND, false).await);
    assert!(told(7, now() - SECOND, true).await);
    assert!(!told(7, now(), false).await, "the later one is remembered");
    assert!(told(7, now() + SECOND, false).await);
    assert!(told(-8, now(), false).await, "another's");
}

/// Also where it is not told of again: what a node began to tell and did not bring to an end.
#[tokio::test]
async fn s33_a_cut_off_ends_what_began_by_then_each_time() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let cut_off = CutOff {
        account: AccountId(7),
        before: now(),
        again: false,
    };
    store
        .cut_off(cut_off, end_at(now()))
        .await
        .unwrap()
        .unwrap();
    let (reached, later) = (session(1), session_at(2, now() + SECOND));
    put(&store, &reached).await;
    put(&store, &later).await;
    let added = store
        .cut_off(cut_off, end_at(now() + MINUTE))
        .await
        .unwrap();
    assert_eq!(added, None);
    let revoked = store.session(reached.id).await.unwrap().unwrap().revoked;
    assert_eq!(revoked.unwrap().at, now() + MINUTE);
    assert_eq!(store.session(later.id).await.unwrap(), Some(later));
}

/// SECURITY S8: clocks of nodes differ; numbers rise all the same.
#[tokio::test]
async fn f08_numbers_rise_whatever_the_clocks_say() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let mut last = 0;
    for n in 0..20 {
        put(&store, &session(n)).await;
        let at = if n % 2 == 0 { now() + MINUTE } else { now() };
        let added = store.end(session(n).id, end_at(at)).await.unwrap().unwrap();
        assert!(added.seq > last);
        last = added.seq;
    }
    let page = store.log_page(0, now(), HORIZON, u32::MAX).await.unwrap();
    assert_eq!(page.len(), 21);
    assert!(page.is_sorted_by(|a, b| a.seq < b.seq));
}

#[tokio::test]
async fn a_long_log_is_read_to_its_end() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    // Half of it is over at the time it is read.
    for n in 0..2_500 {
        let cut_off = CutOff {
            account: AccountId(n),
            before: now(),
            again: true,
        };
        let at = if n % 2 == 0 {
            now()
        } else {
            now() - HORIZON * 2
        };
        store.cut_off(cut_off, end_at(at)).await.unwrap().unwrap();
    }
    let page = store.log_page(0, now(), HORIZON, u32::MAX).await.unwrap();
    assert_eq!(page.len(), 1_251);
    let first = store.log_page(0, now(), HORIZON, 1_100).await.unwrap();
    assert_eq!(first, page[..1_100]);
}

/// SECURITY S5: after a restart something may be missing, so the log has another name and is read anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_after_a_restart_the_log_has_another_name_and_the_same_entries() {
    let Some(mut redis) = Redis::durable() else {
        return;
    };
    let store = open(&redis).await;
    put(&store, &session(1)).await;
    store
        .end(session(1).id, end_at(now()))
        .await
        .unwrap()
        .unwrap();
    let name = store.log_name().await.unwrap();
    let page = store.log_page(0, now(), HORIZON, 10).await.unwrap();
    redis.kill();
    redis.start_again();
    let again = open(&redis).await;
    assert_ne!(again.log_name().await.unwrap(), name);
    assert_eq!(again.log_page(0, now(), HORIZON, 10).await.unwrap(), page);
}
