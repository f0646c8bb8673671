//! Guessing: how often anybody may, and that many at once are no more than one after another.
//! (What is limited per client address is pinned in `origins`, behind a proxy.)

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    call::{header, problem},
    people::{EMAIL, Guards, PASSWORD, PHONE, account, code, code_after, native},
    production::production,
    variant::with_short,
};
use crate::harness::{Answer, Daemun};

const WRONG: &str = "not that one, surely";

async fn login_by_mail(daemun: &Daemun, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    daemun.post("/api/accounts/login/", body).await
}

/// The answer without what differs from request to request.
fn shape(answer: &Answer) -> (u16, String, Vec<String>) {
    let names = answer.headers.keys().map(|name| name.to_string());
    (answer.status, answer.text.clone(), names.collect())
}

#[tokio::test]
async fn s70_s73_a_locked_account_looks_like_a_wrong_password_and_lives_on() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let live = native(&daemun, EMAIL).await;
    let login = |email: &'static str, password: &'static str| {
        daemun.post(
            "/v1/session",
            json!({ "email": email, "password": password }),
        )
    };
    let mut wrong = Vec::new();
    for _ in 0..10 {
        wrong.push(shape(&login(EMAIL, WRONG).await));
    }
    let mut unknown = Vec::new();
    for _ in 0..12 {
        unknown.push(shape(&login("nobody@example.com", WRONG).await));
    }
    let locked = [
        shape(&login(EMAIL, PASSWORD).await),
        shape(&login(EMAIL, WRONG).await),
    ];
    let one = &wrong[0];
    assert_eq!(one.0, 401);
    assert!(
        [&wrong[..], &unknown, &locked]
            .concat()
            .iter()
            .all(|answer| answer == one),
        "{locked:?}"
    );
    assert_eq!(Guards::native(&daemun, &live.access).await, 200);
    super::people::refresh_native(&daemun, &live.refresh)
        .await
        .expect(200);
}

#[tokio::test]
async fn s71_however_an_address_is_written_its_failures_are_counted_together() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    for email in [
        "mina@example.com",
        "MINA@example.com",
        "Mina@EXAMPLE.COM",
        " mina@example.com ",
        "mina@Example.com",
    ] {
        for _ in 0..2 {
            login_by_mail(&daemun, email, WRONG).await.expect(403);
        }
    }
    for email in [EMAIL, "MINA@EXAMPLE.COM"] {
        let answer = login_by_mail(&daemun, email, PASSWORD).await.expect(429);
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((25..=30).contains(&wait), "{wait}");
    }
    // Counted in the same way through every contract.
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    daemun.post("/v1/session", body.clone()).await.expect(401);
    daemun
        .post("/api/accounts/resend/code/", body)
        .await
        .expect(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn s70_two_hundred_guesses_at_once_are_no_more_than_ten() {
    let daemun = Arc::new(Daemun::start().await);
    account(&daemun, EMAIL, "mail");
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..200 {
        let daemun = Arc::clone(&daemun);
        tasks.spawn(async move {
            login_by_mail(&daemun, EMAIL, &format!("guess number {nth:03}"))
                .await
                .status
        });
    }
    let statuses = tasks.join_all().await;
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!(count(403), 10, "{statuses:?}");
    assert_eq!(count(429), 190, "{statuses:?}");
    login_by_mail(&daemun, EMAIL, PASSWORD).await.expect(429);
}

#[tokio::test]
async fn s74_a_code_is_used_once_and_tried_five_times() {
    let daemun = Daemun::start().await;
    let verify = |phone: &'static str, code: String| {
        daemun.post(
            "/accounts/signup/verify/",
            json!({ "phone": phone, "code": code }),
        )
    };
    for phone in [PHONE, "01099998888"] {
        let signup = json!({ "phone": phone, "password": PASSWORD });
        daemun.post("/accounts/signup/", signup).await.expect(201);
    }
    let right = code(&daemun, PHONE).await;
    let wrong = if right == "000000" {
        "000001"
    } else {
        "000000"
    };
    for _ in 0..4 {
        verify(PHONE, wrong.into()).await.expect(400);
    }
    // 76: another's code is a wrong one.
    let others = code(&daemun, "01099998888").await;
    if others != right {
        verify(PHONE, others.clone()).await.expect(400);
        verify(PHONE, right.clone()).await.expect(400);
    }
    let login = |phone: &str| {
        daemun.post(
            "/accounts/login/",
            json!({ "phone": phone, "password": PASSWORD }),
        )
    };
    assert_eq!(
        login(PHONE).await.status,
        400,
        "85: a code that was not proved proves nothing"
    );

    verify("01099998888", format!(" {others} "))
        .await
        .expect(200);
    verify("01099998888", others).await.expect(400);
    login("01099998888").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn s77_of_fifty_at_once_one_proves_and_no_more_than_five_guess() {
    let daemun = Arc::new(Daemun::start().await);
    let at_once = |address: &'static str, codes: Vec<String>| {
        let daemun = Arc::clone(&daemun);
        async move {
            let mut tasks = tokio::task::JoinSet::new();
            for code in codes {
                let daemun = Arc::clone(&daemun);
                tasks.spawn(async move {
                    let body = json!({ "email": address, "code": code });
                    daemun.post("/v1/accounts/verify", body).await.status
                });
            }
            tasks
                .join_all()
                .await
                .iter()
                .filter(|status| **status == 200)
                .count()
        }
    };
    let sign_up = |address: &'static str| {
        let daemun = Arc::clone(&daemun);
        async move {
            let body = json!({ "email": address, "password": PASSWORD });
            daemun.post("/v1/accounts", body).await.expect(202);
            code(&daemun, address).await
        }
    };
    let right = sign_up("a@example.com").await;
    assert_eq!(at_once("a@example.com", vec![right.clone(); 50]).await, 1);

    let right = sign_up("b@example.com").await;
    let wrong = (0..50).map(|nth| format!("{nth:05}x")).collect();
    assert_eq!(at_once("b@example.com", wrong).await, 0);
    let late = json!({ "email": "b@example.com", "code": right });
    assert_eq!(
        problem(&daemun.post("/v1/accounts/verify", late).await.expect(400)),
        "invalid_code"
    );
}

#[tokio::test]
async fn s75_codes_are_sent_so_often_a_day_and_no_more() {
    let lines = [(
        "length = 6",
        "length = 6\nresend_gap = \"1s\"\ndaily_cap = 2",
    )];
    let daemun = with_short("email-cookie", &lines).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD, "nickname": "n" });
    daemun
        .post("/short/api/accounts/signup/", body.clone())
        .await
        .expect(201);
    let (_, first) = code_after(&daemun, EMAIL, &Value::Null).await;
    let resend = || daemun.post("/short/api/accounts/resend/code/", body.clone());
    let wait = |answer: &Answer| -> u64 { header(answer, "retry-after").unwrap().parse().unwrap() };
    let mut answer = resend().await;
    while answer.status == 429 {
        assert_eq!(wait(&answer), 1);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = resend().await;
    }
    answer.expect(200);
    let (second, letter) = code_after(&daemun, EMAIL, &first).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    let answer = resend().await.expect(429);
    assert!((86_000..=86_400).contains(&wait(&answer)), "{answer:?}");
    assert_eq!(daemun.letter_to(EMAIL).await, letter);
    let proof = json!({ "email": EMAIL, "code": second });
    daemun
        .post("/short/api/accounts/verify/email/", proof)
        .await
        .expect(200);
}

/// Fault S10 in small: what cannot be hashed now is told so, counts against nobody, and keeps nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn f10_more_logins_than_can_be_hashed_are_told_to_come_again() {
    let settings = [
        ("DAEMUN_HASHING_THREADS", "1"),
        ("DAEMUN_HASHING_QUEUE", "4"),
        ("DAEMUN_LIMITS_PER_ADDRESS", "false"),
    ];
    let daemun = Arc::new(production(&settings).await);
    let live = native(&daemun, EMAIL).await;
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..120 {
        let daemun = Arc::clone(&daemun);
        tasks.spawn(async move {
            let mail = json!({ "email": format!("p{nth}@example.com"), "password": WRONG });
            let phone = json!({ "phone": format!("010{nth:08}"), "password": WRONG });
            match nth % 3 {
                0 => (nth, daemun.post("/v1/session", mail).await),
                1 => (nth, daemun.post("/accounts/login/", phone).await),
                _ => (nth, daemun.post("/api/accounts/login/", mail).await),
            }
        });
    }
    let beside = async {
        let refreshed = super::people::refresh_native(&daemun, &live.refresh).await;
        (
            refreshed.status,
            Guards::native(&daemun, &live.access).await,
        )
    };
    assert_eq!(beside.await, (200, 200));
    let mut busy = [0; 3];
    for (nth, answer) in tasks.join_all().await {
        if answer.status != 503 {
            assert_eq!(answer.status, [401, 400, 404][nth % 3], "{answer:?}");
            continue;
        }
        busy[nth % 3] += 1;
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        match nth % 3 {
            0 => assert_eq!(problem(&answer), "busy"),
            1 => assert_eq!(
                answer.text,
                r#"{"detail":"서버가 혼잡합니다. 잠시 후 다시 시도하세요."}"#
            ),
            _ => assert_eq!(answer.text, r#"{"error":"잠시 후 다시 시도해 주세요."}"#),
        }
    }
    assert!(busy.iter().all(|count| *count > 0), "{busy:?}");
    native(&daemun, EMAIL).await;
}
