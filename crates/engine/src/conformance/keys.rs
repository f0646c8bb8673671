//! Signing keys: changed only by those who know them all.

use super::world::*;
use crate::{
    audit::AuditKind,
    ports::{AuditSubject, KeyChange, KeyState, StoredKey},
    time::Timestamp,
};

/// Next, active, verify-only; the seed stays what it was.
pub async fn a_key_goes_through_its_states(store: AnyStore) {
    assert_eq!(keys(&store).await, []);
    assert!(change(&store, &[], Some("a"), &[], now()).await);
    assert_eq!(keys(&store).await, [("a".into(), KeyState::Next, now())]);
    let at = now() + HOUR;
    assert!(change(&store, &["a"], Some("b"), &[("a", KeyState::Active)], at).await);
    assert_eq!(
        keys(&store).await,
        [
            ("a".into(), KeyState::Active, at),
            ("b".into(), KeyState::Next, at)
        ]
    );
    let sealed = store.keys().await.unwrap().remove(0).sealed;
    assert_eq!(sealed, b"sealed a");
    let about = AuditSubject::Kind(AuditKind::KeyChanged);
    let trail = trail(&store, about).await;
    assert_eq!(trail.len(), 3);
    assert!(trail.iter().all(|event| event.detail.is_some()));
}

/// Gone is gone: not listed, and not known any more.
pub async fn a_retired_key_is_gone(store: AnyStore) {
    change(&store, &[], Some("a"), &[], now()).await;
    change(&store, &["a"], Some("b"), &[], now()).await;
    let retire = [("a", KeyState::Retired)];
    assert!(change(&store, &["b", "a"], None, &retire, now()).await);
    assert_eq!(keys(&store).await, [("b".into(), KeyState::Next, now())]);
    assert!(change(&store, &["b"], None, &[], now()).await);
}

/// Two that rotate keys at once must not both believe theirs is the one.
pub async fn keys_change_only_as_the_caller_knows_them(store: AnyStore) {
    assert!(change(&store, &[], Some("a"), &[], now()).await);
    for expected in [&[][..], &["b"], &["a", "b"]] {
        assert!(
            !change(
                &store,
                expected,
                Some("c"),
                &[("a", KeyState::Active)],
                now()
            )
            .await
        );
    }
    assert_eq!(keys(&store).await, [("a".into(), KeyState::Next, now())]);
}

/// The first start of several nodes at once.
pub async fn many_who_add_the_first_key_add_one(store: AnyStore) {
    let added = at_once(16, |n| {
        let store = store.clone();
        async move { change(&store, &[], Some(&format!("key {n}")), &[], now()).await }
    })
    .await;
    assert_eq!(count(&added, &true), 1);
    assert_eq!(keys(&store).await.len(), 1);
}

async fn keys(store: &AnyStore) -> Vec<(Box<str>, KeyState, Timestamp)> {
    let mut keys: Vec<_> = store.keys().await.unwrap();
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    keys.into_iter()
        .map(|key| (key.kid, key.state, key.since))
        .collect()
}

async fn change(
    store: &AnyStore,
    expected: &[&str],
    add: Option<&str>,
    set: &[(&str, KeyState)],
    now: Timestamp,
) -> bool {
    let expected: Vec<Box<str>> = expected.iter().map(|kid| (*kid).into()).collect();
    let change = KeyChange {
        add: add.map(|kid| StoredKey {
            kid: kid.into(),
            state: KeyState::Next,
            sealed: format!("sealed {kid}").into_bytes(),
            since: now,
        }),
        set: set
            .iter()
            .map(|(kid, state)| ((*kid).into(), *state))
            .collect(),
        now,
    };
    store.change_keys(&expected, change).await.unwrap()
}
