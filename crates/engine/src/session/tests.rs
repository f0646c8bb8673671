use super::*;
use uuid::Uuid;

const HERE: ClientPrint = ClientPrint([1; 8]);
const ELSEWHERE: ClientPrint = ClientPrint([2; 8]);
const MINUTE: Duration = Duration::from_secs(60);

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// A session opened here, whose first token was refreshed until `generation` was current, a minute
/// apart.
fn session_at(generation: u64) -> (Session, Timestamp) {
    let mut session = Session {
        id: SessionId(Uuid::nil()),
        subject: Subject::Account(AccountId(1)),
        contract: "test".into(),
        generation: 1,
        rotated_at: start(),
        rotated_by: HERE,
        burst: Burst::beginning(1, start()),
        recovered: None,
        created_at: start(),
        idle: Duration::from_secs(86_400),
        expires_at: start() + Duration::from_secs(90 * 86_400),
        revoked: None,
        user_agent: "".into(),
        network: "".into(),
    };
    let mut now = start();
    for current in 1..generation {
        now = now + MINUTE;
        assert_eq!(present(&mut session, current, HERE, now), Verdict::Rotated);
    }
    (session, now)
}

fn present(session: &mut Session, generation: u64, by: ClientPrint, at: Timestamp) -> Verdict {
    let presented = Presented { generation, by, at };
    decide(session, presented, RotationPolicy::default())
}

#[test]
fn the_current_token_rotates() {
    let (mut session, now) = session_at(5);
    assert_eq!(
        present(&mut session, 5, HERE, now + MINUTE),
        Verdict::Rotated
    );
    assert_eq!(session.generation, 6);
    assert_eq!(session.rotated_at, now + MINUTE);
}

#[test]
fn s29_a_retry_within_the_grace_gets_the_same_successor() {
    let (mut session, now) = session_at(5);
    let before = session.clone();
    let at_the_edge = now + Duration::from_secs(30);
    assert_eq!(
        present(&mut session, 4, HERE, at_the_edge),
        Verdict::Replayed
    );
    assert_eq!(session, before, "a replay writes nothing");
    let beyond = at_the_edge + Duration::from_micros(1);
    assert_eq!(present(&mut session, 4, HERE, beyond), Verdict::Recovered);
}

#[test]
fn a_token_from_elsewhere_is_recovered_once_in_eight_generations() {
    let (mut session, now) = session_at(5);
    assert_eq!(present(&mut session, 4, ELSEWHERE, now), Verdict::Recovered);
    assert_eq!(session.generation, 5, "the successor is the one there was");
    let mut now = now;
    for current in 5..13 {
        now = now + MINUTE;
        assert_eq!(present(&mut session, current, HERE, now), Verdict::Rotated);
        if current < 12 {
            let mut thief = session.clone();
            assert_eq!(
                present(&mut thief, current, ELSEWHERE, now),
                Verdict::Reused,
                "generation {current}"
            );
        }
    }
    assert_eq!(
        present(&mut session, 12, ELSEWHERE, now),
        Verdict::Recovered
    );
}

#[test]
fn a_recovery_whose_reply_was_lost_may_be_retried() {
    let (mut session, now) = session_at(5);
    let late = now + 10 * MINUTE;
    assert_eq!(
        present(&mut session, 4, ELSEWHERE, late),
        Verdict::Recovered
    );
    let soon = late + Duration::from_secs(30);
    assert_eq!(present(&mut session, 4, ELSEWHERE, soon), Verdict::Replayed);
    assert_eq!(
        present(&mut session, 4, HERE, soon),
        Verdict::Reused,
        "by nobody else, though"
    );
}

#[test]
fn s26_an_old_token_revokes_the_session() {
    let (mut session, now) = session_at(5);
    assert_eq!(
        present(&mut session, 3, HERE, now + MINUTE),
        Verdict::Reused
    );
    assert_eq!(
        session.revoked.map(|revoked| revoked.reason),
        Some(RevokeReason::Reused)
    );
    let verdict = present(&mut session, 5, HERE, now + MINUTE);
    assert_eq!(
        verdict,
        Verdict::Revoked(RevokeReason::Reused),
        "the current one died with it"
    );
}

#[test]
fn tabs_that_rotate_in_quick_succession_do_not_log_each_other_out() {
    let (mut session, now) = session_at(5);
    let woken = now + 10 * MINUTE;
    for tab in 0..4 {
        let at = woken + Duration::from_secs(tab);
        assert_eq!(present(&mut session, 5 + tab, HERE, at), Verdict::Rotated);
    }
    let slow_tab = woken + Duration::from_secs(8);
    assert_eq!(present(&mut session, 5, HERE, slow_tab), Verdict::Replayed);
    let mut stolen = session.clone();
    assert_eq!(
        present(&mut stolen, 4, HERE, slow_tab),
        Verdict::Reused,
        "what came before the burst is old"
    );
}

#[test]
fn a_token_a_burst_replaced_is_saved_for_three_graces_at_most() {
    let (mut session, _) = session_at(5);
    let mut now = session.rotated_at + 10 * MINUTE;
    let began = now;
    let mut current = 5;
    while present(&mut session.clone(), 5, HERE, now) != Verdict::Reused {
        assert_eq!(present(&mut session, current, HERE, now), Verdict::Rotated);
        current += 1;
        now = now + Duration::from_secs(5);
    }
    assert!(
        now.since(began) <= 3 * RotationPolicy::default().grace,
        "{:?}",
        now.since(began)
    );
}

#[test]
fn a_token_ahead_of_the_store_is_honoured_and_the_store_catches_up() {
    let (mut session, now) = session_at(5);
    assert_eq!(
        present(&mut session, 9, HERE, now + MINUTE),
        Verdict::RolledForward
    );
    assert_eq!(session.generation, 10);
}

#[test]
fn s32_a_session_ends_at_its_end_however_often_it_was_refreshed() {
    let (mut session, _) = session_at(5);
    let end = session.expires_at;
    session.rotated_at = end - MINUTE;
    assert_eq!(session.refresh_expires_at(), end);
    assert_eq!(
        present(
            &mut session.clone(),
            5,
            HERE,
            end - Duration::from_micros(1)
        ),
        Verdict::Rotated
    );
    assert_eq!(present(&mut session, 5, HERE, end), Verdict::Expired);
}

#[test]
fn f08_a_clock_that_steps_back_revives_nothing() {
    let (mut session, now) = session_at(5);
    let hour_ago = now - 60 * MINUTE;
    assert_eq!(
        present(&mut session.clone(), 5, HERE, hour_ago),
        Verdict::Rotated
    );
    assert_eq!(
        present(&mut session.clone(), 4, HERE, hour_ago),
        Verdict::Replayed
    );
    assert_eq!(present(&mut session, 2, HERE, hour_ago), Verdict::Reused);
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    for reason in RevokeReason::ALL {
        assert_eq!(RevokeReason::from_name(reason.name()), Some(reason));
    }
}
