//! 79 (and 73): whether an address has an account shows neither in an answer's length nor in its
//! time. What is measured is printed; what is asserted is that nobody's answer skips the work that
//! another's costs. The shortest times are compared, since the machine has other things to do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::people::{EMAIL, PASSWORD, PHONE, account, account_with};
use crate::harness::{Answer, Daemun};

const ROUNDS: usize = 15;
/// How often at most.
const TRIES: usize = 4;

async fn timed(daemun: &Daemun, path: &str, body: Value) -> (Duration, Answer) {
    let begun = Instant::now();
    let answer = daemun.post(path, body).await;
    (begun.elapsed(), answer)
}

/// Sends what the cases make of the round's number in turn, and compares their answers and times.
/// A machine that is busy with something else is measured again: what makes a case slow by itself
/// makes it slow each time.
async fn compare(daemun: &Daemun, path: &str, cases: &[(&str, &dyn Fn(usize) -> Value)]) {
    let mut times = vec![Vec::new(); cases.len()];
    for round in 0..TRIES * ROUNDS {
        let mut lengths = Vec::new();
        for (nth, (_, body)) in cases.iter().enumerate() {
            let (time, answer) = timed(daemun, path, body(round)).await;
            times[nth].push(time);
            lengths.push((answer.status, answer.text.len(), answer.headers.len()));
        }
        assert!(
            lengths.windows(2).all(|two| two[0] == two[1]),
            "{path}: {lengths:?}"
        );
        if (round + 1).is_multiple_of(ROUNDS) && are_alike(path, cases, &mut times) {
            return;
        }
    }
    panic!("{path}: some take longer than others");
}

fn are_alike<T>(path: &str, cases: &[(&str, T)], times: &mut [Vec<Duration>]) -> bool {
    let mut shortest = Vec::new();
    for ((case, _), times) in cases.iter().zip(times) {
        times.sort_unstable();
        let (median, least) = (times[times.len() / 2], times[0]);
        println!("{path:<36} {case:<12} median {median:>12?}, least {least:>12?}");
        shortest.push(least);
    }
    let (least, most) = (
        shortest.iter().min().unwrap(),
        shortest.iter().max().unwrap(),
    );
    *most - *least < (*least / 2).max(Duration::from_millis(4))
}

#[tokio::test]
async fn s79_known_and_unknown_addresses_take_as_long() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    account_with(&daemun, "new@example.com", PASSWORD, &[]);
    for nth in 0..ROUNDS {
        // Their own failures, so that none is locked before the others.
        account_with(
            &daemun,
            &format!("known{nth}@example.com"),
            PASSWORD,
            &["--verified"],
        );
    }
    let wrong = "not that one, surely";
    let mail = |email: String, password: &str| json!({ "email": email, "password": password, "code": "x" });
    let known = |n: usize| mail(format!("known{}@example.com", n % ROUNDS), wrong);
    let unknown = |n: usize| mail(format!("nobody{}@example.com", n % ROUNDS), wrong);
    let unverified = |_: usize| mail("new@example.com".into(), wrong);
    let verified = |_: usize| mail(EMAIL.into(), wrong);
    compare(
        &daemun,
        "/v1/session",
        &[("known", &known), ("unknown", &unknown)],
    )
    .await;
    // 73: locked by the round before, the one; never tried, the other.
    for _ in 0..10 {
        daemun
            .post("/v1/session", mail("locked@example.com".into(), wrong))
            .await
            .expect(401);
    }
    let locked = |_: usize| mail("locked@example.com".into(), wrong);
    let fresh = |n: usize| mail(format!("fresh{n}@example.com"), wrong);
    compare(
        &daemun,
        "/v1/session",
        &[("locked", &locked), ("wrong", &fresh)],
    )
    .await;
    compare(
        &daemun,
        "/v1/accounts/verification/resend",
        &[
            ("verified", &verified),
            ("unverified", &unverified),
            ("unknown", &unknown),
        ],
    )
    .await;
    compare(
        &daemun,
        "/v1/accounts/verify",
        &[
            ("verified", &verified),
            ("unverified", &unverified),
            ("unknown", &unknown),
        ],
    )
    .await;
    let sign_up = |n: usize| mail(format!("signup{n}@example.com"), wrong);
    compare(
        &daemun,
        "/v1/accounts",
        &[
            ("verified", &verified),
            ("unverified", &unverified),
            ("unknown", &sign_up),
        ],
    )
    .await;
    let phone = |phone: String| json!({ "phone": phone, "password": wrong });
    let known_phone = |_: usize| phone(PHONE.into());
    let unknown_phone = |n: usize| phone(format!("010{:08}", 50_000_000 + n));
    let suspended = |_: usize| phone("01033334444".into());
    account(&daemun, "01033334444", "suspended");
    daemun.run(&["account", "suspend", "01033334444"]).expect(0);
    compare(
        &daemun,
        "/accounts/login/",
        &[
            ("known", &known_phone),
            ("suspended", &suspended),
            ("unknown", &unknown_phone),
        ],
    )
    .await;
}
