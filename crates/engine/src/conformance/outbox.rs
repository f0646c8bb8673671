//! Messages on their way out: committed with the fact, held by one worker, erased once sent.

use std::time::Duration;

use super::world::*;
use crate::{
    ids::AccountId,
    ports::{ClaimedMessage, CodeSent},
    time::Timestamp,
};

/// Oldest first, no more than asked for.
pub async fn a_message_waits_for_whoever_sends_it(store: AnyStore) {
    assert_eq!(messages(&store, now()).await, [""; 0]);
    for (n, code) in ["111111", "222222", "333333"].into_iter().enumerate() {
        sent(&store, n, code, now() + SECOND * u32::try_from(n).unwrap()).await;
    }
    let first = claim(&store, now() + MINUTE, 2).await;
    assert_eq!(texts(&first), ["111111", "222222"]);
    assert_eq!(first[0].created_at, now());
    assert_eq!(first[0].useless_after, now() + HOUR);
    assert_eq!(first[0].attempts, 0);
    let rest = claim(&store, now() + MINUTE, 2).await;
    assert_eq!(texts(&rest), ["333333"]);
}

/// A worker that died loses what it held when its lease ends.
pub async fn a_held_message_is_nobody_elses_until_the_lease_ends(store: AnyStore) {
    sent(&store, 0, "111111", now()).await;
    let first = claim(&store, now(), 10).await;
    assert_eq!(claim(&store, now() + SECOND * 59, 10).await.len(), 0);
    let second = claim(&store, now() + MINUTE, 10).await;
    assert_eq!(second.len(), 1);
    assert_eq!((second[0].id, second[0].attempts), (first[0].id, 1));
}

/// SECURITY S16, 78: what was sent is never handed out again, and its content is gone.
pub async fn f16_a_sent_message_is_gone(store: AnyStore) {
    sent(&store, 0, "111111", now()).await;
    let held = claim(&store, now(), 10).await;
    store.message_sent(held[0].id, now()).await.unwrap();
    let later = now() + MINUTE * 30;
    assert_eq!(claim(&store, later, 10).await.len(), 0);
    let retry = store.message_failed(held[0].id, "late", Some(now())).await;
    retry.unwrap();
    assert_eq!(claim(&store, later, 10).await.len(), 0, "sent is sent");
}

/// Handing it over failed: again when asked for, or never.
pub async fn a_failed_message_is_tried_again_or_given_up(store: AnyStore) {
    sent(&store, 0, "111111", now()).await;
    let held = claim(&store, now(), 10).await;
    let retry_at = now() + MINUTE * 5;
    let failed = store.message_failed(held[0].id, "no answer", Some(retry_at));
    failed.await.unwrap();
    assert_eq!(claim(&store, retry_at - SECOND, 10).await.len(), 0);
    let again = claim(&store, retry_at, 10).await;
    assert_eq!((texts(&again), again[0].attempts), (vec!["111111"], 1));
    let given_up = store.message_failed(again[0].id, "no such address", None);
    given_up.await.unwrap();
    assert_eq!(claim(&store, now() + MINUTE * 50, 10).await.len(), 0);
}

/// A code that has died is not sent.
pub async fn a_message_that_came_too_late_is_not_sent(store: AnyStore) {
    sent(&store, 0, "111111", now()).await;
    assert_eq!(claim(&store, now() + HOUR, 10).await.len(), 0);
    assert_eq!(claim(&store, now(), 10).await.len(), 0, "given up for good");
}

/// SECURITY S16: each mail once, however many workers.
pub async fn f16_two_workers_never_hold_one_message(store: AnyStore) {
    for n in 0..40 {
        sent(&store, n, "111111", now()).await;
    }
    let held = at_once(8, |_| {
        let store = store.clone();
        async move {
            let mut held = Vec::new();
            while held.len() <= 40 {
                let claimed = claim(&store, now(), 3).await;
                if claimed.is_empty() {
                    break;
                }
                held.extend(claimed.into_iter().map(|message| message.id));
            }
            held
        }
    })
    .await;
    let held = held.concat();
    assert_eq!(held.len(), 40);
    assert_eq!(distinct(held).len(), 40);
}

/// Whoever waits need not look again and again.
pub async fn a_message_wakes_who_waits(store: AnyStore) {
    sent(&store, 0, "111111", now()).await;
    let waited = tokio::time::timeout(Duration::from_secs(10), store.wait_for_message());
    assert!(waited.await.is_ok());
}

async fn claim(store: &AnyStore, at: Timestamp, limit: u32) -> Vec<ClaimedMessage> {
    store.claim_messages(at, MINUTE, limit).await.unwrap()
}

fn texts(messages: &[ClaimedMessage]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| std::str::from_utf8(&message.sealed).unwrap())
        .collect()
}

/// An account of its own, and a code sent to it.
async fn sent(store: &AnyStore, n: usize, code: &'static str, at: Timestamp) -> AccountId {
    let address = format!("a{n}@example.com");
    let id = active(store, &address).await;
    let sent = store.send_code(new_code(id, &address, code, at)).await;
    assert_eq!(sent.unwrap(), CodeSent::Sent);
    id
}
