//! The scanner for every object there can be: white space, escapes, nesting and all.

use std::ops::Range;

use super::{MOST_PLAIN, Member, Shape, Span, hint};
use crate::Malformed;

/// How deep arrays and objects may be nested.
const MAX_DEPTH: u8 = 32;
/// Up to here names are compared as they come; beyond, they are sorted once.
const FEW: usize = 32;

/// The members, the hints of their names, and the strings that had to be unescaped.
pub(super) fn scan(json: &[u8]) -> Result<(Vec<Member>, u64, String), Malformed> {
    let mut scanner = Scanner {
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

/// Its functions take the position they start from and give the one they
/// came to, rather than keep it: it then stays in a register.
struct Scanner<'a> {
    json: &'a [u8],
    unescaped: String,
}

/// A value: what it is, its content if it is a string, or else its JSON, and where it ends.
type Scanned = (Shape, Span, usize);

impl Scanner<'_> {
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
