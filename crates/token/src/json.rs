//! A strict scanner for one JSON object (RFC 8259), indexing its members in a single pass.
//!
//! It exists for two reasons: JSON parsers keep the last of two members with one name, and two parsers that choose
//! differently are an attack; and building a tree of values costs more than the MAC it was protected by. The
//! scanner checks everything, copies nothing, and leaves nested values as text for `serde_json` to build if asked.

use crate::{MAX_TOKEN_BYTES, Malformed};

/// How deep arrays and objects may be nested.
const MAX_DEPTH: u8 = 32;
/// Up to here names are compared as they come; beyond, they are sorted once.
const FEW: usize = 32;

/// A checked JSON object: its text, and where its members stand in it.
#[derive(Clone)]
pub(crate) struct Object {
    /// The JSON, followed by those strings that had to be unescaped.
    text: String,
    json_len: usize,
    members: Vec<Member>,
}

/// Positions fit: the text is at most twice [`MAX_TOKEN_BYTES`].
#[derive(Clone, Copy)]
struct Span {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy)]
struct Member {
    name: Span,
    value: Span,
    /// For a string: what is between the quotes, unescaped.
    content: Span,
    shape: Shape,
}

/// What a value is, as far as it can be told without building it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// One member as it is handed out.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) shape: Shape,
    /// The JSON of the value.
    pub(crate) json: &'a str,
    /// The text, if it is a string.
    pub(crate) string: Option<&'a str>,
}

impl Object {
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        Self::parse(String::from_utf8(bytes).map_err(|_| Malformed::Utf8)?)
    }

    pub(crate) fn parse(mut text: String) -> Result<Self, Malformed> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Malformed::TooLong);
        }
        let mut scanner = Scanner {
            json: &text,
            at: 0,
            unescaped: String::new(),
        };
        let members = scanner.document()?;
        let unescaped = scanner.unescaped;
        let json_len = text.len();
        text.push_str(&unescaped);
        Ok(Self {
            text,
            json_len,
            members,
        })
    }

    pub(crate) fn json(&self) -> &str {
        self.text.get(..self.json_len).unwrap_or_default()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value<'_>> {
        let member = self
            .members
            .iter()
            .find(|member| self.slice(member.name) == name)?;
        Some(Value {
            shape: member.shape,
            json: self.slice(member.value),
            string: (member.shape == Shape::String).then(|| self.slice(member.content)),
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| self.slice(member.name))
    }

    fn slice(&self, span: Span) -> &str {
        self.text
            .get(usize::from(span.start)..usize::from(span.end))
            .unwrap_or_default()
    }
}

struct Scanner<'a> {
    json: &'a str,
    at: usize,
    unescaped: String,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<Vec<Member>, Malformed> {
        self.skip_space();
        self.expect(b'{')?;
        let members = self.members(1)?;
        self.skip_space();
        if self.at == self.json.len() {
            Ok(members)
        } else {
            Err(Malformed::Json)
        }
    }

    /// The members of an object whose brace has been read, with its closing brace.
    fn members(&mut self, depth: u8) -> Result<Vec<Member>, Malformed> {
        let mut members = Vec::with_capacity(if depth == 1 { 12 } else { 0 });
        let mut seen = 0_u64;
        self.skip_space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            self.expect(b'"')?;
            let name = self.string()?;
            let bit = self.fingerprint(name);
            if seen & bit != 0 && members.len() < FEW && self.is_among(name, &members) {
                return Err(Malformed::Duplicate);
            }
            seen |= bit;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let start = self.at;
            let (shape, content) = self.value(depth)?;
            members.push(Member {
                name,
                value: span(start, self.at),
                content,
                shape,
            });
            self.skip_space();
            match self.next() {
                Some(b',') => self.skip_space(),
                Some(b'}') => break,
                _ => return Err(Malformed::Json),
            }
        }
        if members.len() > FEW && self.repeats(&members) {
            return Err(Malformed::Duplicate);
        }
        Ok(members)
    }

    fn value(&mut self, depth: u8) -> Result<(Shape, Span), Malformed> {
        let start = self.at;
        let shape = match self.next() {
            Some(b'"') => return Ok((Shape::String, self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(start)?,
            Some(b't') => self.word("rue", Shape::True)?,
            Some(b'f') => self.word("alse", Shape::False)?,
            Some(b'n') => self.word("ull", Shape::Null)?,
            Some(b'{') => {
                self.members(deeper(depth)?)?;
                Shape::Nested
            }
            Some(b'[') => {
                self.array(deeper(depth)?)?;
                Shape::Nested
            }
            _ => return Err(Malformed::Json),
        };
        Ok((shape, span(start, start)))
    }

    fn array(&mut self, depth: u8) -> Result<(), Malformed> {
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.skip_space();
            match self.next() {
                Some(b',') => self.skip_space(),
                Some(b']') => return Ok(()),
                _ => return Err(Malformed::Json),
            }
        }
    }

    /// A string whose opening quote has been read, with its closing one.
    fn string(&mut self) -> Result<Span, Malformed> {
        let start = self.at;
        self.skip_plain();
        match self.next() {
            Some(b'"') => Ok(span(start, self.at - 1)),
            Some(b'\\') => self.escaped_string(start),
            _ => Err(Malformed::Json),
        }
    }

    /// The rare string with a backslash, the first of which has just been read.
    fn escaped_string(&mut self, start: usize) -> Result<Span, Malformed> {
        loop {
            self.at += 1;
            self.skip_plain();
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => {}
                _ => return Err(Malformed::Json),
            }
        }
        let quoted = self.json.get(start - 1..self.at).ok_or(Malformed::Json)?;
        let content: String = serde_json::from_str(quoted).map_err(|_| Malformed::Json)?;
        let from = self.json.len() + self.unescaped.len();
        self.unescaped.push_str(&content);
        Ok(span(from, from + content.len()))
    }

    /// Runs over characters that stand for themselves in a string, eight at a time where there are eight.
    fn skip_plain(&mut self) {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            let special = special_bytes(u64::from_le_bytes(*word));
            if special != 0 {
                self.at += (special.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        self.at += tail
            .iter()
            .take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
            .count();
    }

    /// A number whose first character has been read.
    fn number(&mut self, start: usize) -> Result<Shape, Malformed> {
        self.at = start;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut shape = Shape::Integer;
        if self.take(b'.') {
            shape = Shape::Decimal;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            shape = Shape::Decimal;
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        if shape == Shape::Decimal || self.at - start > 18 {
            self.finite(start)?;
        }
        Ok(shape)
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            Err(Malformed::Json)
        } else {
            Ok(())
        }
    }

    /// `1e400` is a number by the grammar and infinite to everyone who reads it.
    fn finite(&self, start: usize) -> Result<(), Malformed> {
        let text = self.json.get(start..self.at).ok_or(Malformed::Json)?;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(()),
            _ => Err(Malformed::Json),
        }
    }

    fn word(&mut self, rest: &str, shape: Shape) -> Result<Shape, Malformed> {
        let here = self.json.as_bytes().get(self.at..).unwrap_or_default();
        if here.starts_with(rest.as_bytes()) {
            self.at += rest.len();
            Ok(shape)
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

    /// One of 64 bits for a name. Two equal names always share theirs.
    fn fingerprint(&self, name: Span) -> u64 {
        let name = self.slice(name);
        let first = name.first().copied().unwrap_or_default();
        let last = name.last().copied().unwrap_or_default();
        let mix =
            name.len().wrapping_mul(7) + usize::from(first) + usize::from(last).wrapping_mul(5);
        1 << (mix & 63)
    }

    fn slice(&self, span: Span) -> &[u8] {
        let (from, to) = (usize::from(span.start), usize::from(span.end));
        let found = match from.checked_sub(self.json.len()) {
            Some(behind) => self.unescaped.as_bytes().get(behind..to - self.json.len()),
            None => self.json.as_bytes().get(from..to),
        };
        found.unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn take(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Malformed> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(Malformed::Json)
        }
    }
}

fn deeper(depth: u8) -> Result<u8, Malformed> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        Err(Malformed::TooDeep)
    }
}

/// Never out of range: see [`Span`]. Saturating keeps even that from being a panic.
fn span(start: usize, end: usize) -> Span {
    let narrow = |position: usize| u16::try_from(position).unwrap_or(u16::MAX);
    Span {
        start: narrow(start),
        end: narrow(end),
    }
}

/// The high bit of every byte that is a quote, a backslash or a control character; exact for the lowest such byte.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let zero_quote = quote.wrapping_sub(ONES) & !quote;
    let zero_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_quote | zero_backslash | control) & HIGHS
}
