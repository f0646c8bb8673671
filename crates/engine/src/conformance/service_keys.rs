//! Service keys: unique by name while they live, and remembered afterwards.

use super::world::*;
use crate::{
    audit::AuditKind,
    ports::AuditSubject,
    service_key::{ServiceKey, ServiceScope},
};

fn key(id: &str, name: &str) -> ServiceKey {
    ServiceKey {
        id: id.into(),
        name: name.into(),
        hash: [7; 32],
        scopes: ServiceScope::ALL.into(),
        created_at: now(),
        revoked_at: None,
    }
}

async fn add(store: &AnyStore, key: &ServiceKey) -> bool {
    store.add_service_key(key.clone(), origin()).await.unwrap()
}

/// What is kept is what was made, and it is audited.
pub async fn a_service_key_is_kept_as_it_was_made(store: AnyStore) {
    assert_eq!(store.service_keys().await.unwrap(), []);
    let made = key("first", "billing");
    assert!(add(&store, &made).await);
    assert_eq!(store.service_keys().await.unwrap(), [made]);
    let trail = trail(&store, AuditSubject::Kind(AuditKind::ServiceKeyChanged)).await;
    assert_eq!(trail[0].detail.as_deref(), Some("billing made"));
    assert_eq!(trail[0].contract, origin().contract);
}

/// A name is given again only once its key is revoked; the revoked one stays on the list.
pub async fn two_living_service_keys_never_share_a_name(store: AnyStore) {
    let first = key("first", "billing");
    assert!(add(&store, &first).await);
    assert!(!add(&store, &key("second", "billing")).await);
    assert!(!add(&store, &key("first", "another")).await, "nor an id");
    let at = now() + HOUR;
    let revoked = store.revoke_service_key("billing", at, origin()).await;
    let expected = ServiceKey {
        revoked_at: Some(at),
        ..first
    };
    assert_eq!(revoked.unwrap(), Some(expected.clone()));
    let third = ServiceKey {
        created_at: now() + HOUR * 2,
        ..key("third", "billing")
    };
    assert!(add(&store, &third).await);
    assert_eq!(store.service_keys().await.unwrap(), [expected, third]);
}

/// Revoking what is not there, or no more, does nothing.
pub async fn a_service_key_is_revoked_once(store: AnyStore) {
    add(&store, &key("first", "billing")).await;
    let revoked = at_once(8, |_| {
        let store = store.clone();
        async move {
            let revoked = store.revoke_service_key("billing", now(), origin()).await;
            revoked.unwrap().is_some()
        }
    })
    .await;
    assert_eq!(count(&revoked, &true), 1);
    let other = store.revoke_service_key("other", now(), origin()).await;
    assert_eq!(other.unwrap(), None);
    let trail = trail(&store, AuditSubject::Kind(AuditKind::ServiceKeyChanged)).await;
    assert_eq!(trail.len(), 2);
}
