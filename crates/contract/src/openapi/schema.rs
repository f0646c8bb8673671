//! Schemas and examples of bodies and headers, from their templates.
//!
//! A template is rendered with a mark in the place of each slot; in the JSON that comes out, a
//! string that is one mark alone stands for a typed value, everything else for itself. Words that
//! differ from language to language stand for any text.

use std::borrow::Cow;

use daemun_engine::vocabulary::Slot;
use serde_json::{Map, Value as Json, json};

use crate::{
    contract::Contract,
    openapi::{
        join::join,
        slot::{self, Plausible},
    },
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
pub(crate) fn of(contract: &Contract, template: &Template) -> Json {
    let bodies = in_every_language(contract, template);
    let read = bodies.iter().filter_map(|b| serde_json::from_str(b).ok());
    read.reduce(across)
        .map_or_else(|| json!({}), |body| schema(&body))
}

/// The schema of a body of plain text, or of a header.
pub(crate) fn of_text(contract: &Contract, template: &Template) -> Json {
    let texts = in_every_language(contract, template);
    let said = texts.into_iter().map(Json::String);
    said.reduce(across)
        .map_or_else(|| json!({ "type": "string" }), |text| schema(&text))
}

fn in_every_language(contract: &Contract, template: &Template) -> Vec<String> {
    let rendered = (0..contract.locales.len()).map(|locale| {
        let mut body = Vec::new();
        template.render(locale, &Marks, &mut body);
        String::from_utf8_lossy(&body).into_owned()
    });
    rendered.collect()
}

/// The same body in another language: where the words differ, there is any text.
fn across(one: Json, other: Json) -> Json {
    match (one, other) {
        (Json::String(one), Json::String(other)) if one != other => MARK.to_string().into(),
        (Json::Array(one), Json::Array(other)) => {
            let pairs = one.into_iter().zip(other);
            pairs.map(|(one, other)| across(one, other)).collect()
        }
        (Json::Object(one), Json::Object(mut other)) => {
            let members = one.into_iter().map(|(name, one)| {
                let both = match other.remove(&name) {
                    Some(other) => across(one, other),
                    None => one,
                };
                (name, both)
            });
            Json::Object(members.collect())
        }
        (one, _) => one,
    }
}

fn schema(value: &Json) -> Json {
    match value {
        Json::Null => json!({ "type": "null" }),
        Json::Bool(_) | Json::Number(_) => json!({ "const": value }),
        Json::String(text) => match marked(text) {
            Some(slot) => slot::schema(slot),
            None if text.contains(MARK) => json!({ "type": "string" }),
            None => json!({ "const": text }),
        },
        Json::Array(items) => {
            let joined = items.iter().map(schema).reduce(|mut known, schema| {
                join(&mut known, schema);
                known
            });
            json!({
                "type": "array", "minItems": items.len(), "maxItems": items.len(),
                "items": joined.unwrap_or_else(|| json!({})),
            })
        }
        Json::Object(members) => object(members),
    }
}

fn object(members: &Map<String, Json>) -> Json {
    let (named, fixed): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| key.contains(MARK));
    let properties: Map<String, Json> = fixed
        .into_iter()
        .map(|(key, value)| (key.clone(), schema(value)))
        .collect();
    let required: Vec<&String> = properties.keys().collect();
    // A member named by a slot can have any name.
    let others = named.into_iter().map(|(_, value)| schema(value));
    let others = others.reduce(|mut known, schema| {
        join(&mut known, schema);
        known
    });
    json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": others.unwrap_or(Json::Bool(false)),
    })
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
