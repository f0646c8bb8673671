//! What a route takes, for OpenAPI.
//!
//! The schemas say what is looked at before the operation is: what is there, what it is in JSON,
//! that it is not blank. A request that fits them is never answered `bad_request`, `missing_field`
//! or `blank_field`, and one that does not fit is never done.

use daemun_engine::{
    password,
    profile::ProfileField,
    vocabulary::{Input, Operation},
};
use serde_json::{Value, json};

use crate::{
    contract::{Contract, Route},
    input::{InputPlan, Source},
    openapi::{field, set},
    path::PathPattern,
};

const JSON_TYPES: [&str; 6] = ["string", "null", "boolean", "number", "array", "object"];

/// Parameters of the path, the query, headers and cookies.
pub(crate) fn parameters(contract: &Contract, route: &Route, path: &PathPattern) -> Vec<Value> {
    let mut parameters: Vec<Value> = path
        .params()
        .map(|name| parameter("path", name, true, &json!({ "type": "string" })))
        .collect();
    for plan in &route.inputs {
        for source in &plan.sources {
            let place = match source {
                Source::Query(_) => "query",
                // OpenAPI tells of `Authorization` as of something to be let in with.
                Source::Header { name, .. } if name.eq_ignore_ascii_case("authorization") => {
                    continue;
                }
                Source::Header { .. } => "header",
                Source::Cookie { .. } => "cookie",
                Source::Body(_) | Source::Path(_) => continue,
            };
            let name = source.wire_name();
            let schema = text(contract, route, plan);
            parameters.push(parameter(place, name, is_required(plan), &schema));
        }
    }
    parameters
}

fn parameter(place: &str, name: &str, required: bool, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": schema })
}

/// Whether an input must stand in its place. With several to choose from, it may in none of them.
fn is_required(plan: &InputPlan) -> bool {
    !plan.optional && plan.sources.len() == 1
}

/// Whether an input must stand in one of several places of the body.
fn has_choice(plan: &InputPlan) -> bool {
    let in_body = |source: &Source| keys(source).is_some();
    !plan.optional && plan.sources.len() > 1 && plan.sources.iter().all(in_body)
}

/// The request's body, where the route takes something from it.
pub(crate) fn body(contract: &Contract, route: &Route) -> Option<Value> {
    let mut json = Object::default();
    let mut form = Object::default();
    for plan in &route.inputs {
        let bodies: Vec<&[Box<str>]> = plan.sources.iter().filter_map(keys).collect();
        for (nth, keys) in bodies.iter().enumerate() {
            let required = is_required(plan);
            let mut value = in_json(contract, route, plan);
            if nth > 0 && has_choice(plan) {
                // Where it is not the one that counts it is not looked at.
                set(&mut value, "type", json!(JSON_TYPES));
            }
            json.insert(keys, value, required);
            form.insert(last(keys), text(contract, route, plan), required);
        }
        if has_choice(plan) {
            let value = limited(json!({ "type": "string" }), contract, route, plan);
            let lasts: Vec<&[Box<str>]> = bodies.iter().map(|keys| last(keys)).collect();
            json.any_of(&bodies, &value, &json!({ "type": "null" }));
            form.any_of(&lasts, &value, &Value::Bool(false));
        }
    }
    if json.0.is_null() {
        return None;
    }
    let required = json.0.get("required").is_some() || json.0.get("anyOf").is_some();
    let form = json!({ "schema": form.0 });
    Some(json!({
        "required": required,
        "content": {
            "application/json": { "schema": json.0 },
            "application/x-www-form-urlencoded": form,
            "multipart/form-data": form,
        },
    }))
}

fn keys(source: &Source) -> Option<&[Box<str>]> {
    match source {
        Source::Body(keys) => Some(keys),
        _ => None,
    }
}

/// Forms do not nest: they know the last key only.
fn last(keys: &[Box<str>]) -> &[Box<str>] {
    keys.last().map_or(&[], std::slice::from_ref)
}

/// The schema of an object, as it grows; null while it has no members.
#[derive(Default)]
struct Object(Value);

impl Object {
    /// Puts `leaf` where `keys` lead, making objects on the way.
    fn insert(&mut self, keys: &[Box<str>], leaf: Value, required: bool) {
        let Some((first, rest)) = keys.split_first() else {
            return;
        };
        if self.0.is_null() {
            self.0 = json!({ "type": "object", "properties": {} });
        }
        if required {
            self.require(first);
        }
        let Some(properties) = self.0.get_mut("properties") else {
            return;
        };
        if rest.is_empty() {
            set(properties, first, leaf);
        } else {
            let known = properties.get_mut(&**first).map(Value::take);
            let mut inner = Self(known.unwrap_or_default());
            inner.insert(rest, leaf, required);
            set(properties, first, inner.0);
        }
    }

    fn require(&mut self, name: &str) {
        let mut required = match self.0.get_mut("required").map(Value::take) {
            Some(Value::Array(names)) => names,
            _ => Vec::new(),
        };
        if !required.iter().any(|known| known == name) {
            required.push(name.into());
        }
        set(&mut self.0, "required", required.into());
    }

    /// In one of these places there must be `value`. The first where anything stands counts, so
    /// before it there is what is `absent`.
    fn any_of(&mut self, places: &[&[Box<str>]], value: &Value, absent: &Value) {
        let choices = places.iter().enumerate().map(|(nth, keys)| {
            let mut choice = Self::default();
            for before in places.iter().take(nth) {
                choice.insert(before, absent.clone(), false);
            }
            choice.insert(keys, value.clone(), true);
            choice.0
        });
        let choices: Vec<Value> = choices.collect();
        set(&mut self.0, "anyOf", choices.into());
    }
}

/// An input as JSON: what may be absent may be null, and what says yes or no may be a boolean.
fn in_json(contract: &Contract, route: &Route, plan: &InputPlan) -> Value {
    if let Some(field) = declared(contract, plan) {
        return field::taken(field);
    }
    let mut schema = text(contract, route, plan);
    let mut types = vec!["string"];
    if plan.input == Input::Keep {
        types.push("boolean");
    }
    if plan.optional || plan.sources.len() > 1 {
        types.push("null");
    }
    if types.len() > 1 {
        set(&mut schema, "type", types.into());
    }
    schema
}

/// An input as text.
fn text(contract: &Contract, route: &Route, plan: &InputPlan) -> Value {
    if let Some(field) = declared(contract, plan) {
        return field::taken_in_form(field);
    }
    let mut schema = json!({ "type": "string" });
    if let Some(description) = description(contract, plan.input) {
        set(&mut schema, "description", description.into());
    }
    if plan.input == Input::Password {
        set(&mut schema, "format", "password".into());
    }
    if has_choice(plan) {
        schema
    } else {
        limited(schema, contract, route, plan)
    }
}

/// Adds what makes an input more than any text: that it is not blank, how long it is.
fn limited(mut schema: Value, contract: &Contract, route: &Route, plan: &InputPlan) -> Value {
    if plan.input == Input::Nickname {
        set(
            &mut schema,
            "maxLength",
            contract.policy.nickname_max.into(),
        );
    }
    match (plan.input, route.operation) {
        (Input::Password, Operation::SignUp) => {
            let shortest = contract.policy.password_min;
            set(&mut schema, "minLength", shortest.into());
            set(&mut schema, "maxLength", password::LONGEST.into());
        }
        _ if plan.optional => {}
        (Input::Password, _) => set(&mut schema, "minLength", 1.into()),
        (_, _) => set(&mut schema, "pattern", r"\S".into()),
    }
    if plan.input == Input::Token && !plan.optional && !contract.absent.is_empty() {
        set(&mut schema, "not", json!({ "enum": contract.absent }));
    }
    schema
}

fn declared<'c>(contract: &'c Contract, plan: &InputPlan) -> Option<&'c ProfileField> {
    match plan.input {
        Input::Profile(nth) => field::declared(contract, nth),
        _ => None,
    }
}

fn description(contract: &Contract, input: Input) -> Option<String> {
    let policy = &contract.policy;
    match input {
        Input::Identifier => {
            let kinds = policy.identifiers;
            let what = match (kinds.email, kinds.phone) {
                (true, true) => "an e-mail address or a phone number",
                (true, false) => "an e-mail address",
                _ => "a phone number",
            };
            Some(what.into())
        }
        Input::Code => Some(format!(
            "the code that was sent, {} characters",
            policy.codes.length
        )),
        Input::Keep => Some("`true`, `1`, `Y`, `yes` or `on` to stay logged in".into()),
        Input::Password
        | Input::Nickname
        | Input::Token
        | Input::SessionId
        | Input::AccessToken
        | Input::Subject
        | Input::SubjectType
        | Input::Profile(_) => None,
    }
}
