//! The trail, and deleting what is over.

use super::world::*;
use crate::{
    account::Status,
    audit::{AuditEvent, AuditKind},
    changes::Change,
    ports::{AuditSubject, Retention, RevokeTarget},
    time::Timestamp,
};

/// SECURITY 92: newest first, about an account or a session, no more than asked for.
pub async fn s92_the_trail_is_told_newest_first(store: AnyStore) {
    let opened = someones(&store).await;
    let account = opened.subject.account();
    for n in 0..3 {
        let event = AuditEvent {
            at: now() + SECOND * n,
            kind: AuditKind::LoginRefused,
            contract: "conformance".into(),
            account,
            session: (n == 1).then_some(opened.id),
            network: Some("2001:db8::/64".into()),
            detail: Some(format!("wrong password {n}").into()),
        };
        store.record(event).await.unwrap();
    }
    let about = AuditSubject::Account(account.unwrap());
    let newest = store.audit(about, 2).await.unwrap();
    let details: Vec<_> = newest.iter().map(|e| e.detail.as_deref()).collect();
    assert_eq!(
        details,
        [Some("wrong password 2"), Some("wrong password 1")]
    );
    assert_eq!(newest[1].at, now() + SECOND);
    assert_eq!(newest[1].network.as_deref(), Some("2001:db8::/64"));
    assert_eq!(newest[1].session, Some(opened.id));
    assert_eq!(
        kinds(&store, AuditSubject::Session(opened.id)).await,
        [AuditKind::LoginRefused, AuditKind::LoggedIn]
    );
}

/// SECURITY 92: everybody's, of one kind; every kind there is can be kept.
pub async fn s92_the_trail_is_told_by_kind(store: AnyStore) {
    for kind in AuditKind::ALL {
        let event = AuditEvent {
            at: now(),
            kind,
            contract: "".into(),
            account: None,
            session: None,
            network: None,
            detail: None,
        };
        store.record(event.clone()).await.unwrap();
        assert_eq!(trail(&store, AuditSubject::Kind(kind)).await, [event]);
    }
}

/// SECURITY S15: what is over goes, once it has been kept as long as was asked.
pub async fn f15_what_is_over_is_purged(store: AnyStore) {
    let keep = Retention::default();
    let unproved = unverified(&store, &email("unproved@example.com"), "111111").await;
    let id = active(&store, "someone@example.com").await;
    let expired = opened(&store, id).await;
    let ended = opened_at(&store, id, now() + A_DAY).await;
    let target = RevokeTarget::Session(ended.id);
    store.revoke(revoke(target, now() + A_DAY)).await.unwrap();

    let at = now() + A_DAY * 7 + SECOND;
    purge(&store, at, &keep).await;
    assert_eq!(store.account(unproved).await.unwrap(), None);
    assert!(store.session(expired.id).await.unwrap().is_some());
    assert_eq!(log(&store).await, [], "no living token can be concerned");

    let at = now() + A_DAY + keep.sessions + SECOND;
    purge(&store, at, &keep).await;
    assert_eq!(store.session(expired.id).await.unwrap(), None);
    assert_eq!(store.session(ended.id).await.unwrap(), None);
    let about = AuditSubject::Session(ended.id);
    assert!(!trail(&store, about).await.is_empty());

    let at = now() + A_DAY + keep.audit + SECOND;
    purge(&store, at, &keep).await;
    assert_eq!(trail(&store, about).await, []);
    assert_eq!(trail(&store, AuditSubject::Account(id)).await, []);
    assert_eq!(store.purge(at, &keep).await.unwrap(), 0, "all is done");
}

/// What is not over stays, however much else goes.
pub async fn f15_what_lives_is_not_purged(store: AnyStore) {
    let keep = Retention::default();
    let id = active(&store, "someone@example.com").await;
    let at = now() + A_DAY * 365;
    let alive = opened_at(&store, id, at - MINUTE).await;
    // Begun long ago, and each over or not according to its last rotation.
    let slid = opened_at(&store, id, at - A_DAY * 20).await;
    let lately = opened_at(&store, id, at - A_DAY * 45).await;
    for session in [&slid, &lately] {
        let mut last = session.created_at;
        for generation in 1..=20 {
            last = last + A_DAY - SECOND;
            present(&store, session, generation, HERE, last).await;
        }
    }
    for n in 0..300 {
        let old = unverified(&store, &email(&format!("a{n}@example.com")), "111111").await;
        assert_ne!(old, id);
    }
    let fresh = crate::ports::NewAccount {
        now: at,
        code: None,
        ..sign_up(&email("fresh@example.com"), "")
    };
    let fresh = created(store.register(fresh).await.unwrap());
    let code = new_code(fresh, "fresh@example.com", "222222", at);
    store.send_code(code).await.unwrap();
    let target = RevokeTarget::Session(opened_at(&store, id, at).await.id);
    let revoked = store.revoke(revoke(target, at)).await.unwrap();

    purge(&store, at, &keep).await;
    assert_eq!(session(&store, alive.id).await, alive);
    assert!(session(&store, slid.id).await.is_live(at));
    assert!(!session(&store, lately.id).await.is_live(at), "and kept");
    assert_eq!(account(&store, id).await.id, id);
    assert_eq!(account(&store, fresh).await.status, Status::Unverified);
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 2);
    assert_eq!(store.revocations_after(0, at).await.unwrap(), revoked);
    assert_eq!(messages(&store, at).await, ["222222"]);
    let attempt = attempt(fresh, "fresh@example.com", "222222", at);
    let redeemed = store.redeem_code(attempt).await.unwrap();
    assert_eq!(redeemed, crate::ports::CodeRedeemed::Proved);
}

/// It answers.
pub async fn an_answering_store_answers(store: AnyStore) {
    store.ping().await.unwrap();
}

/// Revocations are kept as long as the longest access token of any contract there ever was.
pub async fn the_horizon_only_widens(store: AnyStore) {
    assert_eq!(store.horizon(HORIZON).await.unwrap(), HORIZON);
    assert_eq!(store.horizon(MINUTE).await.unwrap(), HORIZON);
    assert_eq!(store.horizon(HOUR).await.unwrap(), HOUR);
    assert_eq!(store.horizon(HORIZON).await.unwrap(), HOUR);
}

/// What happened before anybody asked is not known, so the first news is that anything may have.
pub async fn whoever_asks_for_changes_first_is_told_of_all(store: AnyStore) {
    let patience = std::time::Duration::from_secs(10);
    let told = tokio::time::timeout(patience, store.changes());
    let told = told.await.unwrap().unwrap();
    assert_eq!(told, [Change::Everything]);
}

/// Calls until nothing is left to do, which must come about.
async fn purge(store: &AnyStore, at: Timestamp, keep: &Retention) {
    for _ in 0..100 {
        if store.purge(at, keep).await.unwrap() == 0 {
            return;
        }
    }
    panic!("the purge does not come to an end");
}
