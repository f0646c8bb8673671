//! Templates: bytes with slots in them, cut apart when the contract loads, so that answering is
//! copying bytes and filling slots.

use std::borrow::Cow;

use daemun_engine::vocabulary::Slot;

/// A template, one variant per locale where its words differ.
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
    /// In a header or a cookie: control characters are dropped.
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

/// What can fill slots.
pub trait Values {
    /// The value of `slot`; [`Value::Null`] where there is none.
    fn value(&self, slot: Slot) -> Value<'_>;
}

impl Template {
    /// Appends the template, in the contract's locale of that index, with its slots filled.
    pub fn render(&self, locale: usize, values: &dyn Values, out: &mut Vec<u8>) {
        let _ = (locale, values, out);
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
