//! The contract as an OpenAPI 3.1 document: paths, what they take, every answer with an example.

mod request;
mod schema;

use daemun_engine::vocabulary::{Operation, Outcome, Slot};
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Body},
    contract::{Contract, Guard, GuardMode, Route},
    input::Source,
    path::PathPattern,
};

pub(crate) fn document(contract: &Contract, server_url: &str) -> Value {
    let mut paths = Map::new();
    for (nth, route) in contract.routes.iter().enumerate() {
        for (spelling, path) in route.paths().enumerate() {
            let operation = operation(contract, route, path, &format!("{nth}_{spelling}"));
            if let Value::Object(item) = paths.entry(path.as_str()).or_insert_with(|| json!({})) {
                item.insert(route.method.key().into(), operation);
            }
        }
    }
    let responses = share_responses(&mut paths);
    let mut components = json!({ "responses": responses });
    if let Some(guard) = &contract.guard {
        set(&mut components, "securitySchemes", security_schemes(guard));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": &*contract.name,
            "summary": &*contract.summary,
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": server_url }],
        "paths": paths,
        "components": components,
    })
}

const DESCRIPTION: &str = "Made from the contract's file. A path answers with and without its \
    trailing slash. Bodies are read as JSON, as a form, or as multipart form data.";

fn operation(contract: &Contract, route: &Route, path: &PathPattern, nth: &str) -> Value {
    let mut operation = Map::new();
    operation.insert("summary".into(), (*route.summary).into());
    let id = format!("{}_{nth}", route.operation.name());
    operation.insert("operationId".into(), id.into());
    let parameters = request::parameters(route, path);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = request::body(contract, route) {
        operation.insert("requestBody".into(), body);
    }
    operation.insert("responses".into(), responses(contract, route));
    if let Some(guard) = &contract.guard {
        let mode = match route.operation {
            // It asks the guard itself.
            Operation::Probe => GuardMode::IfPresent,
            _ => route.guard,
        };
        operation.insert("security".into(), security(guard, mode));
    }
    Value::Object(operation)
}

/// Moves responses that several operations have to where all can refer to them.
fn share_responses(paths: &mut Map<String, Value>) -> Value {
    let mut seen: Vec<(String, Value, usize)> = Vec::new();
    each_response(paths, |status, response| {
        match seen.iter_mut().find(|(_, known, _)| known == response) {
            Some((.., count)) => *count += 1,
            None => seen.push((format!("r{status}_{}", seen.len()), response.clone(), 1)),
        }
    });
    seen.retain(|(.., count)| *count > 1);
    each_response(paths, |_, response| {
        if let Some((name, ..)) = seen.iter().find(|(_, known, _)| known == response) {
            *response = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    });
    seen.into_iter()
        .map(|(name, response, _)| (name, response))
        .collect()
}

fn each_response(paths: &mut Map<String, Value>, mut visit: impl FnMut(&str, &mut Value)) {
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in items.flat_map(|item| item.values_mut()) {
        let responses = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        for (status, response) in responses.into_iter().flatten() {
            visit(status, response);
        }
    }
}

/// The names of the guard's sources as security schemes.
fn scheme_names(guard: &Guard) -> Vec<String> {
    let names = guard.sources.iter().enumerate();
    names
        .map(|(nth, _)| match nth {
            0 => "access".to_owned(),
            nth => format!("access{}", nth + 1),
        })
        .collect()
}

fn security_schemes(guard: &Guard) -> Value {
    let schemes = guard.sources.iter().map(|source| match source {
        Source::Header { name, schemes }
            if name.eq_ignore_ascii_case("authorization")
                && schemes
                    .iter()
                    .any(|scheme| scheme.eq_ignore_ascii_case("bearer")) =>
        {
            json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" })
        }
        Source::Cookie { name, .. } => json!({ "type": "apiKey", "in": "cookie", "name": &**name }),
        other => json!({ "type": "apiKey", "in": "header", "name": other.wire_name() }),
    });
    Value::Object(scheme_names(guard).into_iter().zip(schemes).collect())
}

/// Any one of the guard's sources will do; where a login is not needed, so will none.
fn security(guard: &Guard, mode: GuardMode) -> Value {
    let one_of = scheme_names(guard)
        .into_iter()
        .map(|name| json!({ name: [] }));
    match mode {
        GuardMode::Required => one_of.collect(),
        GuardMode::IfPresent => std::iter::once(json!({})).chain(one_of).collect(),
        GuardMode::Off => json!([]),
    }
}

/// The answers of a route and of the guard before it, by status.
fn responses(contract: &Contract, route: &Route) -> Value {
    let mut answers: Vec<(String, &Answer)> = route
        .answers()
        // What the path answers to other methods is not this operation's.
        .filter(|(outcome, ..)| *outcome != Outcome::MethodNotAllowed)
        .map(|(outcome, input, answer)| {
            let of = input.map_or(String::new(), |input| format!("_{}", input.name()));
            (format!("{}{of}", outcome.name()), answer)
        })
        .collect();
    if let (Some(guard), true) = (&contract.guard, route.guard != GuardMode::Off) {
        answers.extend(
            guard
                .answers()
                .filter(|(outcome, _)| {
                    Outcome::OF_THE_GUARD.contains(outcome)
                        && (route.guard, *outcome) != (GuardMode::IfPresent, Outcome::MissingToken)
                })
                .map(|(outcome, answer)| (format!("guard_{}", outcome.name()), answer)),
        );
    }
    let mut statuses: Vec<u16> = answers.iter().map(|(_, answer)| answer.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let mut responses = Map::new();
    for status in statuses {
        let of_status: Vec<&(String, &Answer)> = answers
            .iter()
            .filter(|(_, answer)| answer.status == status)
            .collect();
        // OpenAPI knows statuses up to 599 only.
        let key = if status < 600 {
            status.to_string()
        } else {
            "default".into()
        };
        responses.insert(key, response(contract, status, &of_status));
    }
    Value::Object(responses)
}

fn response(contract: &Contract, status: u16, answers: &[&(String, &Answer)]) -> Value {
    let names: Vec<&str> = answers.iter().map(|(name, _)| name.as_str()).collect();
    let mut response = json!({ "description": format!("{status}: {}", names.join(", ")) });
    let mut headers = Map::new();
    let mut content: Map<String, Value> = Map::new();
    for (name, answer) in answers {
        for (header, _) in &answer.headers {
            headers.insert(
                header.to_string(),
                json!({ "schema": { "type": "string" } }),
            );
        }
        if !answer.cookies.is_empty() {
            let cookies: Vec<&str> = answer.cookies.iter().map(|c| &*c.cookie.name).collect();
            let description = format!("sets or clears {}", cookies.join(", "));
            let header = json!({ "description": description, "schema": { "type": "string" } });
            headers.insert("Set-Cookie".into(), header);
        }
        if let Some(content_type) = &answer.content_type {
            let media = content.entry(&**content_type).or_insert_with(|| json!({}));
            add_body(contract, name, answer, media);
        }
    }
    if !headers.is_empty() {
        set(&mut response, "headers", headers.into());
    }
    if !content.is_empty() {
        set(&mut response, "content", content.into());
    }
    response
}

/// Adds an answer's schema and example to a media type.
fn add_body(contract: &Contract, name: &str, answer: &Answer, media: &mut Value) {
    let (schema, example) = match &answer.body {
        Body::Empty => return,
        Body::Json(template) => (schema::of(template), schema::example(contract, template)),
        Body::Text(template) => (json!({ "type": "string" }), schema::example_text(template)),
    };
    if let Value::Object(media) = media {
        let examples = media.entry("examples").or_insert_with(|| json!({}));
        set(examples, name, json!({ "value": example }));
        let known = media.entry("schema").or_insert_with(|| schema.clone());
        join(known, schema);
    }
}

/// Makes `known` allow `schema` as well.
fn join(known: &mut Value, schema: Value) {
    if *known == schema {
        return;
    }
    match known.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(several) if several.contains(&schema) => {}
        Some(several) => several.push(schema),
        None => *known = json!({ "anyOf": [known.clone(), schema] }),
    }
}

/// Sets a member of an object.
pub(crate) fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(key.to_owned(), value);
    }
}

/// What a slot's value can be.
pub(crate) fn slot_schema(slot: Slot) -> Value {
    match slot {
        Slot::AccountId | Slot::AccessExpiresIn | Slot::RefreshExpiresIn | Slot::RetryAfter => {
            json!({ "type": "integer" })
        }
        Slot::AccountEmail
        | Slot::AccountPhone
        | Slot::AccountNickname
        | Slot::AccountKakao
        | Slot::AccountLastLogin => json!({ "type": ["string", "null"] }),
        Slot::AccountActive => json!({ "type": "boolean" }),
        Slot::Sessions => json!({ "type": "array", "items": { "type": "object" } }),
        _ => json!({ "type": "string" }),
    }
}
