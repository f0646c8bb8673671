//! Making accounts and finding them.

use super::world::*;
use crate::{
    account::Status,
    audit::AuditKind,
    ids::AccountId,
    ports::{AuditSubject, NewAccount, Registered, Retention, RevokeTarget},
};

/// A sign-up is one fact: account, code, message and trail.
pub async fn an_account_is_found_by_its_address_and_id(store: AnyStore) {
    let address = email("Someone@Example.com");
    let new = NewAccount {
        nickname: Some("햇살".into()),
        ..sign_up(&address, "111111")
    };
    let id = created(store.register(new).await.unwrap());
    let (found, password) = found(&store, "someone@example.com").await.unwrap();
    assert_eq!(found, account(&store, id).await);
    assert_eq!(found.id, id);
    assert_eq!(found.email.unwrap().as_str(), "Someone@Example.com");
    assert_eq!((found.phone, found.not_before), (None, None));
    assert_eq!(found.nickname.as_deref(), Some("햇살"));
    assert_eq!(found.status, Status::Unverified);
    assert_eq!((found.created_at, found.last_login_at), (now(), None));
    assert!(found.linked.is_empty());
    assert_eq!(password.as_stored(), "$argon2id$first");
    assert_eq!(messages(&store, now()).await, ["111111"]);
    assert_eq!(
        kinds(&store, AuditSubject::Account(id)).await,
        [AuditKind::CodeSent, AuditKind::AccountCreated]
    );
    assert_eq!(store.account(AccountId(id.0 + 1)).await.unwrap(), None);
}

/// SECURITY 71, 94: case does not make another account; look-alikes do.
pub async fn s71_addresses_that_differ_in_case_are_one(store: AnyStore) {
    let id = unverified(&store, &email("mike@example.com"), "111111").await;
    let again = store.register(sign_up(&email("MIKE@EXAMPLE.COM"), "222222"));
    assert_eq!(again.await.unwrap(), Registered::IdentifierTaken(id));
    for other in [
        "mıke@example.com",
        "m.ike@example.com",
        "mike+a@example.com",
    ] {
        assert_eq!(found(&store, other).await, None);
        assert_ne!(unverified(&store, &email(other), "333333").await, id);
    }
}

/// Phone numbers, written at home or abroad.
pub async fn a_phone_number_is_an_address_too(store: AnyStore) {
    let id = unverified(&store, &phone("010-0000-0000"), "111111").await;
    let abroad = phone("+82 10 0000 0000");
    let found = store.account_by_identifier(&abroad).await.unwrap();
    let (found, _) = found.unwrap();
    assert_eq!((found.id, found.email), (id, None));
    assert_eq!(found.phone.unwrap().as_str(), "01000000000");
}

/// Nothing is written, and no code is made, where the address is taken.
pub async fn a_taken_address_writes_nothing(store: AnyStore) {
    let address = email("someone@example.com");
    let id = unverified(&store, &address, "111111").await;
    messages(&store, now()).await;
    let again = NewAccount {
        password: hash("$argon2id$second"),
        ..sign_up(&address, "222222")
    };
    let registered = store.register(again).await.unwrap();
    assert_eq!(registered, Registered::IdentifierTaken(id));
    let (_, password) = found(&store, "someone@example.com").await.unwrap();
    assert_eq!(password.as_stored(), "$argon2id$first");
    assert_eq!(messages(&store, now()).await, [""; 0]);
    assert_eq!(kinds(&store, AuditSubject::Account(id)).await.len(), 2);
}

/// The address is checked before the nickname, and nicknames that differ only in case or in how
/// their characters are composed are one.
pub async fn a_taken_nickname_comes_second(store: AnyStore) {
    let address = email("someone@example.com");
    let named = |address: &str, nickname: &str| NewAccount {
        nickname: Some(nickname.into()),
        ..sign_up(&email(address), "111111")
    };
    let new = named("someone@example.com", "Caf\u{e9}");
    let id = created(store.register(new).await.unwrap());
    for nickname in ["Caf\u{e9}", "CAF\u{c9}", "cafe\u{301}"] {
        let both = store.register(named("someone@example.com", nickname));
        assert_eq!(both.await.unwrap(), Registered::IdentifierTaken(id));
        let other = store.register(named("other@example.com", nickname));
        assert_eq!(other.await.unwrap(), Registered::NicknameTaken);
    }
    assert_eq!(found(&store, "other@example.com").await, None);
    created(
        store
            .register(named("other@example.com", "cafe"))
            .await
            .unwrap(),
    );
    let (first, _) = store
        .account_by_identifier(&address)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.nickname.as_deref(), Some("Caf\u{e9}"));
}

/// SECURITY 71: everybody presses the button at once; one account, one message.
pub async fn s71_many_sign_ups_with_one_address_make_one_account(store: AnyStore) {
    let registered = at_once(32, |n| {
        let store = store.clone();
        let written = if n % 2 == 0 {
            "a@example.com"
        } else {
            "A@Example.com"
        };
        async move {
            store
                .register(sign_up(&email(written), "111111"))
                .await
                .unwrap()
        }
    })
    .await;
    let made: Vec<_> = registered
        .iter()
        .filter_map(|registered| match registered {
            Registered::Created(id) => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(made.len(), 1);
    let taken = Registered::IdentifierTaken(made[0]);
    assert_eq!(count(&registered, &taken), 31);
    assert_eq!(messages(&store, now()).await.len(), 1);
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 1);
}

/// One nickname, many addresses.
pub async fn many_sign_ups_with_one_nickname_make_one_account(store: AnyStore) {
    let registered = at_once(16, |n| {
        let store = store.clone();
        let new = NewAccount {
            nickname: Some("sunny".into()),
            ..sign_up(&email(&format!("a{n}@example.com")), "111111")
        };
        async move { store.register(new).await.unwrap() }
    })
    .await;
    assert_eq!(count(&registered, &Registered::NicknameTaken), 15);
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 1);
}

/// Where an operator vouches for the address.
pub async fn an_operators_account_needs_no_code(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let since = now();
    assert_eq!(account(&store, id).await.status, Status::Active { since });
    assert_eq!(messages(&store, now()).await, [""; 0]);
    assert_eq!(
        kinds(&store, AuditSubject::Account(id)).await,
        [AuditKind::AccountCreated]
    );
}

/// A repeated sign-up replaces what nobody has proved, and nothing else.
pub async fn an_unverified_account_is_replaced(store: AnyStore) {
    let id = unverified(&store, &email("someone@example.com"), "111111").await;
    let replace =
        |id| store.replace_unverified(id, hash("$second"), Some("Sunny".into()), [].into());
    assert!(replace(id).await.unwrap());
    let (after, password) = found(&store, "someone@example.com").await.unwrap();
    assert_eq!(after.nickname.as_deref(), Some("Sunny"));
    assert_eq!(password.as_stored(), "$second");
    let again = store.replace_unverified(id, hash("$third"), None, [].into());
    assert!(again.await.unwrap());
    assert_eq!(account(&store, id).await.nickname, None);
    let in_use = active(&store, "other@example.com").await;
    assert!(!replace(in_use).await.unwrap());
    assert!(!replace(AccountId(4_711)).await.unwrap());
    let (_, password) = found(&store, "other@example.com").await.unwrap();
    assert_eq!(password.as_stored(), "$argon2id$first");
}

/// What a sign-up brought for the fields of a team's own is kept; a repeated one replaces it.
pub async fn an_account_keeps_what_its_sign_up_brought(store: AnyStore) {
    let school = |number: i64| -> crate::account::Profile {
        [
            ("school".into(), number.into()),
            ("friends".into(), serde_json::json!([])),
        ]
        .into()
    };
    let new = NewAccount {
        nickname: Some("햇살".into()),
        profile: school(3),
        ..sign_up(&email("someone@example.com"), "111111")
    };
    let id = created(store.register(new).await.unwrap());
    assert_eq!(account(&store, id).await.profile, school(3));
    let replaced = store.replace_unverified(id, hash("$second"), None, school(4));
    assert!(replaced.await.unwrap());
    assert_eq!(account(&store, id).await.profile, school(4));
}

/// Whether an address or a nickname is somebody's, however it is spelt.
pub async fn what_is_taken_is_told(store: AnyStore) {
    let new = NewAccount {
        nickname: Some("Sunny".into()),
        ..sign_up(&email("someone@example.com"), "111111")
    };
    store.register(new).await.unwrap();
    let (known, other) = (email("SOMEONE@example.com"), email("other@example.com"));
    for (address, nickname, taken) in [
        (None, None, (false, false)),
        (Some(&known), None, (true, false)),
        (None, Some("sunny"), (false, true)),
        (Some(&known), Some("Sunny"), (true, true)),
        (Some(&other), Some("rainy"), (false, false)),
    ] {
        let told = store.taken(address, nickname).await.unwrap();
        assert_eq!((told.identifier, told.nickname), taken);
    }
}

/// The password counts; a nickname that is another's stays theirs.
pub async fn a_replacement_takes_nobodys_nickname(store: AnyStore) {
    let named = |address: &str, nickname: &str| NewAccount {
        nickname: Some(nickname.into()),
        ..sign_up(&email(address), "111111")
    };
    store
        .register(named("a@example.com", "sunny"))
        .await
        .unwrap();
    let id = created(
        store
            .register(named("b@example.com", "rainy"))
            .await
            .unwrap(),
    );
    let replaced = store.replace_unverified(id, hash("$second"), Some("Sunny".into()), [].into());
    assert!(replaced.await.unwrap());
    let (after, password) = found(&store, "b@example.com").await.unwrap();
    assert_eq!(after.nickname.as_deref(), Some("rainy"));
    assert_eq!(password.as_stored(), "$second");
    let respelt = store.replace_unverified(id, hash("$third"), Some("Rainy".into()), [].into());
    assert!(respelt.await.unwrap(), "one's own name is not another's");
    assert_eq!(account(&store, id).await.nickname.as_deref(), Some("Rainy"));
}

/// SECURITY 66: a stronger hash of the same password must not undo a change of password.
pub async fn s66_a_hash_is_replaced_only_while_it_is_the_same(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let (old, new) = (hash("$argon2id$first"), hash("$argon2id$stronger"));
    let replaced = store.replace_password_hash(id, &old, &new, now()).await;
    assert!(replaced.unwrap());
    let again = store
        .replace_password_hash(id, &old, &hash("$x"), now())
        .await;
    assert!(!again.unwrap());
    let (_, password) = found(&store, "someone@example.com").await.unwrap();
    assert_eq!(password, new);
    let kinds = kinds(&store, AuditSubject::Account(id)).await;
    assert_eq!(count(&kinds, &AuditKind::PasswordRehashed), 1);
}

/// Page by page.
pub async fn accounts_are_listed_in_order(store: AnyStore) {
    let mut all = Vec::new();
    for n in 0..5 {
        all.push(active(&store, &format!("a{n}@example.com")).await);
    }
    let ids = async |after, limit| {
        let page = store.accounts(after, limit).await.unwrap();
        page.into_iter()
            .map(|account| account.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 10).await, all);
    assert_eq!(ids(None, 2).await, all[..2]);
    assert_eq!(ids(Some(all[1]), 2).await, all[2..4]);
    assert_eq!(ids(Some(all[4]), 2).await, []);
}

/// By time, then by id; those that were never cut off are not there.
pub async fn accounts_are_listed_by_their_cut_offs(store: AnyStore) {
    let mut all = Vec::new();
    for n in 0..5 {
        all.push(active(&store, &format!("a{n}@example.com")).await);
    }
    // The first is never cut off; two are at the same moment.
    for (id, minutes) in [(all[1], 3), (all[2], 1), (all[3], 2), (all[4], 1)] {
        let at = now() + MINUTE * minutes;
        let revoke = revoke(RevokeTarget::Account(id), at);
        store.revoke(revoke).await.unwrap();
    }
    let listed = async |minutes, id, limit| {
        let place = (now() + MINUTE * minutes, id);
        let page = store.accounts_by_cut_off(place, limit).await.unwrap();
        page.into_iter()
            .map(|account| account.id)
            .collect::<Vec<_>>()
    };
    let first = AccountId(i64::MIN);
    assert_eq!(listed(0, first, 9).await, [all[2], all[4], all[3], all[1]]);
    assert_eq!(listed(0, first, 2).await, [all[2], all[4]]);
    assert_eq!(listed(1, first, 2).await, [all[2], all[4]]);
    assert_eq!(listed(1, all[2], 2).await, [all[4], all[3]]);
    assert_eq!(listed(3, all[1], 2).await, []);
}

/// A token of an account that is gone must never become another's.
pub async fn a_deleted_accounts_number_is_not_given_again(store: AnyStore) {
    let gone = unverified(&store, &email("gone@example.com"), "111111").await;
    let later = now() + A_DAY * 30;
    while store.purge(later, &Retention::default()).await.unwrap() > 0 {}
    assert_eq!(store.account(gone).await.unwrap(), None);
    let next = active(&store, "next@example.com").await;
    assert!(next > gone);
}

async fn found(
    store: &AnyStore,
    address: &str,
) -> Option<(crate::account::Account, crate::account::PasswordHash)> {
    store.account_by_identifier(&email(address)).await.unwrap()
}
