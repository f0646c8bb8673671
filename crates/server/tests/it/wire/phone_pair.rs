//! `phone-pair`: every line of its table, and one person's way through it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    call::{assert_sound, cookies, expect_each, get, header, multipart, post, post_as},
    forge::{HS256, claims, forge, header as token_header, now, payload, with_claim},
    people::{
        Guards, PASSWORD, PHONE, account, account_with, code, code_after, pair, phone_pair,
        refresh, taken_over,
    },
};
use crate::harness::{Daemun, send};

const NOT_VALID: &str = r#"{"detail":"유효하지 않거나 만료된 토큰","code":"token_not_valid"}"#;
const WRONG_TYPE: &str = r#"{"detail":"잘못된 토큰 타입","code":"token_not_valid"}"#;
const BLACKLISTED: &str = r#"{"detail":"블랙리스트에 추가된 토큰","code":"token_not_valid"}"#;
const GUARD: &str = r#"{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"유효하지 않거나 만료된 토큰"}]}"#;
const GUARD_TYPE: &str = r#"{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"잘못된 토큰 타입"}]}"#;
const NO_CREDENTIALS: &str =
    r#"{"detail":"자격 인증데이터(authentication credentials)가 제공되지 않았습니다."}"#;
const BAD_HEADER: &str = r#"{"detail":"인증 헤더에는 공백으로 구분 된 두 개의 값이 포함되어야 합니다","code":"bad_authorization_header"}"#;
const GONE: &str = r#"{"detail":"찾을 수 없는 사용자","code":"user_not_found"}"#;
const INACTIVE: &str = r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#;
const LOGIN_FAILED: &str = r#"{"login":"로그인에 실패했습니다."}"#;
const ASK_PHONE: &str = r#"{"phone":"휴대폰 번호를 입력하세요"}"#;
const ASK_PASSWORD: &str = r#"{"password":"비밀번호를 입력하세요"}"#;

#[tokio::test]
async fn a_person_signs_up_by_text_message_and_lives_with_the_pair() {
    let daemun = Daemun::start().await;
    let signup = json!({ "phone": PHONE, "password": PASSWORD });
    let sent = r#"{"detail":"인증번호가 발송되었습니다."}"#;
    expect_each([(
        "sign-up",
        post(&daemun, "/accounts/signup/", &signup),
        201,
        sent,
    )])
    .await;
    let (code, message) = code_after(&daemun, PHONE, &Value::Null).await;
    assert_eq!(message["to"], PHONE);
    assert_eq!(message["subject"], "");
    assert_eq!(
        message["text"],
        format!("[daemun] 인증번호 {code} (10분 안에 입력하세요)")
    );
    expect_each([(
        "too early",
        post(&daemun, "/accounts/login/", &signup),
        400,
        LOGIN_FAILED,
    )])
    .await;

    let proof = json!({ "phone": PHONE, "code": code });
    let proved = r#"{"detail":"휴대폰 번호가 인증되었습니다."}"#;
    expect_each([(
        "verify",
        post(&daemun, "/accounts/signup/verify/", &proof),
        200,
        proved,
    )])
    .await;

    let login = daemun
        .post("/accounts/login/", signup.clone())
        .await
        .expect(201);
    assert_sound(&login, "application/json", "login");
    let first = pair(&login.json()["token"]);
    let expected = format!(
        r#"{{"user":{{"id":1,"phone":"{PHONE}","kakao_id":null}},"token":{{"access":"{}","refresh":"{}"}}}}"#,
        first.access, first.refresh
    );
    assert_eq!(login.text, expected);
    assert_eq!(cookies(&login), []);

    let me = format!(r#"{{"id":1,"phone":"{PHONE}","kakao_id":null}}"#);
    let guarded = |access: &str| get(&daemun, "/accounts/me/").bearer_auth(access);
    let with_jwt =
        get(&daemun, "/accounts/me").header("authorization", format!("JWT {}", first.access));
    expect_each([
        ("Bearer", guarded(&first.access), 200, &*me),
        ("JWT", with_jwt, 200, &me),
    ])
    .await;

    let mut chain = vec![first.clone()];
    for step in 0..4 {
        let last = chain.last().unwrap();
        let path = [
            "/accounts/token_refresh/",
            "/accounts/token_refresh",
            "/acconts/token_refresh",
            "/acconts/token_refresh/",
        ][step];
        // Whoever comes here has an expired token, or worse, in the header: it is not looked at.
        let request =
            post(&daemun, path, &json!({ "refresh": last.refresh })).bearer_auth("nonsense");
        let answer = send(request).await.expect(200);
        let next = pair(&answer.json());
        assert_eq!(
            answer.text,
            format!(
                r#"{{"access":"{}","refresh":"{}"}}"#,
                next.access, next.refresh
            )
        );
        assert!(
            !chain
                .iter()
                .any(|old| old.refresh == next.refresh || old.access == next.access)
        );
        expect_each([("after a refresh", guarded(&next.access), 200, &*me)]).await;
        chain.push(next);
    }

    let (before, last) = (&chain[3], &chain[4]);
    let retried = pair(&refresh(&daemun, &before.refresh).await.expect(200).json());
    assert!(
        retried.refresh == last.refresh,
        "a retry gets the same successor"
    );

    for token in [&last.access, &last.refresh] {
        expect_each([(
            "verify",
            post(
                &daemun,
                "/accounts/token_verify/",
                &json!({ "token": token }),
            ),
            200,
            "{}",
        )])
        .await;
    }
    let logout = || {
        post(
            &daemun,
            "/accounts/logout/",
            &json!({ "refresh": last.refresh }),
        )
    };
    expect_each([
        ("log out", logout(), 204, ""),
        (
            "refresh after",
            post(
                &daemun,
                "/accounts/token_refresh/",
                &json!({ "refresh": last.refresh }),
            ),
            401,
            BLACKLISTED,
        ),
        ("log out again", logout(), 401, BLACKLISTED),
        ("guard after", guarded(&last.access), 401, GUARD),
        ("an older one", guarded(&first.access), 401, GUARD),
        (
            "verify after",
            post(
                &daemun,
                "/accounts/token_verify/",
                &json!({ "token": last.access }),
            ),
            401,
            BLACKLISTED,
        ),
        (
            "verify after",
            post(
                &daemun,
                "/accounts/token_verify/",
                &json!({ "token": last.refresh }),
            ),
            401,
            BLACKLISTED,
        ),
    ])
    .await;
    assert_eq!(
        Guards::phone_pair(&daemun, &phone_pair(&daemun, PHONE).await.access).await,
        200
    );
}

#[tokio::test]
async fn logging_in_answers_as_its_table_has_it() {
    let daemun = Daemun::start().await;
    account(&daemun, PHONE, "mina");
    account_with(&daemun, "01011112222", PASSWORD, &[]);
    account(&daemun, "01033334444", "suspended");
    daemun.run(&["account", "suspend", "01033334444"]).expect(0);

    let login = |body: Value| post(&daemun, "/accounts/login/", &body);
    let of = |phone: &str| login(json!({ "phone": phone, "password": PASSWORD }));
    let bad_request = r#"{"detail":"잘못된 요청입니다."}"#;
    expect_each([
        ("nothing", login(json!({})), 400, ASK_PHONE),
        (
            "no body",
            daemun.request(Method::POST, "/accounts/login/"),
            400,
            ASK_PHONE,
        ),
        (
            "phone missing",
            login(json!({ "password": PASSWORD })),
            400,
            ASK_PHONE,
        ),
        (
            "phone blank",
            login(json!({ "phone": " ", "password": PASSWORD })),
            400,
            ASK_PHONE,
        ),
        (
            "phone null",
            login(json!({ "phone": null, "password": PASSWORD })),
            400,
            ASK_PHONE,
        ),
        (
            "password missing",
            login(json!({ "phone": PHONE })),
            400,
            ASK_PASSWORD,
        ),
        (
            "password blank",
            login(json!({ "phone": PHONE, "password": "" })),
            400,
            ASK_PASSWORD,
        ),
        ("unknown", of("01099998888"), 400, LOGIN_FAILED),
        ("no phone number", of("mina@example.com"), 400, LOGIN_FAILED),
        (
            "wrong password",
            login(json!({ "phone": PHONE, "password": "not that one, surely" })),
            400,
            LOGIN_FAILED,
        ),
        ("unverified", of("01011112222"), 400, LOGIN_FAILED),
        ("suspended", of("01033334444"), 400, LOGIN_FAILED),
        (
            "phone a number",
            login(json!({ "phone": 1_012_345_678, "password": PASSWORD })),
            400,
            bad_request,
        ),
        (
            "phone a list",
            login(json!({ "phone": [PHONE], "password": PASSWORD })),
            400,
            bad_request,
        ),
        (
            "password an object",
            login(json!({ "phone": PHONE, "password": {} })),
            400,
            bad_request,
        ),
        ("a list", login(json!([PHONE])), 400, bad_request),
        (
            "half a body",
            post_as(
                &daemun,
                "/accounts/login/",
                "application/json",
                "{\"phone\":",
            ),
            400,
            bad_request,
        ),
        (
            "text",
            post_as(&daemun, "/accounts/login/", "text/plain", "{}"),
            415,
            r#"{"detail":"요청된 \"text/plain\"가 지원되지 않는 미디어 형태입니다."}"#,
        ),
        (
            "large",
            post_as(
                &daemun,
                "/accounts/login/",
                "application/json",
                vec![b' '; 65_537],
            ),
            413,
            r#"{"detail":"요청이 너무 큽니다."}"#,
        ),
    ])
    .await;

    // Written otherwise, it is the same number.
    for phone in ["010-1234-5678", "+82 10 1234 5678", " 01012345678 "] {
        let answer = send(of(phone)).await.expect(201);
        assert_eq!(answer.json()["user"]["phone"], PHONE);
    }
    let (multipart_type, multipart_body) = multipart(&[("phone", PHONE), ("password", PASSWORD)]);
    let form = "phone=010-1234-5678&password=a+few+words+nobody%20guesses";
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", form),
        ("application/x-www-form-urlencoded; charset=UTF-8", form),
        (&*multipart_type, &*multipart_body),
    ] {
        let request = post_as(&daemun, "/accounts/login", content_type, body.to_owned());
        send(request).await.expect(201);
    }
}

#[tokio::test]
async fn refreshing_and_verifying_answer_as_their_table_has_it() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, PHONE, "mina");
    let pair = phone_pair(&daemun, PHONE).await;
    let ended = phone_pair(&daemun, PHONE).await;
    daemun
        .post("/accounts/logout/", json!({ "refresh": ended.refresh }))
        .await
        .expect(204);
    let over = |token: &str| with_claim(&secret, token, "exp", now() - 1);
    let contradicting = with_claim(&secret, &pair.refresh, "user_id", 2);

    let required = |field: &str| format!(r#"{{"{field}":["이 필드는 필수 항목입니다."]}}"#);
    let blank = |field: &str| format!(r#"{{"{field}":["이 필드는 blank일 수 없습니다."]}}"#);
    let routes = [
        ("/accounts/token_refresh/", "refresh"),
        ("/accounts/logout/", "refresh"),
        ("/accounts/token_verify/", "token"),
    ];
    for (path, field) in routes {
        let with = |token: &str| post(&daemun, path, &json!({ field: token }));
        expect_each([
            (
                "missing",
                post(&daemun, path, &json!({})),
                400,
                &*required(field),
            ),
            (
                "null",
                post(&daemun, path, &json!({ field: null })),
                400,
                &required(field),
            ),
            ("blank", with(""), 400, &blank(field)),
            ("spaces", with("  "), 400, &blank(field)),
            ("malformed", with("x.y.z"), 401, NOT_VALID),
            ("not base64url", with("한글"), 401, NOT_VALID),
            ("expired", with(&over(&pair.refresh)), 401, NOT_VALID),
            ("revoked", with(&ended.refresh), 401, BLACKLISTED),
            ("of another", with(&contradicting), 401, NOT_VALID),
        ])
        .await;
    }
    for path in ["/accounts/token_refresh/", "/accounts/logout/"] {
        let request = post(&daemun, path, &json!({ "refresh": pair.access }));
        expect_each([("wrong type", request, 401, WRONG_TYPE)]).await;
    }
    let refused = refresh(&daemun, "x").await;
    assert_eq!(
        header(&refused, "www-authenticate"),
        Some(r#"Bearer realm="api""#)
    );
    refresh(&daemun, &pair.refresh).await.expect(200);
}

#[tokio::test]
async fn the_guard_answers_as_its_table_has_it_on_every_route_but_refreshing() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    account(&daemun, PHONE, "mina");
    account(&daemun, "01033334444", "suspended");
    taken_over(&daemun, json!({ "id": 3, "phone": "01055556666" }));
    let pair = phone_pair(&daemun, PHONE).await;
    let suspended = phone_pair(&daemun, "01033334444").await;
    daemun.run(&["account", "suspend", "01033334444"]).expect(0);
    daemun.run(&["account", "suspend", "01055556666"]).expect(0);
    let ended = phone_pair(&daemun, PHONE).await;
    daemun
        .post("/accounts/logout/", json!({ "refresh": ended.refresh }))
        .await
        .expect(204);
    let expired = with_claim(&secret, &pair.access, "exp", now() - 1);
    // As the former back end minted them: no session, no contract.
    let foreign = |id: i64| {
        let claims = json!({ "token_type": "access", "exp": now() + 60, "iat": now(), "jti": "0".repeat(32), "user_id": id });
        forge(&secret, HS256, claims.to_string())
    };

    let refusals = [
        ("malformed", "Bearer x".to_owned(), GUARD),
        ("forged", format!("Bearer {}x", pair.access), GUARD),
        ("expired", format!("Bearer {expired}"), GUARD),
        ("revoked", format!("Bearer {}", ended.access), GUARD),
        (
            "a refresh token",
            format!("JWT {}", pair.refresh),
            GUARD_TYPE,
        ),
        ("one word", "Bearer".into(), BAD_HEADER),
        ("one word and a space", "Bearer ".into(), BAD_HEADER),
        ("three words", format!("JWT {} x", pair.access), BAD_HEADER),
        ("gone", format!("Bearer {}", foreign(99)), GONE),
        ("inactive", format!("Bearer {}", suspended.access), INACTIVE),
        (
            "inactive, as the former back end knew it",
            format!("Bearer {}", foreign(3)),
            INACTIVE,
        ),
        (
            "inactive, which the former back end never had",
            format!("Bearer {}", foreign(2)),
            GUARD,
        ),
    ];
    let routes = [
        (Method::GET, "/accounts/me/"),
        (Method::POST, "/accounts/login/"),
        (Method::POST, "/accounts/signup/"),
        (Method::POST, "/accounts/signup/verify/"),
        (Method::POST, "/accounts/signup/resend/"),
        (Method::POST, "/accounts/token_verify/"),
        (Method::POST, "/accounts/logout/"),
    ];
    for (method, path) in &routes {
        for (what, authorization, expected) in &refusals {
            let request = daemun
                .request(method.clone(), path)
                .header("authorization", authorization);
            let answer = send(request).await;
            assert_eq!(
                (answer.status, &*answer.text),
                (401, *expected),
                "{path}, {what}"
            );
            assert_eq!(
                header(&answer, "www-authenticate"),
                Some(r#"Bearer realm="api""#)
            );
            assert_sound(&answer, "application/json", what);
        }
    }
    let guarded =
        |authorization: &str| get(&daemun, "/accounts/me").header("authorization", authorization);
    let me = format!(r#"{{"id":1,"phone":"{PHONE}","kakao_id":null}}"#);
    expect_each([
        (
            "nothing",
            get(&daemun, "/accounts/me/"),
            401,
            NO_CREDENTIALS,
        ),
        (
            "another scheme",
            guarded("Basic bWluYTp4"),
            401,
            NO_CREDENTIALS,
        ),
        ("empty", guarded(""), 401, NO_CREDENTIALS),
        (
            "good",
            guarded(&format!("Bearer {}", pair.access)),
            200,
            &me,
        ),
        (
            "of the former back end, which never had this account",
            guarded(&format!("Bearer {}", foreign(1))),
            401,
            GUARD,
        ),
    ])
    .await;
    let answer = send(get(&daemun, "/accounts/me/")).await;
    assert_eq!(
        header(&answer, "www-authenticate"),
        Some(r#"Bearer realm="api""#)
    );
    // A good token elsewhere hinders nothing, nor does another scheme.
    for authorization in [format!("Bearer {}", pair.access), "Basic bWluYTp4".into()] {
        let login = post(
            &daemun,
            "/accounts/login/",
            &json!({ "phone": PHONE, "password": PASSWORD }),
        );
        send(login.header("authorization", authorization))
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn signing_up_answers_as_its_table_has_it() {
    let daemun = Daemun::start().await;
    account(&daemun, "01033334444", "미나");
    let signup = |body: Value| post(&daemun, "/accounts/signup/", &body);
    let verify = |body: Value| post(&daemun, "/accounts/signup/verify", &body);
    let resend = |body: Value| post(&daemun, "/accounts/signup/resend", &body);
    let with = |phone: &str, password: &str, nickname: &str| {
        signup(json!({ "phone": phone, "password": password, "nickname": nickname }))
    };
    let sent = r#"{"detail":"인증번호가 발송되었습니다."}"#;
    let weak = r#"{"password":"비밀번호는 8자 이상이어야 하며, 너무 흔한 비밀번호는 사용할 수 없습니다."}"#;
    let not_phone = r#"{"phone":"올바른 휴대폰 번호를 입력하세요"}"#;
    let not_nickname = r#"{"nickname":"올바른 닉네임을 입력하세요"}"#;
    let wrong = r#"{"code":"인증번호가 올바르지 않거나 만료되었습니다."}"#;
    expect_each([
        ("nothing", signup(json!({})), 400, ASK_PHONE),
        (
            "no password",
            signup(json!({ "phone": PHONE })),
            400,
            ASK_PASSWORD,
        ),
        (
            "not a number",
            with("0101234567x", PASSWORD, "n"),
            400,
            not_phone,
        ),
        (
            "an e-mail address",
            with("mina@example.com", PASSWORD, "n"),
            400,
            not_phone,
        ),
        ("weak", with(PHONE, "1234567", "n"), 400, weak),
        (
            "nickname of control characters",
            with(PHONE, PASSWORD, "a\u{7}b"),
            400,
            not_nickname,
        ),
        (
            "nickname taken",
            with(PHONE, PASSWORD, "미나"),
            400,
            r#"{"nickname":"이미 사용 중인 닉네임입니다."}"#,
        ),
        ("good", with(PHONE, PASSWORD, "n"), 201, sent),
        ("again", with(PHONE, PASSWORD, "n"), 201, sent),
        (
            "taken, which is not told",
            with("01033334444", PASSWORD, ""),
            201,
            sent,
        ),
        ("verify: nothing", verify(json!({})), 400, ASK_PHONE),
        (
            "verify: no code",
            verify(json!({ "phone": PHONE })),
            400,
            r#"{"code":"인증번호를 입력하세요"}"#,
        ),
        (
            "verify: unknown",
            verify(json!({ "phone": "01099998888", "code": "000000" })),
            400,
            wrong,
        ),
        (
            "verify: none alive",
            verify(json!({ "phone": "01033334444", "code": "000000" })),
            400,
            wrong,
        ),
        (
            "verify: wrong",
            verify(json!({ "phone": PHONE, "code": "x" })),
            400,
            wrong,
        ),
        ("resend: nothing", resend(json!({})), 400, ASK_PHONE),
        (
            "resend: no password",
            resend(json!({ "phone": PHONE })),
            400,
            ASK_PASSWORD,
        ),
        (
            "resend: unknown",
            resend(json!({ "phone": "01099998888", "password": PASSWORD })),
            200,
            sent,
        ),
        (
            "resend: wrong password",
            resend(json!({ "phone": PHONE, "password": "not that one" })),
            200,
            sent,
        ),
        (
            "resend: too soon",
            resend(json!({ "phone": PHONE, "password": PASSWORD })),
            200,
            sent,
        ),
        (
            "resend: no need",
            resend(json!({ "phone": "01033334444", "password": PASSWORD })),
            200,
            sent,
        ),
    ])
    .await;
    let told = daemun.letter_to("01033334444").await;
    assert_eq!(
        told["text"],
        "[daemun] 이미 가입된 번호입니다. 요청하지 않으셨다면 무시하세요."
    );
    // Whatever was asked in between, the code lives.
    let proof = json!({ "phone": PHONE, "code": code(&daemun, PHONE).await });
    send(verify(proof)).await.expect(200);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_told_which_it_has() {
    let daemun = Daemun::start().await;
    let rows: [(&str, &str, &[Method]); 4] = [
        (
            "/accounts/login/",
            "POST, OPTIONS",
            &[Method::GET, Method::PUT, Method::PATCH, Method::DELETE],
        ),
        ("/acconts/token_refresh", "POST, OPTIONS", &[Method::GET]),
        (
            "/accounts/logout",
            "POST, OPTIONS",
            &[Method::GET, Method::DELETE],
        ),
        (
            "/accounts/me",
            "GET, HEAD, OPTIONS",
            &[Method::POST, Method::DELETE],
        ),
    ];
    for (path, allow, methods) in rows {
        for method in methods {
            let answer = send(daemun.request(method.clone(), path)).await;
            let body =
                format!(r#"{{"detail":"메소드(Method) \"{method}\"는 허용되지 않습니다."}}"#);
            assert_eq!(
                (answer.status, &*answer.text),
                (405, &*body),
                "{method} {path}"
            );
            assert_eq!(header(&answer, "allow"), Some(allow));
            assert_sound(&answer, "application/json", path);
        }
        let answer = send(daemun.request(Method::OPTIONS, path)).await;
        assert!(answer.status < 300 && answer.text.is_empty(), "{answer:?}");
    }
    let head = send(daemun.request(Method::HEAD, "/accounts/me")).await;
    assert_eq!((head.status, &*head.text), (401, ""));
    for nowhere in [
        "/accounts",
        "/accounts/login/x",
        "/accounts//login/",
        "/Accounts/login/",
        "/accounts/login%2F",
    ] {
        assert_eq!(
            send(daemun.request(Method::POST, nowhere)).await.status,
            404,
            "{nowhere}"
        );
    }
}

#[tokio::test]
async fn tokens_look_as_those_of_the_back_end_it_takes_the_place_of() {
    let daemun = Daemun::start().await;
    account(&daemun, PHONE, "mina");
    let pair = phone_pair(&daemun, PHONE).await;
    let of_access = claims(&pair.access);
    for (token, lifetime, kind, ours) in [
        (&pair.access, 300, "access", &["sid", "ctr"][..]),
        (&pair.refresh, 86_400, "refresh", &["sid", "gen", "ctr"]),
    ] {
        assert_eq!(token_header(token), HS256);
        let claims = claims(token);
        let names: Vec<&str> = claims.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [&["token_type", "exp", "iat", "jti", "user_id"], ours].concat()
        );
        assert_eq!(
            payload(token),
            serde_json::to_string(&claims).unwrap(),
            "no white space"
        );
        assert_eq!(claims["token_type"], kind);
        assert_eq!(claims["user_id"], 1);
        assert_eq!(claims["ctr"], "phone-pair");
        assert_eq!(claims["sid"], of_access["sid"]);
        let seconds = |name: &str| claims[name].as_u64().unwrap();
        assert_eq!(seconds("exp") - seconds("iat"), lifetime);
        assert!(seconds("iat").abs_diff(now()) <= 5);
        for id in ["jti", "sid"] {
            let id = claims[id].as_str().unwrap();
            assert!(
                id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
                "{id}"
            );
        }
    }
    assert_eq!(claims(&pair.refresh)["gen"], 1);
    assert_ne!(of_access["jti"], claims(&pair.refresh)["jti"]);
}
