//! Fixed values, and answers written out.

use std::fmt::Write as _;

use daemun_contract::{Answer, Contract, MaxAge, Secure, Value, Values, builtin};
use daemun_engine::vocabulary::{Operation, Slot};

/// The built-in contract of that name.
pub fn contract(name: &str) -> Contract {
    let (_, source) = builtin().iter().find(|(known, _)| *known == name).unwrap();
    parse(source)
}

/// A contract that must be sound.
pub fn parse(source: &str) -> Contract {
    match Contract::parse(source, "contracts/test.toml") {
        Ok(contract) => contract,
        Err(faults) => panic!("{faults}"),
    }
}

/// The same values for every slot, always.
pub struct Fixed;

impl Values for Fixed {
    fn value(&self, slot: Slot) -> Value<'_> {
        match slot {
            Slot::AccountId => Value::Int(1),
            Slot::AccountIdText => "1".into(),
            Slot::AccountEmail => "user@example.com".into(),
            Slot::AccountPhone => "01000000000".into(),
            Slot::AccountNickname => "길동 \"the\" <user>".into(),
            Slot::AccountActive => Value::Bool(true),
            Slot::AccountKakao
            | Slot::AccountLastLogin
            | Slot::AccountLastLoginMicros
            | Slot::AccountProfile(_) => Value::Null,
            Slot::AccountCreatedAt | Slot::AccountUpdatedAt | Slot::Now => {
                "2026-01-02T03:04:05Z".into()
            }
            Slot::AccountCreatedAtMicros | Slot::AccountUpdatedAtMicros => {
                "2026-01-02T03:04:05.678901Z".into()
            }
            Slot::AccountAdmin => Value::Bool(false),
            Slot::Value => "SENT".into(),
            Slot::Subject => "SUBJECT".into(),
            Slot::SubjectType => "TYPE".into(),
            Slot::IssuedAt => Value::Int(1_790_000_000),
            Slot::ExpiresAt => Value::Int(1_790_000_300),
            Slot::SessionId => "SESSION".into(),
            Slot::Access => "ACCESS".into(),
            Slot::Refresh => "REFRESH".into(),
            Slot::AccessExpiresIn => Value::Int(300),
            Slot::RefreshExpiresIn => Value::Int(86_400),
            Slot::Field => "FIELD".into(),
            Slot::Reason => "too_short".into(),
            Slot::RetryAfter => Value::Int(60),
            Slot::Sessions => Value::Json(r#"[{"id":"SESSION","current":true}]"#.into()),
            Slot::RequestPath => "/path".into(),
            Slot::RequestMethod => "METHOD".into(),
            Slot::RequestType => "text/plain".into(),
            Slot::RequestId => "REQUEST".into(),
            Slot::NowText => "2026-01-02 03:04:05".into(),
        }
    }
}

/// The body in the contract's first language.
pub fn body(answer: &Answer) -> String {
    body_in(answer, 0)
}

pub fn body_in(answer: &Answer, locale: usize) -> String {
    let mut out = Vec::new();
    answer.render_body(locale, &Fixed, &mut out);
    String::from_utf8(out).unwrap()
}

/// The one route of `contract` for that method and path.
pub fn route<'c>(contract: &'c Contract, request: &str) -> &'c daemun_contract::Route {
    let (method, path) = request.split_once(' ').unwrap();
    let mut found = contract.routes.iter().filter(|route| {
        route.method.name() == method && route.paths().any(|p| p.matches(path).is_some())
    });
    let route = found.next().unwrap_or_else(|| panic!("no route {request}"));
    assert!(found.next().is_none(), "two routes {request}");
    route
}

pub fn does(contract: &Contract, operation: Operation) -> &daemun_contract::Route {
    let mut routes = contract.routes.iter();
    routes.find(|route| route.operation == operation).unwrap()
}

/// Everything a contract can answer, byte for byte.
pub fn written_out(contract: &Contract) -> String {
    let mut out = String::new();
    for route in &contract.routes {
        let paths: Vec<&str> = route.paths().map(|path| path.as_str()).collect();
        writeln!(out, "## {} {}", route.method, paths.join(" ")).unwrap();
        for (outcome, input, answer) in route.answers() {
            let of = input.map_or(String::new(), |input| {
                format!(" of {}", contract.input_name(input))
            });
            writeln!(out, "{}{of}", outcome.name()).unwrap();
            write_answer(contract, answer, &mut out);
        }
        for (outcome, input, reason, answer) in route.answers_by_reason() {
            let of = input.map_or(String::new(), |input| {
                format!(" of {}", contract.input_name(input))
            });
            writeln!(out, "{}{of}: {reason}", outcome.name()).unwrap();
            write_answer(contract, answer, &mut out);
        }
        out.push('\n');
    }
    if let Some(guard) = &contract.guard {
        writeln!(out, "## the guard").unwrap();
        for (outcome, answer) in guard.answers() {
            writeln!(out, "{}", outcome.name()).unwrap();
            write_answer(contract, answer, &mut out);
        }
    }
    out
}

fn write_answer(contract: &Contract, answer: &Answer, out: &mut String) {
    let content_type = answer.content_type.as_deref().unwrap_or("-");
    writeln!(out, "    {} {content_type}", answer.status).unwrap();
    for (name, template) in &answer.headers {
        let mut value = Vec::new();
        template.render(0, &Fixed, &mut value);
        writeln!(out, "    {name}: {}", String::from_utf8(value).unwrap()).unwrap();
    }
    for set in &answer.cookies {
        let cookie = &set.cookie;
        let mut value = Vec::new();
        if let Some(template) = &set.value {
            template.render(0, &Fixed, &mut value);
        }
        let age = match (&set.value, cookie.max_age) {
            (None, _) => "0".into(),
            (_, MaxAge::Access) => "access".into(),
            (_, MaxAge::Refresh) => "refresh".into(),
            (_, MaxAge::BrowserSession) => "-".into(),
            (_, MaxAge::Fixed(age)) => age.as_secs().to_string(),
        };
        writeln!(
            out,
            "    cookie {}={} ({:?}) Max-Age={age} Path={} SameSite={}{}{}",
            cookie.name,
            String::from_utf8(value).unwrap(),
            cookie.codec,
            cookie.path,
            cookie.same_site.name(),
            if cookie.http_only { " HttpOnly" } else { "" },
            if cookie.secure == Secure::Always {
                " Secure"
            } else {
                " Secure outside dev"
            },
        )
        .unwrap();
    }
    let bodies: Vec<String> = (0..contract.locales.len())
        .map(|n| body_in(answer, n))
        .collect();
    for (nth, body) in bodies.iter().enumerate() {
        if !body.is_empty() && (nth == 0 || *body != bodies[0]) {
            writeln!(out, "    {body}").unwrap();
        }
    }
}
