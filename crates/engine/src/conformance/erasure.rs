//! Accounts that were given up, what is left of them, and the changes that lead there.

use super::world::*;
use crate::{
    account::Status,
    audit::AuditKind,
    import::NO_PASSWORD,
    ports::{AuditSubject, CodeSent, NewAccount, Registered, RoleChange},
    time::Timestamp,
};

fn role(account: crate::ids::AccountId, role: &str, has: bool) -> RoleChange {
    RoleChange {
        account,
        role: role.into(),
        has,
        now: now() + MINUTE,
        origin: origin(),
    }
}

/// Gives the account up; what is personal goes at `erase_at`.
async fn give_up(store: &AnyStore, id: crate::ids::AccountId, erase_at: Timestamp) {
    let change = status_change(id, withdrawn(now(), Some(erase_at)), now());
    store.set_status(change).await.unwrap().unwrap();
}

async fn erase(store: &AnyStore, at: Timestamp) -> u64 {
    let mut rows = 0;
    for _ in 0..1_000 {
        match store.erase_due(at).await.unwrap() {
            0 => return rows,
            some => rows += some,
        }
    }
    panic!("erasing does not come to an end");
}

/// An account with something in every place.
async fn somebody(store: &AnyStore) -> crate::ids::AccountId {
    let address = email("gone@example.com");
    let new = NewAccount {
        nickname: Some("햇살".into()),
        profile: [("school".into(), "here".into())].into(),
        status: Status::Active { since: now() },
        code: None,
        ..sign_up(&address, "")
    };
    let id = created(store.register(new).await.unwrap());
    opened(store, id).await;
    store.change_role(role(id, "admin", true)).await.unwrap();
    let code = new_code(id, &address.key(), "111111", now());
    assert_eq!(store.send_code(code).await.unwrap(), CodeSent::Sent);
    id
}

/// Of who gave up, only the number and that he gave up stays; nobody else loses anything.
pub async fn what_is_personal_goes_when_it_is_due(store: AnyStore) {
    let id = somebody(&store).await;
    let other = active(&store, "other@example.com").await;
    let others = opened(&store, other).await;
    let due = now() + A_DAY;
    let before = account(&store, other).await;
    give_up(&store, id, due).await;
    let whole = account(&store, id).await;
    assert_eq!(erase(&store, due - SECOND).await, 0, "not yet");
    assert_eq!(account(&store, id).await, whole);

    assert!(erase(&store, due).await > 0);
    let left = account(&store, id).await;
    assert!(left.is_erased());
    assert_eq!(left.status, withdrawn(now(), None));
    assert_eq!((left.email, left.phone, left.nickname), (None, None, None));
    assert!(left.roles.is_empty() && left.profile.is_empty() && left.linked.is_empty());
    assert_eq!((left.status_reason, left.last_login_at), (None, None));
    assert_eq!(left.created_at, whole.created_at);
    assert_eq!(left.updated_at, due);
    let gone = email("gone@example.com");
    assert_eq!(store.account_by_identifier(&gone).await.unwrap(), None);
    assert_eq!(store.sessions_of(id, now()).await.unwrap(), []);
    assert_eq!(store.sessions(None, 10).await.unwrap(), [others]);
    assert_eq!(messages(&store, now()).await, Vec::<String>::new());
    let attempt = attempt(id, &gone.key(), "111111", now());
    let redeemed = store.redeem_code(attempt).await.unwrap();
    assert_eq!(redeemed, crate::ports::CodeRedeemed::Refused);
    assert_eq!(account(&store, other).await, before);
}

/// The trail still tells what was done, and no longer from where.
pub async fn the_trail_of_an_erased_account_names_no_network(store: AnyStore) {
    let id = somebody(&store).await;
    give_up(&store, id, now()).await;
    let told = kinds(&store, AuditSubject::Account(id)).await;
    erase(&store, now()).await;
    let trail = trail(&store, AuditSubject::Account(id)).await;
    assert_eq!(trail[0].kind, AuditKind::AccountErased);
    let still: Vec<_> = trail.iter().skip(1).map(|event| event.kind).collect();
    assert_eq!(still, told);
    assert!(trail.iter().all(|event| event.network.is_none()));
}

/// Its address is free, and its number is not.
pub async fn an_erased_accounts_number_is_not_given_again(store: AnyStore) {
    let id = somebody(&store).await;
    give_up(&store, id, now()).await;
    let again = || sign_up(&email("gone@example.com"), "222222");
    let taken = store.register(again()).await.unwrap();
    assert_eq!(
        taken,
        Registered::IdentifierTaken(id),
        "as long as it is kept"
    );
    erase(&store, now()).await;
    let new = created(store.register(again()).await.unwrap());
    assert!(new > id, "{new} after {id}");
    assert_eq!(
        messages(&store, now()).await,
        ["222222"],
        "no gap is left to wait for"
    );
    let gone = email("gone@example.com");
    let found = store.account_by_identifier(&gone).await.unwrap();
    let (found, hash) = found.unwrap();
    assert_eq!(found.id, new);
    assert_ne!(hash.as_stored(), NO_PASSWORD);
}

/// It goes in steps, and is due until the last.
pub async fn f15_an_erasure_that_stops_is_gone_on_with(store: AnyStore) {
    let id = somebody(&store).await;
    for n in 0..450 {
        opened_at(&store, id, now() + SECOND * n).await;
    }
    give_up(&store, id, now()).await;
    let first = store.erase_due(now()).await.unwrap();
    assert!(first < 450, "{first} rows at once");
    assert!(!account(&store, id).await.is_erased());
    let rest = erase(&store, now()).await;
    assert!(rest + first > 450, "{first} and {rest} rows");
    assert!(account(&store, id).await.is_erased());
    assert_eq!(store.sessions(None, 10).await.unwrap(), []);
    assert_eq!(erase(&store, now() + A_DAY).await, 0, "nothing twice");
}

/// Whoever was brought back is not due any more.
pub async fn who_comes_back_is_not_erased(store: AnyStore) {
    let id = somebody(&store).await;
    give_up(&store, id, now() + A_DAY).await;
    let change = status_change(id, Status::Active { since: now() }, now());
    store.set_status(change).await.unwrap().unwrap();
    assert_eq!(erase(&store, now() + A_DAY).await, 0);
    assert!(account(&store, id).await.email.is_some());
}

/// A status is written only where it is what the caller knows; with its words and when.
pub async fn a_status_changes_only_as_the_caller_knows_it(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let at = now() + HOUR;
    let change = |expected| crate::ports::StatusChange {
        expected: Some(expected),
        words: Some("spam".into()),
        ..status_change(id, suspended(at), at)
    };
    let wrong = change(Status::Active { since: at });
    assert_eq!(store.set_status(wrong).await.unwrap(), None);
    let in_use = Status::Active { since: now() };
    assert_eq!(account(&store, id).await.status, in_use);
    assert!(store.set_status(change(in_use)).await.unwrap().is_some());
    let changed = account(&store, id).await;
    assert_eq!(changed.status, suspended(at));
    assert_eq!(changed.status_reason.as_deref(), Some("spam"));
    assert_eq!(changed.updated_at, at);
    let back = status_change(id, in_use, at);
    store.set_status(back).await.unwrap().unwrap();
    assert_eq!(account(&store, id).await.status_reason, None);
}

/// Roles come and go one by one, each audited once.
pub async fn roles_are_given_and_taken(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    for (name, has, changes) in [
        ("admin", true, true),
        ("editor", true, true),
        ("admin", true, false),
        ("admin", false, true),
        ("admin", false, false),
    ] {
        let changed = store.change_role(role(id, name, has)).await.unwrap();
        assert_eq!(changed, changes, "{name} {has}");
    }
    let left = account(&store, id).await;
    assert_eq!(left.roles, ["editor".into()]);
    assert_eq!(left.updated_at, now() + MINUTE);
    let trail = trail(&store, AuditSubject::Kind(AuditKind::RolesChanged)).await;
    let details: Vec<_> = trail.iter().filter_map(|e| e.detail.as_deref()).collect();
    assert_eq!(details, ["-admin", "+editor", "+admin"]);
    let nobody = role(crate::ids::AccountId(99), "admin", true);
    assert!(!store.change_role(nobody).await.unwrap());
}

/// Whoever keeps something of an account elsewhere learns of it before the account is gone.
pub async fn who_is_erased_next_is_told(store: AnyStore) {
    let id = somebody(&store).await;
    let later = active(&store, "later@example.com").await;
    active(&store, "other@example.com").await;
    assert_eq!(store.next_erasure(now() + A_DAY).await.unwrap(), None);
    give_up(&store, later, now() + HOUR * 2).await;
    give_up(&store, id, now() + HOUR).await;
    assert_eq!(store.next_erasure(now()).await.unwrap(), None);
    assert_eq!(store.next_erasure(now() + A_DAY).await.unwrap(), Some(id));
    erase(&store, now() + HOUR).await;
    assert_eq!(
        store.next_erasure(now() + A_DAY).await.unwrap(),
        Some(later)
    );
}
