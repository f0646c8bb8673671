//! 87 and 88: what is too large, what is broken, and a store that does not answer. Whatever happens,
//! the contract's own words and no token.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use super::{
    call::{assert_sound, cookies, header, post_as, problem, raw},
    people::{
        EMAIL, Guards, PASSWORD, PHONE, account, email_cookie, native, phone_pair, refresh,
        refresh_cookie, refresh_native,
    },
};
use crate::harness::{Answer, Daemun, send};

#[tokio::test]
async fn s87_what_is_too_large_is_refused_in_the_contracts_words() {
    let daemun = Daemun::start().await;
    for (path, expected) in [
        ("/v1/session", r#""code":"too_large"}"#),
        ("/accounts/login/", r#"{"detail":"요청이 너무 큽니다."}"#),
        ("/api/accounts/login/", r#"{"error":"요청이 너무 큽니다."}"#),
    ] {
        for size in [64 * 1024 + 1, 1024 * 1024] {
            let answer = send(post_as(&daemun, path, "application/json", vec![b' '; size]))
                .await
                .expect(413);
            assert!(answer.text.ends_with(expected), "{answer:?}");
        }
        let largest = send(post_as(
            &daemun,
            path,
            "application/json",
            vec![b' '; 64 * 1024],
        ))
        .await;
        assert_eq!(largest.status, 400, "{largest:?}");
        // Where the size is not said beforehand it is counted, and the answer comes before the end.
        let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let answer = raw(&daemun, head + &chunk.repeat(3)).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        assert!(answer.body.contains(expected), "{answer:?}");
        // Half a body is a bad request.
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        );
        assert_eq!(raw(&daemun, head).await.status, 400);
    }
    for long in [
        format!("X-Long: {}", "a".repeat(40_000)),
        "X-Many: a\r\n".repeat(3_000),
    ] {
        let request = format!(
            "GET /v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n\r\n",
            long.trim_end()
        );
        assert_eq!(raw(&daemun, request).await.status, 431);
    }
    let long_path = format!(
        "GET /v1/sessions/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "a".repeat(70_000)
    );
    let answer = raw(&daemun, long_path).await;
    assert!([414, 431].contains(&answer.status), "{answer:?}");
}

#[tokio::test]
async fn s87_a_fault_of_ours_says_nothing_about_itself() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let (mail, cookie, phone) = (
        native(&daemun, EMAIL).await,
        email_cookie(&daemun, EMAIL).await,
        phone_pair(&daemun, PHONE).await,
    );
    let database = Connection::open(daemun.data().join("daemun.db")).unwrap();
    database
        .execute("UPDATE accounts SET linked = 'no JSON'", [])
        .unwrap();
    // Has the server take in what was changed behind its back.
    daemun.run(&["key", "rotate"]).expect(0);

    let login = |path: &'static str, key: &str, address: &str| {
        daemun.post(path, json!({ key: address, "password": PASSWORD }))
    };
    let me = super::call::with_cookies(
        super::call::get(&daemun, "/api/accounts/me"),
        &[("access_token", &cookie.access)],
    );
    let answers = [
        (
            daemun.get_as(&mail.access, "/v1/accounts/me").await,
            "internal",
        ),
        (login("/v1/session", "email", EMAIL).await, "internal"),
        (
            daemun.get_as(&phone.access, "/accounts/me/").await,
            r#"{"detail":"서버 장애가 발생했습니다."}"#,
        ),
        (
            login("/accounts/login/", "phone", PHONE).await,
            r#"{"detail":"서버 장애가 발생했습니다."}"#,
        ),
        (send(me).await, r#"{"error":"서버 오류가 발생했습니다."}"#),
        (
            login("/api/accounts/login/", "email", EMAIL).await,
            r#"{"error":"서버 오류가 발생했습니다."}"#,
        ),
    ];
    for (answer, expected) in &answers {
        assert_eq!(answer.status, 500, "{answer:?}");
        match *expected {
            "internal" => assert_eq!(problem(answer), "internal"),
            words => {
                assert_eq!(answer.text, words);
                assert_sound(answer, "application/json", words);
            }
        }
        for inner in ["linked", "JSON", "sql", "accounts", "column"] {
            assert!(!answer.text.contains(inner), "{answer:?}");
        }
        assert_eq!(cookies(answer), []);
        // What happened stands in the log, under the number that the client can name.
        let id = header(answer, "x-request-id").unwrap();
        let log = daemun.log();
        let line = log
            .lines()
            .find(|line| line.contains(id))
            .unwrap_or_else(|| panic!("no {id} in {log}"));
        assert!(line.contains("ERROR"), "{line}");
    }
}

/// 88: what cannot be written down is not done, and the token that was shown is good afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn s88_a_store_that_does_not_answer_gives_nothing_and_breaks_nothing() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let (mail, cookie, phone) = (
        native(&daemun, EMAIL).await,
        email_cookie(&daemun, EMAIL).await,
        phone_pair(&daemun, PHONE).await,
    );

    let database = Connection::open(daemun.data().join("daemun.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let login = |path: &'static str, key: &str, address: &str| {
        daemun.post(path, json!({ key: address, "password": PASSWORD }))
    };
    let signup = daemun.post(
        "/v1/accounts",
        json!({ "email": "new@example.com", "password": PASSWORD }),
    );
    let out = daemun
        .request(reqwest::Method::DELETE, "/v1/session")
        .bearer_auth(&mail.access);
    let (guards, refreshes, logins, others) = tokio::join!(
        async {
            [
                Guards::native(&daemun, &mail.access).await,
                Guards::phone_pair(&daemun, &phone.access).await,
                Guards::email_cookie(&daemun, &cookie.access).await,
            ]
        },
        async {
            tokio::join!(
                refresh_native(&daemun, &mail.refresh),
                refresh(&daemun, &phone.refresh),
                refresh_cookie(&daemun, &cookie.refresh)
            )
        },
        async {
            tokio::join!(
                login("/v1/session", "email", EMAIL),
                login("/accounts/login/", "phone", PHONE),
                login("/api/accounts/login/", "email", EMAIL)
            )
        },
        async { tokio::join!(signup, send(out)) },
    );
    assert_eq!(guards, [200; 3], "verification asks no store");
    let answers: [Answer; 8] = [
        refreshes.0,
        refreshes.1,
        refreshes.2,
        logins.0,
        logins.1,
        logins.2,
        others.0,
        others.1,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        let wait: u64 = header(answer, "retry-after")
            .expect("when to come again")
            .parse()
            .unwrap();
        assert!((1..=5).contains(&wait));
        assert!(
            cookies(answer).is_empty() && !answer.text.contains("eyJ"),
            "{answer:?}"
        );
    }
    assert_eq!(problem(&answers[0]), "unavailable");
    assert_eq!(
        answers[2].text,
        r#"{"error":"잠시 후 다시 시도해 주세요."}"#
    );

    database.execute_batch("ROLLBACK").unwrap();
    let again = [
        refresh_native(&daemun, &mail.refresh).await,
        refresh(&daemun, &phone.refresh).await,
        refresh_cookie(&daemun, &cookie.refresh).await,
        login("/v1/session", "email", EMAIL).await,
    ];
    assert!(again.iter().all(|answer| answer.status == 200), "{again:?}");
    assert_eq!(Guards::native(&daemun, &mail.access).await, 200);
}
