//! Taking over live sessions: the former back end's tokens pass until they expire, and its refresh
//! tokens become sessions of ours, once, however many tabs present them.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    call::{cookies, get, post, with_cookies},
    forge::{HS256, claims, django, forge, forge_hs512, now},
    people::{
        EMAIL, Guards, PHONE, account, pair, phone_pair, refresh, refresh_cookie, taken_over,
    },
    variant::with_short,
};
use crate::harness::{Answer, Daemun, send};

const DEAD: &str = r#"{"detail":"블랙리스트에 추가된 토큰","code":"token_not_valid"}"#;

/// A token as SimpleJWT mints it.
fn simplejwt(daemun: &Daemun, kind: &str, user: i64, issued: u64, lives: u64) -> String {
    let id = super::forge::encode(format!("{issued}{kind}{user}{lives}"));
    let body = json!({
        "token_type": kind, "exp": issued + lives, "iat": issued, "jti": id, "user_id": user,
    });
    forge(&daemun.legacy_secret(), HS256, body.to_string())
}

/// Mina's account, taken over from the former back end.
fn minas(daemun: &Daemun) -> i64 {
    let row = json!({ "id": 41, "email": EMAIL, "phone": PHONE, "nickname": "mina" });
    taken_over(daemun, row)
}

fn old_refresh(daemun: &Daemun, user: i64) -> String {
    simplejwt(daemun, "refresh", user, now() - 600, 86_400)
}

#[tokio::test]
async fn a_foreign_refresh_token_becomes_a_session_of_ours() {
    let daemun = Daemun::start().await;
    let id = minas(&daemun);
    let foreign = old_refresh(&daemun, id);
    let verify = json!({ "token": foreign });
    daemun
        .post("/accounts/token_verify/", verify.clone())
        .await
        .expect(200);
    let first = pair(&refresh(&daemun, &foreign).await.expect(200).json());
    assert_eq!(claims(&first.refresh)["user_id"], id);
    assert_eq!(Guards::phone_pair(&daemun, &first.access).await, 200);
    let again = pair(&refresh(&daemun, &foreign).await.expect(200).json());
    assert!(
        again.refresh == first.refresh,
        "another tab gets the same successor"
    );
    let second = pair(&refresh(&daemun, &first.refresh).await.expect(200).json());
    let sid = claims(&second.refresh)["sid"].as_str().unwrap().to_owned();
    assert_eq!(claims(&first.refresh)["sid"], sid);
    let sessions = daemun.run(&["session", "list", "--json"]).expect(0).json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1));
    let why = daemun.run(&["session", "why", &sid]).expect(0);
    assert!(why.stdout.contains("session adopted"), "{}", why.stdout);
    // Logging out ends it, and with it whatever the foreign token could still do.
    let logout = json!({ "refresh": foreign });
    daemun.post("/accounts/logout/", logout).await.expect(204);
    for token in [&foreign, &first.refresh, &second.refresh] {
        assert_eq!(refresh(&daemun, token).await.expect(401).text, DEAD);
    }
    assert_eq!(Guards::phone_pair(&daemun, &second.access).await, 401);
    daemun
        .post("/accounts/token_verify/", verify)
        .await
        .expect(401);
}

#[tokio::test]
async fn s28_a_hundred_tabs_adopt_one_session() {
    let daemun = Daemun::start().await;
    let id = minas(&daemun);
    for round in 0..5 {
        let foreign = simplejwt(&daemun, "refresh", id, now() - 600, 86_400 + round);
        let mut tabs = JoinSet::new();
        for _ in 0..100 {
            let body = json!({ "refresh": foreign });
            tabs.spawn(send(post(&daemun, "/accounts/token_refresh/", &body)));
        }
        let mut successors: Vec<String> = tabs
            .join_all()
            .await
            .into_iter()
            .map(|answer| pair(&answer.expect(200).json()).refresh)
            .collect();
        successors.dedup();
        assert_eq!(successors.len(), 1);
    }
    let sessions = daemun.run(&["session", "list", "--json"]).expect(0).json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn s26_a_foreign_token_used_again_later_ends_its_session() {
    let lines = [(
        "[tokens]",
        "[sessions]\ngrace = \"0s\"\nrecovery_gap = 0\n\n[tokens]",
    )];
    let daemun = with_short("phone-pair", &lines).await;
    let id = minas(&daemun);
    let foreign = old_refresh(&daemun, id);
    let ask = |token: &str| {
        let body = json!({ "refresh": token });
        send(post(&daemun, "/short/accounts/token_refresh/", &body))
    };
    let first = pair(&ask(&foreign).await.expect(200).json());
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(ask(&foreign).await.expect(401).text, DEAD);
    assert_eq!(ask(&first.refresh).await.expect(401).text, DEAD);
}

#[tokio::test]
async fn adoption_survives_a_restart() {
    let daemun = Daemun::start().await;
    let id = minas(&daemun);
    let foreign = old_refresh(&daemun, id);
    let first = pair(&refresh(&daemun, &foreign).await.expect(200).json());
    let daemun = daemun.killed().go().await;
    let again = pair(&refresh(&daemun, &foreign).await.expect(200).json());
    assert!(again.refresh == first.refresh);
}

#[tokio::test]
async fn s33_what_shuts_an_account_out_shuts_its_foreign_tokens_out() {
    let daemun = Daemun::start().await;
    let id = minas(&daemun);
    let (foreign, unused) = (old_refresh(&daemun, id), old_refresh(&daemun, id));
    let access = simplejwt(&daemun, "access", id, now() - 60, 300);
    assert_eq!(Guards::phone_pair(&daemun, &access).await, 200);
    refresh(&daemun, &foreign).await.expect(200);
    daemun.run(&["account", "suspend", PHONE]).expect(0);
    let inactive = r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#;
    for token in [&foreign, &unused] {
        assert_eq!(refresh(&daemun, token).await.expect(401).text, inactive);
    }
    assert_eq!(Guards::phone_pair(&daemun, &access).await, 401);
    daemun.run(&["account", "restore", PHONE]).expect(0);
    // Issued before the account was shut out: dead for good.
    for token in [&foreign, &unused] {
        assert_eq!(refresh(&daemun, token).await.expect(401).text, DEAD);
    }
    assert_eq!(Guards::phone_pair(&daemun, &access).await, 401);
    phone_pair(&daemun, PHONE).await;
}

#[tokio::test]
async fn foreign_tokens_that_prove_nothing_adopt_nothing() {
    let daemun = Daemun::start().await;
    let id = minas(&daemun);
    let refused = |token: String, why: &'static str| {
        let daemun = &daemun;
        async move {
            let answer = refresh(daemun, &token).await;
            assert_eq!(answer.status, 401, "{why}: {answer:?}");
        }
    };
    let altered = |alter: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut body = claims(&old_refresh(&daemun, id));
        alter(&mut body);
        forge(
            &daemun.legacy_secret(),
            HS256,
            serde_json::to_vec(&body).unwrap(),
        )
    };
    refused(old_refresh(&daemun, 4_711), "nobody's").await;
    refused(
        simplejwt(&daemun, "refresh", id, now() - 90_000, 86_400),
        "expired",
    )
    .await;
    refused(
        simplejwt(&daemun, "access", id, now(), 300),
        "an access token",
    )
    .await;
    refused(altered(&|c| drop(c.remove("user_id"))), "no user").await;
    refused(
        altered(&|c| drop(c.insert("user_id".into(), json!("x")))),
        "no id",
    )
    .await;
    refused(altered(&|c| drop(c.remove("jti"))), "no jti").await;
    refused(altered(&|c| drop(c.remove("iat"))), "no iat").await;
    refused(
        altered(&|c| drop(c.insert("gen".into(), json!(1)))),
        "half ours",
    )
    .await;
    refused(
        altered(&|c| drop(c.insert("ctr".into(), json!("phone-pair")))),
        "half ours",
    )
    .await;
    let sessions = daemun.run(&["session", "list", "--json"]).expect(0).json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(0));
    // A refresh token is no access token.
    assert_eq!(
        Guards::phone_pair(&daemun, &old_refresh(&daemun, id)).await,
        401
    );
}

#[tokio::test]
async fn s82_an_account_that_was_never_theirs_is_not_what_their_tokens_speak_of() {
    let daemun = Daemun::start().await;
    let ours = account(&daemun, PHONE, "jun");
    let (access, foreign) = (
        simplejwt(&daemun, "access", ours, now() - 60, 300),
        old_refresh(&daemun, ours),
    );
    assert_eq!(Guards::phone_pair(&daemun, &access).await, 401);
    refresh(&daemun, &foreign).await.expect(401);
    let verify = json!({ "token": foreign });
    daemun
        .post("/accounts/token_verify/", verify)
        .await
        .expect(401);
    let sessions = daemun.run(&["session", "list", "--json"]).expect(0).json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn cookies_that_django_signed_are_adopted() {
    let daemun = Daemun::start().await;
    let id = minas(&daemun);
    let secret = daemun.legacy_secret();
    let token = old_refresh(&daemun, id);
    let cookie = django(&secret, "refresh_token", &token, now());
    let answer = refresh_cookie(&daemun, &cookie).await.expect(200);
    assert_eq!(cookies(&answer).len(), 2);
    let again = refresh_cookie(&daemun, &cookie).await.expect(200);
    assert!(cookies(&again)[1].value == cookies(&answer)[1].value);
}

#[tokio::test]
async fn kinds_that_no_claim_tells_apart_are_told_apart_by_their_life() {
    let daemun = Daemun::start().await;
    minas(&daemun);
    let secret = daemun.legacy_secret();
    let minted = |lives: u64| {
        let issued = now() - 60;
        let body = json!({ "sub": EMAIL, "iat": issued, "exp": issued + lives });
        forge_hs512(&secret, body.to_string())
    };
    let (access, r, kept) = (minted(900), minted(3 * 3_600), minted(14 * 86_400));
    let ask = |r: &str| -> RequestBuilder {
        let request = daemun.request(Method::POST, "/auth/refresh");
        with_cookies(request, &[("refreshToken", r)])
    };
    let code = |answer: &Answer| answer.json()["resultCode"].clone();
    let me = |token: &str| send(get(&daemun, "/auth/me").bearer_auth(token));
    assert_eq!(code(&me(&access).await), 200);
    assert_eq!(code(&me(&r).await), 401);
    assert_eq!(code(&send(ask(&access)).await), 3);
    let lives = |answer: &Answer| {
        let said = claims(&cookies(answer)[0].value);
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap()
    };
    let adopted = send(ask(&r)).await;
    assert_eq!((code(&adopted), lives(&adopted)), (json!(200), 3 * 3_600));
    let adopted = send(ask(&kept)).await;
    assert_eq!((code(&adopted), lives(&adopted)), (json!(200), 14 * 86_400));
    assert_eq!(adopted.json()["responseData"]["userNickName"], "mina");
}
