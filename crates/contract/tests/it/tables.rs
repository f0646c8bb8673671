//! The published tables of the two legacy contracts, line by line: status and exact bytes.

use daemun_contract::{Contract, CookieCodec, GuardMode, SameSite, Secure, Source};
use daemun_engine::{
    code::CodeAlphabet,
    policy::{ClaimSource, Foreign, KeyName, TokenSpec},
    vocabulary::{
        Input::{self, Code, Identifier, Nickname, Password},
        Outcome::{self, *},
    },
};

use crate::support::{body, contract, route};

/// What a route must answer.
type Line = (Outcome, Option<Input>, u16, &'static str);

fn check(contract: &Contract, request: &str, lines: &[Line]) {
    let route = route(contract, request);
    for (outcome, input, status, expected) in lines {
        let answer = route.answer(*outcome, *input);
        let name = outcome.name();
        assert_eq!(answer.status, *status, "{request} {name}");
        assert_eq!(body(answer), *expected, "{request} {name}");
    }
}

fn check_guard(contract: &Contract, lines: &[(Outcome, &str)]) {
    let guard = contract.guard.as_ref().unwrap();
    for (outcome, expected) in lines {
        let answer = guard.answer(*outcome);
        assert_eq!(answer.status, 401, "{}", outcome.name());
        assert_eq!(body(answer), *expected, "{}", outcome.name());
    }
}

fn claims(spec: &TokenSpec) -> Vec<&str> {
    spec.claims.iter().map(|(name, _)| &**name).collect()
}

#[test]
fn phone_pair_tokens_are_simplejwts() {
    let contract = contract("phone-pair");
    let tokens = &contract.policy.tokens;
    for (spec, kind, seconds) in [
        (&tokens.access, "access", 300),
        (&tokens.refresh, "refresh", 86_400),
    ] {
        assert_eq!(spec.key, KeyName::Legacy);
        assert_eq!(spec.algorithm.name(), "HS256");
        assert_eq!(spec.typ.as_deref(), Some("JWT"));
        assert!(!spec.kid);
        assert_eq!(spec.lifetime.as_secs(), seconds);
        assert_eq!(claims(spec), ["token_type", "exp", "iat", "jti", "user_id"]);
        assert_eq!(spec.claims[0].1, ClaimSource::Literal(kind.into()));
        assert_eq!(spec.claims[4].1, ClaimSource::AccountId);
    }
    assert_eq!(tokens.access.foreign, Foreign::Accepted);
    assert_eq!(tokens.refresh.foreign, Foreign::Accepted);
}

#[test]
fn phone_pair_login() {
    let contract = contract("phone-pair");
    let failed = r#"{"login":"로그인에 실패했습니다."}"#;
    let phone = r#"{"phone":"휴대폰 번호를 입력하세요"}"#;
    let password = r#"{"password":"비밀번호를 입력하세요"}"#;
    let ok = r#"{"user":{"id":1,"phone":"01000000000","kakao_id":null},"token":{"access":"ACCESS","refresh":"REFRESH"}}"#;
    for path in ["POST /accounts/login/", "POST /accounts/login"] {
        check(
            &contract,
            path,
            &[
                (Ok, None, 201, ok),
                (MissingField, Some(Identifier), 400, phone),
                (BlankField, Some(Identifier), 400, phone),
                (MissingField, Some(Password), 400, password),
                (BlankField, Some(Password), 400, password),
                (UnknownAccount, None, 400, failed),
                (WrongPassword, None, 400, failed),
                (Unverified, None, 400, failed),
                (Suspended, None, 400, failed),
                (Withdrawn, None, 400, failed),
            ],
        );
    }
}

#[test]
fn phone_pair_refresh() {
    let contract = contract("phone-pair");
    let not_valid = r#"{"detail":"유효하지 않거나 만료된 토큰","code":"token_not_valid"}"#;
    let blacklisted = r#"{"detail":"블랙리스트에 추가된 토큰","code":"token_not_valid"}"#;
    for path in [
        "POST /accounts/token_refresh/",
        "POST /accounts/token_refresh",
        "POST /acconts/token_refresh",
        "POST /acconts/token_refresh/",
    ] {
        check(
            &contract,
            path,
            &[
                (Ok, None, 200, r#"{"access":"ACCESS","refresh":"REFRESH"}"#),
                (Expired, None, 401, not_valid),
                (InvalidToken, None, 401, not_valid),
                (Revoked, None, 401, blacklisted),
                (Reused, None, 401, blacklisted),
                (
                    WrongType,
                    None,
                    401,
                    r#"{"detail":"잘못된 토큰 타입","code":"token_not_valid"}"#,
                ),
                (
                    MissingField,
                    Some(Input::Token),
                    400,
                    r#"{"refresh":["이 필드는 필수 항목입니다."]}"#,
                ),
                (
                    BlankField,
                    Some(Input::Token),
                    400,
                    r#"{"refresh":["이 필드는 blank일 수 없습니다."]}"#,
                ),
            ],
        );
    }
}

#[test]
fn phone_pair_guard() {
    let contract = contract("phone-pair");
    let not_valid = r#"{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"유효하지 않거나 만료된 토큰"}]}"#;
    check_guard(
        &contract,
        &[
            (InvalidToken, not_valid),
            (Expired, not_valid),
            (Revoked, not_valid),
            (
                MissingToken,
                r#"{"detail":"자격 인증데이터(authentication credentials)가 제공되지 않았습니다."}"#,
            ),
            (
                BadHeader,
                r#"{"detail":"인증 헤더에는 공백으로 구분 된 두 개의 값이 포함되어야 합니다","code":"bad_authorization_header"}"#,
            ),
            (
                AccountGone,
                r#"{"detail":"찾을 수 없는 사용자","code":"user_not_found"}"#,
            ),
            (
                Unverified,
                r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#,
            ),
            (
                Suspended,
                r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#,
            ),
        ],
    );
    let guard = contract.guard.as_ref().unwrap();
    for outcome in Outcome::OF_THE_GUARD {
        let (name, value) = &guard.answer(*outcome).headers[0];
        let mut out = Vec::new();
        value.render(0, &crate::support::Fixed, &mut out);
        assert_eq!(&**name, "WWW-Authenticate");
        assert_eq!(out, br#"Bearer realm="api""#);
    }
    assert_eq!(
        guard.sources,
        [Source::Header {
            name: "Authorization".into(),
            schemes: vec!["Bearer".into(), "JWT".into()],
        }]
    );
}

#[test]
fn phone_pair_looks_at_the_header_on_every_route_but_token_refresh() {
    for route in &contract("phone-pair").routes {
        let expected = match route.path.as_str() {
            "/accounts/token_refresh/" => GuardMode::Off,
            "/accounts/me/" => GuardMode::Required,
            _ => GuardMode::IfPresent,
        };
        assert_eq!(route.guard, expected, "{}", route.path);
    }
}

#[test]
fn phone_pair_beyond_its_document() {
    let contract = contract("phone-pair");
    check(
        &contract,
        "POST /accounts/token_verify/",
        &[(Ok, None, 200, "{}")],
    );
    check(&contract, "POST /accounts/logout/", &[(Ok, None, 204, "")]);
    check(
        &contract,
        "GET /accounts/me/",
        &[(
            Ok,
            None,
            200,
            r#"{"id":1,"phone":"01000000000","kakao_id":null}"#,
        )],
    );
    for path in [
        "POST /accounts/signup/",
        "POST /accounts/signup/verify/",
        "POST /accounts/signup/resend/",
    ] {
        route(&contract, path);
    }
}

#[test]
fn email_cookie_tokens_and_codes() {
    let contract = contract("email-cookie");
    let tokens = &contract.policy.tokens;
    assert_eq!(tokens.access.lifetime.as_secs(), 600);
    assert_eq!(tokens.refresh.lifetime.as_secs(), 604_800);
    for spec in [&tokens.access, &tokens.refresh] {
        assert_eq!(spec.algorithm.name(), "HS256");
        assert_eq!(spec.key, KeyName::Legacy);
    }
    let codes = &contract.policy.codes;
    assert_eq!(codes.alphabet, CodeAlphabet::UpperAlphanumeric);
    assert_eq!((codes.length, codes.tries), (6, 5));
    assert_eq!(codes.lifetime.as_secs(), 3_600);
    assert_eq!(codes.resend_gap.as_secs(), 60);
    assert!(contract.policy.status_first);
}

#[test]
fn email_cookie_sign_up() {
    let contract = contract("email-cookie");
    check(
        &contract,
        "POST /api/accounts/signup/",
        &[
            (
                Ok,
                None,
                201,
                r#"{"message":"Please verify your email address"}"#,
            ),
            (
                IdentifierTaken,
                None,
                409,
                r#"{"error":"Email is already registered"}"#,
            ),
            (
                NicknameTaken,
                None,
                409,
                r#"{"error":"Nickname is already taken"}"#,
            ),
            (
                MissingField,
                Some(Identifier),
                400,
                r#"{"error":"Email field is required"}"#,
            ),
            (
                MissingField,
                Some(Password),
                400,
                r#"{"error":"Password field is required"}"#,
            ),
            (
                MissingField,
                Some(Nickname),
                400,
                r#"{"error":"Nickname field is required"}"#,
            ),
            (
                BlankField,
                Some(Nickname),
                400,
                r#"{"error":"Nickname field is required"}"#,
            ),
            (
                MethodNotAllowed,
                None,
                405,
                r#"{"error":"Only POST requests are allowed"}"#,
            ),
        ],
    );
    let sign_up = route(&contract, "POST /api/accounts/signup/");
    let order: Vec<Input> = sign_up.inputs.iter().map(|plan| plan.input).collect();
    assert_eq!(order, [Identifier, Password, Nickname]);
    assert!(sign_up.inputs.iter().all(|plan| !plan.optional));
    let mail = &contract.messages.0[0];
    assert_eq!(mail.subject.as_deref(), Some("Verify your email address"));
    assert_eq!(&*mail.text, "Your verification code is: {{code}}");
}

#[test]
fn email_cookie_codes() {
    let contract = contract("email-cookie");
    check(
        &contract,
        "POST /api/accounts/resend/code/",
        &[
            (
                Ok,
                None,
                200,
                r#"{"message":"Please verify your email address"}"#,
            ),
            (
                UnknownAccount,
                None,
                404,
                r#"{"error":"존재하지 않는 이메일입니다."}"#,
            ),
            (
                WrongPassword,
                None,
                401,
                r#"{"error":"비밀번호가 틀렸습니다"}"#,
            ),
            (
                TooSoon,
                None,
                429,
                r#"{"error":"잠시 후 다시 시도해 주세요."}"#,
            ),
            (
                MethodNotAllowed,
                None,
                405,
                r#"{"eroor":"Only POST requests are allowed"}"#,
            ),
        ],
    );
    let resend = route(&contract, "POST /api/accounts/resend/code/");
    let too_soon = resend.answer(TooSoon, None);
    assert_eq!(&*too_soon.headers[0].0, "Retry-After");
    let wrong = r#"{"eroor":"an incorrect or expired verification code"}"#;
    check(
        &contract,
        "POST /api/accounts/verify/email/",
        &[
            (
                Ok,
                None,
                200,
                r#"{"message":"email has been successfully verified"}"#,
            ),
            (InvalidCode, None, 400, wrong),
            (MissingField, Some(Code), 400, wrong),
            (MissingField, Some(Identifier), 400, wrong),
            (
                MethodNotAllowed,
                None,
                405,
                r#"{"eroor":"Only POST requests are allowed"}"#,
            ),
        ],
    );
}

#[test]
fn email_cookie_login() {
    let contract = contract("email-cookie");
    check(
        &contract,
        "POST /api/accounts/login/",
        &[
            (
                Ok,
                None,
                200,
                r#"{"email":"user@example.com","nickname":"길동 \"the\" <user>"}"#,
            ),
            (
                UnknownAccount,
                None,
                404,
                r#"{"error":"존재하지 않는 이메일"}"#,
            ),
            (
                Unverified,
                None,
                403,
                r#"{"error ":"비활성화인 계정입니다"}"#,
            ),
            (
                Suspended,
                None,
                403,
                r#"{"error ":"비활성화인 계정입니다"}"#,
            ),
            (
                WrongPassword,
                None,
                403,
                r#"{"error":"비밀번호가 틀렸습니다"}"#,
            ),
            (
                MethodNotAllowed,
                None,
                405,
                r#"{"eroor":"Only POST requests are allowed"}"#,
            ),
        ],
    );
    let login = route(&contract, "POST /api/accounts/login/");
    let names = cookies(login.answer(Ok, None));
    assert_eq!(names, ["access_token", "refresh_token"]);
    for cookie in &contract.cookies {
        assert_eq!(cookie.codec, CookieCodec::DjangoV1);
        assert_eq!(cookie.same_site, SameSite::Lax);
        assert_eq!(cookie.secure, Secure::OutsideDev);
        assert_eq!(&*cookie.path, "/");
        assert!(cookie.http_only);
    }
}

fn cookies(answer: &daemun_contract::Answer) -> Vec<&str> {
    let cookies = answer.cookies.iter();
    cookies.map(|set| &*set.cookie.name).collect()
}

#[test]
fn email_cookie_refresh() {
    let contract = contract("email-cookie");
    let bad = r#"{"error":"refresh 토큰이 유효하지 않습니다. 다시 로그인하여 주세요"}"#;
    check(
        &contract,
        "POST /api/accounts/token/refresh/",
        &[
            (Ok, None, 200, r#"{"message":"새로운 access_token 발급"}"#),
            (
                Expired,
                None,
                401,
                r#"{"error":"refresh이 만료되었습니다. 다시 로그인하여 주세요"}"#,
            ),
            (MissingField, Some(Input::Token), 401, bad),
            (BlankField, Some(Input::Token), 401, bad),
            (InvalidToken, None, 401, bad),
            (Revoked, None, 401, bad),
            (Reused, None, 401, bad),
        ],
    );
    let refresh = route(&contract, "POST /api/accounts/token/refresh/");
    assert_eq!(
        cookies(refresh.answer(Ok, None)),
        ["access_token", "refresh_token"]
    );
    assert_eq!(
        refresh.inputs[0].sources,
        [Source::Cookie {
            name: "refresh_token".into(),
            codec: CookieCodec::DjangoV1,
        }]
    );
}

#[test]
fn email_cookie_guard_and_who_am_i() {
    let contract = contract("email-cookie");
    check_guard(
        &contract,
        &[
            (MissingToken, r#"{"error":"access 토큰이 필요합니다."}"#),
            (Expired, r#"{"error":"access_token이 만료되었습니다."}"#),
            (
                InvalidToken,
                r#"{"error":"유효하지 않은 access 토큰입니다."}"#,
            ),
            (Revoked, r#"{"error":"유효하지 않은 access 토큰입니다."}"#),
        ],
    );
    check(
        &contract,
        "GET /api/accounts/me/",
        &[(
            Ok,
            None,
            200,
            r#"{"email":"user@example.com","nickname":"길동 \"the\" <user>"}"#,
        )],
    );
    let logout = route(&contract, "POST /api/accounts/logout/");
    assert_eq!(
        cookies(logout.answer(Ok, None)),
        ["access_token", "refresh_token"]
    );
    assert!(
        logout
            .answer(Ok, None)
            .cookies
            .iter()
            .all(|set| set.value.is_none())
    );
}
