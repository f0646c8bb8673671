//! Adopting a former back end's refresh tokens, and sessions of subjects that callers name.

use super::world::*;
use crate::{
    audit::AuditKind,
    foreign::{
        Adopted, Adoption, FOREIGN_GENERATION, ForeignId, ForeignState, session_of, token_identity,
    },
    ids::AccountId,
    import::{ForeignToken, Known},
    ports::{AuditSubject, Opened, Opening, RevokeTarget},
    revocation::RevokedThing,
    session::{CallerSubject, Presented, RevokeReason, RotationPolicy, Session, Subject, Verdict},
    time::Timestamp,
};

fn token(text: &str) -> ForeignId {
    token_identity(Some(text), "")
}

fn subject(name: &str) -> Subject {
    Subject::Caller(CallerSubject::new(name, "user"))
}

fn adoption(subject: Subject, token: ForeignId, at: Timestamp) -> Adoption {
    let mut session = session_at(subject, at);
    session.id = session_of(&session.contract, token, now() - HOUR);
    Adoption {
        token,
        presented: Presented {
            generation: FOREIGN_GENERATION,
            by: HERE,
            at,
        },
        session,
        issued_at: now() - HOUR,
        token_expires_at: now() + A_DAY,
        listed_only: false,
        replaces: false,
        network: crate::client::Network::of([198, 51, 100, 7].into()),
        policy: RotationPolicy::default(),
        horizon: HORIZON,
    }
}

async fn adopt(store: &AnyStore, adoption: Adoption) -> (Verdict, Session) {
    match store.adopt(adoption).await.unwrap() {
        Adopted::Judged(rotated, _) => judged(rotated),
        other => panic!("not judged: {other:?}"),
    }
}

async fn list(store: &AnyStore, contract: &str, token: ForeignId, known: Known) {
    let token = ForeignToken {
        contract: contract.into(),
        token,
        state: known,
        expires_at: now() + A_DAY,
    };
    store.import_foreign_tokens(vec![token]).await.unwrap();
}

/// The first who presents a foreign token opens a session; later ones present generation 1 of it.
pub async fn a_foreign_token_is_generation_one_of_a_session(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let account = Subject::Account(id);
    let (verdict, first) = adopt(&store, adoption(account.clone(), token("a"), now())).await;
    assert_eq!((verdict, first.generation), (Verdict::Rotated, 2));
    assert_eq!(session(&store, first.id).await, first);
    assert_eq!(
        kinds(&store, AuditSubject::Session(first.id)).await,
        [AuditKind::SessionAdopted]
    );
    let at = now() + SECOND;
    let (verdict, again) = adopt(&store, adoption(account.clone(), token("a"), at)).await;
    assert_eq!(verdict, Verdict::Replayed);
    assert_eq!((again.id, again.generation), (first.id, 2));
    let (verdict, _) = present(&store, &first, 2, HERE, now() + HOUR).await;
    assert_eq!(verdict, Verdict::Rotated);
    let late = now() + HOUR + HOUR;
    let (verdict, _) = adopt(&store, adoption(account.clone(), token("a"), late)).await;
    assert_eq!(verdict, Verdict::Reused);
    // Another token of the same account becomes a session of its own.
    let (_, other) = adopt(&store, adoption(account, token("b"), late)).await;
    assert_ne!(other.id, first.id);
}

/// However many present it at once, one session is opened, and one successor is given.
pub async fn s28_many_who_present_one_foreign_token_open_one_session(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let sessions = at_once(64, |_| {
        let store = store.clone();
        async move { adopt(&store, adoption(Subject::Account(id), token("a"), now())).await }
    })
    .await;
    let rotated = sessions.iter().filter(|(v, _)| *v == Verdict::Rotated);
    assert_eq!(rotated.count(), 1);
    assert!(sessions.iter().all(|(verdict, _)| verdict.grants()));
    let first = &sessions[0].1;
    assert!(
        sessions
            .iter()
            .all(|(_, s)| (s.id, s.generation) == (first.id, 2))
    );
    assert_eq!(store.sessions_of(id, now()).await.unwrap().len(), 1);
}

/// What is known to be dead stays dead, and where only listed tokens count, others are dead too.
pub async fn dead_and_unlisted_tokens_open_nothing(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let of = |name: &str, listed_only: bool| Adoption {
        listed_only,
        ..adoption(Subject::Account(id), token(name), now())
    };
    let contract = of("dead", false).session.contract;
    list(&store, &contract, token("dead"), Known::Dead).await;
    list(&store, &contract, token("listed"), Known::Listed).await;
    list(&store, "another", token("elsewhere"), Known::Listed).await;
    for dead in [
        of("dead", false),
        of("unlisted", true),
        of("elsewhere", true),
    ] {
        assert!(matches!(store.adopt(dead).await.unwrap(), Adopted::Dead));
    }
    assert_eq!(store.sessions_of(id, now()).await.unwrap().len(), 0);
    let (verdict, _) = adopt(&store, of("listed", true)).await;
    assert_eq!(verdict, Verdict::Rotated);
    let (verdict, _) = adopt(&store, of("listed", true)).await;
    assert_eq!(verdict, Verdict::Replayed);
}

/// Nothing is adopted for an account that cannot be used, is gone, or was cut off since.
pub async fn s33_an_account_that_is_shut_out_adopts_nothing(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let of = |id: AccountId, issued_at: Timestamp| Adoption {
        issued_at,
        ..adoption(Subject::Account(id), token("a"), now() + SECOND)
    };
    store
        .set_status(status_change(id, suspended(now()), now()))
        .await
        .unwrap();
    for adoption in [of(id, now()), of(AccountId(4_711), now())] {
        let adopted = store.adopt(adoption).await.unwrap();
        assert!(matches!(adopted, Adopted::Refused), "{adopted:?}");
    }
    let status = crate::account::Status::Active { since: now() };
    store
        .set_status(status_change(id, status, now()))
        .await
        .unwrap();
    let early = store.adopt(of(id, now())).await.unwrap();
    assert!(matches!(early, Adopted::Dead), "issued before the cut-off");
    let adopted = store.adopt(of(id, now() + SECOND)).await.unwrap();
    assert!(matches!(adopted, Adopted::Judged(..)));
}

/// A caller's subject has one session where the contract says so; others' are left alone.
pub async fn a_new_session_of_a_subject_replaces_the_one_before(store: AnyStore) {
    let open = |name: &str, at: Timestamp| {
        let session = session_at(subject(name), at);
        let opening = Opening {
            session: session.clone(),
            replaces: true,
            horizon: HORIZON,
        };
        (session, opening)
    };
    let (first, opening) = open("1", now());
    assert_eq!(
        store.open_session(opening).await.unwrap(),
        Opened::Opened(Vec::new())
    );
    let (other, opening) = open("2", now());
    store.open_session(opening).await.unwrap();
    let (second, opening) = open("1", now() + SECOND);
    let Opened::Opened(revoked) = store.open_session(opening).await.unwrap() else {
        panic!("refused");
    };
    let things: Vec<_> = revoked.iter().map(|r| (r.thing, r.reason)).collect();
    assert_eq!(
        things,
        [(RevokedThing::Session(first.id), RevokeReason::Replaced)]
    );
    let why = session(&store, first.id).await.revoked.unwrap();
    assert_eq!(why.reason, RevokeReason::Replaced);
    for alive in [&second, &other] {
        assert!(session(&store, alive.id).await.is_live(now() + SECOND));
    }
    assert_eq!(session(&store, second.id).await.subject, subject("1"));
}

/// Every session of a caller's subject ends, whatever its type; those of others do not.
pub async fn every_session_of_a_subject_ends(store: AnyStore) {
    let contract: Box<str> = session_at(subject("1"), now()).contract;
    let mut mine = Vec::new();
    for (name, kind) in [("1", "user"), ("1", "admin"), ("2", "user")] {
        let session = session_at(Subject::Caller(CallerSubject::new(name, kind)), now());
        store.open_session(session.clone().into()).await.unwrap();
        mine.push(session);
    }
    let target = |contract: &str| RevokeTarget::Caller {
        contract: contract.into(),
        name: "1".into(),
    };
    let none = store
        .revoke(revoke(target("another"), now()))
        .await
        .unwrap();
    assert!(none.is_empty());
    let ended = store
        .revoke(revoke(target(&contract), now()))
        .await
        .unwrap();
    assert_eq!(ended.len(), 2);
    assert!(
        store
            .revoke(revoke(target(&contract), now()))
            .await
            .unwrap()
            .is_empty()
    );
    for (session_of, dead) in mine.iter().zip([true, true, false]) {
        assert_eq!(session(&store, session_of.id).await.revoked.is_some(), dead);
    }
}

/// A session is kept as long as the token that was adopted into it could be presented.
pub async fn f15_an_adopted_session_outlives_its_token(store: AnyStore) {
    let id = active(&store, "someone@example.com").await;
    let days = |n: u32| A_DAY * n;
    let adoption = Adoption {
        token_expires_at: now() + days(60),
        ..adoption(Subject::Account(id), token("a"), now())
    };
    let (_, adopted) = adopt(&store, adoption.clone()).await;
    let target = RevokeTarget::Session(adopted.id);
    store.revoke(revoke(target, now())).await.unwrap();
    let keep = crate::ports::Retention::default();
    while store.purge(now() + days(50), &keep).await.unwrap() > 0 {}
    let again = store.adopt(adoption).await.unwrap();
    let Adopted::Judged(rotated, _) = again else {
        panic!("not judged: {again:?}");
    };
    assert!(matches!(judged(rotated).0, Verdict::Revoked(_)));
    for _ in 0..10 {
        store.purge(now() + days(61), &keep).await.unwrap();
    }
    assert!(store.session(adopted.id).await.unwrap().is_none());
}

/// What is known of a foreign token is forgotten when it has expired by itself.
pub async fn f15_expired_foreign_tokens_are_forgotten(store: AnyStore) {
    list(&store, "c", token("a"), Known::Dead).await;
    let keep = crate::ports::Retention::default();
    store.purge(now(), &keep).await.unwrap();
    let known = store.foreign_token("c", token("a")).await.unwrap();
    assert_eq!(known, Some(ForeignState::Dead));
    store.purge(now() + A_DAY + SECOND, &keep).await.unwrap();
    assert_eq!(store.foreign_token("c", token("a")).await.unwrap(), None);
}
