use proptest::prelude::*;

use super::*;
use crate::password::common;

fn parse(text: &str, min: usize) -> Result<(), Weak> {
    let rules = Rules {
        min_code_points: min,
        forbidden: &[
            "Daemun Login",
            "Mallory.Smith@example.com",
            "bob@example.com",
        ],
    };
    NewPassword::parse(text, &rules).map(drop)
}

#[test]
fn s58_one_below_the_minimum_is_refused_and_the_minimum_taken() {
    for min in [8, 15] {
        for letter in ["x", "é", "한", "🐎"] {
            let below = letter.repeat(min - 1);
            assert_eq!(parse(&below, min), Err(Weak::TooShort), "{below}");
            let exact = letter.repeat(min - 1) + "Q";
            assert_eq!(parse(&exact, min), Ok(()), "{exact}");
        }
    }
}

#[test]
fn s58_length_is_counted_after_composing() {
    // Seven syllables, written as fourteen jamo.
    let decomposed = "\u{1112}\u{1161}".repeat(7);
    assert_eq!(parse(&decomposed, 8), Err(Weak::TooShort));
    assert_eq!(parse(&"\u{1112}\u{1161}".repeat(8), 8), Ok(()));
}

#[test]
fn s59_long_passwords_are_taken_up_to_the_cap() {
    for length in [64, 128, LONGEST] {
        for letter in ["x", "🐎", "\u{1112}\u{1161}\u{11ab}"] {
            let text = letter.repeat(length);
            assert_eq!(parse(&text, 15), Ok(()), "{length} times {letter}");
            assert!(Candidate::parse(&text).is_ok());
        }
    }
}

#[test]
fn s59_beyond_the_cap_is_refused_before_any_work() {
    for text in [
        "x".repeat(LONGEST + 1),
        "x".repeat(1 << 20),
        "🐎".repeat(LONGEST + 1),
    ] {
        assert_eq!(parse(&text, 15), Err(Weak::TooLong));
        assert_eq!(Candidate::parse(&text).err(), Some(Weak::TooLong));
    }
}

#[test]
fn s60_nothing_is_asked_of_the_composition() {
    for text in [
        "mnbtrewqzzz",
        "83920175629",
        "한국어로만쓰는암호입니다",
        "!?!?!!??!?!",
        "     a     ",
    ] {
        assert_eq!(parse(text, 8), Ok(()), "{text}");
    }
}

#[test]
fn s64_the_commonest_passwords_are_refused_in_any_case() {
    for text in [
        "password1",
        "PASSWORD1",
        "Qwerty123",
        "iloveyou",
        "jennifer",
        "testtest",
    ] {
        assert_eq!(parse(text, 8), Err(Weak::Common), "{text}");
    }
    for text in ["111111111111111", "1q2w3e4r5t6y7u8i9o0p"] {
        assert_eq!(parse(text, 15), Err(Weak::Common), "{text}");
    }
}

#[test]
fn s64_every_entry_of_the_list_is_found_and_its_neighbours_are_not() {
    let entries: Vec<_> = common::all().collect();
    assert!(entries.len() > 16_000);
    for pair in entries.windows(2) {
        assert!(pair[0] < pair[1], "not in order: {pair:?}");
    }
    for entry in entries {
        assert!(
            entry.chars().count() >= 8 && *entry == entry.to_lowercase(),
            "{entry}"
        );
        assert!(common::contains(entry), "{entry}");
        assert!(!common::contains(&format!("{entry}\u{1}")), "{entry}");
        assert!(!common::contains(&format!("\u{1}{entry}")), "{entry}");
    }
    for text in [
        "",
        "\n",
        "password\n",
        "~~~~~~~~~~~~~~~~~~~~~",
        "# the commonest",
    ] {
        assert!(!common::contains(text), "{text:?}");
    }
}

#[test]
fn s64_the_service_and_ones_own_address_are_refused() {
    for text in [
        "daemun login",
        "DAEMUN LOGIN",
        "mallory.smith@EXAMPLE.com",
        "mallory.smith",
        "Bob@Example.com",
    ] {
        assert_eq!(parse(text, 8), Err(Weak::Common), "{text}");
    }
    // The whole password is compared, never a part of it.
    for text in ["daemun login and more", "not mallory.smith"] {
        assert_eq!(parse(text, 8), Ok(()), "{text}");
    }
    // A local part as short as that is no secret lost, and the length sees to it.
    assert_eq!(parse("bob", 3), Ok(()));
}

#[test]
fn s86_no_password_is_shown_by_debug() {
    let shown = format!("{:?} {:?}", new(PHRASE), Candidate::parse(PHRASE).unwrap());
    assert_eq!(shown, "NewPassword(…) Candidate(…)");
}

#[test]
fn reasons_are_stable() {
    let reasons = Weak::ALL.map(Weak::reason);
    assert_eq!(reasons, ["too_short", "too_long", "common"]);
}

proptest! {
    #[test]
    fn f18_any_text_is_judged_and_what_is_taken_is_within_bounds(text in "\\PC{0,300}") {
        match parse(&text, 8) {
            Ok(()) => prop_assert!(Candidate::parse(&text).is_ok()),
            Err(Weak::TooLong) => prop_assert!(Candidate::parse(&text).is_err()),
            Err(_) => prop_assert!(Candidate::parse(&text).is_ok()),
        }
    }
}
