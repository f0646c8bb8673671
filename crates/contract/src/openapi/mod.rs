//! The contract as an OpenAPI 3.1 document: paths, what they take, every answer with an example.

mod answers;
mod field;
mod join;
mod request;
mod schema;
mod security;
mod slot;

use serde_json::{Map, Value, json};

use crate::{
    contract::{Contract, Route},
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
    if let Some(schemes) = security::schemes(contract) {
        set(&mut components, "securitySchemes", schemes);
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
    let parameters = request::parameters(contract, route, path);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = request::body(contract, route) {
        operation.insert("requestBody".into(), body);
    }
    operation.insert("responses".into(), answers::of(contract, route));
    if let Some(security) = security::of(contract, route) {
        operation.insert("security".into(), security);
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

/// Sets a member of an object.
pub(crate) fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(key.to_owned(), value);
    }
}
