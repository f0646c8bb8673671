use super::*;

fn email_key(text: &str) -> String {
    Email::parse(text).unwrap().key()
}

#[test]
fn s94_one_plain_address_is_taken_and_nothing_else() {
    for good in [
        "a@example.com",
        "First.Last+tag@Example.CO.KR",
        "김@example.com",
        "a@예시.한국",
        "o'neil@example.com",
    ] {
        assert!(Email::parse(good).is_ok(), "{good}");
    }
    let bad = [
        "",
        "a",
        "@example.com",
        "a@",
        "a@b",
        "a@localhost",
        "a b@example.com",
        "\"a b\"@example.com",
        "\"a\"@example.com",
        "a@example.com,b@example.com",
        "a@example.com;b@example.com",
        "A <a@example.com>",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@example..com",
        "a@-example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a\u{0}@example.com",
        "a@exa mple.com",
        "[\"a@example.com\"]",
        "a@b@example.com",
    ];
    for bad in bad {
        assert!(Email::parse(bad).is_err(), "{bad:?}");
    }
    let long = format!("{}@example.com", "a".repeat(65));
    assert!(Email::parse(&long).is_err());
}

#[test]
fn s94_look_alikes_are_not_the_same() {
    assert_eq!(
        email_key("Mike@Example.com"),
        email_key("mike@example.COM ")
    );
    assert_ne!(email_key("mıke@example.com"), email_key("mike@example.com"));
    assert_ne!(email_key("á@example.com"), email_key("a@example.com"));
    assert_ne!(
        email_key("first.last@example.com"),
        email_key("firstlast@example.com")
    );
    assert_ne!(email_key("a+b@example.com"), email_key("a@example.com"));
}

#[test]
fn composed_and_decomposed_forms_are_the_same() {
    assert_eq!(
        email_key("\u{e9}@example.com"),
        email_key("e\u{301}@example.com")
    );
    assert_eq!(
        email_key("a@예시.한국"),
        email_key("a@xn--vv4b11d.xn--3e0b707e")
    );
}

#[test]
fn s71_ways_to_write_a_number_are_one_number() {
    let key = |text: &str| Phone::parse(text).unwrap().key();
    for same in [
        "01012345678",
        "010-1234-5678",
        "010 1234 5678",
        "+821012345678",
        "+82 10-1234-5678",
        "+82 010 1234 5678",
    ] {
        assert_eq!(key(same), "+821012345678", "{same}");
        assert_eq!(Phone::parse(same).unwrap().as_str(), "01012345678");
    }
    assert_eq!(key("+14155552671"), "+14155552671");
    for bad in [
        "",
        "+",
        "0",
        "12345",
        "010123456789012",
        "+0123456789",
        "010-abcd-5678",
        "0101234567８",
        "+82",
    ] {
        assert!(Phone::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn debug_shows_nobody_s_address() {
    let shown = format!(
        "{:?} {:?}",
        Email::parse("someone@example.com"),
        Phone::parse("01012345678")
    );
    assert!(
        !shown.contains("someone") && !shown.contains("1234"),
        "{shown}"
    );
}
