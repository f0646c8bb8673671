//! What a route takes, for OpenAPI.

use daemun_engine::vocabulary::Input;
use serde_json::{Map, Value, json};

use crate::{
    contract::{Contract, Route},
    input::{InputPlan, Source},
    openapi::set,
    path::PathPattern,
};

/// Parameters of the path, the query, headers and cookies.
pub(crate) fn parameters(route: &Route, path: &PathPattern) -> Vec<Value> {
    let mut parameters: Vec<Value> = path
        .params()
        .map(|name| parameter("path", name, true))
        .collect();
    for plan in &route.inputs {
        // With several places to choose from, none of them is required.
        let required = !plan.optional && plan.sources.len() == 1;
        for source in &plan.sources {
            let place = match source {
                Source::Query(_) => "query",
                Source::Header { .. } => "header",
                Source::Cookie { .. } => "cookie",
                Source::Body(_) | Source::Path(_) => continue,
            };
            parameters.push(parameter(place, source.wire_name(), required));
        }
    }
    parameters
}

fn parameter(place: &str, name: &str, required: bool) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

/// The request's body, where the route takes something from it.
pub(crate) fn body(contract: &Contract, route: &Route) -> Option<Value> {
    let mut schema = json!({ "type": "object", "properties": {} });
    let mut choices = Vec::new();
    let mut any = false;
    let mut required = false;
    for plan in &route.inputs {
        let bodies: Vec<&Vec<Box<str>>> = plan.sources.iter().filter_map(keys).collect();
        any |= !bodies.is_empty();
        let only = bodies.len() == plan.sources.len();
        for keys in &bodies {
            let one_place = !plan.optional && plan.sources.len() == 1;
            insert(&mut schema, keys, input(contract, plan), one_place);
        }
        if !plan.optional && only {
            required = true;
            if bodies.len() > 1 {
                let tops = bodies.iter().filter_map(|keys| keys.first());
                choices = tops.map(|top| json!({ "required": [&**top] })).collect();
            }
        }
    }
    if !any {
        return None;
    }
    if !choices.is_empty() {
        set(&mut schema, "anyOf", choices.into());
    }
    let media = json!({ "schema": schema });
    Some(json!({
        "required": required,
        "content": {
            "application/json": media,
            "application/x-www-form-urlencoded": media,
            "multipart/form-data": media,
        },
    }))
}

fn keys(source: &Source) -> Option<&Vec<Box<str>>> {
    match source {
        Source::Body(keys) => Some(keys),
        _ => None,
    }
}

/// Puts `leaf` where `keys` lead, making objects on the way.
fn insert(schema: &mut Value, keys: &[Box<str>], leaf: Value, required: bool) {
    let Some((first, rest)) = keys.split_first() else {
        return;
    };
    if required {
        let list = schema.as_object_mut().map(|object| {
            let list = object.entry("required").or_insert_with(|| json!([]));
            list.as_array_mut()
        });
        if let Some(Some(list)) = list
            && !list.iter().any(|known| known == &**first)
        {
            list.push((**first).into());
        }
    }
    let properties = schema.as_object_mut().map(|object| {
        let properties = object
            .entry("properties")
            .or_insert_with(|| Map::new().into());
        properties.as_object_mut()
    });
    if let Some(Some(properties)) = properties {
        if rest.is_empty() {
            properties.insert(first.to_string(), leaf);
        } else {
            let inner = properties
                .entry(&**first)
                .or_insert_with(|| json!({ "type": "object", "properties": {} }));
            insert(inner, rest, leaf, required);
        }
    }
}

fn input(contract: &Contract, plan: &InputPlan) -> Value {
    match plan.input {
        Input::Keep => json!({ "type": "boolean" }),
        Input::Password => json!({ "type": "string", "format": "password" }),
        Input::Identifier => {
            let kinds = contract.policy.identifiers;
            let what = match (kinds.email, kinds.phone) {
                (true, true) => "an e-mail address or a phone number",
                (true, false) => "an e-mail address",
                _ => "a phone number",
            };
            json!({ "type": "string", "description": what })
        }
        Input::Nickname | Input::Code | Input::Token | Input::SessionId => {
            json!({ "type": "string" })
        }
    }
}
