//! Fields that a contract declares itself, for OpenAPI.

use daemun_engine::profile::{FieldKind, ProfileField};
use serde_json::{Value, json};

use crate::{contract::Contract, openapi::set};

/// The field declared in that place.
pub(crate) fn declared(contract: &Contract, nth: u8) -> Option<&ProfileField> {
    contract.policy.fields.get(usize::from(nth))
}

/// What is taken in JSON.
pub(crate) fn taken(field: &ProfileField) -> Value {
    match field.kind {
        FieldKind::Integer { min, max } => json!({
            "type": ["integer", "string"], "minimum": min, "maximum": max, "pattern": DIGITS,
        }),
        FieldKind::Boolean => json!({ "enum": [true, false, "true", "false", "1", "0"] }),
        FieldKind::Integers => json!({
            "type": "array", "items": { "type": ["integer", "string"], "pattern": DIGITS },
        }),
        FieldKind::Text { .. } | FieldKind::Url => taken_in_form(field),
    }
}

/// What is taken in a form, where everything is text.
pub(crate) fn taken_in_form(field: &ProfileField) -> Value {
    match field.kind {
        FieldKind::Integer { .. } => json!({ "type": "string", "pattern": DIGITS }),
        FieldKind::Text { max } => json!({ "type": "string", "maxLength": max }),
        FieldKind::Url => json!({ "type": "string", "format": "uri" }),
        FieldKind::Boolean => json!({ "enum": ["true", "false", "1", "0"] }),
        FieldKind::Integers => json!({ "type": "string" }),
    }
}

const DIGITS: &str = "^-?[0-9]+$";

/// What accounts show; nothing where the default is nothing.
pub(crate) fn shown(field: &ProfileField) -> Value {
    let kind = match field.kind {
        FieldKind::Integer { .. } => "integer",
        FieldKind::Text { .. } | FieldKind::Url => "string",
        FieldKind::Boolean => "boolean",
        FieldKind::Integers => "array",
    };
    let mut schema = json!({ "type": kind });
    if field.default.is_null() {
        set(&mut schema, "type", json!([kind, "null"]));
    }
    if field.kind == FieldKind::Integers {
        set(&mut schema, "items", json!({ "type": "integer" }));
    }
    schema
}
