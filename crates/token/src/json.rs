//! A strict scanner for one JSON object (RFC 8259), indexing its members in a single pass.
//!
//! It exists for two reasons: JSON parsers keep the last of two members with one name, and two parsers that choose
//! differently are an attack; and building a tree of values costs more than the MAC it was protected by. The
//! scanner checks everything, copies nothing, and leaves nested values as text for `serde_json` to build if asked.
//! The plain objects that nearly all tokens hold have a quicker way of their own, in [`flat`].

mod flat;

use std::ops::Range;

use crate::{MAX_TOKEN_BYTES, Malformed};

/// How deep arrays and objects may be nested.
const MAX_DEPTH: u8 = 32;
/// Up to here names are compared as they come; beyond, they are sorted once.
const FEW: usize = 32;
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
        let (members, names, unescaped) = Scanner::scan(json.as_bytes())?;
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

/// The scanner for every object there can be. Its functions take the position they start from and give the one they
/// came to, rather than keep it: it then stays in a register.
struct Scanner<'a> {
    json: &'a [u8],
    unescaped: String,
}

/// A value: what it is, its content if it is a string, or else its JSON, and where it ends.
type Scanned = (Shape, Span, usize);

impl<'a> Scanner<'a> {
    /// The members, the hints of their names, and the strings that had to be unescaped.
    fn scan(json: &'a [u8]) -> Result<(Vec<Member>, u64, String), Malformed> {
        let mut scanner = Self {
            json,
            unescaped: String::new(),
        };
        let mut members = Vec::with_capacity(MOST_PLAIN);
        let start = scanner.expect(scanner.space(0), b'{')?;
        let (names, end) = scanner.members(start, 1, &mut members)?;
        if scanner.space(end) == json.len() {
            Ok((members, names, scanner.unescaped))
        } else {
            Err(Malformed::Json)
        }
    }

    /// The members of an object whose brace has been read, and the closing brace.
    fn members(
        &mut self,
        at: usize,
        depth: u8,
        members: &mut Vec<Member>,
    ) -> Result<(u64, usize), Malformed> {
        let mut names = 0;
        let mut at = self.space(at);
        if self.peek(at) == Some(b'}') {
            return Ok((names, at + 1));
        }
        loop {
            let (name, end) = self.string(self.expect(at, b'"')?)?;
            let hint = hint(self.slice(name));
            if names & 1 << hint != 0 && members.len() < FEW && self.is_among(name, members) {
                return Err(Malformed::Duplicate);
            }
            names |= 1 << hint;
            let start = self.space(self.expect(self.space(end), b':')?);
            let (shape, value, end) = self.value(start, depth)?;
            members.push(Member {
                name,
                value,
                shape,
                hint,
            });
            at = self.space(end);
            match self.peek(at) {
                Some(b',') => at = self.space(at + 1),
                Some(b'}') => break,
                _ => return Err(Malformed::Json),
            }
        }
        if members.len() > FEW && self.repeats(members) {
            return Err(Malformed::Duplicate);
        }
        Ok((names, at + 1))
    }

    #[inline(always)]
    fn value(&mut self, at: usize, depth: u8) -> Result<Scanned, Malformed> {
        match self.peek(at) {
            Some(b'"') => {
                let (content, end) = self.string(at + 1)?;
                Ok((Shape::String, content, end))
            }
            Some(b'-' | b'0'..=b'9') => self.number(at),
            Some(b't') => self.word(at, b"true", Shape::True),
            Some(b'f') => self.word(at, b"false", Shape::False),
            Some(b'n') => self.word(at, b"null", Shape::Null),
            Some(b'{' | b'[') => self.nested(at, depth),
            _ => Err(Malformed::Json),
        }
    }

    #[inline(never)]
    fn nested(&mut self, at: usize, depth: u8) -> Result<Scanned, Malformed> {
        if depth == MAX_DEPTH {
            return Err(Malformed::TooDeep);
        }
        let end = if self.peek(at) == Some(b'{') {
            self.members(at + 1, depth + 1, &mut Vec::new())?.1
        } else {
            self.array(at + 1, depth + 1)?
        };
        Ok((Shape::Nested, Span::new(at, end), end))
    }

    /// The values of an array whose bracket has been read, and the closing bracket.
    fn array(&mut self, at: usize, depth: u8) -> Result<usize, Malformed> {
        let mut at = self.space(at);
        if self.peek(at) == Some(b']') {
            return Ok(at + 1);
        }
        loop {
            let (_, _, end) = self.value(at, depth)?;
            at = self.space(end);
            match self.peek(at) {
                Some(b',') => at = self.space(at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(Malformed::Json),
            }
        }
    }

    /// A string whose opening quote has been read, and the closing one.
    #[inline(always)]
    fn string(&mut self, start: usize) -> Result<(Span, usize), Malformed> {
        let end = self.plain(start);
        match self.peek(end) {
            Some(b'"') => Ok((Span::new(start, end), end + 1)),
            Some(b'\\') => self.escaped_string(start, end),
            _ => Err(Malformed::Json),
        }
    }

    /// The rare string with backslashes, of which the first is at `at`.
    #[cold]
    fn escaped_string(&mut self, start: usize, mut at: usize) -> Result<(Span, usize), Malformed> {
        while self.peek(at) == Some(b'\\') {
            at = self.plain(at + 2);
        }
        let end = self.expect(at, b'"')?;
        let quoted = self.json.get(start - 1..end).ok_or(Malformed::Json)?;
        let content: String = serde_json::from_slice(quoted).map_err(|_| Malformed::Json)?;
        let from = self.json.len() + self.unescaped.len();
        self.unescaped.push_str(&content);
        Ok((Span::new(from, from + content.len()), end))
    }

    /// Runs over characters that stand for themselves in a string, eight at a time where there are eight.
    #[inline(always)]
    fn plain(&self, mut at: usize) -> usize {
        while let Some(word) = self.json.get(at..).and_then(<[u8]>::first_chunk) {
            let special = special_bytes(u64::from_le_bytes(*word));
            if special != 0 {
                return at + (special.trailing_zeros() / 8) as usize;
            }
            at += 8;
        }
        while matches!(self.peek(at), Some(byte) if byte >= 0x20 && byte != b'"' && byte != b'\\') {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn number(&self, start: usize) -> Result<Scanned, Malformed> {
        let digits_from = start + usize::from(self.peek(start) == Some(b'-'));
        let end = match self.peek(digits_from) {
            Some(b'0') => digits_from + 1,
            _ => self.digits(digits_from)?,
        };
        if end - start > 18 || matches!(self.peek(end), Some(b'.' | b'e' | b'E')) {
            return self.unusual_number(start, end);
        }
        Ok((Shape::Integer, Span::new(start, end), end))
    }

    /// A number with a fraction or an exponent, or one that is very long. It must be finite: `1e400` is a number by
    /// the grammar and infinite to everyone who reads it.
    #[cold]
    fn unusual_number(&self, start: usize, mut at: usize) -> Result<Scanned, Malformed> {
        let mut shape = Shape::Integer;
        if self.peek(at) == Some(b'.') {
            shape = Shape::Decimal;
            at = self.digits(at + 1)?;
        }
        if matches!(self.peek(at), Some(b'e' | b'E')) {
            shape = Shape::Decimal;
            let sign = matches!(self.peek(at + 1), Some(b'+' | b'-'));
            at = self.digits(at + 1 + usize::from(sign))?;
        }
        let text = self
            .json
            .get(start..at)
            .and_then(|digits| str::from_utf8(digits).ok());
        match text.and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => Ok((shape, Span::new(start, at), at)),
            _ => Err(Malformed::Json),
        }
    }

    /// One digit or more.
    #[inline(always)]
    fn digits(&self, start: usize) -> Result<usize, Malformed> {
        let mut at = start;
        while matches!(self.peek(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        if at > start {
            Ok(at)
        } else {
            Err(Malformed::Json)
        }
    }

    fn word(&self, at: usize, word: &[u8], shape: Shape) -> Result<Scanned, Malformed> {
        let end = at + word.len();
        if self.json.get(at..end) == Some(word) {
            Ok((shape, Span::new(at, end), end))
        } else {
            Err(Malformed::Json)
        }
    }

    fn is_among(&self, name: Span, members: &[Member]) -> bool {
        members
            .iter()
            .any(|member| self.slice(member.name) == self.slice(name))
    }

    fn repeats(&self, members: &[Member]) -> bool {
        let mut names: Vec<&[u8]> = members
            .iter()
            .map(|member| self.slice(member.name))
            .collect();
        names.sort_unstable();
        names.array_windows().any(|[one, other]| one == other)
    }

    #[inline(always)]
    fn slice(&self, span: Span) -> &[u8] {
        match self.json.get(span.range()) {
            Some(plain) => plain,
            None => self.unescaped_slice(span),
        }
    }

    #[cold]
    fn unescaped_slice(&self, span: Span) -> &[u8] {
        let Range { start, end } = span.range();
        let behind = start.saturating_sub(self.json.len())..end.saturating_sub(self.json.len());
        self.unescaped.as_bytes().get(behind).unwrap_or_default()
    }

    #[inline(always)]
    fn space(&self, mut at: usize) -> usize {
        while matches!(self.peek(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn peek(&self, at: usize) -> Option<u8> {
        self.json.get(at).copied()
    }

    #[inline(always)]
    fn expect(&self, at: usize, wanted: u8) -> Result<usize, Malformed> {
        if self.peek(at) == Some(wanted) {
            Ok(at + 1)
        } else {
            Err(Malformed::Json)
        }
    }
}

/// The high bit of every byte that is a quote, a backslash or a control character; exact for the lowest such byte.
#[inline(always)]
const fn special_bytes(word: u64) -> u64 {
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash & HIGHS;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    quotes(word) | is_backslash | is_control
}

/// The high bit of every byte that is a quote; exact for the lowest such byte.
#[inline(always)]
const fn quotes(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    quote.wrapping_sub(ONES) & !quote & HIGHS
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
