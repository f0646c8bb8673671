//! `native`: one person's way through it, in both flavours and both languages.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{Cookie, assert_sound, cookies, get, header, post, post_as, problem, with_cookies},
    forge::{claims, header as token_header},
    people::{
        EMAIL, PASSWORD, PHONE, account, account_with, code, native, native_pair, refresh_native,
    },
    variant::with_short,
};
use crate::harness::{Answer, Daemun, send};

const SET: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";
const CLEARED: &str =
    "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Strict";

fn delete(daemun: &Daemun, path: &str, token: &str) -> RequestBuilder {
    daemun.request(Method::DELETE, path).bearer_auth(token)
}

/// The refresh token in the one cookie that an answer sets, for as long as it says.
fn refresh_cookie(answer: &Answer, lifetime: u64) -> String {
    let [
        Cookie {
            name,
            value,
            attributes,
        },
    ] = &cookies(answer)[..]
    else {
        panic!("not one cookie: {answer:?}");
    };
    assert_eq!(name, "__Host-refresh");
    let (age, rest) = attributes.split_once("; ").expect("an age");
    let age: u64 = age
        .strip_prefix("Max-Age=")
        .expect("an age")
        .parse()
        .expect("a number");
    assert!(age <= lifetime && lifetime - age <= 3, "{attributes}");
    assert_eq!(rest, SET);
    value.clone()
}

fn cleared(answer: &Answer) -> bool {
    cookies(answer)
        == [Cookie {
            name: "__Host-refresh".into(),
            value: String::new(),
            attributes: CLEARED.into(),
        }]
}

/// What an answer that gives tokens must look like, to the byte.
fn granted(answer: &Answer, lifetime: u64, with_refresh: bool) {
    assert_sound(answer, "application/json", "tokens");
    let body = answer.json();
    let access = body["access_token"].as_str().expect("a token");
    let left = body["refresh_expires_in"].as_u64().expect("seconds");
    assert!(left <= lifetime && lifetime - left <= 3, "{answer:?}");
    let refresh = if with_refresh {
        format!(r#""refresh_token":{},"#, body["refresh_token"])
    } else {
        String::new()
    };
    let expected = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{},{refresh}"refresh_expires_in":{left}}}"#,
        body["expires_in"]
    );
    assert_eq!((answer.status, &*answer.text), (200, &*expected));
    assert!((298..=300).contains(&body["expires_in"].as_u64().expect("seconds")));
}

async fn sign_up(daemun: &Daemun, body: Value) -> Answer {
    let answer = daemun.post("/v1/accounts", body).await;
    assert_eq!(
        (answer.status, &*answer.text),
        (202, r#"{"status":"verification_sent"}"#)
    );
    assert_sound(&answer, "application/json", "sign-up");
    answer
}

#[tokio::test]
async fn a_person_lives_with_both_tokens_in_the_body() {
    let daemun = Daemun::start().await;
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    sign_up(
        &daemun,
        json!({ "email": EMAIL, "password": PASSWORD, "nickname": "미나" }),
    )
    .await;
    let early = daemun
        .post("/v1/session", credentials.clone())
        .await
        .expect(403);
    assert_eq!(problem(&early), "unverified");

    let proof = json!({ "email": EMAIL, "code": code(&daemun, EMAIL).await });
    let proved = daemun.post("/v1/accounts/verify", proof.clone()).await;
    assert_eq!(
        (proved.status, &*proved.text),
        (200, r#"{"status":"verified"}"#)
    );
    let again = daemun.post("/v1/accounts/verify", proof).await.expect(400);
    assert_eq!(problem(&again), "invalid_code");

    let login = daemun.post("/v1/session", credentials).await;
    granted(&login, 14 * 86_400, true);
    assert_eq!(cookies(&login), []);
    let first = native_pair(&login.json());

    let me = daemun
        .get_as(&first.access, "/v1/accounts/me")
        .await
        .expect(200);
    assert_sound(&me, "application/json", "me");
    let body = me.json();
    let expected = format!(
        r#"{{"id":"1","email":"{EMAIL}","phone":null,"nickname":"미나","created_at":{},"last_login":{}}}"#,
        body["created_at"], body["last_login"]
    );
    assert_eq!(me.text, expected);
    assert!(
        body["last_login"].as_str() >= body["created_at"].as_str(),
        "{body}"
    );

    let mut chain = vec![first];
    for _ in 0..3 {
        let answer = refresh_native(&daemun, &chain.last().unwrap().refresh).await;
        granted(&answer, 14 * 86_400, true);
        chain.push(native_pair(&answer.json()));
    }
    let last = chain[3].clone();
    let retried = native_pair(
        &refresh_native(&daemun, &chain[2].refresh)
            .await
            .expect(200)
            .json(),
    );
    assert!(retried.refresh == last.refresh);

    let probe = daemun.get_as(&last.access, "/v1/session").await.expect(200);
    assert_sound(&probe, "application/json", "probe");
    let expected = format!(
        r#"{{"signed_in":true,"account":{{"id":"1","email":"{EMAIL}","phone":null,"nickname":"미나"}},"session_id":{}}}"#,
        claims(&last.access)["sid"]
    );
    assert_eq!(probe.text, expected);

    let out = send(delete(&daemun, "/v1/session", &last.access)).await;
    assert_eq!((out.status, &*out.text), (204, ""));
    for access in chain.iter().map(|pair| &pair.access) {
        let refused = daemun.get_as(access, "/v1/accounts/me").await.expect(401);
        assert_eq!(problem(&refused), "session_ended");
        assert_eq!(
            header(&refused, "www-authenticate"),
            Some(r#"Bearer error="invalid_token""#)
        );
    }
    assert_eq!(
        problem(&refresh_native(&daemun, &last.refresh).await.expect(401)),
        "session_ended"
    );
    let probe = daemun.get_as(&last.access, "/v1/session").await;
    assert_eq!(
        (probe.status, &*probe.text),
        (200, r#"{"signed_in":false}"#)
    );
    assert_eq!(
        send(delete(&daemun, "/v1/session", &last.access))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn s46_a_person_lives_with_the_refresh_token_in_a_host_cookie() {
    let daemun = Daemun::start().await;
    account(&daemun, PHONE, "미나");
    let login = json!({ "phone": "010-1234-5678", "password": PASSWORD });
    let answer = daemun.post("/v1/session/cookie", login).await;
    granted(&answer, 14 * 86_400, false);
    let mut cookie = refresh_cookie(&answer, 14 * 86_400);
    let mut access = native_pair_access(&answer);
    let refresh = |cookie: &str| {
        let request = daemun.request(Method::POST, "/v1/session/cookie/refresh");
        send(with_cookies(
            request,
            &[("theme", "dark"), ("__Host-refresh", cookie)],
        ))
    };
    let mut before = String::new();
    for _ in 0..3 {
        let answer = refresh(&cookie).await;
        granted(&answer, 14 * 86_400, false);
        before = std::mem::replace(&mut cookie, refresh_cookie(&answer, 14 * 86_400));
        assert_ne!(before, cookie);
        access = native_pair_access(&answer);
        assert_eq!(
            daemun
                .get_as(&access, "/v1/accounts/me")
                .await
                .expect(200)
                .json()["phone"],
            PHONE
        );
    }
    assert_eq!(
        refresh_cookie(&refresh(&before).await, 14 * 86_400),
        cookie,
        "a retry gets the same successor"
    );

    // A page that was just loaded has the cookie alone; asking with it uses nothing up.
    let probe = || {
        send(with_cookies(
            get(&daemun, "/v1/session"),
            &[("__Host-refresh", &cookie)],
        ))
    };
    for _ in 0..2 {
        let answer = probe().await.expect(200);
        assert_eq!(answer.json()["session_id"], claims(&access)["sid"]);
        assert_eq!(answer.json()["account"]["phone"], PHONE);
        assert_eq!(cookies(&answer), []);
    }

    let out = || daemun.request(Method::DELETE, "/v1/session/cookie");
    let answer = send(with_cookies(out(), &[("__Host-refresh", &cookie)])).await;
    assert_eq!((answer.status, cleared(&answer)), (204, true), "{answer:?}");
    let refused = refresh(&cookie).await;
    assert_eq!(
        (refused.status, problem(&refused), cleared(&refused)),
        (401, "session_ended".into(), true)
    );
    assert_eq!(daemun.get_as(&access, "/v1/accounts/me").await.status, 401);
    assert_eq!(probe().await.text, r#"{"signed_in":false}"#);
    // Whoever wants to be logged out, is.
    for request in [
        out(),
        with_cookies(out(), &[("__Host-refresh", &cookie)]),
        with_cookies(out(), &[("__Host-refresh", "x")]),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.status, cleared(&answer)), (204, true), "{answer:?}");
    }
    let none = send(daemun.request(Method::POST, "/v1/session/cookie/refresh"))
        .await
        .expect(401);
    assert_eq!(
        (problem(&none), cleared(&none)),
        ("missing_token".into(), true)
    );
}

fn native_pair_access(answer: &Answer) -> String {
    answer.json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[tokio::test]
async fn whoever_asks_to_be_remembered_is_remembered_for_longer() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    for keep in [json!(true), json!("on"), json!("Y"), json!("1")] {
        let login = json!({ "email": EMAIL, "password": PASSWORD, "keep": keep });
        granted(&daemun.post("/v1/session", login).await, 60 * 86_400, true);
    }
    let login = json!({ "email": EMAIL, "password": PASSWORD, "keep": true });
    let answer = daemun.post("/v1/session/cookie", login).await;
    refresh_cookie(&answer, 60 * 86_400);
    for keep in [json!(false), json!("no"), json!(null)] {
        let login = json!({ "email": EMAIL, "password": PASSWORD, "keep": keep });
        granted(&daemun.post("/v1/session", login).await, 14 * 86_400, true);
    }
}

#[tokio::test]
async fn nobody_is_told_whether_an_address_has_an_account() {
    let daemun = Daemun::start().await;
    account(&daemun, "known@example.com", "known");
    sign_up(
        &daemun,
        json!({ "email": "new@example.com", "password": PASSWORD }),
    )
    .await;
    let first = daemun.letter_to("new@example.com").await;
    let addresses = ["known@example.com", "new@example.com", "nobody@example.com"];
    // Signing up comes last: an address that was never proved takes the password last given.
    for path in [
        "/v1/session",
        "/v1/session/cookie",
        "/v1/accounts/verify",
        "/v1/accounts/verification/resend",
        "/v1/accounts",
    ] {
        let mut answers = Vec::new();
        for email in addresses {
            // With a wrong password and a wrong code: what is right opens the account.
            let body = json!({ "email": email, "password": "not that one, surely", "code": "x" });
            let answer = daemun.post(path, body).await;
            let mut headers = answer.headers.clone();
            headers.remove("x-request-id");
            headers.remove("date");
            answers.push((answer.status, answer.text, headers));
        }
        assert!(
            answers.windows(2).all(|two| two[0] == two[1]),
            "{path}: {answers:?}"
        );
    }
    let told = daemun.letter_to("known@example.com").await;
    assert_eq!(told["subject"], "You already have an account");
    assert_eq!(
        daemun.letter_to("new@example.com").await,
        first,
        "asked again too soon"
    );
}

#[tokio::test]
async fn signing_up_says_what_is_wrong_with_which_field() {
    let daemun = Daemun::start().await;
    account(&daemun, "b@example.com", "taken");
    let rows = [
        (json!({}), 400, "missing_field", Some(("email", "missing"))),
        (
            json!({ "email": " ", "password": PASSWORD }),
            400,
            "missing_field",
            Some(("email", "blank")),
        ),
        (
            json!({ "phone": "", "password": PASSWORD }),
            400,
            "missing_field",
            Some(("phone", "blank")),
        ),
        (
            json!({ "email": EMAIL }),
            400,
            "missing_field",
            Some(("password", "missing")),
        ),
        (
            json!({ "email": EMAIL, "password": "" }),
            400,
            "missing_field",
            Some(("password", "blank")),
        ),
        (
            json!({ "email": "mina@", "password": PASSWORD }),
            400,
            "invalid_field",
            Some(("email", "malformed")),
        ),
        (
            json!({ "email": EMAIL, "password": PASSWORD, "nickname": "n".repeat(51) }),
            400,
            "invalid_field",
            Some(("nickname", "too_long")),
        ),
        (
            json!({ "email": EMAIL, "password": "fourteen chars" }),
            400,
            "weak_password",
            Some(("password", "too_short")),
        ),
        (
            json!({ "email": EMAIL, "password": PASSWORD, "nickname": "TAKEN" }),
            409,
            "nickname_taken",
            None,
        ),
        (
            json!({ "email": 7, "password": PASSWORD }),
            400,
            "bad_request",
            None,
        ),
        (
            json!({ "email": true, "password": PASSWORD }),
            400,
            "bad_request",
            None,
        ),
        (json!("x"), 400, "bad_request", None),
    ];
    for (body, status, code, field) in rows {
        let answer = daemun
            .post("/v1/accounts", body.clone())
            .await
            .expect(status);
        assert_eq!(problem(&answer), code, "{body}");
        let said = answer.json();
        assert_eq!(
            (said["field"].as_str(), said["reason"].as_str()),
            (field.map(|f| f.0), field.map(|f| f.1)),
            "{body}: {said}"
        );
    }
    let answer = daemun.post("/v1/accounts", json!({ "email": EMAIL })).await;
    let expected = r#"{"type":"urn:daemun:problem:missing_field","title":"Check what you sent","status":400,"detail":"`password` is missing.","code":"missing_field","field":"password","reason":"missing"}"#;
    assert_eq!(answer.text, expected);
    for (content_type, body, status, code) in [
        ("application/json", "{".to_owned(), 400, "bad_request"),
        ("text/plain", "{}".into(), 415, "unsupported_media_type"),
        ("application/json", " ".repeat(65_537), 413, "too_large"),
    ] {
        let answer = send(post_as(&daemun, "/v1/accounts", content_type, body))
            .await
            .expect(status);
        assert_eq!(problem(&answer), code);
    }
    for path in [
        "/v1/accounts",
        "/v1/session",
        "/v1/sessions/x",
        "/v1/accounts/me/",
    ] {
        let answer = send(daemun.request(Method::PATCH, path)).await.expect(405);
        assert_eq!(problem(&answer), "method_not_allowed");
        let allow = header(&answer, "allow").unwrap();
        assert!(
            allow.ends_with("OPTIONS") && !allow.contains("PATCH"),
            "{allow}"
        );
    }
    let allow = send(daemun.request(Method::PUT, "/v1/session/")).await;
    assert_eq!(
        header(&allow, "allow"),
        Some("POST, GET, DELETE, HEAD, OPTIONS")
    );
}

#[tokio::test]
async fn words_come_in_the_language_that_is_asked_for() {
    let daemun = Daemun::start().await;
    for (asked, title) in [
        (None, "Sign in"),
        (Some("ko"), "로그인이 필요합니다"),
        (Some("ko-KR,ko;q=0.9,en-US;q=0.8"), "로그인이 필요합니다"),
        (Some("en;q=0.5, ko;q=0.8"), "로그인이 필요합니다"),
        (Some("en, ko;q=0.1"), "Sign in"),
        (Some("fr"), "Sign in"),
        (Some("ko;q=0"), "Sign in"),
        (Some(";;q=,,*"), "Sign in"),
    ] {
        let mut request = get(&daemun, "/v1/accounts/me");
        if let Some(asked) = asked {
            request = request.header("accept-language", asked);
        }
        let answer = send(request).await.expect(401);
        assert_eq!(answer.json()["title"], title, "{asked:?}");
        assert_eq!(problem(&answer), "missing_token");
    }
    for (address, language, subject) in [
        ("a@example.com", "en", "Verify your email address"),
        ("b@example.com", "ko", "[daemun] 이메일 주소 확인"),
    ] {
        let body = json!({ "email": address, "password": PASSWORD });
        send(post(&daemun, "/v1/accounts", &body).header("accept-language", language))
            .await
            .expect(202);
        assert_eq!(daemun.letter_to(address).await["subject"], subject);
    }
    // The contracts of one language speak it, whatever is asked for.
    let answer = send(get(&daemun, "/accounts/me").header("accept-language", "en")).await;
    assert!(answer.text.contains("자격"), "{answer:?}");
}

#[tokio::test]
async fn s91_sessions_are_listed_and_ended_one_by_one_or_all() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "미나");
    let mut pairs = Vec::new();
    for agent in ["one", "two", "three"] {
        let login = post(
            &daemun,
            "/v1/session",
            &json!({ "email": EMAIL, "password": PASSWORD }),
        );
        pairs.push(native_pair(
            &send(login.header("user-agent", agent))
                .await
                .expect(200)
                .json(),
        ));
    }
    let list = || async {
        daemun
            .get_as(&pairs[1].access, "/v1/sessions")
            .await
            .expect(200)
    };
    let answer = list().await;
    assert_sound(&answer, "application/json", "sessions");
    let sessions = answer.json()["sessions"].as_array().unwrap().clone();
    let agents: Vec<&str> = sessions
        .iter()
        .map(|session| session["user_agent"].as_str().unwrap())
        .collect();
    assert_eq!(agents, ["three", "two", "one"], "newest first");
    let current: Vec<bool> = sessions
        .iter()
        .map(|session| session["current"].as_bool().unwrap())
        .collect();
    assert_eq!(current, [false, true, false]);
    let members: Vec<&String> = sessions[0].as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "id",
            "current",
            "contract",
            "user_agent",
            "network",
            "created_at",
            "last_used_at",
            "expires_at"
        ]
    );
    assert_eq!(sessions[0]["id"], claims(&pairs[2].access)["sid"]);

    let end = |id: &str| delete(&daemun, &format!("/v1/sessions/{id}"), &pairs[1].access);
    let third = sessions[0]["id"].as_str().unwrap();
    let answer = send(end(third)).await;
    assert_eq!((answer.status, &*answer.text), (204, ""));
    assert_eq!(problem(&send(end(third)).await.expect(404)), "not_found");
    assert_eq!(
        problem(
            &daemun
                .get_as(&pairs[2].access, "/v1/accounts/me")
                .await
                .expect(401)
        ),
        "session_ended"
    );
    assert_eq!(list().await.json()["sessions"].as_array().unwrap().len(), 2);

    let answer = send(delete(&daemun, "/v1/sessions", &pairs[1].access)).await;
    assert_eq!((answer.status, cleared(&answer)), (204, true));
    for pair in &pairs {
        assert_eq!(
            daemun.get_as(&pair.access, "/v1/accounts/me").await.status,
            401
        );
        assert_eq!(refresh_native(&daemun, &pair.refresh).await.status, 401);
    }
    let again = native(&daemun, EMAIL).await;
    assert_eq!(
        daemun.get_as(&again.access, "/v1/accounts/me").await.status,
        200
    );
}

#[tokio::test]
async fn s20_access_tokens_say_what_they_are_and_s21_nothing_about_the_person() {
    let daemun = Daemun::start().await;
    account_with(
        &daemun,
        "honggildong@example.com",
        PASSWORD,
        &["--nickname", "길동이", "--verified"],
    );
    let pair = native(&daemun, "honggildong@example.com").await;
    let jwks = daemun.get("/.well-known/jwks.json").await.json();
    let header: Value = serde_json::from_str(&token_header(&pair.access)).unwrap();
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "EdDSA");
    assert!(
        jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["kid"] == header["kid"]),
        "{header} {jwks}"
    );
    let claims_of = claims(&pair.access);
    let names: Vec<&str> = claims_of.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["iss", "aud", "sub", "exp", "iat", "jti", "sid", "ctr"]
    );
    assert_eq!(
        (&claims_of["sub"], &claims_of["iss"]),
        (&json!("1"), &json!(daemun.url("")))
    );
    for token in [&pair.access, &pair.refresh] {
        let said = super::forge::payload(token);
        for personal in ["honggildong", "example.com", "길동이", "name", "email"] {
            assert!(!said.contains(personal), "{said}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_over_is_told_from_one_that_never_was() {
    let lines = [
        ("lifetime = \"5m\"", "lifetime = \"1s\""),
        ("lifetime = \"14d\"", "lifetime = \"3s\""),
    ];
    let daemun = with_short("native", &lines).await;
    account(&daemun, EMAIL, "미나");
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = daemun
        .post("/short/v1/session", login.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&answer["expires_in"], &answer["refresh_expires_in"]),
        (&json!(1), &json!(3))
    );
    let pair = native_pair(&answer);
    let cookie = daemun
        .post("/short/v1/session/cookie", login)
        .await
        .expect(200);
    let cookie = cookies(&cookie)[0].value.clone();
    let until = |status: u16, path: &'static str| {
        let (daemun, token) = (&daemun, pair.access.clone());
        async move {
            loop {
                let answer = daemun.get_as(&token, path).await;
                if answer.status == status {
                    return answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    };
    let over = until(401, "/short/v1/accounts/me").await;
    assert_eq!(problem(&over), "token_expired");
    let next = daemun
        .post(
            "/short/v1/session/refresh",
            json!({ "refresh_token": pair.refresh }),
        )
        .await;
    let next = native_pair(&next.expect(200).json());
    tokio::time::sleep(std::time::Duration::from_millis(3_050)).await;
    let answer = daemun
        .post(
            "/short/v1/session/refresh",
            json!({ "refresh_token": next.refresh }),
        )
        .await
        .expect(401);
    assert_eq!(problem(&answer), "token_expired");
    let request = daemun.request(Method::POST, "/short/v1/session/cookie/refresh");
    let answer = send(with_cookies(request, &[("__Host-refresh", &cookie)]))
        .await
        .expect(401);
    assert_eq!(
        (problem(&answer), cleared(&answer)),
        ("token_expired".into(), true)
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_of_the_name_it_was_sent_under() {
    let daemun = Daemun::start().await;
    for (name, text) in [("email", "no address"), ("phone", "no number")] {
        let body = json!({ name: text, "password": PASSWORD });
        let answer = daemun.post("/v1/accounts", body).await.expect(400);
        assert_eq!(answer.json()["field"], name, "{answer:?}");
    }
}
