use std::sync::Arc;

use super::{Astray, Event, Follower, News};
use crate::RevocationSet;

fn follower() -> (Follower, Arc<RevocationSet>) {
    let set = Arc::new(RevocationSet::new());
    let mut follower = Follower::new(Arc::clone(&set));
    follower.connected();
    (follower, set)
}

fn event(name: &str, id: &str, data: &str) -> Event {
    Event {
        name: name.to_owned(),
        data: data.to_owned(),
        id: (!id.is_empty()).then(|| id.to_owned()),
    }
}

fn reset(epoch: &str) -> Event {
    event("reset", "", &format!(r#"{{"epoch":"{epoch}"}}"#))
}

fn revoked(id: &str, session: u8) -> Event {
    let data = format!(r#"{{"entries":[{{"session":"{session:032x}","until":1790000300}}]}}"#);
    event("entries", id, &data)
}

fn ready(id: &str) -> Event {
    event("ready", id, r#"{"seq":1}"#)
}

fn holds(set: &RevocationSet, session: u8) -> bool {
    set.is_revoked(Some(session.into()), None, 0)
}

fn cursor(follower: &Follower) -> Option<String> {
    follower.cursor().map(ToString::to_string)
}

#[test]
fn a_snapshot_counts_once_it_is_complete() {
    let (mut follower, set) = follower();
    assert_eq!(follower.take(&reset("e")), Ok(News::None));
    assert_eq!(follower.take(&revoked("e.4", 1)), Ok(News::None));
    assert!(holds(&set, 1));
    assert_eq!(cursor(&follower), None);
    assert_eq!(follower.take(&ready("e.4")), Ok(News::Applied));
    assert_eq!(cursor(&follower).as_deref(), Some("e.4"));
    assert_eq!(follower.take(&revoked("e.5", 2)), Ok(News::Applied));
    assert_eq!(
        follower.take(&event("heartbeat", "e.6", "{}")),
        Ok(News::Current)
    );
    assert_eq!(cursor(&follower).as_deref(), Some("e.6"));
}

#[test]
fn missed_news_move_the_cursor_but_are_complete_only_when_ready() {
    let (mut follower, set) = follower();
    for event in [reset("e"), ready("e.4")] {
        follower.take(&event).unwrap();
    }
    follower.connected();
    assert_eq!(
        follower.take(&event("heartbeat", "e.9", "{}")),
        Ok(News::None)
    );
    assert_eq!(follower.take(&revoked("e.5", 2)), Ok(News::None));
    assert!(holds(&set, 2));
    assert_eq!(cursor(&follower).as_deref(), Some("e.5"));
    assert_eq!(follower.take(&ready("e.5")), Ok(News::Applied));
}

#[test]
fn a_reset_forgets_what_the_new_snapshot_does_not_have_and_not_before_it_is_complete() {
    let (mut follower, set) = follower();
    for event in [
        reset("e"),
        revoked("e.4", 1),
        ready("e.4"),
        reset("f"),
        revoked("f.1", 2),
    ] {
        follower.take(&event).unwrap();
    }
    assert!(holds(&set, 1) && holds(&set, 2));
    follower.take(&ready("f.1")).unwrap();
    assert!(!holds(&set, 1) && holds(&set, 2));
}

#[test]
fn a_snapshot_that_broke_off_starts_over_and_loses_nothing() {
    let (mut follower, set) = follower();
    for event in [
        reset("e"),
        revoked("e.4", 1),
        ready("e.4"),
        reset("f"),
        revoked("f.1", 2),
    ] {
        follower.take(&event).unwrap();
    }
    follower.connected();
    assert_eq!(cursor(&follower), None);
    assert_eq!(follower.take(&ready("f.1")), Err(Astray::NoReset));
    for event in [reset("f"), revoked("f.2", 3), ready("f.2")] {
        follower.take(&event).unwrap();
    }
    assert!(!holds(&set, 1) && holds(&set, 3));
}

#[test]
fn what_does_not_fit_the_log_leads_astray() {
    let started = || {
        let (mut follower, set) = follower();
        for event in [reset("e"), ready("e.4")] {
            follower.take(&event).unwrap();
        }
        (follower, set)
    };
    for (event, expected) in [
        (revoked("f.5", 1), Astray::Place),
        (revoked("", 1), Astray::Place),
        (revoked("5", 1), Astray::Place),
        (revoked("e.x", 1), Astray::Place),
        (revoked("e.3", 1), Astray::Backwards),
        (event("entries", "e.5", "garbage"), Astray::Data),
        (event("reset", "", "[]"), Astray::Data),
    ] {
        let (mut follower, set) = started();
        assert_eq!(follower.take(&event), Err(expected), "{event:?}");
        assert!(!holds(&set, 1));
        assert_eq!(cursor(&follower).as_deref(), Some("e.4"));
    }
    let (mut unprepared, _) = follower();
    assert_eq!(unprepared.take(&revoked("e.5", 1)), Err(Astray::NoReset));
    let (mut started, _) = started();
    assert_eq!(started.take(&event("later", "", "?")), Ok(News::None));
}
