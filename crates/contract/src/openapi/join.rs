//! One schema out of several: that of an answer that is now this, now that.
//!
//! Objects with the same members become one whose members can be what either's could, and words
//! become a list of words, so that a reader sees `code` and what it can be rather than twenty
//! bodies that differ in it.

use serde_json::{Map, Value, json};

/// Makes `known` allow what `other` allows as well.
pub(crate) fn join(known: &mut Value, other: Value) {
    if merge(known, &other) {
        return;
    }
    match known.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(several) => {
            if !several.iter_mut().any(|one| merge(one, &other)) {
                several.push(other);
            }
        }
        None => *known = json!({ "anyOf": [known.clone(), other] }),
    }
}

/// Makes one of two where that says no less; whether it did.
fn merge(known: &mut Value, other: &Value) -> bool {
    if known == other {
        return true;
    }
    if let (Some(mut words), Some(more)) = (words(known), words(other)) {
        for word in more {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        *known = json!({ "enum": words });
        return true;
    }
    if is_text(known) && are_texts(other) {
        return true;
    }
    if is_text(other) && are_texts(known) {
        other.clone_into(known);
        return true;
    }
    merge_members(known, other)
}

fn merge_members(known: &mut Value, other: &Value) -> bool {
    let Some(more) = properties(other) else {
        return false;
    };
    if !properties(known).is_some_and(|properties| properties.keys().eq(more.keys())) {
        return false;
    }
    let members = known.get_mut("properties").and_then(Value::as_object_mut);
    for (name, schema) in members.into_iter().flatten() {
        if let Some(other) = more.get(name) {
            join(schema, other.clone());
        }
    }
    true
}

/// The values a schema lists, where it is a list of values.
fn words(schema: &Value) -> Option<Vec<Value>> {
    if let Some(word) = schema.get("const") {
        return Some(vec![word.clone()]);
    }
    schema.get("enum")?.as_array().cloned()
}

fn is_text(schema: &Value) -> bool {
    *schema == json!({ "type": "string" })
}

fn are_texts(schema: &Value) -> bool {
    words(schema).is_some_and(|words| words.iter().all(Value::is_string))
}

/// The members of an object that has these and no others.
fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return None;
    }
    schema.get("properties")?.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(code: &Value) -> Value {
        json!({
            "type": "object", "required": ["code"], "additionalProperties": false,
            "properties": { "code": code },
        })
    }

    #[test]
    fn bodies_that_differ_in_a_word_are_one_with_a_choice_of_words() {
        let mut known = object(&json!({ "const": "a" }));
        join(&mut known, object(&json!({ "const": "b" })));
        join(&mut known, object(&json!({ "const": "a" })));
        assert_eq!(known, object(&json!({ "enum": ["a", "b"] })));
        join(&mut known, object(&json!({ "type": "string" })));
        assert_eq!(known, object(&json!({ "type": "string" })));
    }

    #[test]
    fn bodies_of_other_members_stay_apart() {
        let mut known = object(&json!({ "const": "a" }));
        let text = json!({ "type": "integer" });
        join(&mut known, text.clone());
        join(&mut known, object(&json!({ "type": "null" })));
        let both = object(&json!({ "anyOf": [{ "const": "a" }, { "type": "null" }] }));
        assert_eq!(known, json!({ "anyOf": [both, text] }));
    }
}
