//! A strict scanner for one JSON object (RFC 8259), indexing its members in a single pass.
//!
//! It exists for two reasons: JSON parsers keep the last of two members with one name, and two parsers that choose
//! differently are an attack; and building a tree of values costs more than the MAC it was protected by. The
//! scanner checks everything, copies nothing, and leaves nested values as text for `serde_json` to build if asked.
//! The plain objects that nearly all tokens hold have a quicker way of their own, in [`flat`].

mod flat;
mod scanner;

use std::ops::Range;

use crate::{MAX_TOKEN_BYTES, Malformed};

/// The size of a member's entry in the table.
const ENTRY: usize = 10;
/// How many members a plain object may have.
const MOST_PLAIN: usize = 12;

/// Room that is best left in a buffer for the table, so that it need not be moved.
pub(crate) const TABLE_ROOM: usize = MOST_PLAIN * ENTRY;

/// A checked JSON object: its text, and where its members stand in it.
#[derive(Clone)]
pub(crate) struct Object {
    /// The JSON; those strings that had to be unescaped; the table with an entry for each member. One buffer, for it
    /// is made anew for every token that is checked.
    bytes: Vec<u8>,
    json_len: usize,
    table_at: usize,
    /// The hints of all names together: a name whose bit is not set is not there.
    names: u64,
}

/// Positions fit: there is never more text than twice [`MAX_TOKEN_BYTES`].
#[derive(Clone, Copy)]
struct Span {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy)]
struct Member {
    name: Span,
    /// The JSON of the value; for a string, what is between the quotes, unescaped.
    value: Span,
    shape: Shape,
    hint: u8,
}

/// What a value is, as far as it can be told without building it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Shape {
    String,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number; finite.
    Decimal,
    True,
    False,
    Null,
    Nested,
}

impl Object {
    pub(crate) fn parse(mut bytes: Vec<u8>) -> Result<Self, Malformed> {
        let json_len = bytes.len();
        if json_len > MAX_TOKEN_BYTES {
            return Err(Malformed::TooLong);
        }
        bytes.resize(json_len + TABLE_ROOM, 0);
        let (json, room) = bytes.split_at_mut(json_len);
        match flat::scan(json, room.as_chunks_mut().0) {
            Some((count, names)) => {
                bytes.truncate(json_len + count * ENTRY);
                Ok(Self {
                    bytes,
                    json_len,
                    table_at: json_len,
                    names,
                })
            }
            None => {
                bytes.truncate(json_len);
                Self::parse_any(bytes)
            }
        }
    }

    fn parse_any(mut bytes: Vec<u8>) -> Result<Self, Malformed> {
        let json_len = bytes.len();
        let json = str::from_utf8(&bytes).map_err(|_| Malformed::Utf8)?;
        let (members, names, unescaped) = scanner::scan(json.as_bytes())?;
        bytes.extend_from_slice(unescaped.as_bytes());
        let table_at = bytes.len();
        bytes.extend(members.iter().flat_map(|member| member.to_entry()));
        Ok(Self {
            bytes,
            json_len,
            table_at,
            names,
        })
    }

    pub(crate) fn json(&self) -> &str {
        self.slice(0..self.json_len)
    }

    #[inline]
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The text of a string.
    #[inline]
    pub(crate) fn string(&self, name: &str) -> Option<&str> {
        let member = self.find(name)?;
        if member.shape == Shape::String {
            Some(self.slice(member.value.range()))
        } else {
            None
        }
    }

    /// Whether it is a string and this one.
    #[inline]
    pub(crate) fn is_string(&self, name: &str, wanted: &str) -> bool {
        self.find(name).is_some_and(|member| {
            member.shape == Shape::String
                && self.bytes.get(member.value.range()) == Some(wanted.as_bytes())
        })
    }

    /// What a value is; and its JSON as bytes, but for a string, which is given as its text.
    #[inline]
    pub(crate) fn get_bytes(&self, name: &str) -> Option<(Shape, &[u8])> {
        let member = self.find(name)?;
        Some((member.shape, self.bytes.get(member.value.range())?))
    }

    /// What a value is; and its JSON, but for a string, which is given as its text.
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<(Shape, &str)> {
        let member = self.find(name)?;
        Some((member.shape, self.slice(member.value.range())))
    }

    #[inline]
    fn find(&self, name: &str) -> Option<Member> {
        let hint = hint(name.as_bytes());
        if self.names & 1 << hint == 0 {
            return None;
        }
        let alike = self.entries().iter().filter(|[.., other]| *other == hint);
        alike
            .map(|entry| Member::from_entry(*entry))
            .find(|member| self.bytes.get(member.name.range()) == Some(name.as_bytes()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries().iter();
        entries.map(|entry| self.slice(Member::from_entry(*entry).name.range()))
    }

    #[inline]
    fn entries(&self) -> &[[u8; ENTRY]] {
        self.bytes
            .get(self.table_at..)
            .unwrap_or_default()
            .as_chunks()
            .0
    }

    /// Never empty for want of UTF-8: that was checked when the text was taken, and strings begin and end at ASCII.
    #[inline]
    fn slice(&self, range: Range<usize>) -> &str {
        let bytes = self.bytes.get(range).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Member {
    #[inline(always)]
    fn to_entry(self) -> [u8; ENTRY] {
        let [a, b] = self.name.start.to_le_bytes();
        let [c, d] = self.name.end.to_le_bytes();
        let [e, f] = self.value.start.to_le_bytes();
        let [g, h] = self.value.end.to_le_bytes();
        [a, b, c, d, e, f, g, h, self.shape as u8, self.hint]
    }

    #[inline(always)]
    fn from_entry([a, b, c, d, e, f, g, h, shape, hint]: [u8; ENTRY]) -> Self {
        let span = |start, end| Span {
            start: u16::from_le_bytes(start),
            end: u16::from_le_bytes(end),
        };
        Self {
            name: span([a, b], [c, d]),
            value: span([e, f], [g, h]),
            shape: Shape::from_code(shape),
            hint,
        }
    }
}

impl Shape {
    #[inline(always)]
    fn from_code(code: u8) -> Self {
        const SHAPES: [Shape; 6] = [
            Shape::String,
            Shape::Integer,
            Shape::Decimal,
            Shape::True,
            Shape::False,
            Shape::Null,
        ];
        SHAPES
            .get(usize::from(code))
            .copied()
            .unwrap_or(Self::Nested)
    }
}

impl Span {
    /// Nothing is cut off: see [`Span`].
    #[inline(always)]
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u16,
            end: end as u16,
        }
    }

    fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }
}

/// Six bits of a name. Equal names have equal hints; most different names do not.
#[inline(always)]
fn hint(name: &[u8]) -> u8 {
    let last = name.last().copied().unwrap_or_default();
    (last.wrapping_mul(5)).wrapping_add((name.len() as u8).wrapping_mul(11)) & 63
}
