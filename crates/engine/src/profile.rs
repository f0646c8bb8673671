//! Fields of a team's own, beside what every account has: a school, a link to a picture.
//!
//! A contract declares them; what they hold is kept with the account, by name, and is the same
//! through every contract that declares a field of that name. A value is read here alone, on its
//! way in and on its way out, so that whatever a store holds, an answer shows what was declared.

use serde_json::Value;

/// The most fields a contract may declare.
pub const MOST_FIELDS: usize = 16;

/// The most numbers a list holds.
const LONGEST_LIST: usize = 1_000;

/// The longest URL, in bytes.
const LONGEST_URL: usize = 2_000;

/// A declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileField {
    /// Its name.
    pub name: Box<str>,
    /// What it holds.
    pub kind: FieldKind,
    /// What accounts have that were not given a value.
    pub default: Value,
    /// Whether no request sets it.
    pub read_only: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Text.
    Text {
        /// How long at most, in code points.
        max: usize,
    },
    /// An `http` or `https` URL.
    Url,
    /// Yes or no.
    Boolean,
    /// A list of whole numbers.
    Integers,
}

impl FieldKind {
    /// Its name in contracts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer { .. } => "integer",
            Self::Text { .. } => "text",
            Self::Url => "url",
            Self::Boolean => "boolean",
            Self::Integers => "integers",
        }
    }

    /// The value that `given` means, as JSON has it or, from a form, as text.
    ///
    /// # Errors
    /// What is wrong with it, in the stable words of the vocabulary.
    pub fn take(self, given: &Value) -> Result<Value, &'static str> {
        match (self, given) {
            (Self::Integer { min, max }, _) => {
                let number = integer(given)?;
                let within = (min..=max).contains(&number);
                within.then(|| number.into()).ok_or("out_of_range")
            }
            (Self::Text { max }, Value::String(text)) => {
                bounded(text, text.chars().count(), max).map(Value::from)
            }
            (Self::Url, Value::String(text)) => {
                let text = bounded(text, text.len(), LONGEST_URL)?;
                is_url(text).then(|| text.into()).ok_or("malformed")
            }
            (Self::Boolean, Value::Bool(_)) => Ok(given.clone()),
            (Self::Boolean, Value::String(text)) => match &**text {
                "true" | "1" => Ok(true.into()),
                "false" | "0" => Ok(false.into()),
                _ => Err("is_text"),
            },
            (Self::Integers, Value::Array(items)) if items.len() > LONGEST_LIST => Err("too_long"),
            (Self::Integers, Value::Array(items)) => items
                .iter()
                .map(|item| integer(item).map(Value::from))
                .collect(),
            _ => Err(json_type(given)),
        }
    }
}

impl ProfileField {
    /// What an account shows that keeps `stored` under this name: its default where that is
    /// nothing, or nothing that this field could hold.
    #[must_use]
    pub fn shown(&self, stored: Option<&Value>) -> Value {
        let taken = stored.and_then(|stored| self.kind.take(stored).ok());
        taken.unwrap_or_else(|| self.default.clone())
    }
}

/// A JSON number, or digits as a form has them.
fn integer(given: &Value) -> Result<i64, &'static str> {
    match given {
        Value::Number(number) => number.as_i64().ok_or(match number.is_f64() {
            true => "is_number",
            false => "out_of_range",
        }),
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err("is_text");
            }
            text.parse().map_err(|_| "out_of_range")
        }
        _ => Err(json_type(given)),
    }
}

fn bounded(text: &str, length: usize, max: usize) -> Result<&str, &'static str> {
    match () {
        () if length > max => Err("too_long"),
        () if text.chars().any(char::is_control) => Err("malformed"),
        () => Ok(text),
    }
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && !text.contains(|c: char| c.is_whitespace() || "<>\"\\^`{|}".contains(c))
}

/// That a value is of the wrong type, and of which, in the stable words of the vocabulary.
#[must_use]
pub const fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "is_boolean",
        Value::Number(_) => "is_number",
        Value::String(_) => "is_text",
        Value::Array(_) => "is_list",
        Value::Object(_) => "is_object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NUMBER: FieldKind = FieldKind::Integer { min: 1, max: 99 };

    #[test]
    fn a_value_is_what_its_field_holds_or_says_what_is_wrong() {
        let text = FieldKind::Text { max: 2 };
        for (kind, given, taken) in [
            (NUMBER, json!(1), Ok(json!(1))),
            (NUMBER, json!("99"), Ok(json!(99))),
            (NUMBER, json!(0), Err("out_of_range")),
            (NUMBER, json!("100"), Err("out_of_range")),
            (NUMBER, json!(1.5), Err("is_number")),
            (NUMBER, json!(u64::MAX), Err("out_of_range")),
            (NUMBER, json!("99999999999999999999"), Err("out_of_range")),
            (NUMBER, json!("+1"), Err("is_text")),
            (NUMBER, json!("一"), Err("is_text")),
            (NUMBER, json!("-"), Err("is_text")),
            (NUMBER, json!(true), Err("is_boolean")),
            (NUMBER, json!([1]), Err("is_list")),
            (NUMBER, json!({}), Err("is_object")),
            (NUMBER, json!(null), Err("null")),
            (text, json!("대문"), Ok(json!("대문"))),
            (text, json!("abc"), Err("too_long")),
            (text, json!("a\n"), Err("malformed")),
            (text, json!(1), Err("is_number")),
            (
                FieldKind::Url,
                json!("https://a.example/b?c#d"),
                Ok(json!("https://a.example/b?c#d")),
            ),
            (
                FieldKind::Url,
                json!("javascript:alert(1)"),
                Err("malformed"),
            ),
            (FieldKind::Url, json!("https://"), Err("malformed")),
            (
                FieldKind::Url,
                json!("https://a.example/\">"),
                Err("malformed"),
            ),
            (
                FieldKind::Url,
                json!("https://user@a.example"),
                Err("malformed"),
            ),
            (FieldKind::Boolean, json!(false), Ok(json!(false))),
            (FieldKind::Boolean, json!("1"), Ok(json!(true))),
            (FieldKind::Boolean, json!("perhaps"), Err("is_text")),
            (FieldKind::Boolean, json!(1), Err("is_number")),
            (
                FieldKind::Integers,
                json!([3, "4", -5]),
                Ok(json!([3, 4, -5])),
            ),
            (FieldKind::Integers, json!([3, null]), Err("null")),
            (FieldKind::Integers, json!(3), Err("is_number")),
            (FieldKind::Integers, json!(vec![1; 1_001]), Err("too_long")),
        ] {
            assert_eq!(kind.take(&given), taken, "{} {given}", kind.name());
        }
    }

    #[test]
    fn what_was_kept_as_something_else_shows_the_default() {
        let field = ProfileField {
            name: "school".into(),
            kind: NUMBER,
            default: json!(7),
            read_only: false,
        };
        assert_eq!(field.shown(None), json!(7));
        assert_eq!(field.shown(Some(&json!("대문고"))), json!(7));
        assert_eq!(field.shown(Some(&json!(3))), json!(3));
    }
}
