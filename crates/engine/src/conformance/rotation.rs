//! Refresh tokens, presented: each verdict, what it writes, and many at once.

use super::world::*;
use crate::{
    audit::AuditKind,
    ids::{AccountId, SessionId},
    ports::{AuditSubject, RevokeTarget, Rotated},
    revocation::RevokedThing,
    session::{CallerSubject, RevokeReason, Revoked, Session, Subject, Verdict},
};

/// The current token begins a new generation, durably, and leaves no trail.
pub async fn the_current_token_rotates(store: AnyStore) {
    let before = someones(&store).await;
    let at = now() + MINUTE;
    let (verdict, after) = present(&store, &before, 1, ELSEWHERE, at).await;
    assert_eq!(verdict, Verdict::Rotated);
    assert_eq!((after.generation, after.rotated_at), (2, at));
    assert_eq!(after.rotated_by, ELSEWHERE);
    assert_eq!(session(&store, before.id).await, after);
    assert_eq!(
        kinds(&store, AuditSubject::Session(before.id)).await,
        [AuditKind::LoggedIn]
    );
}

/// A token of a session that is not there.
pub async fn an_unknown_session_is_unknown(store: AnyStore) {
    let here = someones(&store).await;
    let nowhere = Session {
        id: SessionId::new(now(), [0xff; 10]),
        ..here
    };
    let rotated = store.rotate(presented(&nowhere, 1, HERE, now())).await;
    assert!(matches!(rotated.unwrap(), Rotated::Unknown));
}

/// SECURITY 25, 29: a reply was lost; the same client asks again and gets the same successor,
/// while the replaced token is worth nothing later on.
pub async fn s25_s29_a_retry_within_the_grace_gets_the_same_successor(store: AnyStore) {
    let opened = someones(&store).await;
    let at = rotated_to(&store, &opened, 2).await;
    let before = session(&store, opened.id).await;
    let (verdict, after) = present(&store, &opened, 1, HERE, at + SECOND * 30).await;
    assert_eq!(verdict, Verdict::Replayed);
    assert_eq!(after, before);
    assert_eq!(session(&store, opened.id).await, before, "nothing written");
    let at = rotated_to_from(&store, &opened, 2, 5, at).await;
    let (verdict, _) = present(&store, &opened, 1, HERE, at + MINUTE).await;
    assert_eq!(verdict, Verdict::Reused);
}

/// The token before the current one, late: the same successor, once, and audited.
pub async fn a_late_retry_is_recovered_and_audited(store: AnyStore) {
    let opened = someones(&store).await;
    let at = rotated_to(&store, &opened, 3).await + HOUR;
    let (verdict, after) = present(&store, &opened, 2, ELSEWHERE, at).await;
    assert_eq!((verdict, after.generation), (Verdict::Recovered, 3));
    assert_eq!(session(&store, opened.id).await, after);
    let trail = trail(&store, AuditSubject::Session(opened.id)).await;
    assert_eq!(trail[0].kind, AuditKind::TokenRecovered);
    assert_eq!(trail[0].at, at);
    assert_eq!(trail[0].account, opened.subject.account());
    assert_eq!(trail[0].network.as_deref(), Some("198.51.100.0/24"));
    assert_eq!(&*trail[0].contract, "conformance");
}

/// The budget of recoveries is what a thief runs out of, so it must survive in the store.
pub async fn a_recovery_is_remembered(store: AnyStore) {
    let opened = someones(&store).await;
    let at = rotated_to(&store, &opened, 3).await + HOUR;
    let (verdict, _) = present(&store, &opened, 2, ELSEWHERE, at).await;
    assert_eq!(verdict, Verdict::Recovered);
    let at = rotated_to_from(&store, &opened, 3, 5, at).await + HOUR;
    let (verdict, _) = present(&store, &opened, 4, ELSEWHERE, at).await;
    assert_eq!(verdict, Verdict::Reused, "the budget is spent");
}

/// SECURITY 26: somebody has a copy. The session ends, everybody is told, and even its current
/// token is worth nothing any more.
pub async fn s26_an_old_token_ends_its_session(store: AnyStore) {
    let opened = someones(&store).await;
    let at = rotated_to(&store, &opened, 5).await + MINUTE;
    let rotated = store.rotate(presented(&opened, 1, ELSEWHERE, at)).await;
    let Rotated::Judged {
        verdict,
        session: after,
        revocation: Some(revocation),
    } = rotated.unwrap()
    else {
        panic!("no revocation");
    };
    assert_eq!(verdict, Verdict::Reused);
    let reason = RevokeReason::Reused;
    assert_eq!(after.revoked, Some(Revoked { at, reason }));
    assert_eq!(session(&store, opened.id).await, *after);
    assert_eq!(revocation.thing, RevokedThing::Session(opened.id));
    assert_eq!(revocation.reason, reason);
    assert_eq!(revocation.until, at + HORIZON);
    assert_eq!(log(&store).await, [revocation]);
    assert_eq!(
        kinds(&store, AuditSubject::Session(opened.id)).await,
        [AuditKind::TokenReused, AuditKind::LoggedIn]
    );
    let again = store.rotate(presented(&opened, 5, HERE, at)).await.unwrap();
    let Rotated::Judged {
        verdict: Verdict::Revoked(RevokeReason::Reused),
        revocation: None,
        ..
    } = again
    else {
        panic!("the current token still works: {again:?}");
    };
    assert_eq!(log(&store).await.len(), 1);
}

/// SECURITY 26: the session, never the whole account.
pub async fn s26_reuse_leaves_the_other_sessions_alone(store: AnyStore) {
    let stolen = someones(&store).await;
    let account = stolen.subject.account().unwrap();
    let other = opened(&store, account).await;
    let at = rotated_to(&store, &stolen, 5).await + MINUTE;
    let (verdict, _) = present(&store, &stolen, 1, ELSEWHERE, at).await;
    assert_eq!(verdict, Verdict::Reused);
    let (verdict, _) = present(&store, &other, 1, HERE, at).await;
    assert_eq!(verdict, Verdict::Rotated);
}

/// We signed it, so the store has lost a write: a failover, a backup restored.
pub async fn a_token_ahead_of_the_store_is_honoured(store: AnyStore) {
    let opened = someones(&store).await;
    let (verdict, after) = present(&store, &opened, 7, HERE, now() + HOUR).await;
    assert_eq!((verdict, after.generation), (Verdict::RolledForward, 8));
    assert_eq!(session(&store, opened.id).await, after);
    assert_eq!(
        kinds(&store, AuditSubject::Session(opened.id)).await,
        [AuditKind::TokenRolledForward, AuditKind::LoggedIn]
    );
}

/// A generation is 64 bits without a sign, and databases like them with one.
pub async fn the_largest_generation_is_kept(store: AnyStore) {
    let opened = someones(&store).await;
    let (verdict, after) = present(&store, &opened, u64::MAX - 1, HERE, now() + HOUR).await;
    assert_eq!(
        (verdict, after.generation),
        (Verdict::RolledForward, u64::MAX)
    );
    assert_eq!(session(&store, opened.id).await, after);
}

/// SECURITY 30, 36: a token that speaks of somebody else or came through another contract is
/// refused, and its owner is not affected: nothing changes, whatever its generation.
pub async fn s30_a_contradiction_changes_nothing(store: AnyStore) {
    let opened = someones(&store).await;
    let at = rotated_to(&store, &opened, 5).await;
    let before = session(&store, opened.id).await;
    for generation in [1, 4, 5, 9] {
        let mut subject = presented(&opened, generation, ELSEWHERE, at);
        subject.subject = Subject::Account(AccountId(4_711));
        let mut caller = subject.clone();
        caller.subject = Subject::Caller(CallerSubject::new("1", "user"));
        let mut contract = presented(&opened, generation, ELSEWHERE, at);
        contract.contract = "another".into();
        for rotation in [subject, caller, contract] {
            let rotated = store.rotate(rotation).await.unwrap();
            assert!(matches!(rotated, Rotated::Contradicts), "{rotated:?}");
        }
    }
    assert_eq!(session(&store, opened.id).await, before);
    assert_eq!(log(&store).await, []);
    assert_eq!(
        kinds(&store, AuditSubject::Session(opened.id)).await,
        [AuditKind::LoggedIn]
    );
}

/// SECURITY 32: however often it slid, a session ends when it ends.
pub async fn s32_nothing_rotates_beyond_the_end(store: AnyStore) {
    let opened = someones(&store).await;
    let rotated = rotated_to(&store, &opened, 2).await;
    let before = session(&store, opened.id).await;
    assert!(rotated < before.expires_at);
    let (verdict, after) = present(&store, &opened, 2, HERE, before.expires_at).await;
    assert_eq!((verdict, &after), (Verdict::Expired, &before));
    assert_eq!(session(&store, opened.id).await, before);
}

/// SECURITY 81: after a logout a token says that it was one.
pub async fn s81_a_revoked_session_says_why(store: AnyStore) {
    let opened = someones(&store).await;
    let target = RevokeTarget::Session(opened.id);
    store.revoke(revoke(target, now())).await.unwrap();
    for generation in [1, 2] {
        let (verdict, _) = present(&store, &opened, generation, HERE, now() + SECOND).await;
        assert_eq!(verdict, Verdict::Revoked(RevokeReason::LoggedOut));
    }
}

/// SECURITY S8: with the clock an hour back, used tokens stay used and ended sessions ended.
pub async fn f08_a_clock_that_steps_back_revives_nothing(store: AnyStore) {
    let opened = someones(&store).await;
    let at = rotated_to(&store, &opened, 5).await;
    let back = at - HOUR;
    let (verdict, after) = present(&store, &opened, 5, HERE, back).await;
    assert_eq!((verdict, after.generation), (Verdict::Rotated, 6));
    let (verdict, _) = present(&store, &opened, 2, HERE, back).await;
    assert_eq!(verdict, Verdict::Reused);
    for at in [back, back - A_DAY, at] {
        let (verdict, _) = present(&store, &opened, 6, HERE, at).await;
        assert_eq!(verdict, Verdict::Revoked(RevokeReason::Reused));
    }
}

/// What was written is what is read, through every kind of change.
pub async fn every_part_of_a_session_survives(store: AnyStore) {
    let opened = someones(&store).await;
    assert_eq!(session(&store, opened.id).await, opened);
    // A burst, a recovery by somebody else, another burst, an end.
    let mut at = now() + HOUR;
    for generation in 1..4 {
        at = at + SECOND;
        let (_, after) = present(&store, &opened, generation, HERE, at).await;
        assert_eq!(session(&store, opened.id).await, after);
        assert_eq!(after.burst.from, 1);
    }
    let (verdict, after) = present(&store, &opened, 3, ELSEWHERE, at + HOUR).await;
    assert_eq!(verdict, Verdict::Recovered);
    assert!(after.recovered.is_some_and(|last| last.by == ELSEWHERE));
    assert_eq!(session(&store, opened.id).await, after);
    let (_, after) = present(&store, &opened, 4, ELSEWHERE, at + HOUR + SECOND).await;
    assert_ne!(after.burst.before, after.burst.from);
    assert_eq!(session(&store, opened.id).await, after);
    let (_, after) = present(&store, &opened, 1, HERE, at + HOUR * 2).await;
    assert!(after.revoked.is_some());
    assert_eq!(session(&store, opened.id).await, after);
}

/// SECURITY 28, S1: one token from many tabs at once is one step, round after round.
pub async fn s28_f01_many_with_one_token_get_one_successor(store: AnyStore) {
    let opened = someones(&store).await;
    for generation in 1..=20 {
        let at = now() + MINUTE * u32::try_from(generation).unwrap();
        let verdicts = at_once(64, |_| {
            let (store, opened) = (store.clone(), opened.clone());
            async move { present(&store, &opened, generation, HERE, at).await }
        })
        .await;
        let (judged, sessions): (Vec<_>, Vec<_>) = verdicts.into_iter().unzip();
        assert_eq!(count(&judged, &Verdict::Rotated), 1);
        assert_eq!(count(&judged, &Verdict::Replayed), 63);
        assert!(sessions.iter().all(|s| s.generation == generation + 1));
    }
    assert_eq!(log(&store).await, []);
}

/// SECURITY 28: from sixty-four places at once it is a leak, and the session ends, once.
pub async fn s28_many_strangers_with_one_token_are_never_all_served(store: AnyStore) {
    let opened = someones(&store).await;
    let at = now() + MINUTE;
    let verdicts = at_once(64, |n| {
        let (store, opened) = (store.clone(), opened.clone());
        let by = crate::client::ClientPrint([u8::try_from(n).unwrap(); 8]);
        async move { present(&store, &opened, 1, by, at).await.0 }
    })
    .await;
    assert_eq!(count(&verdicts, &Verdict::Rotated), 1);
    assert_eq!(count(&verdicts, &Verdict::Recovered), 1);
    assert_eq!(count(&verdicts, &Verdict::Reused), 1);
    let revoked = Verdict::Revoked(RevokeReason::Reused);
    assert_eq!(count(&verdicts, &revoked), 61);
    assert_eq!(log(&store).await.len(), 1);
}

/// Sessions rotate side by side, whether or not a store puts their rotations into one write.
pub async fn rotations_of_many_sessions_do_not_mix(store: AnyStore) {
    let account = active(&store, "many@example.com").await;
    let mut sessions = Vec::new();
    for _ in 0..40 {
        sessions.push(opened(&store, account).await);
    }
    let ends = at_once(sessions.len(), |n| {
        let (store, opened) = (store.clone(), sessions[n].clone());
        let rotations = u64::try_from(n).unwrap() + 1;
        async move {
            rotated_to(&store, &opened, rotations).await;
            (opened.id, rotations)
        }
    })
    .await;
    for (id, generation) in ends {
        assert_eq!(session(&store, id).await.generation, generation);
    }
}

async fn rotated_to_from(
    store: &AnyStore,
    session: &Session,
    from: u64,
    to: u64,
    mut at: crate::time::Timestamp,
) -> crate::time::Timestamp {
    for generation in from..to {
        at = at + MINUTE;
        let (verdict, _) = present(store, session, generation, HERE, at).await;
        assert_eq!(verdict, Verdict::Rotated);
    }
    at
}
