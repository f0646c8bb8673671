//! `result-code`: every line of its table. Whatever happens, the status is 200.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{Cookie, assert_sound, cookies, expect_each, get, header, post, with_cookies},
    forge::{badly_signed, claims, forge_hs512, header as token_header, now},
    people::{EMAIL, PASSWORD, account},
    variant::with_short,
};
use crate::harness::{Answer, Daemun, send};

const A_GOOD: &str = "R 토큰이 없고, A 토큰이 유효한 경우 : 로그인 상태로 현재 페이지 유지";
const A_BAD: &str = r#"{"resultCode":2,"message":"R 토큰이 없고 A 토큰 유효하지 않은 경우 : 비로그인 상태로 현재 페이지 유지","responseData":null}"#;
const NONE: &str = r#"{"resultCode":3,"message":"R 토큰이 없고, Authorization Header가 NULL인 경우 : 비로그인 상태로 현재 페이지 유지","responseData":null}"#;
const BLACKLISTED: &str = r#"{"resultCode":4,"message":"블랙리스트에 포함된 R 토큰(갱신실패) : 비로그인 상태로 현재 페이지 유지","responseData":null}"#;
const UNKNOWN: &str = "가입하지 않은 아이디이거나, 잘못된 비밀번호입니다.";
const SUSPENDED: &str = "관리자에 의해서 서비스 이용이 제재된 웹메일 계정입니다. 로그인 문의는 관리자 메일을 통해 연락해주세요.";

fn login(daemun: &Daemun, more: &Value) -> RequestBuilder {
    let mut body = json!({ "webMail": EMAIL, "password": PASSWORD });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    post(daemun, "/auth/login", &body)
}

fn refresh(daemun: &Daemun, r: Option<&str>, authorization: Option<&str>) -> RequestBuilder {
    let mut request = daemun.request(Method::POST, "/auth/refresh");
    if let Some(r) = r {
        request = with_cookies(request, &[("refreshToken", r)]);
    }
    match authorization {
        Some(text) => request.header("authorization", text),
        None => request,
    }
}

/// The R token an answer sets.
#[track_caller]
fn r_token(answer: &Answer) -> String {
    let [cookie]: [Cookie; 1] = cookies(answer).try_into().expect("one cookie");
    assert_eq!(cookie.name, "refreshToken");
    assert!(
        cookie.attributes.contains("HttpOnly"),
        "{}",
        cookie.attributes
    );
    cookie.value
}

/// An answer in the 401 shape, whose time is now.
#[track_caller]
fn assert_refused(answer: &Answer, message: &str, path: &str) {
    assert_eq!(answer.status, 200);
    assert_sound(answer, "application/json", path);
    let body = answer.json();
    let time = body["timestamp"].as_str().expect("a time");
    assert_eq!(time.len(), "2021-03-23 06:23:59".len(), "{time}");
    assert_eq!(
        time.replace(|c: char| c.is_ascii_digit(), "0"),
        "0000-00-00 00:00:00"
    );
    let expected = format!(
        r#"{{"resultCode":401,"timestamp":"{time}","message":"{message}","requestPath":"{path}"}}"#
    );
    assert_eq!(answer.text, expected);
}

async fn logged_in(daemun: &Daemun) -> String {
    r_token(&send(login(daemun, &json!({}))).await.expect(200))
}

#[tokio::test]
async fn a_person_logs_in_and_refreshes_for_an_access_token() {
    let daemun = Daemun::start().await;
    let id = account(&daemun, EMAIL, "fgh0296");
    let answer = send(login(&daemun, &json!({}))).await.expect(200);
    assert_eq!(
        answer.text,
        r#"{"resultCode":200,"message":"로그인 성공","responseData":null}"#
    );
    let first = r_token(&answer);
    assert_eq!(token_header(&first), r#"{"alg":"HS512","typ":"JWT"}"#);
    let said = claims(&first);
    assert_eq!(
        said.keys().take(3).collect::<Vec<_>>(),
        ["sub", "iat", "exp"]
    );
    assert_eq!(said["sub"], EMAIL);
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        3 * 3_600
    );

    let answer = send(refresh(&daemun, Some(&first), None)).await.expect(200);
    let second = r_token(&answer);
    assert!(second != first, "the R token rotates");
    let access = answer.json()["responseData"]["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        answer.text,
        format!(
            r#"{{"resultCode":200,"message":"JWT 토큰 갱신 성공","responseData":{{"tokenType":"Bearer","accessToken":"{access}","userId":{id},"userNickName":"fgh0296","userProfileImgDir":null}}}}"#
        )
    );
    let said = claims(&access);
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        15 * 60
    );
    let me = format!(
        r#"{{"resultCode":200,"message":"로그인 상태","responseData":{{"userId":{id},"userWebMail":"{EMAIL}","userNickName":"fgh0296","userProfileImgDir":null}}}}"#
    );
    expect_each([(
        "me",
        get(&daemun, "/auth/me").bearer_auth(&access),
        200,
        &*me,
    )])
    .await;

    let logout = daemun.request(Method::POST, "/auth/logout");
    let answer = send(with_cookies(logout, &[("refreshToken", &second)]))
        .await
        .expect(200);
    assert_eq!(
        answer.text,
        r#"{"resultCode":200,"message":"로그아웃 성공","responseData":null}"#
    );
    assert!(cookies(&answer)[0].attributes.contains("Max-Age=0"));
    expect_each([(
        "dead",
        refresh(&daemun, Some(&second), None),
        200,
        BLACKLISTED,
    )])
    .await;
    // Its access token is dead as well.
    let guarded = send(get(&daemun, "/auth/me").bearer_auth(&access)).await;
    assert_refused(&guarded, "로그인이 필요합니다.", "/auth/me");
}

#[tokio::test]
async fn a_refresh_tells_how_both_tokens_stand() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "fgh0296");
    let r = logged_in(&daemun).await;
    let answer = send(refresh(&daemun, Some(&r), None)).await.expect(200);
    let access = answer.json()["responseData"]["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let good = format!(r#"{{"resultCode":1,"message":"{A_GOOD}","responseData":"{access}"}}"#);
    let bearer = format!("Bearer {access}");
    let forged = format!("Bearer {}", badly_signed(&access));
    let expired = forge_hs512(
        &daemun.legacy_secret(),
        json!({ "sub": EMAIL, "iat": now() - 20_000, "exp": now() - 1 }).to_string(),
    );
    let forged_r = badly_signed(&r);
    for dead in [
        None,
        Some(&*expired),
        Some(&*forged_r),
        Some("nonsense"),
        Some(""),
        Some(&*access),
    ] {
        let ask = |authorization| refresh(&daemun, dead, authorization);
        expect_each([
            ("A is good", ask(Some(&*bearer)), 200, &*good),
            ("A is forged", ask(Some(&forged)), 200, A_BAD),
            ("A is nonsense", ask(Some("Bearer nonsense")), 200, A_BAD),
            ("no header", ask(None), 200, NONE),
            ("empty", ask(Some("")), 200, NONE),
            ("null", ask(Some("null")), 200, NONE),
            ("Bearer null", ask(Some("Bearer null")), 200, NONE),
        ])
        .await;
    }
    let refused = send(refresh(&daemun, Some("nonsense"), None)).await;
    assert!(cookies(&refused)[0].attributes.contains("Max-Age=0"));
}

#[tokio::test]
async fn the_suspended_and_the_withdrawn_hear_their_own_words() {
    let daemun = Daemun::start().await;
    let id = account(&daemun, EMAIL, "fgh0296").to_string();
    let r = logged_in(&daemun).await;
    let answer = send(refresh(&daemun, Some(&r), None)).await.expect(200);
    let r = r_token(&answer);
    let access = answer.json()["responseData"]["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    daemun.run(&["account", "suspend", &id]).expect(0);
    for (answer, path) in [
        (
            send(refresh(&daemun, Some(&r), None)).await,
            "/auth/refresh",
        ),
        (
            send(refresh(&daemun, None, Some(&format!("Bearer {access}")))).await,
            "/auth/refresh",
        ),
        (
            send(get(&daemun, "/auth/me").bearer_auth(&access)).await,
            "/auth/me",
        ),
        (send(login(&daemun, &json!({}))).await, "/auth/login"),
    ] {
        assert_refused(&answer, SUSPENDED, path);
    }
    let wrong = send(login(&daemun, &json!({ "password": "not the password" }))).await;
    assert_refused(&wrong, UNKNOWN, "/auth/login");
    daemun.run(&["account", "restore", &id]).expect(0);
    let r = logged_in(&daemun).await;
    daemun.run(&["account", "withdraw", &id]).expect(0);
    let answer = send(refresh(&daemun, Some(&r), None)).await;
    assert_refused(&answer, UNKNOWN, "/auth/refresh");
    let answer = send(login(&daemun, &json!({}))).await;
    assert_refused(&answer, UNKNOWN, "/auth/login");
}

#[tokio::test]
async fn staying_logged_in_lasts_two_weeks() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "fgh0296");
    for (keep, hours) in [
        (json!(true), 14 * 24),
        (json!("Y"), 14 * 24),
        (json!(false), 3),
    ] {
        let more = json!({ "isKeepLoggedInState_Y": keep });
        let answer = send(login(&daemun, &more)).await.expect(200);
        let said = claims(&r_token(&answer));
        let lives = said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap();
        assert_eq!(lives, hours * 3_600);
        let [cookie]: [Cookie; 1] = cookies(&answer).try_into().unwrap();
        let age = format!("Max-Age={}", hours * 3_600);
        assert!(cookie.attributes.contains(&age), "{}", cookie.attributes);
    }
}

#[tokio::test]
async fn failed_logins_are_of_the_401_shape() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "fgh0296");
    for wrong in [
        json!({ "webMail": "nobody@example.com" }),
        json!({ "password": "not the password" }),
        json!({ "webMail": "" }),
        json!({ "password": null }),
        json!({ "webMail": "no address" }),
    ] {
        let answer = send(login(&daemun, &wrong)).await;
        assert_refused(&answer, UNKNOWN, "/auth/login");
        assert_eq!(cookies(&answer), []);
    }
}

#[tokio::test]
async fn a_stolen_r_token_ends_on_the_blacklist() {
    let daemun = with_short(
        "result-code",
        &[("[sessions]", "[sessions]\ngrace = \"0s\"\nrecovery_gap = 0")],
    )
    .await;
    account(&daemun, EMAIL, "fgh0296");
    let body = json!({ "webMail": EMAIL, "password": PASSWORD });
    let first = r_token(&daemun.post("/short/auth/login", body).await.expect(200));
    let ask = |r: &str| {
        let request = daemun.request(Method::POST, "/short/auth/refresh");
        with_cookies(request, &[("refreshToken", r)])
    };
    let second = r_token(&send(ask(&first)).await.expect(200));
    tokio::time::sleep(Duration::from_millis(5)).await;
    expect_each([("reused", ask(&first), 200, BLACKLISTED)]).await;
    expect_each([("its heir", ask(&second), 200, BLACKLISTED)]).await;
}

#[tokio::test]
async fn what_is_no_answer_has_its_own_status() {
    let daemun = Daemun::start().await;
    let wrong = send(daemun.request(Method::GET, "/auth/refresh")).await;
    assert_eq!(
        (wrong.status, header(&wrong, "allow")),
        (405, Some("POST, OPTIONS"))
    );
    assert_eq!(wrong.json()["resultCode"], 405);
    let request = daemun.request(Method::POST, "/auth/login");
    let request = request.header("content-type", "application/json");
    let malformed = send(request.body("{")).await;
    assert_eq!(
        (malformed.status, &malformed.json()["resultCode"]),
        (200, &json!(400))
    );
    assert_eq!(malformed.json()["requestPath"], "/auth/login");
}
