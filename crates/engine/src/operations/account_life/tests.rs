use super::*;
use crate::address::Email;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_790_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

fn of(status: Status) -> Account {
    Account {
        id: AccountId(1),
        email: Some(Email::parse("mina@example.com").unwrap()),
        phone: None,
        nickname: None,
        status,
        status_reason: None,
        created_at: NOW - HOUR,
        last_login_at: None,
        not_before: None,
        linked: [].into(),
        updated_at: NOW - HOUR,
        roles: Vec::new(),
        profile: [].into(),
        imported: false,
    }
}

const ACTIVE: Status = Status::Active { since: NOW };

fn shut_out(until: Option<Timestamp>) -> Status {
    Status::Suspended {
        since: NOW - HOUR,
        until,
    }
}

fn given_up(erase_at: Option<Timestamp>) -> Status {
    Status::Withdrawn {
        since: NOW - HOUR,
        erase_at,
    }
}

#[test]
fn who_is_in_use_is_suspended_and_who_is_not_is_not() {
    let until = Some(NOW + HOUR);
    let suspended = |status| suspended(&of(status), until, NOW);
    let since_now = Status::Suspended { since: NOW, until };
    assert_eq!(suspended(ACTIVE), Ok(Some(since_now)));
    assert_eq!(suspended(shut_out(None)), Ok(Some(shut_out(until))));
    assert_eq!(suspended(shut_out(Some(NOW))), Ok(Some(since_now)));
    assert_eq!(suspended(Status::Unverified), Err(Standstill::Unverified));
    assert_eq!(suspended(given_up(until)), Err(Standstill::Withdrawn));
}

#[test]
fn what_was_given_up_comes_back_until_its_grace_is_over() {
    let restored = |status| restored(&of(status), NOW);
    assert_eq!(restored(shut_out(None)), Ok(Some(ACTIVE)));
    assert_eq!(restored(given_up(Some(NOW + HOUR))), Ok(Some(ACTIVE)));
    assert_eq!(
        restored(given_up(None)),
        Ok(Some(ACTIVE)),
        "by a former back end"
    );
    assert_eq!(restored(given_up(Some(NOW))), Err(Standstill::Erased));
    assert_eq!(restored(ACTIVE), Ok(None));
    assert_eq!(restored(Status::Unverified), Err(Standstill::Unverified));
    let tombstone = Account {
        email: None,
        ..of(given_up(None))
    };
    assert_eq!(super::restored(&tombstone, NOW), Err(Standstill::Erased));
    assert_eq!(withdrawn(&tombstone, HOUR, NOW), Ok(None));
}

#[test]
fn giving_up_says_when_what_is_personal_goes() {
    let withdrawn = |status, grace| withdrawn(&of(status), grace, NOW);
    let at = |since, erase_at| {
        Ok(Some(Status::Withdrawn {
            since,
            erase_at: Some(erase_at),
        }))
    };
    for status in [ACTIVE, shut_out(None), given_up(None)] {
        assert_eq!(withdrawn(status, HOUR), at(NOW, NOW + HOUR));
    }
    let again = withdrawn(given_up(Some(NOW + HOUR)), Duration::ZERO);
    assert_eq!(again, at(NOW - HOUR, NOW));
    assert_eq!(
        withdrawn(Status::Unverified, HOUR),
        Err(Standstill::Unverified)
    );
    assert_eq!(withdrawn(Status::Unverified, Duration::ZERO), at(NOW, NOW));
}
