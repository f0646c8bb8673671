use daemun_contract::{Contract, builtin};
use daemun_engine::vocabulary::{Operation, Outcome};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn contract(name: &str) -> Contract {
    let file = builtin().iter().find(|(known, _)| *known == name);
    Contract::parse(file.expect("a contract").1, name).expect("a sound contract")
}

fn jwt(header: &str, claims: &str) -> String {
    let part = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    format!("{}.{}.{}", part(header), part(claims), "s".repeat(43))
}

fn token(kind: &str) -> String {
    let claims =
        format!(r#"{{"token_type":"{kind}","exp":2,"iat":1,"jti":"0a","user_id":1,"more":true}}"#);
    jwt(r#"{"alg":"HS256","typ":"JWT"}"#, &claims)
}

/// What a server may answer to a login of `email-cookie`.
struct Answered {
    status: u16,
    content_type: &'static str,
    access: String,
    refresh: String,
    body: &'static str,
}

impl Answered {
    fn well() -> Self {
        let cookie = |name: &str, kind: &str| {
            let value = format!("{}:1peQFc:{}", token(kind), "s".repeat(43));
            format!("{name}={value}; Max-Age=1209600; Path=/; HttpOnly; SameSite=Lax")
        };
        Self {
            status: 200,
            content_type: "application/json",
            access: cookie("access_token", "access"),
            refresh: cookie("refresh_token", "refresh"),
            body: r#"{"email": "a@example.com", "nickname": null}"#,
        }
    }

    fn differences(&self, secure: bool) -> Vec<String> {
        let contract = contract("email-cookie");
        let mut routes = contract.routes.iter();
        let login = routes.find(|route| route.operation == Operation::LogIn);
        let answer = login.expect("a login").answer(Outcome::Ok, None);
        let lines = [
            ("set-cookie", &*self.access),
            ("set-cookie", &*self.refresh),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in lines
            .into_iter()
            .chain([("content-type", self.content_type)])
        {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_str(value).expect("a header"));
        }
        let reply = Reply {
            status: self.status,
            headers,
            body: self.body.into(),
        };
        let known = Known {
            contract: &contract,
            slots: &[],
            secure,
            allow: None,
        };
        let seen = compare(&answer.expectation(0), &reply, &known);
        seen.differences.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn an_answer_as_the_contract_has_it_has_no_difference() {
    assert_eq!(Answered::well().differences(false), [""; 0]);
    let spelt_out = Answered {
        content_type: "application/json; charset=utf-8",
        ..Answered::well()
    };
    assert_eq!(spelt_out.differences(false), [""; 0]);
}

#[test]
fn each_way_to_be_otherwise_is_told() {
    let well = Answered::well;
    let access = |from: &str, to: &str| Answered {
        access: Answered::well().access.replace(from, to),
        ..Answered::well()
    };
    let body = |body| Answered {
        body,
        ..Answered::well()
    };
    for (answered, told) in [
        (
            Answered {
                status: 201,
                ..well()
            },
            "status: 201, the contract says 200",
        ),
        (
            Answered {
                content_type: "text/html",
                ..well()
            },
            "content-type: \"text/html\", the contract says \"application/json\"",
        ),
        (
            access("; HttpOnly", ""),
            "cookie access_token HttpOnly: not set, the contract says set",
        ),
        (
            access("=Lax", "=None"),
            "cookie access_token SameSite: \"None\", the contract says \"Lax\"",
        ),
        (
            access("Path=/", "Path=/api"),
            "cookie access_token Path: \"/api\", the contract says \"/\"",
        ),
        (
            access("Max-Age=1209600", "Max-Age=600"),
            "cookie access_token Max-Age: 600, the contract says 1209600",
        ),
        (
            access("Max-Age=1209600", "Max-Age=0"),
            "cookie access_token: cleared, the contract says it is set",
        ),
        (
            access("access_token=", "access="),
            "cookie access_token: not set",
        ),
        (
            access(":1peQFc:", "."),
            "cookie access_token value: not signed, the contract says signed as Django does: value:time:signature",
        ),
        (
            access("; Path", "; Domain=x; Path"),
            "cookie access_token Domain: \"x\", the contract says there is none",
        ),
        (body("[]"), "body: an array, the contract says an object"),
        (
            body("<html>"),
            "body: no JSON (expected value at line 1 column 1), the contract says JSON",
        ),
        (body(""), "body: empty, the contract says JSON"),
        (
            body(r#"{"email":"a@example.com"}"#),
            "body: no member \"nickname\"",
        ),
        (
            body(r#"{"email":"a@example.com","nickname":null,"hash":"x"}"#),
            "body: a member \"hash\", which the contract has not",
        ),
        (
            body(r#"{"nickname":null,"email":"a@example.com"}"#),
            "body: members in the order nickname, email, the contract says email, nickname",
        ),
        (
            body(r#"{"email":"a@example.com","nickname":5}"#),
            "body.nickname: 5, the contract says text or null",
        ),
        (
            body(r#"{"email":"mina","nickname":null}"#),
            "body.email: \"mina\", the contract says an e-mail address or null",
        ),
        (
            body(r#"{"email":null,"email":null,"nickname":null}"#),
            "body: no JSON (the member `email` stands twice at line 1 column 26), the contract says JSON",
        ),
    ] {
        assert_eq!(answered.differences(false), [told]);
    }
}

#[test]
fn cookies_must_be_secure_where_the_server_is() {
    let told = Answered::well().differences(true);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[0],
        "cookie access_token Secure: not set, the contract says set"
    );
}

#[test]
fn tokens_must_have_the_contracts_claims_and_no_value_of_theirs_is_told() {
    let claims = |claims: &str| jwt(r#"{"alg":"HS256"}"#, claims);
    for (token, told) in [
        (
            "opaque".to_owned(),
            "cookie access_token value: no JWT, the contract says a JWT",
        ),
        (
            jwt(
                r#"{"alg":"none"}"#,
                r#"{"token_type":"access","exp":2,"iat":1,"jti":"0a","user_id":1}"#,
            ),
            "cookie access_token value alg: \"none\", the contract says \"HS256\"",
        ),
        (
            claims(r#"{"token_type":"access","exp":2,"iat":1,"jti":"0a"}"#),
            "cookie access_token value claim user_id: absent",
        ),
        (
            claims(r#"{"token_type":"access","exp":2,"iat":1,"jti":"0a","user_id":"1"}"#),
            "cookie access_token value claim user_id: text, the contract says a number",
        ),
        (
            claims(r#"{"token_type":"id","exp":2,"iat":1,"jti":"0a","user_id":1}"#),
            "cookie access_token value claim token_type: text, the contract says \"access\"",
        ),
        (
            claims(r#"{"exp":2,"token_type":"access","iat":1,"jti":"0a","user_id":1}"#),
            "cookie access_token value claims: in the order exp, token_type, iat, jti, user_id, \
             the contract says token_type, exp, iat, jti, user_id",
        ),
    ] {
        let answered = Answered {
            access: Answered::well()
                .access
                .replace(&self::token("access"), &token),
            ..Answered::well()
        };
        assert_eq!(answered.differences(false), [told]);
    }
}

#[test]
fn what_is_read_of_times_is_what_date_parsers_read() {
    use daemun_engine::vocabulary::Slot;
    for (text, is_time) in [
        ("2026-01-02T03:04:05Z", true),
        ("2026-01-02T03:04:05.123456Z", true),
        ("2026-01-02T03:04:05+09:00", true),
        ("2026-01-02 03:04:05", false),
        ("2026-01-02", false),
        ("yesterday", false),
    ] {
        let value = Json::String(text.into());
        assert_eq!(
            holes::misfit(Slot::Now, &value).is_none(),
            is_time,
            "{text}"
        );
    }
    let text = Json::String("2026-01-02 03:04:05".into());
    assert_eq!(holes::misfit(Slot::NowText, &text), None);
}
