//! Templates: bytes with slots in them, cut apart when the contract loads, so that answering is
//! copying bytes and filling slots.

pub(crate) mod compile;
pub(crate) mod json;
pub(crate) mod parts;

use std::borrow::Cow;

use daemun_engine::vocabulary::Slot;

use json::escape_into;

/// A template, in one variant, or in one per locale where its words differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    variants: Vec<Vec<Piece>>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Bytes that are always the same.
    Static(Box<[u8]>),
    /// A value.
    Slot(Slot, Place),
}

/// Where a value stands, which decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the place of a whole JSON value: typed.
    JsonValue,
    /// Inside a JSON string.
    InJsonString,
    /// In a header or a cookie: control characters are dropped, so that no value can begin a line
    /// of its own.
    Header,
    /// In a text body: as it is.
    Text,
}

/// A value that fills a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing: JSON `null`, elsewhere empty.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Text.
    Str(Cow<'a, str>),
    /// JSON already written; it must be valid.
    Json(Cow<'a, str>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Str(Cow::Owned(text))
    }
}

/// What can fill slots.
pub trait Values {
    /// The value of `slot`; [`Value::Null`] where there is none.
    fn value(&self, slot: Slot) -> Value<'_>;
}

impl Template {
    /// A template of these variants; one alone where all are alike.
    pub(crate) fn new(mut variants: Vec<Vec<Piece>>) -> Self {
        let all_alike = variants
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a == b));
        if all_alike {
            variants.truncate(1);
        }
        Self { variants }
    }

    /// Appends the template, in the contract's locale of that index, with its slots filled.
    pub fn render(&self, locale: usize, values: &dyn Values, out: &mut Vec<u8>) {
        let variant = self.variants.get(locale).or_else(|| self.variants.first());
        for piece in variant.into_iter().flatten() {
            match piece {
                Piece::Static(bytes) => out.extend_from_slice(bytes),
                Piece::Slot(slot, place) => place.write(values.value(*slot), out),
            }
        }
    }

    /// The slots it shows.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.variants
            .iter()
            .flatten()
            .filter_map(|piece| match piece {
                Piece::Static(_) => None,
                Piece::Slot(slot, _) => Some(*slot),
            })
    }
}

impl Place {
    fn write(self, value: Value<'_>, out: &mut Vec<u8>) {
        match (self, value) {
            (Self::JsonValue, Value::Null) => out.extend_from_slice(b"null"),
            (_, Value::Null) => {}
            (_, Value::Bool(value)) => {
                out.extend_from_slice(if value { b"true" } else { b"false" });
            }
            (_, Value::Int(number)) => write_number(number, out),
            (Self::JsonValue, Value::Json(json)) => out.extend_from_slice(json.as_bytes()),
            (Self::JsonValue, Value::Str(text)) => {
                out.push(b'"');
                escape_into(&text, out);
                out.push(b'"');
            }
            (Self::InJsonString, Value::Str(text) | Value::Json(text)) => escape_into(&text, out),
            (Self::Header, Value::Str(text) | Value::Json(text)) => {
                out.extend(text.bytes().filter(|byte| !byte.is_ascii_control()));
            }
            (Self::Text, Value::Str(text) | Value::Json(text)) => {
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

fn write_number(number: i64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{number}");
}
