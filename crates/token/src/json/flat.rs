//! A quicker way through the objects that nearly all tokens hold: no white space, no escapes, nothing nested.
//!
//! It never decides that something is wrong. What it does not expect it leaves to the scanner for everything, so it
//! can only be quicker, not more lenient: whatever it takes, that one takes in the same way.

use super::{FEW, Member, Shape, Span, hint};

/// Four for each of [`FEW`] members.
const MOST_QUOTES: usize = 4 * FEW;
/// How many bytes are looked at together.
const BLOCK: usize = 32;

/// The members and the hints of their names, if the object is a plain one.
pub(super) fn scan(json: &[u8]) -> Option<(Vec<Member>, u64)> {
    let mut places = [0; MOST_QUOTES];
    let mut quotes = find_quotes(json, &mut places)?
        .iter()
        .map(|&at| usize::from(at));
    let mut members: Vec<Member> = Vec::with_capacity(12);
    let mut names = 0_u64;
    let mut open = quotes.next()?;
    if open != 1 || json.first() != Some(&b'{') {
        return None;
    }
    loop {
        let close = quotes.next()?;
        let name = json.get(open + 1..close)?;
        let hint = hint(name);
        let is_taken = |member: &Member| json.get(member.name.range()) == Some(name);
        if names & 1 << hint != 0 && members.iter().any(is_taken) {
            return None;
        }
        names |= 1 << hint;
        let start = close + 2;
        let (shape, value, end, next) = match json.get(close + 1..)? {
            [b':', b'"', ..] => {
                quotes.next()?;
                let end = quotes.next()?;
                (
                    Shape::String,
                    Span::new(start + 1, end),
                    end + 1,
                    quotes.next(),
                )
            }
            [b':', ..] => {
                let next = quotes.next();
                let end = next.unwrap_or(json.len()) - 1;
                (
                    scalar(json.get(start..end)?)?,
                    Span::new(start, end),
                    end,
                    next,
                )
            }
            _ => return None,
        };
        members.push(Member {
            name: Span::new(open + 1, close),
            value,
            shape,
            hint,
        });
        open = match (next, json.get(end..)?) {
            (Some(next), [b',', ..]) if next == end + 1 => next,
            (None, [b'}']) => return Some((members, names)),
            _ => return None,
        };
    }
}

/// A whole number that is not negative and not very long, or one of the three words.
#[inline(never)]
fn scalar(value: &[u8]) -> Option<Shape> {
    match value {
        b"0" => Some(Shape::Integer),
        [b'1'..=b'9', more @ ..] if more.len() < 18 && more.iter().all(u8::is_ascii_digit) => {
            Some(Shape::Integer)
        }
        b"true" => Some(Shape::True),
        b"false" => Some(Shape::False),
        b"null" => Some(Shape::Null),
        _ => None,
    }
}

/// Where the quotes are; `None` if there are too many, or if there is a backslash or a control character.
fn find_quotes<'p>(json: &[u8], places: &'p mut [u16; MOST_QUOTES]) -> Option<&'p [u16]> {
    let (blocks, rest) = json.as_chunks();
    let mut tail = [b' '; BLOCK];
    tail.get_mut(..rest.len())?.copy_from_slice(rest);
    let mut count = 0;
    let mut position = 0;
    for block in blocks {
        count = find_in_block(block, position, places, count)?;
        position += BLOCK as u16;
    }
    count = find_in_block(&tail, position, places, count)?;
    places.get(..count)
}

/// Appends the quotes of a block that begins at `position`. The first loop says of every byte whether it is one, in a
/// form that compilers turn into a few instructions for the whole block.
#[inline(never)]
fn find_in_block(
    block: &[u8; BLOCK],
    position: u16,
    places: &mut [u16; MOST_QUOTES],
    mut count: usize,
) -> Option<usize> {
    let mut flags = [0_u8; BLOCK];
    let mut specials = 0;
    for (flag, &byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(byte == b'"');
        specials |= u8::from(byte < 0x20) | u8::from(byte == b'\\');
    }
    if specials != 0 {
        return None;
    }
    for (eight, position) in flags.as_chunks().0.iter().zip((position..).step_by(8)) {
        let mut found = u64::from_le_bytes(*eight);
        while found != 0 {
            *places.get_mut(count)? = position + (found.trailing_zeros() / 8) as u16;
            found &= found - 1;
            count += 1;
        }
    }
    Some(count)
}
