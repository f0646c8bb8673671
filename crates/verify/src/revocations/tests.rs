use super::{Entry, RevocationSet, session_id};

const NOW: i64 = 1_790_000_000;

fn sid(millis: u128, tail: u128) -> u128 {
    millis << 80 | 7 << 76 | 2 << 62 | tail
}

fn session(id: u128) -> Entry {
    Entry::Session {
        id,
        until: NOW + 300,
    }
}

fn account(id: i64, before: i64) -> Entry {
    let until = NOW + 300;
    Entry::Account { id, before, until }
}

#[test]
fn a_revoked_session_is_revoked_and_its_neighbour_is_not() {
    let set = RevocationSet::new();
    set.apply(&[session(sid(5, 1))]);
    assert!(set.is_revoked(Some(sid(5, 1)), Some(1), NOW));
    assert!(!set.is_revoked(Some(sid(5, 2)), Some(1), NOW));
    assert!(!set.is_revoked(None, Some(1), NOW));
}

#[test]
fn an_account_loses_what_began_by_the_cut_off_to_the_millisecond() {
    let set = RevocationSet::new();
    set.apply(&[account(7, 1_790_000_000_123)]);
    let begun = |millis| set.is_revoked(Some(sid(millis, 1)), Some(7), NOW + 100);
    assert!(begun(1_790_000_000_122));
    assert!(begun(1_790_000_000_123));
    assert!(!begun(1_790_000_000_124));
    assert!(!set.is_revoked(Some(sid(1, 1)), Some(8), NOW));
}

#[test]
fn a_token_without_a_session_is_judged_by_the_second_it_was_issued_in() {
    let set = RevocationSet::new();
    set.apply(&[account(7, 1_790_000_000_123)]);
    assert!(set.is_revoked(None, Some(7), 1_790_000_000));
    assert!(!set.is_revoked(None, Some(7), 1_790_000_001));
}

#[test]
fn an_earlier_cut_off_does_not_undo_a_later_one() {
    let set = RevocationSet::new();
    set.apply(&[account(7, 9_000), account(7, 5_000)]);
    assert!(set.is_revoked(Some(sid(8_000, 1)), Some(7), NOW));
    assert_eq!(set.len(), 1);
}

#[test]
fn hearing_twice_counts_once_and_the_later_end_holds() {
    let set = RevocationSet::new();
    let long = Entry::Session {
        id: sid(5, 1),
        until: NOW + 900,
    };
    set.apply(&[session(sid(5, 1)), long, session(sid(5, 1))]);
    assert_eq!(set.len(), 1);
    set.forget_expired(NOW + 899);
    assert_eq!(set.len(), 1);
    set.forget_expired(NOW + 901);
    assert!(set.is_empty());
    assert!(!set.is_revoked(Some(sid(5, 1)), None, NOW));
}

#[test]
fn nothing_is_forgotten_before_its_time_even_or_odd() {
    for until in [NOW, NOW + 1] {
        let set = RevocationSet::new();
        let id = sid(5, 1);
        set.apply(&[Entry::Session { id, until }]);
        set.forget_expired(until - 1);
        assert_eq!(set.len(), 1, "{until}");
        set.forget_expired(until + 1);
        assert!(set.is_empty(), "{until}");
    }
}

#[test]
fn a_snapshot_takes_the_place_of_what_was_and_leaves_no_gap() {
    let set = RevocationSet::new();
    set.apply(&[session(sid(5, 1)), session(sid(5, 2))]);
    set.begin_snapshot();
    assert!(set.is_revoked(Some(sid(5, 1)), None, NOW));
    set.apply(&[session(sid(5, 2)), session(sid(5, 3))]);
    assert_eq!(set.len(), 3);
    set.complete_snapshot();
    assert_eq!(set.len(), 2);
    assert!(!set.is_revoked(Some(sid(5, 1)), None, NOW));
    assert!(set.is_revoked(Some(sid(5, 2)), None, NOW));
    assert!(set.is_revoked(Some(sid(5, 3)), None, NOW));
}

#[test]
fn revoked_keys_are_known_by_name_and_their_change_is_noticed() {
    let set = RevocationSet::new();
    let before = set.keys_version();
    let (kid, until) = ("k1".into(), NOW + 300);
    set.apply(&[Entry::Key { kid, until }]);
    assert!(set.is_key_revoked("k1") && !set.is_key_revoked("k2"));
    assert_ne!(set.keys_version(), before);
    set.forget_expired(NOW + 301);
    assert!(!set.is_key_revoked("k1"));
}

#[test]
fn entries_read_as_they_are_written() {
    let json = r#"{"entries":[
        {"session":"0192f3c1a5b27c3d8e4f5a6b7c8d9e0f","until":1790000000},
        {"account":7,"before":1790000000123,"until":1790000300},
        {"key":"k\u0031","until":1790000300},
        {"everything":true,"before":1790000000123,"until":1790000300},
        {"device":"x","until":1790000300}]}"#;
    let read = Entry::read_list(json).unwrap();
    let id = 0x0192_f3c1_a5b2_7c3d_8e4f_5a6b_7c8d_9e0f;
    let until = 1_790_000_300;
    let kid = "k1".into();
    let before = 1_790_000_000_123;
    let expected = [
        Entry::Session {
            id,
            until: 1_790_000_000,
        },
        Entry::Account {
            id: 7,
            before,
            until,
        },
        Entry::Key { kid, until },
        Entry::Everything { before, until },
    ];
    assert_eq!(read, expected);
}

#[test]
fn entries_that_lack_something_are_an_error_and_not_passed_over() {
    for entry in [
        r#"{"session":"0192f3c1","until":1}"#,
        r#"{"session":"+192f3c1a5b27c3d8e4f5a6b7c8d9e0f","until":1}"#,
        r#"{"session":"0192f3c1a5b27c3d8e4f5a6b7c8d9e0f"}"#,
        r#"{"account":7,"until":1}"#,
        r#"{"account":"7","before":1,"until":1}"#,
        r#"{"key":"k"}"#,
        r#"{"everything":true,"until":1}"#,
        r#"{"everything":true,"before":1}"#,
        r#"{"everything":false,"before":1,"until":1}"#,
        r#"{"everything":1,"before":1,"until":1}"#,
        r#"{"everything":true,"account":7,"before":1,"until":1}"#,
        r#"{"key":"k","account":7,"before":1,"until":1}"#,
        "7",
    ] {
        let list = format!(r#"{{"entries":[{entry}]}}"#);
        assert!(Entry::read_list(&list).is_err(), "{entry}");
    }
}

#[test]
fn session_ids_are_read_as_the_standard_library_would() {
    let good = "0192f3c1A5b27c3d8e4f5a6b7c8d9E0f";
    assert_eq!(session_id(good), u128::from_str_radix(good, 16).ok());
    for at in 0..32 {
        for wrong in ['/', ':', '@', 'G', '`', 'g', '+', '-', '\0', 'q'] {
            let mut text = good.to_owned();
            text.replace_range(at..=at, &wrong.to_string());
            assert_eq!(session_id(&text), None, "{text}");
        }
    }
    assert_eq!(session_id(&good[1..]), None);
    assert_eq!(session_id(format!("0{good}")), None);
}

fn everything(before: i64, until: i64) -> Entry {
    Entry::Everything { before, until }
}

#[test]
fn a_cut_off_for_all_ends_what_began_by_then_whoevers_it_is() {
    let set = RevocationSet::new();
    set.apply(&[everything(1_790_000_000_123, NOW + 300)]);
    let begun = |millis, account| set.is_revoked(Some(sid(millis, 1)), account, NOW + 100);
    assert!(begun(1_790_000_000_122, Some(7)));
    assert!(begun(1_790_000_000_123, None));
    assert!(!begun(1_790_000_000_124, Some(7)));
    assert!(set.is_revoked(None, None, 1_790_000_000));
    assert!(set.is_revoked(None, Some(8), 1_790_000_000));
    assert!(!set.is_revoked(None, Some(8), 1_790_000_001));
    assert_eq!(set.len(), 1);
}

#[test]
fn of_several_cut_offs_for_all_the_latest_holds() {
    let set = RevocationSet::new();
    set.apply(&[everything(9_000, NOW + 300), everything(5_000, NOW + 100)]);
    assert!(set.is_revoked(Some(sid(9_000, 1)), None, NOW));
    assert_eq!(set.len(), 1);
    set.forget_expired(NOW + 299);
    assert!(set.is_revoked(Some(sid(9_000, 1)), None, NOW));
    set.forget_expired(NOW + 301);
    assert!(!set.is_revoked(Some(sid(1, 1)), None, NOW));
    assert!(set.is_empty());
}

#[test]
fn a_snapshot_without_it_ends_a_cut_off_for_all() {
    let set = RevocationSet::new();
    set.apply(&[everything(9_000, NOW + 300)]);
    set.begin_snapshot();
    assert!(set.is_revoked(Some(sid(9_000, 1)), None, NOW));
    set.complete_snapshot();
    assert!(!set.is_revoked(Some(sid(9_000, 1)), None, NOW));
    set.apply(&[everything(9_000, NOW + 300)]);
    set.begin_snapshot();
    set.apply(&[everything(9_000, NOW + 300)]);
    set.complete_snapshot();
    assert!(set.is_revoked(Some(sid(9_000, 1)), None, NOW));
}

#[test]
fn none_of_very_many_is_overlooked_also_after_others_were_forgotten() {
    const MANY: u32 = 70_000;
    let set = RevocationSet::new();
    let until = |n: u32| {
        if n.is_multiple_of(8) {
            NOW + 100
        } else {
            NOW + 300
        }
    };
    let entries = (1..=MANY).flat_map(|n| {
        let until = until(n);
        let session = Entry::Session {
            id: sid(n.into(), n.into()),
            until,
        };
        let account = Entry::Account {
            id: n.into(),
            before: 9_000,
            until,
        };
        [session, account]
    });
    set.apply(&entries.collect::<Vec<_>>());
    let session = |n: u32, tail: u32| set.is_revoked(Some(sid(n.into(), tail.into())), None, NOW);
    let account = |n: u32| set.is_revoked(Some(sid(9_000, 1 << 60)), Some(n.into()), NOW);
    assert!((1..=MANY).all(|n| session(n, n) && account(n) && !session(n, n + 1)));
    set.forget_expired(NOW + 102);
    assert!((1..=MANY).all(|n| [session(n, n), account(n)] == [!n.is_multiple_of(8); 2]));
    set.apply(&[session_of(8)]);
    assert!(session(8, 8) && !account(8));
}

fn session_of(n: u128) -> Entry {
    session(sid(n, n))
}
