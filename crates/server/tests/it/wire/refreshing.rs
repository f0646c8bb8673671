//! Refreshing: one successor however many ask, and a thief who is caught.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{Cookie, cookies, header, post, problem, with_cookies},
    forge::{HS256, altered, claims, django, forge, now, unsigned, with_claim},
    people::{
        EMAIL, Guards, PASSWORD, PHONE, Pair, account, cookie_pair, email_cookie, native,
        native_pair, pair, phone_pair, refresh, refresh_cookie, refresh_native,
    },
    variant::with_short,
};
use crate::harness::{Answer, Daemun, send};

const BLACKLISTED: &str = "블랙리스트에 추가된 토큰";

fn from(agent: &str, daemun: &Daemun, token: &str) -> RequestBuilder {
    let request = post(
        daemun,
        "/accounts/token_refresh/",
        &json!({ "refresh": token }),
    );
    request.header("user-agent", agent)
}

async fn sid_state(daemun: &Daemun, token: &str) -> Value {
    let sid = claims(token)["sid"].as_str().unwrap().to_owned();
    daemun
        .run(&["session", "why", &sid, "--json"])
        .expect(0)
        .json()
}

#[tokio::test]
async fn s25_s26_a_token_used_again_from_elsewhere_ends_the_session_and_no_other() {
    let daemun = Daemun::start().await;
    account(&daemun, PHONE, "phone");
    let login = post(
        &daemun,
        "/accounts/login/",
        &json!({ "phone": PHONE, "password": PASSWORD }),
    );
    let stolen = pair(
        &send(login.header("user-agent", "honest"))
            .await
            .expect(201)
            .json()["token"],
    );
    let other = phone_pair(&daemun, PHONE).await;

    let honest = pair(
        &send(from("honest", &daemun, &stolen.refresh))
            .await
            .expect(200)
            .json(),
    );
    // Once it might be a lost reply and another network; it is forgiven, and written down.
    let recovered = pair(
        &send(from("thief", &daemun, &stolen.refresh))
            .await
            .expect(200)
            .json(),
    );
    assert!(
        recovered.refresh == honest.refresh,
        "nobody gets a branch of their own"
    );
    let honest = pair(
        &send(from("honest", &daemun, &honest.refresh))
            .await
            .expect(200)
            .json(),
    );
    // Twice it is not.
    let caught = send(from("another thief", &daemun, &stolen.refresh))
        .await
        .expect(401);
    assert!(caught.text.contains(BLACKLISTED), "{caught:?}");

    for token in [&stolen.refresh, &honest.refresh, &recovered.refresh] {
        let refused = send(from("honest", &daemun, token)).await.expect(401);
        assert!(refused.text.contains(BLACKLISTED), "{refused:?}");
    }
    for token in [&stolen.access, &honest.access, &recovered.access] {
        assert_eq!(Guards::phone_pair(&daemun, token).await, 401);
    }
    assert_eq!(Guards::phone_pair(&daemun, &other.access).await, 200);
    refresh(&daemun, &other.refresh).await.expect(200);

    let why = sid_state(&daemun, &stolen.refresh).await;
    assert_eq!(why["session"]["reason"], "reused");
    assert!(
        why["why"].as_str().unwrap().contains("somebody has a copy"),
        "{why}"
    );
    let kinds: Vec<&str> = why["trail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    for kind in ["logged_in", "token_recovered", "token_reused"] {
        assert!(kinds.contains(&kind), "92: {kind} is not in {kinds:?}");
    }
}

#[tokio::test]
async fn s25_beyond_grace_and_budget_an_old_token_is_dead() {
    let lines = [("[codes]", "[sessions]\ngrace = \"0s\"\n\n[codes]")];
    let daemun = with_short("phone-pair", &lines).await;
    account(&daemun, PHONE, "phone");
    let login = json!({ "phone": PHONE, "password": PASSWORD });
    let refresh = |token: String| {
        let daemun = &daemun;
        async move {
            daemun
                .post(
                    "/short/accounts/token_refresh/",
                    json!({ "refresh": token }),
                )
                .await
        }
    };
    let first = pair(
        &daemun
            .post("/short/accounts/login/", login)
            .await
            .expect(201)
            .json()["token"],
    );
    let second = pair(&refresh(first.refresh.clone()).await.expect(200).json());
    let again = pair(&refresh(first.refresh.clone()).await.expect(200).json());
    assert!(
        again.refresh == second.refresh,
        "recovered: the one before, once"
    );
    let third = pair(&refresh(second.refresh.clone()).await.expect(200).json());
    let reused = refresh(first.refresh).await.expect(401);
    assert!(reused.text.contains(BLACKLISTED));
    assert_eq!(refresh(third.refresh.clone()).await.status, 401);
    assert_eq!(
        sid_state(&daemun, &third.refresh).await["session"]["reason"],
        "reused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s28_s29_a_hundred_at_once_with_one_token_get_one_successor() {
    let daemun = std::sync::Arc::new(Daemun::start().await);
    account(&daemun, PHONE, "phone");
    account(&daemun, EMAIL, "mail");
    let mut phone = phone_pair(&daemun, PHONE).await;
    let mut by_mail = native(&daemun, EMAIL).await;
    let mut by_cookie = email_cookie(&daemun, EMAIL).await;
    for _ in 0..3 {
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..100 {
            let daemun = std::sync::Arc::clone(&daemun);
            let (phone, by_mail, by_cookie) = (
                phone.refresh.clone(),
                by_mail.refresh.clone(),
                by_cookie.refresh.clone(),
            );
            tasks.spawn(async move {
                match nth % 4 {
                    0 => (
                        "native",
                        native_pair(&refresh_native(&daemun, &by_mail).await.expect(200).json()),
                    ),
                    1 => (
                        "cookie",
                        cookie_pair(&refresh_cookie(&daemun, &by_cookie).await.expect(200)),
                    ),
                    _ => (
                        "phone",
                        pair(&refresh(&daemun, &phone).await.expect(200).json()),
                    ),
                }
            });
        }
        let answers = tasks.join_all().await;
        let successor = |contract: &str, bare: fn(&str) -> &str| {
            let mut all: Vec<Pair> = answers
                .iter()
                .filter(|(of, _)| *of == contract)
                .map(|(_, pair)| pair.clone())
                .collect();
            all.sort_by_key(|pair| bare(&pair.refresh).to_owned());
            assert!(all.len() >= 25);
            assert_eq!(
                bare(&all[0].refresh),
                bare(&all[all.len() - 1].refresh),
                "{contract}"
            );
            all.swap_remove(0)
        };
        let next = (
            successor("phone", |t| t),
            successor("native", |t| t),
            successor("cookie", unsigned),
        );
        assert!(next.0.refresh != phone.refresh && next.1.refresh != by_mail.refresh);
        assert_ne!(unsigned(&next.2.refresh), unsigned(&by_cookie.refresh));
        (phone, by_mail, by_cookie) = next;
    }
    // 29: a retry within the grace, too.
    let next = pair(&refresh(&daemun, &phone.refresh).await.expect(200).json());
    for _ in 0..3 {
        let retried = pair(&refresh(&daemun, &phone.refresh).await.expect(200).json());
        assert!(retried.refresh == next.refresh && retried.access != phone.access);
    }
    assert_eq!(
        sid_state(&daemun, &next.refresh).await["session"]["generation"],
        5
    );
}

#[tokio::test]
async fn s30_s36_a_forged_token_that_names_anothers_session_harms_nobody() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, PHONE, "phone");
    account(&daemun, "01099998888", "other");
    account(&daemun, EMAIL, "mail");
    let victim = phone_pair(&daemun, PHONE).await;
    let by_cookie = email_cookie(&daemun, EMAIL).await;
    let by_mail = native(&daemun, EMAIL).await;
    let attacker = phone_pair(&daemun, "01099998888").await;
    let next = pair(&refresh(&daemun, &victim.refresh).await.expect(200).json());

    let sid = claims(&victim.refresh)["sid"].clone();
    let mail_sid = claims(&by_mail.refresh)["sid"].clone();
    let cookie_sid = claims(unsigned(&by_cookie.refresh))["sid"].clone();
    let attempts = [
        // The attacker's own claims on another's session; the signature is good.
        with_claim(&secret, &attacker.refresh, "sid", sid.clone()),
        altered(&secret, &attacker.refresh, |claims| {
            claims.insert("sid".into(), sid.clone());
            claims.insert("gen".into(), 0.into());
        }),
        // The right contract or the right person, in another's session.
        with_claim(&secret, &victim.refresh, "sid", cookie_sid),
        with_claim(&secret, unsigned(&by_cookie.refresh), "sid", sid.clone()),
        with_claim(&secret, unsigned(&by_cookie.refresh), "sid", mail_sid),
        // An old generation, under a secret that is not the team's.
        with_claim(
            "not the secret at all, but long enough",
            &victim.refresh,
            "gen",
            0,
        ),
        // No session of that id at all.
        with_claim(&secret, &victim.refresh, "sid", "0".repeat(32)),
        // Generations that are no numbers.
        with_claim(&secret, &victim.refresh, "gen", json!(-1)),
        with_claim(&secret, &victim.refresh, "gen", json!("1")),
        with_claim(&secret, &victim.refresh, "gen", json!(0.5)),
    ];
    for (nth, token) in attempts.iter().enumerate() {
        for path in ["/accounts/token_refresh/", "/accounts/logout/"] {
            let answer = daemun.post(path, json!({ "refresh": token })).await;
            assert_eq!(answer.status, 401, "{nth} at {path}: {answer:?}");
        }
        refresh_cookie(&daemun, &django(&secret, "refresh_token", token, now()))
            .await
            .expect(401);
        refresh_native(&daemun, token).await.expect(401);
    }
    let reasons = daemun.run(&["session", "list", "--json"]).expect(0).json();
    for session in reasons.as_array().unwrap() {
        assert_eq!(session["state"], "live", "{session}");
    }
    for token in [&victim.access, &next.access, &attacker.access] {
        assert_eq!(Guards::phone_pair(&daemun, token).await, 200);
    }
    refresh(&daemun, &next.refresh).await.expect(200);
    refresh_cookie(&daemun, &by_cookie.refresh)
        .await
        .expect(200);
    refresh_native(&daemun, &by_mail.refresh).await.expect(200);
    let made = forge(&secret, HS256, json!({ "token_type": "refresh", "exp": now() + 60, "iat": now(), "jti": "0".repeat(32), "user_id": 1 }).to_string());
    refresh(&daemun, &made).await.expect(401);
}

/// Fault S5 in small: a store that lost writes meets tokens that are ahead of it. They were signed by us.
#[tokio::test]
async fn f05_a_generation_ahead_of_the_store_is_honoured_however_far() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, PHONE, "phone");
    let first = phone_pair(&daemun, PHONE).await;
    let mut last = 1;
    for generation in [2, 1_000, 1 << 62, 1 << 63, u64::MAX - 1, u64::MAX] {
        let ahead = with_claim(&secret, &first.refresh, "gen", generation);
        let verify = json!({ "token": ahead });
        daemun
            .post("/accounts/token_verify/", verify)
            .await
            .expect(200);
        let next = pair(&refresh(&daemun, &ahead).await.expect(200).json());
        last = claims(&next.refresh)["gen"].as_u64().unwrap();
        assert_eq!(last, generation.saturating_add(1));
        refresh(&daemun, &next.refresh).await.expect(200);
    }
    let why = sid_state(&daemun, &first.refresh).await;
    assert_eq!(why["session"]["generation"], last);
    let trail = why["trail"].as_array().unwrap();
    assert!(
        trail
            .iter()
            .any(|event| event["kind"] == "token_rolled_forward"),
        "{why}"
    );
}

#[tokio::test]
async fn s32_no_refreshing_outlives_the_end_of_the_login() {
    let lines = [
        ("lifetime = \"14d\"", "lifetime = \"2s\""),
        ("keep = \"60d\"", "keep = \"2s\"\nabsolute = \"3s\""),
    ];
    let daemun = with_short("native", &lines).await;
    account(&daemun, EMAIL, "mail");
    let begun = Instant::now();
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let mut answer = daemun.post("/short/v1/session", login).await.expect(200);
    let opened = Instant::now();
    let ends = claims(&native_pair(&answer.json()).refresh)["iat"]
        .as_u64()
        .unwrap()
        + 3;
    while answer.status == 200 {
        let token = native_pair(&answer.json()).refresh;
        assert!(
            claims(&token)["exp"].as_u64().unwrap() <= ends,
            "{}",
            super::forge::payload(&token)
        );
        assert!(begun.elapsed() < Duration::from_secs(20), "it never ends");
        tokio::time::sleep(Duration::from_millis(150)).await;
        answer = daemun
            .post(
                "/short/v1/session/refresh",
                json!({ "refresh_token": token }),
            )
            .await;
    }
    assert_eq!(problem(&answer), "token_expired");
    assert!(
        opened.elapsed() >= Duration::from_millis(1_900),
        "{:?}",
        opened.elapsed()
    );
    assert!(
        opened.elapsed() < Duration::from_secs(8),
        "{:?}",
        opened.elapsed()
    );
}

#[tokio::test]
async fn s33_logging_out_everywhere_ends_every_session_in_every_contract_at_once() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let others = (
        native(&daemun, PHONE).await,
        phone_pair(&daemun, PHONE).await,
    );
    let natives = [native(&daemun, EMAIL).await, native(&daemun, EMAIL).await];
    let by_cookie = [
        email_cookie(&daemun, EMAIL).await,
        email_cookie(&daemun, EMAIL).await,
    ];
    let everywhere = daemun
        .request(Method::DELETE, "/v1/sessions")
        .bearer_auth(&natives[0].access);
    send(everywhere).await.expect(204);
    for pair in &natives {
        assert_eq!(Guards::native(&daemun, &pair.access).await, 401);
        assert_eq!(
            problem(&refresh_native(&daemun, &pair.refresh).await.expect(401)),
            "session_ended"
        );
    }
    for pair in &by_cookie {
        assert_eq!(Guards::email_cookie(&daemun, &pair.access).await, 401);
        refresh_cookie(&daemun, &pair.refresh).await.expect(401);
    }
    assert_eq!(Guards::native(&daemun, &others.0.access).await, 200);
    refresh(&daemun, &others.1.refresh).await.expect(200);
    // At once: also for tokens of the former back end, and never for what came after.
    let again = (
        native(&daemun, EMAIL).await,
        email_cookie(&daemun, EMAIL).await,
    );
    assert_eq!(Guards::native(&daemun, &again.0.access).await, 200);
    assert_eq!(Guards::email_cookie(&daemun, &again.1.access).await, 200);
    let secret = daemun.legacy_secret();
    let foreign = |iat: u64| {
        let claims = json!({ "token_type": "access", "exp": now() + 60, "iat": iat, "jti": "0".repeat(32), "user_id": 1 });
        django(
            &secret,
            "access_token",
            &forge(&secret, HS256, claims.to_string()),
            now(),
        )
    };
    assert_eq!(
        Guards::email_cookie(&daemun, &foreign(now() - 60)).await,
        401
    );
    // A restart forgets none of it.
    let daemun = daemun.killed().go().await;
    for pair in &by_cookie {
        assert_eq!(Guards::email_cookie(&daemun, &pair.access).await, 401);
        refresh_cookie(&daemun, &pair.refresh).await.expect(401);
    }
    assert_eq!(Guards::email_cookie(&daemun, &again.1.access).await, 200);
}

/// 37, and 49: what is cleared is cleared with the attributes it was set with.
#[tokio::test]
async fn s37_a_refused_refresh_is_not_stored_and_clears_the_cookies() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let set = [
        daemun
            .post("/v1/session/cookie", login.clone())
            .await
            .expect(200),
        daemun.post("/api/accounts/login/", login).await.expect(200),
    ];
    let bad =
        |path: &str, name: &str| with_cookies(daemun.request(Method::POST, path), &[(name, "x")]);
    let refused = [
        send(bad("/v1/session/cookie/refresh", "__Host-refresh"))
            .await
            .expect(401),
        send(bad("/api/accounts/token/refresh/", "refresh_token"))
            .await
            .expect(401),
    ];
    let tail = |cookie: &Cookie, dropped: usize| {
        cookie
            .attributes
            .splitn(dropped + 1, "; ")
            .last()
            .unwrap()
            .to_owned()
    };
    for (set, refused) in set.iter().zip(&refused) {
        assert_eq!(header(refused, "cache-control"), Some("no-store"));
        let (set, gone) = (cookies(set), cookies(refused));
        assert_eq!(set.len(), gone.len());
        for (set, gone) in set.iter().zip(&gone) {
            assert_eq!((&set.name, tail(set, 1)), (&gone.name, tail(gone, 2)));
            assert!(
                gone.value.is_empty()
                    && gone
                        .attributes
                        .starts_with("Max-Age=0; Expires=Thu, 01 Jan 1970")
            );
        }
    }
    for answer in [
        refresh_native(&daemun, "x").await,
        refresh(&daemun, "x").await,
    ] {
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        let none: &Answer = &answer;
        assert_eq!(cookies(none), []);
    }
}
