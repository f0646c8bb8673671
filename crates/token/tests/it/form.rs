//! Attacks on tokens that go for the reader: s09 to s11, s22.

use std::time::{Duration, Instant};

use daemun_token::{Malformed, Unverified};
use serde_json::json;

use crate::forge::{CLAIMS, HS256, NOW, SECRET, forge, hs256, lenient, sealed, verdict};

#[test]
fn s09_only_the_one_spelling_of_a_token_is_read() {
    let good = forge(HS256, CLAIMS);
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    let mut bad = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.into(),
        format!("{header}.{claims}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{claims}"),
        format!("{good}.{claims}.{claims}.{claims}"),
        format!("{header}..{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}..{signature}"),
        json!({ "protected": header, "payload": claims, "signature": signature }).to_string(),
    ];
    for space in [
        " ", "\n", "\t", "\r\n", "=", "==", "\0", "\u{feff}", "\u{a0}", "+", "/", "é",
    ] {
        bad.push(format!("{space}{good}"));
        bad.push(format!("{good}{space}"));
        bad.push(format!("{header}{space}.{claims}.{signature}"));
        bad.push(format!("{header}.{claims}{space}.{signature}"));
        bad.push(format!("{header}.{space}{claims}.{signature}"));
        // The same with a signature over what is sent.
        bad.push(sealed(&format!("{header}{space}.{claims}"), SECRET));
        bad.push(sealed(&format!("{header}.{claims}{space}"), SECRET));
    }
    for token in bad {
        assert!(
            ["Malformed", "BadSignature", "UnknownKey"].contains(&&*verdict(&token)),
            "{token:?}"
        );
    }
}

#[test]
fn s09_a_signature_with_spare_bits_set_is_refused() {
    let good = forge(HS256, CLAIMS);
    let (rest, last) = good.split_at(good.len() - 1);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let accepted: Vec<_> = alphabet
        .iter()
        .filter(|&&c| verdict(&format!("{rest}{}", c as char)) == "accepted")
        .collect();
    assert_eq!(accepted, [&last.as_bytes()[0]]);
}

#[test]
fn s10_only_utf8_without_a_byte_order_mark_is_read() {
    let utf16: Vec<u8> = CLAIMS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_marked = [&[0xff, 0xfe][..], &utf16].concat();
    let marked = [&[0xef, 0xbb, 0xbf][..], CLAIMS.as_bytes()].concat();
    let mut broken = CLAIMS.as_bytes().to_vec();
    broken[2] = 0xff;
    let overlong = [br#"{"exp":1700000300,"a":""#, &[0xc0, 0xaf][..], br#""}"#].concat();
    let surrogate = [
        br#"{"exp":1700000300,"a":""#,
        &[0xed, 0xa0, 0x80][..],
        br#""}"#,
    ]
    .concat();
    for bytes in [utf16, utf16_marked, marked, broken, overlong, surrogate] {
        assert_eq!(verdict(&forge(HS256, &bytes)), "Malformed");
    }
    let header = [&[0xef, 0xbb, 0xbf][..], HS256.as_bytes()].concat();
    assert_eq!(verdict(&forge(header, CLAIMS)), "Malformed");
    assert_eq!(
        verdict(&forge(HS256, r#"{"exp":1700000300,"name":"대문"}"#)),
        "accepted"
    );
}

#[test]
fn s11_duplicate_members_are_refused() {
    for claims in [
        r#"{"exp":1700000300,"exp":1700000300}"#,
        r#"{"exp":1700000300,"sub":"1","sub":"2"}"#,
        r#"{"exp":1700000300,"sub":"1","\u0073ub":"2"}"#,
        r#"{"exp":1700000300,"":1,"":2}"#,
        r#"{"exp":1700000300,"a":{"b":1,"b":2}}"#,
        r#"{"exp":1700000300,"a":[{"c":{},"c":[]}]}"#,
    ] {
        assert_eq!(verdict(&forge(HS256, claims)), "Malformed", "{claims}");
        let token = forge(HS256, claims);
        assert_eq!(
            Unverified::parse(&token).unwrap().claims().unwrap_err(),
            Malformed::Duplicate
        );
    }
    assert_eq!(
        verdict(&forge(r#"{"alg":"none","alg":"HS256"}"#, CLAIMS)),
        "Malformed"
    );
    // Among very many members, too.
    let many: String = (0..500).map(|n| format!(r#""m{n}":0,"#)).collect();
    assert_eq!(
        verdict(&forge(HS256, format!(r#"{{{many}"exp":1700000300}}"#))),
        "accepted"
    );
    assert_eq!(
        verdict(&forge(
            HS256,
            format!(r#"{{{many}"exp":1700000300,"m7":0}}"#)
        )),
        "Malformed"
    );
}

/// A debug build on a busy machine is slow and noisy: the best of several tries counts.
#[test]
fn s22_large_and_costly_input_is_answered_at_once() {
    let deep = format!(
        r#"{{"alg":"HS256","x":{}1{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let many: String = (0..1_500).map(|n| format!(r#""{n}":0,"#)).collect();
    let escapes = format!(r#"{{"alg":"HS256","x":"{}"}}"#, r"\n".repeat(5_000));
    for token in [
        forge(
            format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(1 << 20)),
            CLAIMS,
        ),
        ".".repeat(8 << 10),
        forge(
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1200000,"p2s":"AAAA"}"#,
            CLAIMS,
        ),
        forge(deep, CLAIMS),
        forge(format!(r#"{{{many}"alg":"none"}}"#), CLAIMS),
        forge(escapes, CLAIMS),
        forge(HS256, "[".repeat(12_000)),
    ] {
        let verifier = lenient([hs256(None).verifying_key()]);
        let once = || {
            let start = Instant::now();
            let _ = verifier.verify(&token, NOW);
            let _ = Unverified::parse(&token).map(|token| token.claims());
            start.elapsed()
        };
        let best = (0..20).map(|_| once()).min().unwrap();
        let allowed = Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 1 });
        assert!(best < allowed, "{best:?} for {}…", &token[..20]);
    }
}

#[test]
fn s22_nesting_is_bounded() {
    let nested = |depth: usize| {
        format!(
            r#"{{"exp":1700000300,"x":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(verdict(&forge(HS256, nested(31))), "accepted");
    assert_eq!(verdict(&forge(HS256, nested(32))), "Malformed");
}
