//! What a route answers, for OpenAPI: by status, every header and the shape of every body.

use daemun_engine::vocabulary::Outcome;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Body},
    contract::{Contract, GuardMode, Route},
    openapi::{join::join, schema, set},
    read::collect,
};

/// An answer, and what it is the answer to.
type Named<'c> = (String, &'c Answer);

/// The answers of a route and of the guard before it, by status.
pub(crate) fn of(contract: &Contract, route: &Route) -> Value {
    let mut responses: Vec<(String, Vec<Named<'_>>)> = Vec::new();
    for (name, answer) in answers(contract, route) {
        let key = key(answer.status);
        match responses.iter_mut().find(|(known, _)| *known == key) {
            Some((_, several)) => several.push((name, answer)),
            None => responses.push((key, vec![(name, answer)])),
        }
    }
    responses.sort_by(|(one, _), (other, _)| one.cmp(other));
    responses
        .into_iter()
        .map(|(key, answers)| (key, response(contract, route, &answers)))
        .collect::<Map<_, _>>()
        .into()
}

/// OpenAPI knows statuses up to 599 only.
fn key(status: u16) -> String {
    if status < 600 {
        status.to_string()
    } else {
        "default".into()
    }
}

fn answers<'c>(contract: &'c Contract, route: &'c Route) -> Vec<Named<'c>> {
    let own = route
        .answers()
        // What the path answers to other methods is not this operation's.
        .filter(|(outcome, ..)| *outcome != Outcome::MethodNotAllowed)
        .map(|(outcome, input, answer)| {
            let of = input.map_or(String::new(), |input| format!("_{}", input.name()));
            (format!("{}{of}", outcome.name()), answer)
        });
    let by_reason = route
        .answers_by_reason()
        .map(|(outcome, input, reason, answer)| {
            let of = input.map_or(String::new(), |input| format!("_{}", input.name()));
            (format!("{}{of}_{reason}", outcome.name()), answer)
        });
    let guard = contract.guard.as_ref();
    let guard = guard.filter(|_| route.guard != GuardMode::Off);
    let can = |outcome: Outcome| {
        Outcome::OF_THE_GUARD.contains(&outcome)
            && (route.guard, outcome) != (GuardMode::IfPresent, Outcome::MissingToken)
    };
    let of_guard = guard
        .into_iter()
        .flat_map(|guard| guard.answers())
        .filter(|(outcome, _)| can(*outcome))
        .map(|(outcome, answer)| (format!("guard_{}", outcome.name()), answer));
    own.chain(by_reason).chain(of_guard).collect()
}

fn response(contract: &Contract, route: &Route, answers: &[Named<'_>]) -> Value {
    let mut response = json!({ "description": description(answers) });
    let headers = headers(contract, answers);
    if !headers.is_empty() {
        set(&mut response, "headers", headers.into());
    }
    let faults = joined_faults(contract, route);
    let mut content: Map<String, Value> = Map::new();
    for (name, answer) in answers {
        if let Some(content_type) = &answer.content_type {
            let media = content.entry(&**content_type).or_insert_with(|| json!({}));
            let is_joined = faults
                .iter()
                .any(|(_, fault)| std::ptr::eq(*fault, *answer));
            let schema = if is_joined {
                Some(joined(contract, &faults))
            } else {
                schema::body(contract, answer)
            };
            add_body(contract, name, answer, media, schema);
        }
    }
    if !content.is_empty() {
        set(&mut response, "content", content.into());
    }
    response
}

/// Where a route tells of all faults at once: each of them, and the name of its input.
fn joined_faults<'r>(contract: &Contract, route: &'r Route) -> Vec<(&'r str, &'r Answer)> {
    if !route.collect {
        return Vec::new();
    }
    let faults = collect::answers(route, contract.policy.conceal).into_iter();
    let named = faults.flat_map(|(_, input, answer)| {
        let plans = route.inputs.iter().filter(move |plan| plan.input == input);
        let sources = plans.flat_map(|plan| &plan.sources);
        sources.map(move |source| (source.wire_name(), answer))
    });
    named.collect()
}

/// The schema of any of the faults together.
fn joined(contract: &Contract, faults: &[(&str, &Answer)]) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    for (input, answer) in faults {
        for (name, schema) in schema::members(contract, answer) {
            let name = name.literal().unwrap_or(input);
            match properties.get_mut(name) {
                Some(known) => join(known, schema),
                None => {
                    properties.insert(name.to_owned(), schema);
                }
            }
        }
    }
    json!({
        "type": "object", "properties": properties, "minProperties": 1,
        "additionalProperties": false,
    })
}

/// `401: expired, revoked`; several statuses where they share a key.
fn description(answers: &[Named<'_>]) -> String {
    let mut by_status: Vec<(u16, Vec<&str>)> = Vec::new();
    for (name, answer) in answers {
        match by_status.iter_mut().find(|(s, _)| *s == answer.status) {
            Some((_, names)) => names.push(name),
            None => by_status.push((answer.status, vec![name])),
        }
    }
    let told: Vec<String> = by_status
        .iter()
        .map(|(status, names)| format!("{status}: {}", names.join(", ")))
        .collect();
    told.join("; ")
}

/// The headers; those that every one of the answers has are required.
fn headers(contract: &Contract, answers: &[Named<'_>]) -> Map<String, Value> {
    let mut headers: Vec<(String, usize, Value)> = Vec::new();
    let mut add = |name: &str, description: Option<String>, value: Value| {
        let known = headers
            .iter_mut()
            .find(|(known, ..)| known.eq_ignore_ascii_case(name));
        if let Some((_, count, header)) = known {
            *count += 1;
            if let Some(schema) = header.get_mut("schema") {
                join(schema, value);
            }
            return;
        }
        let mut header = json!({ "schema": value });
        if let Some(description) = description {
            set(&mut header, "description", description.into());
        }
        headers.push((name.to_owned(), 1, header));
    };
    for (_, answer) in answers {
        for (name, value) in schema::headers(contract, answer) {
            add(name, None, value);
        }
        if !answer.cookies.is_empty() {
            let cookies: Vec<&str> = answer.cookies.iter().map(|c| &*c.cookie.name).collect();
            let description = format!("sets or clears {}", cookies.join(", "));
            add("Set-Cookie", Some(description), json!({ "type": "string" }));
        }
    }
    let required = |count| count == answers.len();
    headers
        .into_iter()
        .map(|(name, count, mut header)| {
            if required(count) {
                set(&mut header, "required", true.into());
            }
            (name, header)
        })
        .collect()
}

/// Adds an answer's schema and example to a media type.
fn add_body(
    contract: &Contract,
    name: &str,
    answer: &Answer,
    media: &mut Value,
    schema: Option<Value>,
) {
    let example = match &answer.body {
        Body::Empty => return,
        Body::Json(template) => schema::example(contract, template),
        Body::Text(template) => schema::example_text(contract, template),
    };
    let Some(schema) = schema else {
        return;
    };
    if let Value::Object(media) = media {
        let examples = media.entry("examples").or_insert_with(|| json!({}));
        set(examples, name, json!({ "value": example }));
        let known = media.entry("schema").or_insert_with(|| schema.clone());
        join(known, schema);
    }
}
