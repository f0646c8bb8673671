//! Opening sessions, and listing them.

use super::world::*;
use crate::{
    account::Status,
    audit::AuditKind,
    ids::AccountId,
    ports::{AuditSubject, Opened, Opening, RevokeTarget},
    session::{CallerSubject, Subject},
};

/// A login is on the session, on the account and in the trail.
pub async fn a_login_is_remembered_and_audited(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    assert_eq!(account(&store, id).await.last_login_at, None);
    let opened = opened_at(&store, id, now() + MINUTE).await;
    assert_eq!(session(&store, opened.id).await, opened);
    let last_login_at = account(&store, id).await.last_login_at;
    assert_eq!(last_login_at, Some(now() + MINUTE));
    let trail = trail(&store, AuditSubject::Account(id)).await;
    assert_eq!(trail[0].kind, AuditKind::LoggedIn);
    assert_eq!(trail[0].session, Some(opened.id));
    assert_eq!(trail[0].network.as_deref(), Some("192.0.2.0/24"));
}

/// SECURITY 18, 85: unverified, suspended, withdrawn or unknown: no session.
pub async fn s85_only_an_account_in_use_opens_sessions(store: AnyStore) {
    let id = unverified(&store, &email("someone@example.com"), "111111").await;
    let refused = async |id| {
        let session = session_at(Subject::Account(id), now());
        let opened = store.open_session(session.clone().into()).await.unwrap();
        assert_eq!(opened, Opened::Refused);
        assert_eq!(store.session(session.id).await.unwrap(), None);
    };
    refused(id).await;
    for status in [suspended(now()), withdrawn(now(), None)] {
        let change = status_change(id, status, now());
        store.set_status(change).await.unwrap().unwrap();
        refused(id).await;
    }
    refused(AccountId(4_711)).await;
    assert_eq!(account(&store, id).await.last_login_at, None);
}

/// A suspension until a point in time is over at that point, without anybody's doing.
pub async fn a_suspension_that_is_over_admits(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let until = now() + HOUR;
    let status = Status::Suspended {
        since: now(),
        until: Some(until),
    };
    let change = status_change(id, status, now());
    store.set_status(change).await.unwrap().unwrap();
    assert_eq!(account(&store, id).await.status, status);
    let early = session_at(Subject::Account(id), until - SECOND);
    let opened = store.open_session(early.into()).await.unwrap();
    assert_eq!(opened, Opened::Refused);
    opened_at(&store, id, until).await;
}

/// A back end's own users have no account here.
pub async fn a_caller_needs_no_account(store: AnyStore) {
    let session = session_at(
        Subject::Caller(CallerSubject::new("user 1, 사용자", "user")),
        now(),
    );
    let opened = store.open_session(session.clone().into()).await.unwrap();
    assert_eq!(opened, Opened::Opened(Vec::new()));
    let (_, after) = present(&store, &session, 1, HERE, now() + MINUTE).await;
    assert_eq!(after.subject, session.subject);
}

/// SECURITY 91: the living ones, newest first, and nobody else's.
pub async fn s91_the_sessions_of_an_account_are_listed(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let stranger = active(&store, "stranger@example.com").await;
    let first = opened_at(&store, id, now()).await;
    let second = opened_at(&store, id, now() + MINUTE).await;
    let ended = opened_at(&store, id, now() + MINUTE * 2).await;
    opened_at(&store, stranger, now()).await;
    let target = RevokeTarget::Session(ended.id);
    store.revoke(revoke(target, now() + HOUR)).await.unwrap();
    let listed = store.sessions_of(id, now() + HOUR).await.unwrap();
    assert_eq!(listed, [second.clone(), first]);
    let at_the_edge = now() + A_DAY + SECOND;
    assert_eq!(store.sessions_of(id, at_the_edge).await.unwrap(), [second]);
}

/// Everybody's, living or not, page by page.
pub async fn all_sessions_are_listed_in_order(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let mut all = Vec::new();
    // Opened in another order than that of their ids, as happens on several machines.
    for minute in [3, 1, 4, 2, 5] {
        all.push(opened_at(&store, id, now() + MINUTE * minute).await.id);
    }
    all.sort();
    let mut listed = Vec::new();
    loop {
        let page = store.sessions(listed.last().copied(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        listed.extend(page.into_iter().map(|session| session.id));
    }
    assert_eq!(listed, all);
}

/// SECURITY 33: whichever comes first, a suspension and a login at once leave nobody logged in.
pub async fn s33_a_login_never_outlives_a_suspension(store: AnyStore) {
    for round in 0..20 {
        let id = active(&store, &format!("someone{round}@example.com")).await;
        let logins = at_once(9, |n| {
            let store = store.clone();
            async move {
                if n == 4 {
                    let change = status_change(id, suspended(now()), now());
                    store.set_status(change).await.unwrap().unwrap();
                    return None;
                }
                let session = session_at(Subject::Account(id), now());
                let opened = store.open_session(session.clone().into()).await.unwrap();
                (opened == Opened::Opened(Vec::new())).then_some(session)
            }
        })
        .await;
        assert_eq!(store.sessions_of(id, now()).await.unwrap(), []);
        for login in logins.into_iter().flatten() {
            let (verdict, _) = present(&store, &login, 1, HERE, now() + SECOND).await;
            assert!(!verdict.grants(), "{verdict:?}");
        }
    }
}

/// SECURITY 85: the same guard where sessions are elsewhere.
pub async fn s85_a_login_is_admitted_only_where_the_account_is_in_use(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    assert!(store.admit(id, now() + MINUTE).await.unwrap());
    let last_login_at = account(&store, id).await.last_login_at;
    assert_eq!(last_login_at, Some(now() + MINUTE));
    let change = status_change(id, suspended(now()), now());
    store.set_status(change).await.unwrap().unwrap();
    let unproved = unverified(&store, &email("unproved@example.com"), "111111").await;
    for id in [id, unproved, AccountId(4_711)] {
        assert!(!store.admit(id, now() + HOUR).await.unwrap());
    }
    assert_eq!(account(&store, id).await.last_login_at, last_login_at);
}

/// Where a subject has one session, many that begin at once leave one.
pub async fn one_session_a_subject_however_many_begin_at_once(store: AnyStore) {
    let subject = Subject::Caller(CallerSubject::new("user 1", "user"));
    let opened = at_once(16, |_| {
        let (store, session) = (store.clone(), session_at(subject.clone(), now()));
        async move {
            let opening = Opening {
                session: session.clone(),
                replaces: true,
                horizon: HORIZON,
            };
            let opened = store.open_session(opening).await.unwrap();
            assert!(matches!(opened, Opened::Opened(_)), "{opened:?}");
            session
        }
    })
    .await;
    let mut alive = 0;
    for session in opened {
        let (verdict, _) = present(&store, &session, 1, HERE, now()).await;
        alive += usize::from(verdict.grants());
    }
    assert_eq!(alive, 1);
    assert_eq!(log(&store).await.len(), 15);
}
