//! `email-cookie`: every line of its table, and one person's way through it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{
        Cookie, assert_sound, cookies, expect_each, get, header, multipart, post, post_as,
        with_cookies,
    },
    forge::{
        HS256, badly_signed, claims, django, django_v2, forge, header as token_header, now,
        unsigned, with_claim,
    },
    people::{
        EMAIL, PASSWORD, Pair, account, account_with, code, code_after, cookie_pair, email_cookie,
        refresh_cookie,
    },
    variant::with_short,
};
use crate::harness::{Daemun, send};

const NO_ACCESS: &str = r#"{"error":"access 토큰이 필요합니다."}"#;
const ACCESS_EXPIRED: &str = r#"{"error":"access_token이 만료되었습니다."}"#;
const BAD_ACCESS: &str = r#"{"error":"유효하지 않은 access 토큰입니다."}"#;
const REFRESH_EXPIRED: &str = r#"{"error":"refresh이 만료되었습니다. 다시 로그인하여 주세요"}"#;
const BAD_REFRESH: &str = r#"{"error":"refresh 토큰이 유효하지 않습니다. 다시 로그인하여 주세요"}"#;
const REFRESHED: &str = r#"{"message":"새로운 access_token 발급"}"#;
const PLEASE_VERIFY: &str = r#"{"message":"Please verify your email address"}"#;
const WRONG_CODE: &str = r#"{"eroor":"an incorrect or expired verification code"}"#;
const INACTIVE: &str = r#"{"error ":"비활성화인 계정입니다"}"#;
const NO_ACCOUNT: &str = r#"{"error":"존재하지 않는 이메일"}"#;
const WRONG_PASSWORD: &str = r#"{"error":"비밀번호가 틀렸습니다"}"#;
const SET: &str = "Max-Age=1209600; Path=/; HttpOnly; SameSite=Lax";
const CLEARED: &str =
    "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax";

fn refreshing(daemun: &Daemun, cookies: &[(&str, &str)]) -> RequestBuilder {
    with_cookies(
        daemun.request(Method::POST, "/api/accounts/token/refresh/"),
        cookies,
    )
}

fn me(daemun: &Daemun, cookies: &[(&str, &str)]) -> RequestBuilder {
    with_cookies(get(daemun, "/api/accounts/me/"), cookies)
}

fn cleared(answer: &crate::harness::Answer) -> bool {
    let cookie = |name: &str| Cookie {
        name: name.into(),
        value: String::new(),
        attributes: CLEARED.into(),
    };
    cookies(answer) == [cookie("access_token"), cookie("refresh_token")]
}

#[tokio::test]
async fn a_person_signs_up_by_mail_and_lives_with_two_cookies() {
    let daemun = Daemun::start().await;
    let signup = json!({ "email": EMAIL, "password": PASSWORD, "nickname": "미나" });
    expect_each([(
        "sign-up",
        post(&daemun, "/api/accounts/signup/", &signup),
        201,
        PLEASE_VERIFY,
    )])
    .await;
    let (code, letter) = code_after(&daemun, EMAIL, &Value::Null).await;
    assert_eq!(letter["to"], EMAIL);
    assert_eq!(letter["subject"], "Verify your email address");
    assert_eq!(letter["text"], format!("Your verification code is: {code}"));

    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let proof = json!({ "email": EMAIL, "code": code });
    let proved = r#"{"message":"email has been successfully verified"}"#;
    expect_each([
        (
            "too early",
            post(&daemun, "/api/accounts/login/", &credentials),
            403,
            INACTIVE,
        ),
        (
            "verify",
            post(&daemun, "/api/accounts/verify/email/", &proof),
            200,
            proved,
        ),
        (
            "verify again",
            post(&daemun, "/api/accounts/verify/email/", &proof),
            400,
            WRONG_CODE,
        ),
    ])
    .await;

    let login = daemun.post("/api/accounts/login/", credentials).await;
    let person = r#"{"email":"mina@example.com","nickname":"미나"}"#;
    assert_eq!((login.status, &*login.text), (200, person));
    assert_sound(&login, "application/json", "login");
    let set = cookies(&login);
    let names: Vec<&str> = set.iter().map(|cookie| &*cookie.name).collect();
    assert_eq!(names, ["access_token", "refresh_token"]);
    for cookie in &set {
        assert_eq!(cookie.attributes, SET);
        let token = unsigned(&cookie.value);
        let again = [now(), now() - 1, now() - 2]
            .map(|at| django(&daemun.legacy_secret(), &cookie.name, token, at));
        assert!(again.contains(&cookie.value), "signed as Django signs");
    }
    let first = cookie_pair(&login);

    let mut chain = vec![first.clone()];
    for path in [
        "/api/accounts/token/refresh/",
        "/api/accounts/token/refresh",
    ] {
        let last = chain.last().unwrap();
        let request = daemun.request(Method::POST, path);
        let answer = send(with_cookies(request, &[("refresh_token", &last.refresh)])).await;
        assert_eq!((answer.status, &*answer.text), (200, REFRESHED));
        assert!(
            cookies(&answer)
                .iter()
                .all(|cookie| cookie.attributes == SET),
            "{answer:?}"
        );
        let next = cookie_pair(&answer);
        assert!(
            unsigned(&next.access) != unsigned(&last.access)
                && unsigned(&next.refresh) != unsigned(&last.refresh)
        );
        expect_each([(
            "me",
            me(&daemun, &[("access_token", &next.access)]),
            200,
            person,
        )])
        .await;
        chain.push(next);
    }
    let last = chain[2].clone();
    let retried = cookie_pair(&refresh_cookie(&daemun, &chain[1].refresh).await.expect(200));
    assert_eq!(unsigned(&retried.refresh), unsigned(&last.refresh));

    let logout = || {
        let request = daemun.request(Method::POST, "/api/accounts/logout/");
        with_cookies(
            request,
            &[
                ("refresh_token", &last.refresh),
                ("access_token", &last.access),
            ],
        )
    };
    let gone = r#"{"message":"로그아웃 되었습니다"}"#;
    let answer = send(logout()).await;
    assert_eq!((answer.status, &*answer.text), (200, gone));
    assert!(cleared(&answer), "{answer:?}");
    // The browser's cookies are gone; whoever kept a copy is refused.
    let refused = refresh_cookie(&daemun, &last.refresh).await;
    assert_eq!((refused.status, &*refused.text), (401, BAD_REFRESH));
    assert!(cleared(&refused), "{refused:?}");
    expect_each([
        (
            "me",
            me(&daemun, &[("access_token", &last.access)]),
            401,
            BAD_ACCESS,
        ),
        (
            "an older one",
            me(&daemun, &[("access_token", &first.access)]),
            401,
            BAD_ACCESS,
        ),
        (
            "no cookies",
            get(&daemun, "/api/accounts/me/"),
            401,
            NO_ACCESS,
        ),
    ])
    .await;
    let nobody = send(daemun.request(Method::POST, "/api/accounts/logout")).await;
    assert_eq!((nobody.status, &*nobody.text), (200, gone));
}

#[tokio::test]
async fn signing_up_answers_as_its_table_has_it() {
    let daemun = Daemun::start().await;
    account(&daemun, "taken@example.com", "taken");
    let signup = |body: Value| post(&daemun, "/api/accounts/signup/", &body);
    let with = |email: &str, password: &str, nickname: &str| {
        signup(json!({ "email": email, "password": password, "nickname": nickname }))
    };
    let error = |text: &str| format!(r#"{{"error":"{text}"}}"#);
    let email = error("Email field is required");
    let password = error("Password field is required");
    let nickname = error("Nickname field is required");
    let bad = error("잘못된 요청입니다.");
    expect_each([
        ("nothing", signup(json!({})), 400, &*email),
        (
            "no body",
            daemun.request(Method::POST, "/api/accounts/signup"),
            400,
            &email,
        ),
        ("email blank", with("", "", ""), 400, &email),
        (
            "only the nickname",
            signup(json!({ "nickname": "n" })),
            400,
            &email,
        ),
        (
            "password missing",
            signup(json!({ "email": EMAIL, "nickname": "n" })),
            400,
            &password,
        ),
        (
            "password and nickname blank",
            with(EMAIL, "", ""),
            400,
            &password,
        ),
        (
            "nickname missing",
            signup(json!({ "email": EMAIL, "password": PASSWORD })),
            400,
            &nickname,
        ),
        (
            "nickname blank",
            with(EMAIL, PASSWORD, "  "),
            400,
            &nickname,
        ),
        (
            "both taken",
            with("taken@example.com", PASSWORD, "taken"),
            409,
            &error("Email is already registered"),
        ),
        (
            "taken otherwise written",
            with("Taken@Example.COM", PASSWORD, "n"),
            409,
            &error("Email is already registered"),
        ),
        (
            "nickname taken",
            with(EMAIL, PASSWORD, "taken"),
            409,
            &error("Nickname is already taken"),
        ),
        (
            "no address",
            with("mina", PASSWORD, "n"),
            400,
            &error("Email is not valid"),
        ),
        (
            "weak",
            with(EMAIL, "password", "n"),
            400,
            &error("Password is too short or too common"),
        ),
        (
            "a number",
            signup(json!({ "email": 1, "password": PASSWORD, "nickname": "n" })),
            400,
            &bad,
        ),
        (
            "not JSON",
            post_as(
                &daemun,
                "/api/accounts/signup/",
                "application/json",
                "email=x",
            ),
            400,
            &bad,
        ),
        (
            "text",
            post_as(&daemun, "/api/accounts/signup/", "text/plain", "{}"),
            415,
            &error("지원하지 않는 형식의 요청입니다."),
        ),
        (
            "large",
            post_as(
                &daemun,
                "/api/accounts/signup/",
                "application/json",
                vec![b'['; 70_000],
            ),
            413,
            &error("요청이 너무 큽니다."),
        ),
    ])
    .await;

    let (multipart_type, multipart_body) = multipart(&[
        ("email", "b@example.com"),
        ("password", PASSWORD),
        ("nickname", "비"),
    ]);
    let form =
        "email=a%40example.com&password=a+few+words+nobody+guesses&nickname=%EC%97%90%EC%9D%B4";
    for (content_type, body, address, nickname) in [
        (
            "application/x-www-form-urlencoded",
            form.to_owned(),
            "a@example.com",
            "에이",
        ),
        (&*multipart_type, multipart_body, "b@example.com", "비"),
    ] {
        expect_each([(
            "form",
            post_as(&daemun, "/api/accounts/signup", content_type, body),
            201,
            PLEASE_VERIFY,
        )])
        .await;
        let proof =
            json!({ "email": address, "code": code(&daemun, address).await.to_lowercase() });
        daemun
            .post("/api/accounts/verify/email", proof)
            .await
            .expect(200);
        let login = json!({ "email": address, "password": PASSWORD });
        let answer = daemun.post("/api/accounts/login", login).await.expect(200);
        assert_eq!(answer.json()["nickname"], nickname);
    }
}

#[tokio::test]
async fn codes_and_logins_answer_as_their_table_has_it() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    account_with(&daemun, "new@example.com", PASSWORD, &["--nickname", "new"]);
    account(&daemun, "out@example.com", "out");
    daemun
        .run(&["account", "suspend", "out@example.com"])
        .expect(0);

    let with = |path: &str, email: &str, password: &str| {
        post(
            &daemun,
            path,
            &json!({ "email": email, "password": password }),
        )
    };
    let login = |email: &str, password: &str| with("/api/accounts/login/", email, password);
    let resend = |email: &str, password: &str| with("/api/accounts/resend/code/", email, password);
    let verify = |body: Value| post(&daemun, "/api/accounts/verify/email/", &body);
    let unknown = r#"{"error":"존재하지 않는 이메일입니다."}"#;
    expect_each([
        (
            "login: unknown",
            login("nobody@example.com", PASSWORD),
            404,
            NO_ACCOUNT,
        ),
        (
            "login: nothing",
            post(&daemun, "/api/accounts/login/", &json!({})),
            404,
            NO_ACCOUNT,
        ),
        (
            "login: wrong password",
            login(EMAIL, "not that one, surely"),
            403,
            WRONG_PASSWORD,
        ),
        ("login: no password", login(EMAIL, ""), 403, WRONG_PASSWORD),
        (
            "login: unverified",
            login("new@example.com", PASSWORD),
            403,
            INACTIVE,
        ),
        (
            "login: unverified, whatever the password",
            login("new@example.com", "not that one"),
            403,
            INACTIVE,
        ),
        (
            "login: suspended",
            login("out@example.com", PASSWORD),
            403,
            INACTIVE,
        ),
        (
            "resend: unknown",
            resend("nobody@example.com", PASSWORD),
            404,
            unknown,
        ),
        (
            "resend: nothing",
            post(&daemun, "/api/accounts/resend/code", &json!({})),
            404,
            unknown,
        ),
        (
            "resend: wrong password",
            resend("new@example.com", "not that one"),
            401,
            WRONG_PASSWORD,
        ),
        (
            "resend: no password",
            resend("new@example.com", ""),
            401,
            WRONG_PASSWORD,
        ),
        (
            "resend",
            resend("new@example.com", PASSWORD),
            200,
            PLEASE_VERIFY,
        ),
        ("verify: nothing", verify(json!({})), 400, WRONG_CODE),
        (
            "verify: no code",
            verify(json!({ "email": "new@example.com" })),
            400,
            WRONG_CODE,
        ),
        (
            "verify: wrong",
            verify(json!({ "email": "new@example.com", "code": "AAAAA" })),
            400,
            WRONG_CODE,
        ),
        (
            "verify: unknown",
            verify(json!({ "email": "nobody@example.com", "code": "AAAAAA" })),
            400,
            WRONG_CODE,
        ),
    ])
    .await;

    let (code, first) = code_after(&daemun, "new@example.com", &Value::Null).await;
    let soon = send(resend("new@example.com", PASSWORD)).await;
    assert_eq!(
        (soon.status, &*soon.text),
        (429, r#"{"error":"잠시 후 다시 시도해 주세요."}"#)
    );
    let wait: u64 = header(&soon, "retry-after").unwrap().parse().unwrap();
    assert!((55..=60).contains(&wait), "{wait}");
    let proof = json!({ "email": "new@example.com", "code": code });
    send(verify(proof)).await.expect(200);
    assert_eq!(
        daemun.letter_to("new@example.com").await,
        first,
        "no mail was sent"
    );
}

#[tokio::test]
async fn s74_a_new_code_kills_the_old_and_one_that_is_late_is_dead() {
    let lines = [
        (
            "alphabet = \"upper_alphanumeric\"",
            "alphabet = \"upper_alphanumeric\"\nresend_gap = \"1s\"",
        ),
        ("lifetime = \"1h\"", "lifetime = \"3s\""),
    ];
    let daemun = with_short("email-cookie", &lines).await;
    let credentials = json!({ "email": EMAIL, "password": PASSWORD, "nickname": "n" });
    daemun
        .post("/short/api/accounts/signup/", credentials.clone())
        .await
        .expect(201);
    let (old, letter) = code_after(&daemun, EMAIL, &Value::Null).await;
    let resend = || daemun.post("/short/api/accounts/resend/code/", credentials.clone());
    while resend().await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (new, letter) = code_after(&daemun, EMAIL, &letter).await;
    let verify = |code: &str| {
        post(
            &daemun,
            "/short/api/accounts/verify/email/",
            &json!({ "email": EMAIL, "code": code }),
        )
    };
    expect_each([("the old one", verify(&old), 400, WRONG_CODE)]).await;
    tokio::time::sleep(std::time::Duration::from_millis(3_050)).await;
    expect_each([("a late one", verify(&new), 400, WRONG_CODE)]).await;
    resend().await.expect(200);
    let (newest, _) = code_after(&daemun, EMAIL, &letter).await;
    send(verify(&newest)).await.expect(200);
}

#[tokio::test]
async fn the_guard_and_refreshing_answer_as_their_tables_have_it() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, EMAIL, "미나");
    account(&daemun, "out@example.com", "out");
    let pair = email_cookie(&daemun, EMAIL).await;
    let ended = email_cookie(&daemun, EMAIL).await;
    let suspended = email_cookie(&daemun, "out@example.com").await;
    daemun
        .run(&["account", "suspend", "out@example.com"])
        .expect(0);
    let logout = daemun.request(Method::POST, "/api/accounts/logout/");
    send(with_cookies(logout, &[("refresh_token", &ended.refresh)]))
        .await
        .expect(200);

    let signed = |name: &str, token: &str| django(&secret, name, token, now());
    let over = |cookie: &str| with_claim(&secret, unsigned(cookie), "exp", now() - 1);
    let foreign = |id: i64, exp: u64| {
        let claims = json!({ "token_type": "access", "exp": exp, "iat": now() - 9, "jti": "0".repeat(32), "user_id": id });
        forge(&secret, HS256, claims.to_string())
    };
    let person = r#"{"email":"mina@example.com","nickname":"미나"}"#;

    let access = |value: &str| me(&daemun, &[("access_token", value)]);
    expect_each([
        ("none", get(&daemun, "/api/accounts/me"), 401, NO_ACCESS),
        ("empty", access(""), 401, NO_ACCESS),
        ("not signed", access(unsigned(&pair.access)), 401, NO_ACCESS),
        (
            "badly signed",
            access(&badly_signed(&pair.access)),
            401,
            NO_ACCESS,
        ),
        (
            "expired",
            access(&signed("access_token", &over(&pair.access))),
            401,
            ACCESS_EXPIRED,
        ),
        (
            "expired, of the former back end",
            access(&signed("access_token", &foreign(1, now() - 1))),
            401,
            ACCESS_EXPIRED,
        ),
        (
            "no token",
            access(&signed("access_token", "x.y.z")),
            401,
            BAD_ACCESS,
        ),
        (
            "signed empty",
            access(&signed("access_token", "")),
            401,
            NO_ACCESS,
        ),
        ("revoked", access(&ended.access), 401, BAD_ACCESS),
        ("suspended", access(&suspended.access), 401, BAD_ACCESS),
        (
            "gone",
            access(&signed("access_token", &foreign(99, now() + 60))),
            401,
            BAD_ACCESS,
        ),
        (
            "a refresh token",
            access(&signed("access_token", unsigned(&pair.refresh))),
            401,
            BAD_ACCESS,
        ),
        ("good", access(&pair.access), 200, person),
        (
            "good, quoted as Django quotes",
            access(&format!("\"{}\"", pair.access)),
            200,
            person,
        ),
        (
            "of the former back end, which never had this account",
            access(&signed("access_token", &foreign(1, now() + 60))),
            401,
            BAD_ACCESS,
        ),
        (
            "good, of a newer Django",
            access(&django_v2(
                &secret,
                "access_token",
                unsigned(&pair.access),
                now(),
            )),
            200,
            person,
        ),
        (
            "in the header, where it is not looked for",
            get(&daemun, "/api/accounts/me").bearer_auth(unsigned(&pair.access)),
            401,
            NO_ACCESS,
        ),
    ])
    .await;

    let refusals = [
        ("badly signed", badly_signed(&pair.refresh), BAD_REFRESH),
        ("no token", signed("refresh_token", "x.y.z"), BAD_REFRESH),
        (
            "an access token",
            signed("refresh_token", unsigned(&pair.access)),
            BAD_REFRESH,
        ),
        (
            "expired",
            signed("refresh_token", &over(&pair.refresh)),
            REFRESH_EXPIRED,
        ),
        ("revoked", ended.refresh.clone(), BAD_REFRESH),
        ("suspended", suspended.refresh.clone(), BAD_REFRESH),
        (
            "of the former back end",
            signed("refresh_token", &foreign(1, now() + 60)),
            BAD_REFRESH,
        ),
    ];
    for (what, cookie, expected) in &refusals {
        let answer = refresh_cookie(&daemun, cookie).await;
        assert_eq!((answer.status, &*answer.text), (401, *expected), "{what}");
        assert!(cleared(&answer), "{what}: {answer:?}");
    }
    let none = send(refreshing(&daemun, &[("other", "x")])).await;
    assert_eq!((none.status, &*none.text), (401, BAD_REFRESH));
    let newer = django_v2(&secret, "refresh_token", unsigned(&pair.refresh), now());
    expect_each([(
        "good, of a newer Django",
        refreshing(&daemun, &[("refresh_token", &newer)]),
        200,
        REFRESHED,
    )])
    .await;
}

#[tokio::test]
async fn another_method_is_refused_in_the_misspelling_of_its_route() {
    let daemun = Daemun::start().await;
    let eroor = r#"{"eroor":"Only POST requests are allowed"}"#;
    let rows = [
        (
            "/api/accounts/signup/",
            r#"{"error":"Only POST requests are allowed"}"#,
        ),
        ("/api/accounts/resend/code/", eroor),
        ("/api/accounts/verify/email/", eroor),
        ("/api/accounts/login/", eroor),
        ("/api/accounts/token/refresh/", eroor),
        ("/api/accounts/logout/", eroor),
    ];
    for (path, body) in rows {
        for path in [path, path.trim_end_matches('/')] {
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                let answer = send(daemun.request(method, path)).await;
                assert_eq!((answer.status, &*answer.text), (405, body), "{path}");
                assert_eq!(header(&answer, "allow"), Some("POST, OPTIONS"));
                assert_sound(&answer, "application/json", path);
            }
        }
    }
    let answer = send(daemun.request(Method::POST, "/api/accounts/me")).await;
    assert_eq!(
        (answer.status, &*answer.text),
        (405, r#"{"error":"Only GET requests are allowed"}"#)
    );
    assert_eq!(header(&answer, "allow"), Some("GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn tokens_look_as_those_of_the_back_end_it_takes_the_place_of() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    let Pair { access, refresh } = email_cookie(&daemun, EMAIL).await;
    for (cookie, lifetime, ours) in [
        (&access, 600, &["sid", "ctr"][..]),
        (&refresh, 604_800, &["sid", "gen", "ctr"]),
    ] {
        let token = unsigned(cookie);
        assert_eq!(token_header(token), HS256);
        let claims = claims(token);
        let names: Vec<&str> = claims.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [&["token_type", "exp", "iat", "jti", "user_id"], ours].concat()
        );
        assert_eq!(
            claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
            lifetime
        );
        assert_eq!(
            (&claims["user_id"], &claims["ctr"]),
            (&json!(1), &json!("email-cookie"))
        );
    }
}
