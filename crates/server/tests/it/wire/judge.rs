//! Whether an answer is one that the contract declares for what happened: the server's log says
//! which outcome it was, the contract's file what each outcome looks like.

use daemun_contract::{
    Answer as Declared, Contract, ExpectedBody, Json, Method, Pattern, Route, Shape,
};
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::{
    anyone::{Log, contracts},
    harness::{Answer, Daemun},
};

/// What no answer and no log may show: tests put it where secrets are sent.
pub const CANARY: &str = "CANARY-of-a-secret";

/// Every contract, and the log that says what happened.
pub struct Judge {
    pub contracts: Vec<Contract>,
    pub log: Log,
}

impl Judge {
    /// `daemun` must log at debug level.
    pub fn of(daemun: &Daemun) -> Self {
        Self {
            contracts: contracts(),
            log: Log::of(daemun),
        }
    }

    /// What happened, where the answer is as the contract of `path` declares it; else what is wrong.
    pub async fn judge(&self, method: &str, path: &str, answer: &Answer) -> Result<String, String> {
        let path = path.split('?').next().unwrap_or_default();
        let Some((contract, routes)) = self.owner(path) else {
            return Err(format!("no contract has {path}"));
        };
        assert_nothing_echoed(answer)?;
        assert_carried_by_all(&answer.headers)?;
        if method == "OPTIONS" {
            return Ok("preflight".into());
        }
        let outcome = self.log.outcome(answer).await;
        if answer.status >= 500 && answer.status < 600 && outcome != "busy" {
            return Err(format!("a fault of ours: {outcome}"));
        }
        let is_right = |expected: &Declared| {
            let mut locales = 0..contract.locales.len();
            locales.any(|locale| is_as_declared(expected, locale, method, answer))
        };
        let joined = || is_joined(&routes, method, &outcome, answer);
        if !declared(contract, &routes, method, &outcome).any(is_right) && !joined() {
            return Err(format!("{outcome} is not declared to look like this"));
        }
        if outcome == "method_not_allowed" {
            assert_allow_lists(&routes, answer)?;
        }
        Ok(outcome)
    }

    /// Whose path it is, and its routes there.
    pub fn owner(&self, path: &str) -> Option<(&Contract, Vec<&Route>)> {
        self.contracts.iter().find_map(|contract| {
            let has = |route: &&Route| route.paths().any(|p| p.matches(path).is_some());
            let routes: Vec<&Route> = contract.routes.iter().filter(has).collect();
            (!routes.is_empty()).then_some((contract, routes))
        })
    }
}

/// The answers to that outcome: the route's own, those of the guard before it, and, to another
/// method than the path has, those of its first route.
fn declared<'c>(
    contract: &'c Contract,
    routes: &[&'c Route],
    method: &str,
    outcome: &str,
) -> impl Iterator<Item = &'c Declared> {
    let wanted = if method == "HEAD" { "GET" } else { method };
    let own = routes.iter().enumerate().filter(|(nth, route)| {
        if outcome == "method_not_allowed" {
            *nth == 0
        } else {
            route.method.name() == wanted
        }
    });
    let own = own.map(|(_, route)| route);
    let of_routes = own.flat_map(|route| {
        let by_reason = route.answers_by_reason();
        let by_reason = by_reason.map(|(outcome, _, _, answer)| (outcome, answer));
        let all = route.answers();
        all.map(|(outcome, _, answer)| (outcome, answer))
            .chain(by_reason)
    });
    let guard = contract.guard.iter().flat_map(|guard| guard.answers());
    let all: Vec<&Declared> = of_routes
        .chain(guard)
        .filter(|(declared, _)| declared.name() == outcome)
        .map(|(_, answer)| answer)
        .collect();
    all.into_iter()
}

fn is_as_declared(expected: &Declared, locale: usize, method: &str, answer: &Answer) -> bool {
    let expected = expected.expectation(locale);
    let header = |name: &str| {
        let value = answer.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let has_header = |(name, pattern): &(&str, Pattern)| match header(name) {
        Some(value) => pattern.captures(&value).is_some(),
        None => pattern.literal().is_none(),
    };
    let set = answer.headers.get_all("set-cookie").iter();
    let cookies: Vec<&[u8]> = set
        .map(|line| {
            line.as_bytes()
                .split(|b| *b == b'=')
                .next()
                .unwrap_or_default()
        })
        .collect();
    let names = expected
        .cookies
        .iter()
        .map(|(cookie, _)| cookie.name.as_bytes());
    answer.status == expected.status
        && header("content-type").as_deref() == expected.content_type
        && expected.headers.iter().all(has_header)
        && names.eq(cookies)
        && (method == "HEAD" || has_body(&expected.body, &answer.text))
}

fn has_body(expected: &ExpectedBody, text: &str) -> bool {
    match expected {
        ExpectedBody::Empty => text.is_empty(),
        ExpectedBody::Text(pattern) => pattern.captures(text).is_some(),
        ExpectedBody::Json(shape) => {
            serde_json::from_str(text).is_ok_and(|value: Value| fits(shape, &value))
        }
    }
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        // The only values that are no scalars are lists.
        (Shape::Hole(_), value) => !value.is_object(),
        (Shape::Text(pattern), Value::String(text)) => pattern.captures(text).is_some(),
        (Shape::Fixed(Json::Null), Value::Null) => true,
        (Shape::Fixed(Json::Bool(one)), Value::Bool(other)) => one == other,
        (Shape::Fixed(Json::Number(one)), Value::Number(other)) => one == other,
        (Shape::Array(shapes), Value::Array(items)) => {
            shapes.len() == items.len() && shapes.iter().zip(items).all(|(s, v)| fits(s, v))
        }
        (Shape::Object(shapes), Value::Object(members)) => {
            let has = |(name, shape): &(Pattern, Shape)| {
                let named = |member: &str| name.captures(member).is_some();
                members
                    .iter()
                    .any(|(member, value)| named(member) && fits(shape, value))
            };
            shapes.len() == members.len() && shapes.iter().all(has)
        }
        _ => false,
    }
}

/// Where a route tells of all faults at once: whether every member of the body tells of one.
fn is_joined(routes: &[&Route], method: &str, outcome: &str, answer: &Answer) -> bool {
    const OF_INPUTS: [&str; 6] = [
        "missing_field",
        "blank_field",
        "invalid_field",
        "weak_password",
        "identifier_taken",
        "nickname_taken",
    ];
    let collecting = |route: &&&Route| route.collect && route.method.name() == method;
    let Some(route) = routes.iter().find(collecting) else {
        return false;
    };
    let by_reason = route.answers_by_reason().map(|(o, _, _, a)| (o, a));
    let all = route.answers().map(|(o, _, a)| (o, a)).chain(by_reason);
    let faults = all.filter(|(outcome, _)| OF_INPUTS.contains(&outcome.name()));
    let expected: Vec<_> = faults.map(|(_, fault)| fault.expectation(0)).collect();
    let Ok(Value::Object(members)) = serde_json::from_str(&answer.text) else {
        return false;
    };
    let tells = |expected: &ExpectedBody, name: &str, value: &Value| match expected {
        ExpectedBody::Json(Shape::Object(shapes)) => shapes
            .iter()
            .any(|(of, shape)| of.captures(name).is_some() && fits(shape, value)),
        _ => false,
    };
    let declared = |(name, value): (&String, &Value)| {
        let mut expected = expected.iter();
        expected.any(|e| e.status == answer.status && tells(&e.body, name, value))
    };
    OF_INPUTS.contains(&outcome) && !members.is_empty() && members.iter().all(declared)
}

fn assert_nothing_echoed(answer: &Answer) -> Result<(), String> {
    let shown = format!("{:?} {}", answer.headers, answer.text);
    let echoed = shown.contains(CANARY);
    if echoed {
        Err("what must stay secret is echoed".into())
    } else {
        Ok(())
    }
}

fn assert_carried_by_all(headers: &HeaderMap) -> Result<(), String> {
    let carried = [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    for (name, value) in carried {
        if headers
            .get(name)
            .is_none_or(|is| is.as_bytes() != value.as_bytes())
        {
            return Err(format!("it does not say {name}: {value}"));
        }
    }
    Ok(())
}

fn assert_allow_lists(routes: &[&Route], answer: &Answer) -> Result<(), String> {
    let allow = answer
        .headers
        .get("allow")
        .and_then(|allow| allow.to_str().ok());
    let allowed: Vec<&str> = allow.unwrap_or_default().split(", ").collect();
    let mut has: Vec<&str> = routes.iter().map(|route| route.method.name()).collect();
    if has.contains(&Method::Get.name()) {
        has.push("HEAD");
    }
    has.push("OPTIONS");
    let same = has.len() == allowed.len() && has.iter().all(|method| allowed.contains(method));
    if same {
        Ok(())
    } else {
        Err(format!("Allow: {allow:?} for {has:?}"))
    }
}
