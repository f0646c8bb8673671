//! `campus-account`: every line of its table, one person's way through it, and what nobody may do
//! to their own record.

use proptest::prelude::*;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{
        Cookie, assert_sound, cookies, expect_each, get, header, multipart, post, post_as,
        with_cookies,
    },
    forge::{HS256, forge, header as token_header, now, payload, with_claim},
    people::{EMAIL, PASSWORD, Pair, account, account_with, pair, taken_over},
    production::production,
    variant::with_short,
};
use crate::harness::{Answer, Daemun, Start, send};

const FAILED: &str = r#"{"message":"Failed to login"}"#;
const NO_REFRESH: &str = r#"{"message":"Refresh token does not exist"}"#;
const EXPIRED: &str = r#"{"message":"Expired refresh token, please login again"}"#;
const INACTIVE: &str = r#"{"message":"User is inactive"}"#;
const GONE: &str = r#"{"message":"User not found"}"#;
const LOGGED_OUT: &str = r#"{"message":"Logout success"}"#;
const GUARD: &str = r#"{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"유효하지 않거나 만료된 토큰"}]}"#;
const GUARD_TYPE: &str = r#"{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"잘못된 토큰 타입"}]}"#;
const NO_CREDENTIALS: &str =
    r#"{"detail":"자격 인증데이터(authentication credentials)가 제공되지 않았습니다."}"#;
const BAD_HEADER: &str = r#"{"detail":"인증 헤더에는 공백으로 구분 된 두 개의 값이 포함되어야 합니다","code":"bad_authorization_header"}"#;
const GUARD_GONE: &str = r#"{"detail":"찾을 수 없는 사용자","code":"user_not_found"}"#;
const GUARD_INACTIVE: &str = r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#;
const NOT_JSON: &str =
    r#"{"detail":"JSON parse error - Expecting value: line 1 column 1 (char 0)"}"#;

const SET: &str = "Max-Age=604800; Path=/; HttpOnly; SameSite=Lax";
const CLEARED: &str =
    "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax";

fn register(daemun: &Daemun, body: &Value) -> RequestBuilder {
    post(daemun, "/account/register/", body)
}

fn login(daemun: &Daemun, body: &Value) -> RequestBuilder {
    post(daemun, "/account/login/", body)
}

fn refreshing(daemun: &Daemun, cookie: &str) -> RequestBuilder {
    let request = daemun.request(Method::POST, "/account/token-refresh/");
    with_cookies(request, &[("refresh", cookie)])
}

fn me(daemun: &Daemun, access: &str) -> RequestBuilder {
    get(daemun, "/account/me/").bearer_auth(access)
}

fn mina() -> Value {
    json!({ "email": EMAIL, "nickname": "미나", "school": 3, "password": PASSWORD })
}

/// A sign-up that is good but for one member.
fn but(member: &str, value: Value) -> Value {
    let mut body =
        json!({ "email": "new@example.com", "nickname": "new", "school": 3, "password": PASSWORD });
    body[member] = value;
    body
}

async fn log_in(daemun: &Daemun) -> Pair {
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = send(login(daemun, &credentials)).await.expect(200);
    pair(&answer.json()["token"])
}

/// A token as the former back end gave it.
fn foreign(daemun: &Daemun, kind: &str, jti: &str, user: i64) -> String {
    let claims = json!({ "token_type": kind, "exp": now() + 60, "iat": now(), "jti": jti.repeat(16), "user_id": user });
    forge(&daemun.legacy_secret(), HS256, claims.to_string())
}

/// The value the answer sets the cookie to; it sets no other.
#[track_caller]
fn refresh_cookie(answer: &Answer) -> String {
    let [cookie] = &cookies(answer)[..] else {
        panic!("not one cookie: {answer:?}")
    };
    assert_eq!((&*cookie.name, &*cookie.attributes), ("refresh", SET));
    cookie.value.clone()
}

fn cleared(answer: &Answer) -> bool {
    let cookie = Cookie {
        name: "refresh".into(),
        value: String::new(),
        attributes: CLEARED.into(),
    };
    cookies(answer) == [cookie]
}

/// Django's time of day: `2026-11-21T11:06:04.069380Z`.
#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().expect("a time");
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{text}");
}

#[tokio::test]
async fn a_person_signs_up_and_lives_with_a_token_in_json_and_one_in_a_cookie() {
    let daemun = Daemun::start().await;
    let made = send(register(&daemun, &mina())).await.expect(201);
    assert_sound(&made, "application/json", "register");
    assert_eq!(cookies(&made), []);
    let user = made.json();
    assert_time(&user["created_at"]);
    let at = user["created_at"].as_str().expect("a time");
    assert_eq!(
        made.text,
        format!(
            r#"{{"id":1,"last_login":null,"email":"{EMAIL}","nickname":"미나","profile_img_path":null,"is_admin":false,"is_active":true,"created_at":"{at}","updated_at":"{at}","school":3,"friends":[]}}"#
        )
    );

    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let logged_in = send(login(&daemun, &credentials)).await.expect(200);
    assert_sound(&logged_in, "application/json", "login");
    let answer = logged_in.json();
    let first = pair(&answer["token"]);
    assert_time(&answer["user"]["last_login"]);
    let last_login = answer["user"]["last_login"].as_str().expect("a time");
    let shown = made.text.replace(
        r#""last_login":null"#,
        &format!(r#""last_login":"{last_login}""#),
    );
    assert_eq!(
        logged_in.text,
        format!(
            r#"{{"user":{shown},"message":"Login success","token":{{"access":"{}","refresh":"{}"}}}}"#,
            first.access, first.refresh
        )
    );
    assert_eq!(refresh_cookie(&logged_in), first.refresh);

    let with_jwt =
        get(&daemun, "/account/me").header("authorization", format!("JWT {}", first.access));
    expect_each([
        ("me", me(&daemun, &first.access), 200, &*shown),
        ("by the other scheme", with_jwt, 200, &shown),
    ])
    .await;

    let mut chain = vec![first];
    for path in ["/account/token-refresh/", "/account/token-refresh"] {
        let last = chain.last().expect("a pair");
        // Whoever comes here has an expired token in the header: it is not looked at.
        let request = daemun.request(Method::POST, path).bearer_auth("nonsense");
        let answer = send(with_cookies(request, &[("refresh", &last.refresh)])).await;
        let access = answer.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        assert_eq!(
            (answer.status, answer.text.clone()),
            (
                200,
                format!(r#"{{"message":"New access token","access_token":"{access}"}}"#)
            )
        );
        let next = Pair {
            access,
            refresh: refresh_cookie(&answer),
        };
        assert!(next.access != last.access && next.refresh != last.refresh);
        expect_each([("after", me(&daemun, &next.access), 200, &*shown)]).await;
        chain.push(next);
    }

    let last = chain.last().expect("a pair");
    let logout = daemun.request(Method::POST, "/account/logout/");
    let logout = send(with_cookies(logout, &[("refresh", &last.refresh)])).await;
    assert_eq!((logout.status, &*logout.text), (202, LOGGED_OUT));
    assert!(cleared(&logout), "{logout:?}");
    let after = send(refreshing(&daemun, &last.refresh)).await;
    assert_eq!(
        (after.status, &*after.text),
        (403, EXPIRED),
        "the session is over"
    );
    assert!(cleared(&after), "{after:?}");
    expect_each([("me after", me(&daemun, &last.access), 401, GUARD)]).await;
    let again = daemun.request(Method::POST, "/account/logout");
    expect_each([("logged out already", again, 202, LOGGED_OUT)]).await;
}

#[tokio::test]
async fn tokens_say_what_they_said_and_live_as_long_as_they_did() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    let tokens = log_in(&daemun).await;
    for (token, kind, seconds) in [
        (&tokens.access, "access", 1_800),
        (&tokens.refresh, "refresh", 604_800),
    ] {
        assert_eq!(token_header(token), HS256);
        let order =
            ["token_type", "exp", "iat", "jti", "user_id"].map(|name| format!("\"{name}\":"));
        let text = payload(token);
        let places = order.map(|name| text.find(&name).expect("the claim"));
        assert!(places.is_sorted(), "{text}");
        let claims: Value = serde_json::from_str(&text).expect("claims");
        assert_eq!(
            (&claims["token_type"], &claims["user_id"]),
            (&json!(kind), &json!(1))
        );
        let lives = claims["exp"].as_i64().zip(claims["iat"].as_i64());
        assert_eq!(lives.map(|(exp, iat)| exp - iat), Some(seconds));
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_sign_up_is_told_at_once_in_the_frameworks_words() {
    let daemun = Daemun::start().await;
    send(register(&daemun, &mina())).await.expect(201);
    let long = |n: usize| json!("n".repeat(n));
    let rows: Vec<(&str, Value, &str)> = vec![
        (
            "nothing",
            json!({}),
            r#"{"password":["이 필드는 필수 항목입니다."],"email":["이 필드는 필수 항목입니다."],"nickname":["이 필드는 필수 항목입니다."],"school":["이 필드는 필수 항목입니다."]}"#,
        ),
        (
            "nulls",
            json!({ "email": null, "nickname": null, "school": null, "password": null }),
            r#"{"password":["이 필드는 null일 수 없습니다."],"email":["이 필드는 null일 수 없습니다."],"nickname":["이 필드는 null일 수 없습니다."],"school":["이 필드는 null일 수 없습니다."]}"#,
        ),
        (
            "blanks",
            json!({ "email": "", "nickname": " ", "school": "", "password": "" }),
            r#"{"password":["이 필드는 blank일 수 없습니다."],"email":["이 필드는 blank일 수 없습니다."],"nickname":["이 필드는 blank일 수 없습니다."],"school":["이 필드는 null일 수 없습니다."]}"#,
        ),
        (
            "types",
            json!({ "email": [], "nickname": {}, "school": true, "password": false }),
            r#"{"password":["Not a valid string."],"email":["유효한 이메일 주소를 입력하십시오."],"nickname":["Not a valid string."],"school":["잘못된 형식입니다. pk 값 대신 bool를 받았습니다."]}"#,
        ),
        (
            "each in its way",
            json!({ "email": "zz", "nickname": "", "school": "q" }),
            r#"{"password":["이 필드는 필수 항목입니다."],"email":["유효한 이메일 주소를 입력하십시오."],"nickname":["이 필드는 blank일 수 없습니다."],"school":["잘못된 형식입니다. pk 값 대신 str를 받았습니다."]}"#,
        ),
        (
            "taken",
            mina(),
            r#"{"email":["my user의 email은/는 이미 존재합니다."],"nickname":["my user의 nickname은/는 이미 존재합니다."]}"#,
        ),
        (
            "taken in other letters",
            json!({ "email": "MINA@Example.com", "nickname": "x", "school": 3, "password": PASSWORD }),
            r#"{"email":["my user의 email은/는 이미 존재합니다."]}"#,
        ),
        (
            "taken, and more",
            json!({ "email": EMAIL, "school": [] }),
            r#"{"password":["이 필드는 필수 항목입니다."],"email":["my user의 email은/는 이미 존재합니다."],"nickname":["이 필드는 필수 항목입니다."],"school":["잘못된 형식입니다. pk 값 대신 list를 받았습니다."]}"#,
        ),
        (
            "an address that is too long",
            but("email", json!(format!("{}@example.com", "a".repeat(250)))),
            r#"{"email":["이 필드의 글자 수가 255 이하인지 확인하십시오."]}"#,
        ),
        (
            "a nickname that is too long",
            but("nickname", long(101)),
            r#"{"nickname":["이 필드의 글자 수가 100 이하인지 확인하십시오."]}"#,
        ),
        (
            "a nickname with NUL",
            but("nickname", json!("x\0y")),
            r#"{"nickname":["null 문자는 사용할 수 없습니다. "]}"#,
        ),
        (
            "a school that is an object",
            but("school", json!({})),
            r#"{"school":["잘못된 형식입니다. pk 값 대신 dict를 받았습니다."]}"#,
        ),
        (
            "half a school",
            but("school", json!(1.5)),
            r#"{"school":["잘못된 형식입니다. pk 값 대신 float를 받았습니다."]}"#,
        ),
        (
            "no such school",
            but("school", json!(0)),
            r#"{"school":["유효하지 않은 pk - 객체가 존재하지 않습니다."]}"#,
        ),
        (
            "a school beyond all numbers",
            but("school", json!(u64::MAX)),
            r#"{"school":["유효하지 않은 pk - 객체가 존재하지 않습니다."]}"#,
        ),
        (
            "a short password",
            but("password", json!("short")),
            r#"{"password":["비밀번호가 너무 짧습니다. 최소 8 문자를 포함해야 합니다."]}"#,
        ),
        (
            "a common password",
            but("password", json!("password1")),
            r#"{"password":["비밀번호가 너무 일상적인 단어입니다."]}"#,
        ),
        (
            "one's address as password",
            but("password", json!("new@example.com")),
            r#"{"password":["비밀번호가 너무 일상적인 단어입니다."]}"#,
        ),
        (
            "a long password",
            but("password", long(257)),
            r#"{"password":["이 필드의 글자 수가 256 이하인지 확인하십시오."]}"#,
        ),
    ];
    for (what, body, told) in rows {
        expect_each([(what, register(&daemun, &body), 400, told)]).await;
    }
    let made = send(register(&daemun, &but("nickname", long(100)))).await;
    assert_eq!(made.json()["id"], 2, "nothing of the above made an account");
}

#[tokio::test]
async fn a_sign_up_is_a_form_too() {
    let daemun = Daemun::start().await;
    let fields = [
        ("email", "a@example.com"),
        ("nickname", "a"),
        ("school", "12"),
        ("password", PASSWORD),
    ];
    let (content_type, body) = multipart(&fields);
    let made = send(post_as(&daemun, "/account/register/", &content_type, body)).await;
    assert_eq!(made.expect(201).json()["school"], 12);
    let form = "email=b@example.com&nickname=b&school=-0&password=a+few+words+nobody+guesses";
    let urlencoded = "application/x-www-form-urlencoded";
    let rows = [
        (form.replace("-0", "13"), 201, None),
        (
            "email=&nickname=&school=&password=".into(),
            400,
            Some(
                r#"{"password":["이 필드는 blank일 수 없습니다."],"email":["이 필드는 blank일 수 없습니다."],"nickname":["이 필드는 blank일 수 없습니다."],"school":["이 필드는 null일 수 없습니다."]}"#,
            ),
        ),
        (
            form.replace("-0", "1&school=2").replace("=b", "=c"),
            400,
            Some(r#"{"school":["잘못된 형식입니다. pk 값 대신 dict를 받았습니다."]}"#),
        ),
    ];
    for (body, status, told) in rows {
        let answer = send(post_as(&daemun, "/account/register/", urlencoded, body))
            .await
            .expect(status);
        if let Some(told) = told {
            assert_eq!(answer.text, told);
        }
    }
}

#[tokio::test]
async fn s84_what_is_not_theirs_to_set_no_body_sets() {
    let daemun = Daemun::start().await;
    let mut body = mina();
    for (member, value) in [
        ("is_admin", json!(true)),
        ("is_active", json!(false)),
        ("id", json!(99)),
        ("pk", json!(99)),
        ("last_login", json!("2020-01-01T00:00:00Z")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("profile_img_path", json!("https://evil.example/x.png")),
        ("friends", json!([1, 2, 3])),
        ("roles", json!(["admin"])),
        ("profile", json!({ "friends": [1], "school": 9 })),
        ("profile.friends", json!([1])),
        ("groups", json!([1])),
        ("is_superuser", json!(true)),
    ] {
        body[member] = value;
    }
    let user = send(register(&daemun, &body)).await.expect(201).json();
    assert_eq!(
        (
            &user["id"],
            &user["is_admin"],
            &user["is_active"],
            &user["last_login"],
            &user["profile_img_path"],
            &user["friends"],
            &user["school"]
        ),
        (
            &json!(1),
            &json!(false),
            &json!(true),
            &json!(null),
            &json!(null),
            &json!([]),
            &json!(3)
        )
    );
    assert_ne!(user["created_at"], "2020-01-01T00:00:00Z");
    body["password"] = PASSWORD.into();
    let answer = send(login(&daemun, &body)).await.expect(200).json();
    assert_eq!(answer["user"]["is_admin"], false);
    let access = answer["token"]["access"].as_str().expect("a token");
    let shown = send(me(&daemun, access)).await.expect(200).json();
    for member in [
        "id",
        "is_admin",
        "is_active",
        "profile_img_path",
        "friends",
        "school",
    ] {
        assert_eq!(shown[member], user[member], "{member}");
    }
    assert!(shown.get("password").is_none());
}

#[tokio::test]
async fn whoever_fails_to_log_in_is_not_told_why() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    account_with(&daemun, "un@example.com", PASSWORD, &[]);
    account(&daemun, "out@example.com", "out");
    daemun
        .run(&["account", "suspend", "out@example.com"])
        .expect(0);
    let with = |email: &str, password: &str| {
        login(&daemun, &json!({ "email": email, "password": password }))
    };
    expect_each([
        ("nothing", login(&daemun, &json!({})), 400, FAILED),
        (
            "no password",
            login(&daemun, &json!({ "email": EMAIL })),
            400,
            FAILED,
        ),
        (
            "null",
            login(&daemun, &json!({ "email": null, "password": PASSWORD })),
            400,
            FAILED,
        ),
        ("blanks", with("", ""), 400, FAILED),
        (
            "an unknown address",
            with("nobody@example.com", PASSWORD),
            400,
            FAILED,
        ),
        ("no address", with("nobody", PASSWORD), 400, FAILED),
        ("a wrong password", with(EMAIL, "wrong"), 400, FAILED),
        (
            "an account that was never proved",
            with("un@example.com", PASSWORD),
            400,
            FAILED,
        ),
        (
            "a suspended account",
            with("out@example.com", PASSWORD),
            400,
            FAILED,
        ),
    ])
    .await;
    let failed = send(with(EMAIL, "wrong")).await;
    assert_eq!(cookies(&failed), []);
}

#[tokio::test]
async fn a_refresh_that_fails_says_so_and_clears_the_cookie() {
    let daemun = with_short(
        "campus-account",
        &[("lifetime = \"7d\"", "lifetime = \"1s\"")],
    )
    .await;
    account(&daemun, EMAIL, "미나");
    let short = json!({ "email": EMAIL, "password": PASSWORD });
    let short = daemun
        .post("/short/account/login/", short)
        .await
        .expect(200);
    let expiring = pair(&short.json()["token"]).refresh;
    let pair = log_in(&daemun).await;
    let forged = forge(
        "another secret, long enough for all",
        HS256,
        payload(&pair.refresh),
    );
    let nobody = foreign(&daemun, "refresh", "0c", 999);
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let bare = daemun.request(Method::POST, "/account/token-refresh/");
    let expired = daemun.request(Method::POST, "/short/account/token-refresh/");
    let twice = daemun.request(Method::POST, "/account/token-refresh/");
    let twice = with_cookies(
        twice,
        &[("refresh", &pair.refresh), ("refresh", &pair.refresh)],
    );
    let rows = [
        ("no cookie", bare, 403, NO_REFRESH),
        ("an empty cookie", refreshing(&daemun, ""), 403, NO_REFRESH),
        ("the cookie twice", twice, 403, NO_REFRESH),
        ("nonsense", refreshing(&daemun, "nonsense"), 403, EXPIRED),
        (
            "expired",
            with_cookies(expired, &[("refresh", &expiring)]),
            403,
            EXPIRED,
        ),
        ("forged", refreshing(&daemun, &forged), 403, EXPIRED),
        (
            "an access token",
            refreshing(&daemun, &pair.access),
            403,
            EXPIRED,
        ),
        ("of nobody", refreshing(&daemun, &nobody), 400, GONE),
    ];
    for (what, request, status, body) in rows {
        let answer = send(request).await;
        assert_eq!((answer.status, &*answer.text), (status, body), "{what}");
        assert!(cleared(&answer), "{what}: {answer:?}");
    }
    // In the body it counts for nothing.
    let in_body = post(
        &daemun,
        "/account/token-refresh/",
        &json!({ "refresh": pair.refresh }),
    );
    expect_each([("in the body", in_body, 403, NO_REFRESH)]).await;
    send(refreshing(&daemun, &pair.refresh)).await.expect(200);
}

#[tokio::test]
async fn who_is_shut_out_or_has_gone_is_inactive_everywhere() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    for command in ["suspend", "withdraw"] {
        let tokens = log_in(&daemun).await;
        daemun.run(&["account", command, EMAIL]).expect(0);
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        expect_each([
            (command, login(&daemun, &credentials), 400, FAILED),
            (command, me(&daemun, &tokens.access), 401, GUARD_INACTIVE),
        ])
        .await;
        let refused = send(refreshing(&daemun, &tokens.refresh)).await;
        assert_eq!(
            (refused.status, &*refused.text),
            (400, INACTIVE),
            "{command}"
        );
        assert!(cleared(&refused));
        daemun.run(&["account", "restore", EMAIL]).expect(0);
    }
}

#[tokio::test]
async fn s79_a_contract_that_conceals_tells_of_all_faults_but_not_of_what_is_taken() {
    let made = r#"json = '''{
  "id": "{{account.id}}",
  "last_login": "{{account.last_login.micros}}",
  "email": "{{account.email}}",
  "nickname": "{{account.nickname}}",
  "profile_img_path": "{{account.profile.profile_img_path}}",
  "is_admin": "{{account.admin}}",
  "is_active": "{{account.active}}",
  "created_at": "{{account.created_at.micros}}",
  "updated_at": "{{account.updated_at.micros}}",
  "school": "{{account.profile.school}}",
  "friends": "{{account.profile.friends}}"
}'''

[route.on.missing_field]"#;
    let taken = "[route.on.identifier_taken]\nstatus = 400\njson = '{\"email\":[\"my user의 email은/는 이미 존재합니다.\"]}'";
    let changes = [
        ("conceal = false ", "conceal = true "),
        ("confirm_address = false", "confirm_address = true"),
        (
            made,
            "json = '{\"message\":\"sent\"}'\n\n[route.on.missing_field]",
        ),
        (
            taken,
            "[route.on.identifier_taken]\nstatus = 201\njson = '{\"message\":\"sent\"}'",
        ),
    ];
    let daemun = with_short("campus-account", &changes).await;
    account(&daemun, EMAIL, "미나");
    let register = |body: &Value| post(&daemun, "/short/account/register/", body);
    let weak = r#"{"password":["비밀번호가 너무 짧습니다. 최소 8 문자를 포함해야 합니다."]}"#;
    let rows = [EMAIL, "nobody@example.com"].map(|email| {
        let faulty =
            json!({ "email": email, "nickname": "미나", "school": 3, "password": "short" });
        ("known or not", register(&faulty), 400, weak)
    });
    expect_each(rows).await;
    // A nickname that is another's is told, whosever the address is.
    account(&daemun, "other@example.com", "other");
    let told = r#"{"nickname":["my user의 nickname은/는 이미 존재합니다."]}"#;
    let rows = [EMAIL, "nobody@example.com"].map(|email| {
        let body =
            json!({ "email": email, "nickname": "OTHER", "school": 3, "password": PASSWORD });
        ("another's nickname", register(&body), 400, told)
    });
    expect_each(rows).await;
    let mut known = mina();
    known["nickname"] = "free".into();
    expect_each([("known", register(&known), 201, r#"{"message":"sent"}"#)]).await;
}

#[tokio::test]
async fn the_guard_answers_as_the_frameworks_do() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    let pair = log_in(&daemun).await;
    let secret = daemun.legacy_secret();
    let expired = with_claim(&secret, &pair.access, "exp", now() - 1);
    let gone = foreign(&daemun, "access", "0d", 999);
    let header = |value: &str| get(&daemun, "/account/me/").header("authorization", value);
    let rows = [
        ("nothing", get(&daemun, "/account/me/"), NO_CREDENTIALS),
        ("another scheme", header("Basic abc"), NO_CREDENTIALS),
        (
            "the cookie",
            with_cookies(get(&daemun, "/account/me/"), &[("refresh", &pair.refresh)]),
            NO_CREDENTIALS,
        ),
        ("a scheme alone", header("Bearer"), BAD_HEADER),
        ("three words", header("Bearer a b"), BAD_HEADER),
        ("nonsense", header("Bearer abc"), GUARD),
        ("expired", header(&format!("Bearer {expired}")), GUARD),
        (
            "a refresh token",
            header(&format!("Bearer {}", pair.refresh)),
            GUARD_TYPE,
        ),
        ("of nobody", header(&format!("Bearer {gone}")), GUARD_GONE),
    ];
    for (what, request, body) in rows {
        let answer = send(request).await;
        assert_eq!((answer.status, &*answer.text), (401, body), "{what}");
        assert_eq!(
            super::call::header(&answer, "www-authenticate"),
            Some(r#"Bearer realm="api""#)
        );
    }
    // A bad token gets its answer on routes that need none, too; the refresh ignores it.
    for path in ["/account/login/", "/account/register/", "/account/logout/"] {
        let request = post(&daemun, path, &json!({})).bearer_auth("abc");
        expect_each([(path, request, 401, GUARD)]).await;
    }
}

#[tokio::test]
async fn tokens_of_the_former_back_end_go_on() {
    let daemun = Daemun::start().await;
    let row = json!({ "id": 41, "email": EMAIL, "nickname": "미나" });
    assert_eq!(taken_over(&daemun, row), 41);
    send(me(&daemun, &foreign(&daemun, "access", "0a", 41)))
        .await
        .expect(200);
    let refreshed = send(refreshing(&daemun, &foreign(&daemun, "refresh", "0b", 41)))
        .await
        .expect(200);
    let access = refreshed.json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    send(me(&daemun, &access)).await.expect(200);
    send(refreshing(&daemun, &refresh_cookie(&refreshed)))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_is_no_request_of_this_contract_is_told_so_in_its_shape() {
    let daemun = Daemun::start().await;
    let json = "application/json";
    let sent = |content_type: &str, body: Vec<u8>| {
        post_as(&daemun, "/account/register/", content_type, body)
    };
    expect_each([
        ("half a body", sent(json, b"{\"email\":".to_vec()), 400, NOT_JSON),
        ("a list", sent(json, b"[]".to_vec()), 400, NOT_JSON),
        ("nothing", sent(json, Vec::new()), 400, r#"{"password":["이 필드는 필수 항목입니다."],"email":["이 필드는 필수 항목입니다."],"nickname":["이 필드는 필수 항목입니다."],"school":["이 필드는 필수 항목입니다."]}"#),
        ("text", sent("text/plain", b"{}".to_vec()), 415, r#"{"detail":"요청된 \"text/plain\"가 지원되지 않는 미디어 형태입니다."}"#),
        ("another type", sent("a/\"b\\c", b"{}".to_vec()), 415, r#"{"detail":"요청된 \"a/\"b\\c\"가 지원되지 않는 미디어 형태입니다."}"#.replace("a/\"b\\c", "a/\\\"b\\\\c").leak()),
        ("large", sent(json, vec![b' '; 65_537]), 413, r#"{"detail":"요청이 너무 큽니다."}"#),
    ])
    .await;
    for (path, methods, allow) in [
        (
            "/account/register/",
            &[Method::GET, Method::PUT, Method::DELETE][..],
            "POST, OPTIONS",
        ),
        (
            "/account/login",
            &[Method::GET, Method::PATCH],
            "POST, OPTIONS",
        ),
        ("/account/token-refresh/", &[Method::GET], "POST, OPTIONS"),
        ("/account/logout/", &[Method::DELETE], "POST, OPTIONS"),
        ("/account/me/", &[Method::POST], "GET, HEAD, OPTIONS"),
    ] {
        for method in methods {
            let answer = send(daemun.request(method.clone(), path)).await.expect(405);
            let told =
                format!(r#"{{"detail":"메소드(Method) \"{method}\"는 허용되지 않습니다."}}"#);
            assert_eq!(answer.text, told);
            assert_eq!(header(&answer, "allow"), Some(allow));
        }
    }
}

#[tokio::test]
async fn people_of_other_contracts_show_the_defaults() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    let tokens = log_in(&daemun).await;
    let user = send(me(&daemun, &tokens.access)).await.expect(200).json();
    assert_eq!(
        (&user["school"], &user["friends"], &user["profile_img_path"]),
        (&json!(null), &json!([]), &json!(null))
    );
}

#[tokio::test]
async fn the_refresh_token_can_be_left_to_the_cookie_alone() {
    let off = [("refresh_in_body = true", "refresh_in_body = false")];
    let daemun = with_short("campus-account", &off).await;
    account(&daemun, EMAIL, "미나");
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = daemun
        .post("/short/account/login/", credentials)
        .await
        .expect(200);
    let token = &answer.json()["token"];
    assert_eq!(
        token
            .as_object()
            .expect("an object")
            .keys()
            .collect::<Vec<_>>(),
        ["access"]
    );
    let cookie = refresh_cookie(&answer);
    assert!(!answer.text.contains(&cookie), "no script can read it");
    let refreshed = daemun.request(Method::POST, "/short/account/token-refresh/");
    send(with_cookies(refreshed, &[("refresh", &cookie)]))
        .await
        .expect(200);
}

#[tokio::test]
async fn of_many_who_sign_up_as_one_at_once_one_does() {
    let daemun = Daemun::start().await;
    let body = mina();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        tasks.spawn(send(register(&daemun, &body)));
    }
    let answers = tasks.join_all().await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json()["email"],
            json!(["my user의 email은/는 이미 존재합니다."])
        );
    }
}

#[tokio::test]
async fn in_production_who_asks_what_is_taken_is_limited_and_the_cookie_is_secure() {
    let daemun = production(&[("DAEMUN_CONTRACTS", "campus-account")]).await;
    let from = |client: &str, request: RequestBuilder| {
        let by_proxy = request.header("x-forwarded-for", client.to_owned());
        by_proxy.header("x-forwarded-proto", "https")
    };
    let asking = json!({ "email": EMAIL });
    let ask = |client: &str| from(client, register(&daemun, &asking));
    let mut told = send(ask("203.0.113.5")).await;
    for _ in 0..60 {
        assert_eq!(told.status, 400, "{told:?}");
        assert!(told.text.contains("이미 존재합니다"));
        told = send(ask("203.0.113.5")).await;
    }
    let slow_down = told.expect(429);
    let wait = header(&slow_down, "retry-after").expect("how long");
    let words = format!(
        r#"{{"detail":"요청이 지연(throttled)되었습니다. {wait}초 후에 다시 시도하세요."}}"#
    );
    assert_eq!(slow_down.text, words);
    send(ask("203.0.113.6")).await.expect(400);
    // Whoever learns nothing is not counted.
    let nothing = from("203.0.113.5", register(&daemun, &json!({})));
    send(nothing).await.expect(400);

    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let logged_in = send(from("203.0.113.6", login(&daemun, &credentials)))
        .await
        .expect(200);
    let set = cookies(&logged_in);
    assert_eq!(
        set[0].attributes,
        "Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let object = prop::collection::vec((any::<String>(), inner), 0..4);
        prop_oneof![
            list,
            object.prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

#[test]
fn f18_whatever_stands_in_a_field_is_never_our_fault() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let start = Start::development().with("DAEMUN_LIMITS_PER_ADDRESS", "false");
    let daemun = runtime.block_on(start.go());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let values = (any_json(), any_json(), any_json());
    let ran = runner.run(&values, |(school, nickname, email)| {
        let body = json!({ "email": email, "nickname": nickname, "school": school, "friends": school, "password": "a few words" });
        let answer = runtime.block_on(send(register(&daemun, &body)));
        prop_assert!([201, 400, 429].contains(&answer.status), "{body}: {answer:?}");
        prop_assert!(serde_json::from_str::<Value>(&answer.text).is_ok(), "{answer:?}");
        Ok(())
    });
    ran.expect("no fault of ours");
}
