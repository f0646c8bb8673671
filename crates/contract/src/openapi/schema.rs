//! Schemas and examples of bodies and headers, from what answers look like with their values taken
//! out. Words stand for themselves; those that differ from language to language stand for any text.

use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    contract::Contract,
    expect::{ExpectedBody, Pattern, PatternPart, Shape},
    explain::SlotNames,
    openapi::{
        join::join,
        slot::{self, Plausible},
    },
    template::{Template, json::Json},
};

/// The schema of an answer's body; absent where it has none.
pub(crate) fn body(contract: &Contract, answer: &Answer) -> Option<Value> {
    let bodies: Vec<ExpectedBody> = (0..contract.locales.len())
        .map(|locale| answer.expectation(locale).body)
        .collect();
    let shapes: Vec<&Shape> = bodies.iter().filter_map(json_of).collect();
    if !shapes.is_empty() {
        return Some(schema(contract, &shapes));
    }
    let patterns: Vec<&Pattern> = bodies.iter().filter_map(text_of).collect();
    (!patterns.is_empty()).then(|| text(contract, &patterns))
}

/// The members of an answer's body, which is an object: what they are called, and their schemas.
pub(crate) fn members(contract: &Contract, answer: &Answer) -> Vec<(Pattern, Value)> {
    let said = (0..contract.locales.len()).map(|locale| answer.expectation(locale).body);
    let bodies: Vec<ExpectedBody> = said.collect();
    let shapes: Vec<&Shape> = bodies.iter().filter_map(json_of).collect();
    let Some(Shape::Object(members)) = shapes.first() else {
        return Vec::new();
    };
    let of_member = |nth| schema(contract, &all(&shapes, |shape| member_in(shape, nth)));
    let named = members.iter().enumerate();
    named
        .map(|(nth, (name, _))| (name.clone(), of_member(nth)))
        .collect()
}

fn json_of(body: &ExpectedBody) -> Option<&Shape> {
    match body {
        ExpectedBody::Json(shape) => Some(shape),
        _ => None,
    }
}

fn text_of(body: &ExpectedBody) -> Option<&Pattern> {
    match body {
        ExpectedBody::Text(pattern) => Some(pattern),
        _ => None,
    }
}

/// The schemas of an answer's headers.
pub(crate) fn headers<'c>(contract: &Contract, answer: &'c Answer) -> Vec<(&'c str, Value)> {
    let said = (0..contract.locales.len()).map(|locale| answer.expectation(locale).headers);
    let said: Vec<Vec<(&str, Pattern)>> = said.collect();
    let names = answer.headers.iter().enumerate();
    names
        .map(|(nth, (name, _))| {
            let patterns = said.iter().filter_map(|headers| headers.get(nth));
            let patterns: Vec<&Pattern> = patterns.map(|(_, pattern)| pattern).collect();
            (&**name, text(contract, &patterns))
        })
        .collect()
}

/// The schema of one place of a body, that has these shapes in the contract's languages.
fn schema(contract: &Contract, shapes: &[&Shape]) -> Value {
    match shapes.first() {
        None => json!({}),
        Some(Shape::Hole(slot)) => slot::schema(contract, *slot),
        Some(Shape::Fixed(word)) => json!({ "const": fixed(word) }),
        Some(Shape::Text(_)) => text(contract, &all(shapes, text_in)),
        Some(Shape::Array(items)) => {
            let of_item = |nth| schema(contract, &all(shapes, |shape| item_in(shape, nth)));
            let items = (0..items.len()).map(of_item);
            let length = items.len();
            json!({
                "type": "array", "minItems": length, "maxItems": length,
                "items": items.reduce(joined).unwrap_or_else(|| json!({})),
            })
        }
        Some(Shape::Object(members)) => {
            let of_member = |nth| schema(contract, &all(shapes, |shape| member_in(shape, nth)));
            let schemas = (0..members.len()).map(of_member);
            object(members.iter().map(|(name, _)| name).zip(schemas))
        }
    }
}

fn all<'s, T>(shapes: &[&'s Shape], pick: impl Fn(&'s Shape) -> Option<&'s T>) -> Vec<&'s T> {
    shapes.iter().filter_map(|shape| pick(shape)).collect()
}

fn text_in(shape: &Shape) -> Option<&Pattern> {
    match shape {
        Shape::Text(pattern) => Some(pattern),
        _ => None,
    }
}

fn item_in(shape: &Shape, nth: usize) -> Option<&Shape> {
    match shape {
        Shape::Array(items) => items.get(nth),
        _ => None,
    }
}

fn member_in(shape: &Shape, nth: usize) -> Option<&Shape> {
    match shape {
        Shape::Object(members) => members.get(nth).map(|(_, value)| value),
        _ => None,
    }
}

/// The schema of a text, that is so in the contract's languages.
fn text(contract: &Contract, patterns: &[&Pattern]) -> Value {
    let any = || json!({ "type": "string" });
    let Some((first, others)) = patterns.split_first() else {
        return any();
    };
    if others.iter().any(|other| other != first) {
        return any();
    }
    match (first.0.as_slice(), first.literal()) {
        (_, Some(word)) => json!({ "const": word }),
        ([PatternPart::Hole(slot)], _) => slot::schema(contract, *slot),
        _ => any(),
    }
}

/// An object of these members and no others, but for those that a value names.
fn object<'s>(members: impl Iterator<Item = (&'s Pattern, Value)>) -> Value {
    let mut properties = Map::new();
    let mut others: Option<Value> = None;
    for (name, schema) in members {
        match name.literal() {
            Some(name) => {
                properties.insert(name.to_owned(), schema);
            }
            None => {
                others = Some(match others {
                    Some(known) => joined(known, schema),
                    None => schema,
                });
            }
        }
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": others.unwrap_or(Value::Bool(false)),
    })
}

fn joined(mut known: Value, other: Value) -> Value {
    join(&mut known, other);
    known
}

fn fixed(word: &Json) -> Value {
    match word {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.clone()),
        // Shapes have none but these.
        Json::Null | Json::String(_) | Json::Array(_) | Json::Object(_) => Value::Null,
    }
}

/// A JSON body with plausible values.
pub(crate) fn example(contract: &Contract, template: &Template) -> Value {
    let mut body = Vec::new();
    template.render(0, &Plausible(contract), &mut body);
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}

/// A text body with its slots' names.
pub(crate) fn example_text(contract: &Contract, template: &Template) -> Value {
    let mut body = Vec::new();
    let names = SlotNames(&contract.policy.fields);
    template.render(0, &names, &mut body);
    String::from_utf8_lossy(&body).into()
}
