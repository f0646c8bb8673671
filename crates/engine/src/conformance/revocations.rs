//! Ending sessions, and the log of it that every verifier follows.

use super::world::*;
use crate::{
    account::Status,
    audit::AuditKind,
    ids::{AccountId, SessionId},
    ports::{AuditSubject, Retention, RevokeTarget},
    revocation::{Revocation, RevokedThing},
    session::{CallerSubject, RevokeReason, Revoked, Session, Subject, Verdict},
};

/// Ending a session ends it once: again is nothing, nor is what is not there.
pub async fn a_session_is_ended_once(store: AnyStore) {
    let opened = someones(&store).await;
    let at = now() + MINUTE;
    let end = || store.revoke(revoke(RevokeTarget::Session(opened.id), at));
    let revocations = end().await.unwrap();
    assert_eq!(things(&revocations), [RevokedThing::Session(opened.id)]);
    assert_eq!(revocations[0].reason, RevokeReason::LoggedOut);
    assert_eq!(revocations[0].until, at + HORIZON);
    let after = session(&store, opened.id).await;
    let reason = RevokeReason::LoggedOut;
    assert_eq!(after.revoked, Some(Revoked { at, reason }));
    assert_eq!(end().await.unwrap(), []);
    assert_eq!(session(&store, opened.id).await, after);
    assert_eq!(log(&store).await, revocations);
    let nowhere = RevokeTarget::Session(SessionId::new(now(), [0xff; 10]));
    assert_eq!(store.revoke(revoke(nowhere, at)).await.unwrap(), []);
    let trail = trail(&store, AuditSubject::Session(opened.id)).await;
    assert_eq!(trail.len(), 2);
    assert_eq!(trail[0].kind, AuditKind::SessionRevoked);
    assert_eq!(trail[0].detail.as_deref(), Some("logged_out"));
    assert_eq!(trail[0].account, opened.subject.account());
}

/// SECURITY 82: naming another's session ends nothing.
pub async fn s82_another_accounts_session_is_not_ended(store: AnyStore) {
    let opened = someones(&store).await;
    let owner = opened.subject.account().unwrap();
    let stranger = active(&store, "stranger@example.com").await;
    let theirs = |account| revoke(RevokeTarget::SessionOf(account, opened.id), now());
    assert_eq!(store.revoke(theirs(stranger)).await.unwrap(), []);
    assert_eq!(session(&store, opened.id).await, opened);
    assert_eq!(store.revoke(theirs(owner)).await.unwrap().len(), 1);
    let caller = session_at(Subject::Caller(CallerSubject::new("1", "user")), now());
    store.open_session(caller.clone().into()).await.unwrap();
    let target = RevokeTarget::SessionOf(owner, caller.id);
    assert_eq!(store.revoke(revoke(target, now())).await.unwrap(), []);
}

/// SECURITY 33: signed out everywhere, in one write: each session, and the account's cut-off.
pub async fn s33_all_sessions_of_an_account_end(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let mine = [opened(&store, id).await, opened(&store, id).await];
    let others = active(&store, "other@example.com").await;
    let others = opened(&store, others).await;
    let at = now() + MINUTE;
    let everywhere = || store.revoke(revoke(RevokeTarget::Account(id), at));
    let revocations = everywhere().await.unwrap();
    assert_eq!(
        things(&revocations),
        [RevokedThing::AccountBefore(id, at)],
        "one entry, however many sessions"
    );
    assert_eq!(account(&store, id).await.not_before, Some(at));
    assert_eq!(store.sessions_of(id, at).await.unwrap(), []);
    for session in mine {
        let (verdict, _) = present(&store, &session, 1, HERE, at + SECOND).await;
        assert_eq!(verdict, Verdict::Revoked(RevokeReason::LoggedOut));
    }
    assert_eq!(session(&store, others.id).await, others);
    assert_eq!(everywhere().await.unwrap(), [], "again is nothing");
    assert_eq!(log(&store).await, revocations);
    assert_eq!(
        count(
            &kinds(&store, AuditSubject::Account(id)).await,
            &AuditKind::SessionsRevoked
        ),
        1
    );
    let next = opened_at(&store, id, at + MINUTE).await;
    let (verdict, _) = present(&store, &next, 1, HERE, at + MINUTE * 2).await;
    assert_eq!(verdict, Verdict::Rotated, "a later login is none of it");
}

/// SECURITY 33: tokens that have no session, as a former back end minted them, end by the cut-off
/// alone; so it moves where nobody has a session, too. Of an account that is not there, it is not.
pub async fn s33_what_has_no_session_is_cut_off_too(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let everywhere = revoke(RevokeTarget::Account(id), now());
    let revocations = store.revoke(everywhere).await.unwrap();
    assert_eq!(
        things(&revocations),
        [RevokedThing::AccountBefore(id, now())]
    );
    assert_eq!(account(&store, id).await.not_before, Some(now()));
    let nobody = RevokeTarget::Account(AccountId(4_711));
    assert_eq!(store.revoke(revoke(nobody, now())).await.unwrap(), []);
}

/// SECURITY 33: suspending and withdrawing end every session in the same write.
pub async fn s33_leaving_active_ends_every_session(store: AnyStore) {
    for (n, status) in [suspended(now()), withdrawn(now(), None)]
        .into_iter()
        .enumerate()
    {
        let id = active(&store, &format!("someone{n}@example.com")).await;
        let opened = opened(&store, id).await;
        let change = status_change(id, status, now() + MINUTE);
        let revocations = store.set_status(change).await.unwrap().unwrap();
        assert_eq!(
            things(&revocations),
            [RevokedThing::AccountBefore(id, now() + MINUTE)]
        );
        assert_eq!(account(&store, id).await.status, status);
        let (verdict, _) = present(&store, &opened, 1, HERE, now() + MINUTE).await;
        assert_eq!(verdict, Verdict::Revoked(RevokeReason::Suspended));
        let trail = trail(&store, AuditSubject::Account(id)).await;
        let changed = trail.iter().find(|e| e.kind == AuditKind::StatusChanged);
        assert_eq!(changed.unwrap().detail.as_deref(), Some(status.name()));
    }
}

/// Reinstating, or activating, ends nothing.
pub async fn a_status_that_stays_active_ends_nothing(store: AnyStore) {
    let opened = someones(&store).await;
    let id = opened.subject.account().unwrap();
    let since = now() + MINUTE;
    let change = status_change(id, Status::Active { since }, since);
    assert_eq!(store.set_status(change).await.unwrap(), Some(Vec::new()));
    assert_eq!(account(&store, id).await.status, Status::Active { since });
    assert_eq!(session(&store, opened.id).await, opened);
}

/// There is nothing to change.
pub async fn an_unknown_account_has_no_status(store: AnyStore) {
    let change = status_change(AccountId(4_711), suspended(now()), now());
    assert_eq!(store.set_status(change).await.unwrap(), None);
}

/// What has expired is over.
pub async fn a_dead_session_is_not_ended_again(store: AnyStore) {
    let opened = someones(&store).await;
    let over = now() + A_DAY;
    let target = RevokeTarget::Session(opened.id);
    assert_eq!(store.revoke(revoke(target, over)).await.unwrap(), []);
    assert_eq!(session(&store, opened.id).await, opened);
}

/// A verifier asks for what came after the last number it heard, and gets it in order, without
/// what no living token can concern any more.
pub async fn the_log_is_in_order_and_forgets(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let mut all = Vec::new();
    for minute in 0..5 {
        let opened = opened(&store, id).await;
        let target = RevokeTarget::Session(opened.id);
        let at = now() + MINUTE * minute;
        all.extend(store.revoke(revoke(target, at)).await.unwrap());
    }
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(log(&store).await, all);
    let after = store.revocations_after(all[1].seq, now()).await.unwrap();
    assert_eq!(after, all[2..]);
    let last = all[4].seq;
    assert_eq!(store.revocations_after(last, now()).await.unwrap(), []);
    let later = now() + HORIZON + MINUTE * 2;
    assert_eq!(store.revocations_after(0, later).await.unwrap(), all[3..]);
}

/// A number once read stands for what it stood for, even when all before it was deleted.
pub async fn the_numbers_of_the_log_never_repeat(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let first = opened(&store, id).await;
    let target = RevokeTarget::Session(first.id);
    let before = store.revoke(revoke(target, now())).await.unwrap();
    let later = now() + A_DAY;
    purge_all(&store, later).await;
    let second = opened_at(&store, id, later).await;
    let target = RevokeTarget::Session(second.id);
    let after = store.revoke(revoke(target, later)).await.unwrap();
    assert!(after[0].seq > before[0].seq);
    let heard = store.revocations_after(before[0].seq, later).await.unwrap();
    assert_eq!(heard, after);
}

/// SECURITY S8: what was cut off stays so when the clock steps back; and a session begun by a clock
/// that was ahead, which the cut-off does not reach, is named by itself.
pub async fn f08_a_clock_that_stepped_back_cuts_off_no_less(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let everywhere = |at| store.revoke(revoke(RevokeTarget::Account(id), at));
    let ahead = opened_at(&store, id, now() + HOUR).await;
    let revocations = everywhere(now()).await.unwrap();
    assert_eq!(
        things(&revocations),
        [
            RevokedThing::AccountBefore(id, now()),
            RevokedThing::Session(ahead.id)
        ]
    );
    let (verdict, _) = present(&store, &ahead, 1, HERE, now() + HOUR).await;
    assert_eq!(verdict, Verdict::Revoked(RevokeReason::LoggedOut));
    opened(&store, id).await;
    let revocations = everywhere(now() - HOUR).await.unwrap();
    assert_eq!(
        things(&revocations),
        [RevokedThing::AccountBefore(id, now())]
    );
    assert_eq!(account(&store, id).await.not_before, Some(now()));
}

/// Many log out at once; one of them ended it.
pub async fn many_who_end_one_session_end_it_once(store: AnyStore) {
    let opened = someones(&store).await;
    let ends = at_once(32, |_| {
        let store = store.clone();
        let target = RevokeTarget::Session(opened.id);
        async move { store.revoke(revoke(target, now())).await.unwrap().len() }
    })
    .await;
    assert_eq!(ends.into_iter().sum::<usize>(), 1);
    assert_eq!(log(&store).await.len(), 1);
}

/// SECURITY 33: rotations and the end of their session at once: afterwards nothing is granted.
pub async fn s33_no_rotation_survives_a_revocation(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    for _ in 0..20 {
        let opened: Session = opened(&store, id).await;
        at_once(9, |n| {
            let (store, opened) = (store.clone(), opened.clone());
            async move {
                if n == 4 {
                    let target = RevokeTarget::Session(opened.id);
                    let ended = store.revoke(revoke(target, now())).await.unwrap();
                    assert_eq!(ended.len(), 1);
                } else {
                    present(&store, &opened, 1, HERE, now()).await;
                }
            }
        })
        .await;
        let after = session(&store, opened.id).await;
        assert!(after.revoked.is_some());
        for generation in [1, 2] {
            let (verdict, _) = present(&store, &opened, generation, HERE, now()).await;
            assert_eq!(verdict, Verdict::Revoked(RevokeReason::LoggedOut));
        }
    }
}

/// SECURITY S8, 33: whoever has read up to a number never looks back, so nothing may come later that
/// stands before it, however many write at once.
pub async fn f08_readers_of_the_log_never_miss_an_entry(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let mut sessions = Vec::new();
    for _ in 0..60 {
        sessions.push(opened(&store, id).await.id);
    }
    let writing = at_once(60, |n| {
        let (store, id) = (store.clone(), sessions[n]);
        async move {
            let target = RevokeTarget::Session(id);
            store.revoke(revoke(target, now())).await.unwrap();
        }
    });
    let reading = async {
        let (mut at, mut heard) = (0, Vec::new());
        while heard.len() < 60 {
            let page = store.revocations_page(at, now(), 7).await.unwrap();
            assert!(page.iter().is_sorted_by_key(|entry| entry.seq));
            at = page.last().map_or(at, |last| last.seq);
            heard.extend(things(&page));
            tokio::task::yield_now().await;
        }
        heard
    };
    let patience = std::time::Duration::from_secs(20);
    let both = async { tokio::join!(reading, writing).0 };
    let heard = tokio::time::timeout(patience, both);
    let mut heard = heard
        .await
        .unwrap_or_else(|_| panic!("an entry was missed"));
    heard.sort_by_key(|thing| format!("{thing:?}"));
    let mut expected: Vec<_> = sessions.into_iter().map(RevokedThing::Session).collect();
    expected.sort_by_key(|thing| format!("{thing:?}"));
    assert_eq!(heard, expected);
}

/// A page is what a whole reading begins with.
pub async fn a_page_of_the_log_is_its_beginning(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    for _ in 0..5 {
        let target = RevokeTarget::Session(opened(&store, id).await.id);
        store.revoke(revoke(target, now())).await.unwrap();
    }
    let whole = log(&store).await;
    assert_eq!(whole.len(), 5);
    let page = |after, limit| store.revocations_page(after, now(), limit);
    assert_eq!(page(0, 2).await.unwrap(), whole[..2]);
    assert_eq!(page(whole[1].seq, 2).await.unwrap(), whole[2..4]);
    assert_eq!(page(whole[4].seq, 2).await.unwrap(), []);
}

/// Where a log has a name, it is the same one each time.
pub async fn the_log_keeps_its_name(store: AnyStore) {
    let name = store.log_name().await.unwrap();
    let target = RevokeTarget::Session(someones(&store).await.id);
    store.revoke(revoke(target, now())).await.unwrap();
    assert_eq!(store.log_name().await.unwrap(), name);
    let fits = |name: &str| (8..=64).contains(&name.len()) && !name.contains(char::is_whitespace);
    assert!(name.as_deref().is_none_or(fits), "{name:?}");
}

fn things(revocations: &[Revocation]) -> Vec<RevokedThing> {
    revocations.iter().map(|r| r.thing).collect()
}

async fn purge_all(store: &AnyStore, at: crate::time::Timestamp) {
    while store.purge(at, &Retention::default()).await.unwrap() > 0 {}
}
