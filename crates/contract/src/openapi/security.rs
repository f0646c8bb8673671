//! What must be shown to be let in, for OpenAPI: the guard's tokens, and the key of a service.

use daemun_engine::vocabulary::Operation;
use serde_json::{Map, Value, json};

use crate::{
    contract::{Contract, Guard, GuardMode, Route},
    input::Source,
};

const SERVICE: &str = "service";

/// The schemes of a contract; absent where nothing of it asks for anything.
pub(crate) fn schemes(contract: &Contract) -> Option<Value> {
    let guard = contract.guard.as_ref();
    let mut schemes: Map<String, Value> = guard
        .into_iter()
        .flat_map(|guard| scheme_names(guard).into_iter().zip(&guard.sources))
        .map(|(name, source)| (name, scheme(source)))
        .collect();
    let trusting = |route: &Route| route.operation.needs_trust();
    if contract.routes.iter().any(trusting) {
        let description = "the key of a trusted service; in development, this machine needs none";
        schemes.insert(
            SERVICE.into(),
            json!({ "type": "http", "scheme": "bearer", "description": description }),
        );
    }
    (!schemes.is_empty()).then_some(Value::Object(schemes))
}

/// What a route asks for; absent where the contract asks for nothing anywhere.
pub(crate) fn of(contract: &Contract, route: &Route) -> Option<Value> {
    if route.operation.needs_trust() {
        return Some(json!([{ SERVICE: [] }]));
    }
    let guard = contract.guard.as_ref()?;
    let mode = match route.operation {
        // It asks the guard itself.
        Operation::Probe => GuardMode::IfPresent,
        _ if route.guard == GuardMode::Off && takes_what_the_guard_does(guard, route) => {
            GuardMode::IfPresent
        }
        _ => route.guard,
    };
    Some(any_of(guard, mode))
}

/// Whether some input stands where the guard's token does. OpenAPI tells of an `Authorization`
/// header in this way only.
fn takes_what_the_guard_does(guard: &Guard, route: &Route) -> bool {
    let mut sources = route.inputs.iter().flat_map(|plan| &plan.sources);
    sources.any(|source| guard.sources.contains(source))
}

/// Any one of the guard's sources will do; where a login is not needed, so will none.
fn any_of(guard: &Guard, mode: GuardMode) -> Value {
    let one_of = scheme_names(guard)
        .into_iter()
        .map(|name| json!({ name: [] }));
    match mode {
        GuardMode::Required => one_of.collect(),
        GuardMode::IfPresent => std::iter::once(json!({})).chain(one_of).collect(),
        GuardMode::Off => json!([]),
    }
}

/// The names of the guard's sources.
fn scheme_names(guard: &Guard) -> Vec<String> {
    let names = guard.sources.iter().enumerate();
    names
        .map(|(nth, _)| match nth {
            0 => "access".to_owned(),
            nth => format!("access{}", nth + 1),
        })
        .collect()
}

fn scheme(source: &Source) -> Value {
    let is_bearer = |schemes: &[Box<str>]| {
        let mut schemes = schemes.iter();
        schemes.any(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    };
    match source {
        Source::Header { name, schemes }
            if name.eq_ignore_ascii_case("authorization") && is_bearer(schemes) =>
        {
            json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" })
        }
        Source::Cookie { name, .. } => json!({ "type": "apiKey", "in": "cookie", "name": &**name }),
        other => json!({ "type": "apiKey", "in": "header", "name": other.wire_name() }),
    }
}
