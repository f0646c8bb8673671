//! Schemas and examples of bodies, from their templates.
//!
//! A template is rendered with a mark in the place of each slot; in the JSON that comes out, a
//! string that is one mark alone stands for a typed value, everything else for itself.

use std::borrow::Cow;

use daemun_engine::vocabulary::Slot;
use serde_json::{Map, Value as Json, json};

use crate::{
    contract::Contract,
    openapi::slot_schema,
    template::{Template, Value, Values},
};

/// Of the private use area: no contract has it in its words.
const MARK: char = '\u{f8f0}';

struct Marks;

impl Values for Marks {
    fn value(&self, slot: Slot) -> Value<'_> {
        Value::Str(Cow::Owned(format!("{MARK}{}{MARK}", slot.name())))
    }
}

/// The schema of a JSON body.
pub(crate) fn of(template: &Template) -> Json {
    let mut body = Vec::new();
    template.render(0, &Marks, &mut body);
    serde_json::from_slice(&body).map_or_else(|_| json!({}), |body| schema(&body))
}

fn schema(value: &Json) -> Json {
    match value {
        Json::Null => json!({ "type": "null" }),
        Json::Bool(value) => json!({ "const": value }),
        Json::Number(_) => json!({ "type": "number" }),
        Json::String(text) => marked(text).map_or_else(|| json!({ "type": "string" }), slot_schema),
        Json::Array(items) => {
            let mut schemas: Vec<Json> = items.iter().map(schema).collect();
            schemas.dedup();
            json!({ "type": "array", "items": { "anyOf": schemas } })
        }
        Json::Object(members) => object(members),
    }
}

fn object(members: &Map<String, Json>) -> Json {
    let fixed = members.iter().filter(|(key, _)| !key.contains(MARK));
    let properties: Map<String, Json> = fixed
        .map(|(key, value)| (key.clone(), schema(value)))
        .collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn marked(text: &str) -> Option<Slot> {
    Slot::from_name(text.strip_prefix(MARK)?.strip_suffix(MARK)?)
}

/// A JSON body with plausible values.
pub(crate) fn example(contract: &Contract, template: &Template) -> Json {
    let mut body = Vec::new();
    template.render(0, &Plausible(contract), &mut body);
    serde_json::from_slice(&body).unwrap_or(Json::Null)
}

/// A text body with its slots' names.
pub(crate) fn example_text(template: &Template) -> Json {
    let mut body = Vec::new();
    template.render(0, &crate::explain::SlotNames, &mut body);
    String::from_utf8_lossy(&body).into()
}

struct Plausible<'c>(&'c Contract);

impl Values for Plausible<'_> {
    fn value(&self, slot: Slot) -> Value<'_> {
        let policy = &self.0.policy;
        let seconds = |d: std::time::Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        match slot {
            Slot::AccountId => Value::Int(1),
            Slot::AccountIdText => "1".into(),
            Slot::AccountEmail if policy.identifiers.email => "someone@example.com".into(),
            Slot::AccountPhone if policy.identifiers.phone => "01000000000".into(),
            Slot::AccountEmail | Slot::AccountPhone | Slot::AccountKakao => Value::Null,
            Slot::AccountNickname => "someone".into(),
            Slot::AccountActive => Value::Bool(true),
            Slot::AccountCreatedAt | Slot::AccountLastLogin | Slot::Now => {
                "2026-01-02T03:04:05Z".into()
            }
            Slot::SessionId | Slot::RequestId => "019b7e2d4c5f7a8b9c0d1e2f3a4b5c6d".into(),
            Slot::Access | Slot::Refresh => "eyJ….eyJ….…".into(),
            Slot::AccessExpiresIn => Value::Int(seconds(policy.tokens.access.lifetime)),
            Slot::RefreshExpiresIn => Value::Int(seconds(policy.tokens.refresh.lifetime)),
            Slot::Field => "password".into(),
            Slot::Reason => "too_short".into(),
            Slot::RetryAfter => Value::Int(60),
            Slot::Sessions => Value::Json("[]".into()),
            Slot::RequestPath => "/".into(),
            Slot::NowText => "2026-01-02 03:04:05".into(),
        }
    }
}
