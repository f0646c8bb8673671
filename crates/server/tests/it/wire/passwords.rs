//! Passwords on the wire: which are taken, and which open the door.

use serde_json::json;

use super::{
    call::problem,
    people::{EMAIL, PASSWORD, PHONE, account_with},
};
use crate::harness::{Answer, Daemun};

async fn native_sign_up(daemun: &Daemun, address: &str, password: &str) -> Answer {
    daemun
        .post(
            "/v1/accounts",
            json!({ "email": address, "password": password }),
        )
        .await
}

async fn native_login(daemun: &Daemun, password: &str) -> u16 {
    daemun
        .post(
            "/v1/session",
            json!({ "email": EMAIL, "password": password }),
        )
        .await
        .status
}

#[tokio::test]
async fn s58_s60_length_is_all_that_is_asked_for() {
    let daemun = Daemun::start().await;
    let rows = [
        ("fourteen chars", Err("too_short")),
        ("fifteen letters", Ok(())),
        ("붉은 소나무 대문 일곱 개는", Ok(())),
        (&*"👍".repeat(14), Err("too_short")),
        (&"👍".repeat(15), Ok(())),
        ("alllowercaseletters", Ok(())),
        ("               ", Ok(())),
        (&"é".repeat(14), Err("too_short")),
        // Decomposed, it is no longer than composed.
        (&"e\u{301}".repeat(14), Err("too_short")),
        (&"pass phrase ".repeat(10), Ok(())),
        (&"x".repeat(257), Err("too_long")),
        (&"한".repeat(20_000), Err("too_long")),
    ];
    for (nth, (password, expected)) in rows.into_iter().enumerate() {
        let answer = native_sign_up(&daemun, &format!("p{nth}@example.com"), password).await;
        match expected {
            Ok(()) => assert_eq!(answer.status, 202, "row {nth}: {answer:?}"),
            Err(reason) => {
                assert_eq!(problem(&answer.expect(400)), "weak_password");
                let again = native_sign_up(&daemun, "again@example.com", password).await;
                assert_eq!(again.json()["reason"], reason, "row {nth}");
            }
        }
    }
    for (password, status) in [("seven77", 400), ("붉은소나무대문칠", 201)] {
        let body = json!({ "phone": PHONE, "password": password });
        assert_eq!(
            daemun.post("/accounts/signup/", body).await.status,
            status,
            "{password}"
        );
        let body = json!({ "email": EMAIL, "password": password, "nickname": "n" });
        assert_eq!(
            daemun.post("/api/accounts/signup/", body).await.status,
            status,
            "{password}"
        );
    }
}

#[tokio::test]
async fn s64_what_everybody_tries_first_is_refused() {
    let daemun = Daemun::start().await;
    for password in [
        "password",
        "12345678",
        "qwertyuiop",
        "PassWord1",
        "iloveyou",
        "01012345678",
    ] {
        let body = json!({ "phone": PHONE, "password": password });
        assert_eq!(
            daemun.post("/accounts/signup/", body).await.status,
            400,
            "{password}"
        );
    }
    for password in ["password", "mina.example", "MINA.example@example.com"] {
        let body =
            json!({ "email": "mina.example@example.com", "password": password, "nickname": "n" });
        let answer = daemun.post("/api/accounts/signup/", body).await;
        assert_eq!(
            (answer.status, &*answer.text),
            (400, r#"{"error":"Password is too short or too common"}"#),
            "{password}"
        );
    }
    let own = "somebody.with.a.long.name@example.com";
    for password in [own, "Somebody.With.A.Long.Name", "1234567890QWERTY"] {
        let answer = native_sign_up(&daemun, own, password).await.expect(400);
        assert_eq!(
            (problem(&answer), answer.json()["reason"].as_str()),
            ("weak_password".into(), Some("common")),
            "{password}"
        );
    }
}

#[tokio::test]
async fn s59_s61_s62_s63_a_password_is_itself_and_nothing_near_it() {
    let daemun = Daemun::start().await;
    let long: String = ('a'..='z').cycle().take(128).collect();
    let changed = |at: usize| -> String {
        long.chars()
            .enumerate()
            .map(|(nth, c)| if nth == at { '!' } else { c })
            .collect()
    };
    type Case<'c> = (&'c str, String, Vec<String>, Vec<String>);
    let cases: [Case<'_>; 5] = [
        (
            "128 characters",
            long.clone(),
            vec![],
            vec![
                changed(72),
                changed(127),
                long[..127].into(),
                format!("{long}a"),
                long.to_uppercase(),
            ],
        ),
        (
            "64 characters",
            long[..64].into(),
            vec![],
            vec![long[..63].into(), long[..72].into(), long.clone()],
        ),
        (
            "Hangul",
            "비밀번호는 아무도 모르게 길게".into(),
            vec![
                "비밀번호는 아무도 모르게 길게"
                    .chars()
                    .flat_map(decomposed)
                    .collect(),
            ],
            vec!["비밀번호는 아무도 모르게 길게.".into()],
        ),
        (
            "spaces",
            "  two spaces, and  one at the end ".into(),
            vec![],
            vec![
                "two spaces, and  one at the end".into(),
                "  two spaces, and one at the end ".into(),
                "  two spaces, and  one at the end".into(),
            ],
        ),
        (
            "NUL",
            "before the nought\u{0}after".into(),
            vec![],
            vec![
                "before the nought\u{0}other".into(),
                "before the nought".into(),
            ],
        ),
    ];
    for (nth, (what, password, same, others)) in cases.into_iter().enumerate() {
        let address = format!("p{nth}@example.com");
        account_with(&daemun, &address, &password, &["--verified"]);
        for (attempt, expected) in [(vec![password], 200), (same, 200), (others, 401)]
            .into_iter()
            .flat_map(|(all, status)| all.into_iter().map(move |one| (one, status)))
        {
            let login = json!({ "email": address, "password": attempt });
            assert_eq!(
                daemun.post("/v1/session", login).await.status,
                expected,
                "{what}: {attempt:?}"
            );
        }
    }
    account_with(&daemun, EMAIL, PASSWORD, &["--verified"]);
    for attempt in [&*"x".repeat(257), &"한".repeat(15_000)] {
        assert_eq!(native_login(&daemun, attempt).await, 401);
    }
    assert_eq!(native_login(&daemun, PASSWORD).await, 200);
}

/// Hangul syllables in their parts, as some keyboards send them (Unicode §3.12).
fn decomposed(c: char) -> Vec<char> {
    let Some(nth) = u32::from(c).checked_sub(0xac00).filter(|nth| *nth < 11_172) else {
        return vec![c];
    };
    let part = |base: u32, nth: u32| char::from_u32(base + nth).expect("a letter");
    let mut parts = vec![part(0x1100, nth / 588), part(0x1161, nth % 588 / 28)];
    if nth % 28 > 0 {
        parts.push(part(0x11a7, nth % 28));
    }
    parts
}
