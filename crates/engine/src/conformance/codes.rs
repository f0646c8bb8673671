//! Codes: sent sparingly, used once.

use std::time::Duration;

use super::world::*;
use crate::{
    account::Status,
    address::Identifier,
    audit::AuditKind,
    ids::AccountId,
    ports::{AuditSubject, CodeRedeemed, CodeSent, NewNotice},
    time::Timestamp,
};

const KEY: &str = "someone@example.com";

/// SECURITY 74: the right code proves the address and is used up.
pub async fn s74_a_code_works_once(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let at = now() + MINUTE;
    assert_eq!(redeem(&store, id, "111111", at).await, CodeRedeemed::Proved);
    let since = at;
    assert_eq!(account(&store, id).await.status, Status::Active { since });
    let again = redeem(&store, id, "111111", at).await;
    assert_eq!(again, CodeRedeemed::Refused);
    let kinds = kinds(&store, AuditSubject::Account(id)).await;
    assert_eq!(
        kinds[..2],
        [AuditKind::CodeRefused, AuditKind::CodeRedeemed]
    );
}

/// SECURITY 74: after as many wrong tries as it stands, the right one is worth nothing; after one
/// fewer, it is.
pub async fn s74_five_wrong_tries_kill_a_code(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    for _ in 0..5 {
        let wrong = redeem(&store, id, "000000", now()).await;
        assert_eq!(wrong, CodeRedeemed::Refused);
    }
    let right = redeem(&store, id, "111111", now()).await;
    assert_eq!(right, CodeRedeemed::Refused);
    assert_eq!(account(&store, id).await.status, Status::Unverified);
    let at = now() + MINUTE;
    assert_eq!(send(&store, id, "222222", at).await, CodeSent::Sent);
    for _ in 0..4 {
        redeem(&store, id, "000000", at).await;
    }
    assert_eq!(redeem(&store, id, "222222", at).await, CodeRedeemed::Proved);
}

/// SECURITY 74: sending another kills the one before.
pub async fn s74_a_new_code_kills_the_old(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let at = now() + MINUTE;
    assert_eq!(send(&store, id, "222222", at).await, CodeSent::Sent);
    let old = redeem(&store, id, "111111", at).await;
    assert_eq!(old, CodeRedeemed::Refused);
    assert_eq!(redeem(&store, id, "222222", at).await, CodeRedeemed::Proved);
}

/// SECURITY 75: too soon is too soon: no message, no new code, the old one lives, and it is told.
pub async fn s75_within_the_gap_nothing_is_sent_and_the_old_code_lives(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    messages(&store, now()).await;
    let at = now() + SECOND * 20;
    let sent = send(&store, id, "222222", at).await;
    assert_eq!(sent, CodeSent::Wait(SECOND * 40));
    assert_eq!(messages(&store, at).await, [""; 0]);
    let kinds = kinds(&store, AuditSubject::Account(id)).await;
    assert_eq!(kinds[0], AuditKind::CodeWithheld);
    let new = redeem(&store, id, "222222", at).await;
    assert_eq!(new, CodeRedeemed::Refused);
    assert_eq!(redeem(&store, id, "111111", at).await, CodeRedeemed::Proved);
}

/// SECURITY 75: ten a day, and then not until the next.
pub async fn s75_a_day_has_so_many_codes(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let mut at = now();
    for _ in 1..10 {
        at = at + HOUR;
        assert_eq!(send(&store, id, "222222", at).await, CodeSent::Sent);
    }
    let eleventh = send(&store, id, "333333", at + HOUR).await;
    assert_eq!(eleventh, CodeSent::Wait(HOUR * 14));
    let next_day = now() + A_DAY;
    assert_eq!(send(&store, id, "333333", next_day).await, CodeSent::Sent);
}

/// SECURITY 75: neither using a code up nor killing it is a way round the gap.
pub async fn s75_using_a_code_up_resets_no_gap(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    redeem(&store, id, "111111", now()).await;
    let sent = send(&store, id, "222222", now() + SECOND).await;
    assert_eq!(sent, CodeSent::Wait(SECOND * 59));
}

/// SECURITY 75: an address has its gap and cap whichever account asks.
pub async fn s75_an_address_is_not_flooded_through_many_accounts(store: AnyStore) {
    let first = active(&store, "a@example.com").await;
    let second = active(&store, "b@example.com").await;
    let send = async |id, target, at| {
        let code = new_code(id, target, "111111", at);
        store.send_code(code).await.unwrap()
    };
    assert_eq!(send(first, KEY, now()).await, CodeSent::Sent);
    assert_eq!(send(second, KEY, now()).await, CodeSent::Wait(MINUTE));
    assert_eq!(
        send(first, "another@example.com", now()).await,
        CodeSent::Wait(MINUTE),
        "nor is one account's every address"
    );
    assert_eq!(
        send(second, "another@example.com", now()).await,
        CodeSent::Sent,
        "what was withheld counts for nothing"
    );
}

/// SECURITY 75: a message without a code is a message.
pub async fn s75_a_notice_counts_like_a_code(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    messages(&store, now()).await;
    let notify = async |at| {
        let notice = NewNotice {
            account: id,
            target: KEY.into(),
            kind: AuditKind::SignUpRepeated,
            policy: code_policy(),
            message: message("somebody signed up"),
            now: at,
            origin: origin(),
        };
        store.notify(notice).await.unwrap()
    };
    assert_eq!(notify(now()).await, CodeSent::Wait(MINUTE));
    let at = now() + MINUTE;
    assert_eq!(messages(&store, at).await.len(), 1, "the first, held again");
    assert_eq!(notify(at).await, CodeSent::Sent);
    assert_eq!(messages(&store, at).await, ["somebody signed up"]);
    assert_eq!(send(&store, id, "222222", at).await, CodeSent::Wait(MINUTE));
    let kinds = kinds(&store, AuditSubject::Account(id)).await;
    assert_eq!(count(&kinds, &AuditKind::SignUpRepeated), 2);
    assert_eq!(redeem(&store, id, "111111", at).await, CodeRedeemed::Proved);
}

/// SECURITY 76: the right code in the wrong place is a wrong code.
pub async fn s76_a_code_is_bound_to_account_and_address(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let other = unverified(&store, &email("other@example.com"), "222222").await;
    let refused = async |id, target, code| {
        let attempt = attempt(id, target, code, now());
        let redeemed = store.redeem_code(attempt).await.unwrap();
        assert_eq!(redeemed, CodeRedeemed::Refused);
    };
    refused(other, KEY, "111111").await;
    refused(id, "other@example.com", "111111").await;
    refused(other, "other@example.com", "111111").await;
    refused(AccountId(4_711), KEY, "111111").await;
    let right = redeem(&store, id, "111111", now()).await;
    assert_eq!(right, CodeRedeemed::Proved);
    let status = account(&store, other).await.status;
    assert_eq!(status, Status::Unverified);
}

/// A code lives as long as it lives.
pub async fn an_expired_code_is_refused(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let late = redeem(&store, id, "111111", now() + HOUR).await;
    assert_eq!(late, CodeRedeemed::Refused);
    let in_time = now() + HOUR - SECOND;
    let right = redeem(&store, id, "111111", in_time).await;
    assert_eq!(right, CodeRedeemed::Proved);
}

/// A code proves an address; it does not undo what an operator or the owner decided.
pub async fn a_code_brings_nobody_back(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let status = suspended(now());
    let change = status_change(id, status, now());
    store.set_status(change).await.unwrap().unwrap();
    redeem(&store, id, "111111", now()).await;
    assert_eq!(account(&store, id).await.status, status);
}

/// SECURITY 77: fifty at once with the right code are one success.
pub async fn s77_many_with_the_right_code_succeed_once(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let redeemed = at_once(50, |_| {
        let store = store.clone();
        async move { redeem(&store, id, "111111", now()).await }
    })
    .await;
    assert_eq!(count(&redeemed, &CodeRedeemed::Proved), 1);
    assert_eq!(count(&redeemed, &CodeRedeemed::Refused), 49);
}

/// SECURITY 77: of fifty wrong ones at once no more than the tries are compared: among them is the
/// right one, last, and it comes too late.
pub async fn s77_many_wrong_codes_in_parallel_use_up_the_tries(store: AnyStore) {
    let id = unverified(&store, &someone(), "111111").await;
    let redeemed = at_once(50, |_| {
        let store = store.clone();
        async move { redeem(&store, id, "000000", now()).await }
    })
    .await;
    assert_eq!(count(&redeemed, &CodeRedeemed::Refused), 50);
    let right = redeem(&store, id, "111111", now()).await;
    assert_eq!(right, CodeRedeemed::Refused);
}

fn someone() -> Identifier {
    email(KEY)
}

async fn redeem(store: &AnyStore, id: AccountId, code: &str, at: Timestamp) -> CodeRedeemed {
    store.redeem_code(attempt(id, KEY, code, at)).await.unwrap()
}

async fn send(store: &AnyStore, id: AccountId, code: &'static str, at: Timestamp) -> CodeSent {
    let sent = store.send_code(new_code(id, KEY, code, at)).await.unwrap();
    if let CodeSent::Wait(wait) = sent {
        assert_ne!(wait, Duration::ZERO);
    }
    sent
}
