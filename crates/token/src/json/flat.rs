//! A quicker way through the objects that nearly all tokens hold: ASCII without escapes and white space, a dozen
//! members at most, nothing nested.
//!
//! It never decides that something is wrong. What it does not expect it leaves to the scanner for everything, so it
//! can only be quicker, not more lenient: whatever it takes, that one takes in the same way.

use super::{ENTRY, MOST_PLAIN, Member, Shape, Span, hint};

/// Four for each of the members there is room for.
const MOST_QUOTES: usize = 4 * MOST_PLAIN;
/// How many bytes are looked at together.
const BLOCK: usize = 32;

/// Writes the entries of the members to the table, if the object is a plain one; says how many there are, and the
/// hints of their names.
pub(super) fn scan(json: &[u8], table: &mut [[u8; ENTRY]]) -> Option<(usize, u64)> {
    let mut places = [0; MOST_QUOTES];
    let mut quotes = find_quotes(json, &mut places)?;
    let mut count = 0;
    let mut names = 0_u64;
    if !json.starts_with(b"{\"") {
        return None;
    }
    loop {
        let [open, close, after @ ..] = quotes else {
            return None;
        };
        let name = Span {
            start: *open + 1,
            end: *close,
        };
        let text = json.get(name.range())?;
        let hint = hint(text);
        let is_taken =
            |entry: &[u8; ENTRY]| json.get(Member::from_entry(*entry).name.range()) == Some(text);
        if names & 1 << hint != 0 && table.iter().take(count).any(is_taken) {
            return None;
        }
        names |= 1 << hint;
        let (shape, value, rest) = scan_value(json, *close + 1, after)?;
        *table.get_mut(count)? = Member {
            name,
            value,
            shape,
            hint,
        }
        .to_entry();
        count += 1;
        let end = value.end + u16::from(shape == Shape::String);
        quotes = match (rest, json.get(usize::from(end)..)?) {
            ([next, ..], [b',', ..]) if *next == end + 1 => rest,
            ([], [b'}']) => return Some((count, names)),
            _ => return None,
        };
    }
}

/// What follows a name: the colon at `colon`, and the value. Gives the quotes behind it.
#[inline(always)]
fn scan_value<'q>(json: &[u8], colon: u16, quotes: &'q [u16]) -> Option<(Shape, Span, &'q [u16])> {
    match json.get(usize::from(colon)..)? {
        [b':', b'"', ..] => {
            let [_, end, rest @ ..] = quotes else {
                return None;
            };
            Some((
                Shape::String,
                Span {
                    start: colon + 2,
                    end: *end,
                },
                rest,
            ))
        }
        [b':', ..] => {
            // The comma before the next name, or the brace that ends it all.
            let end = quotes.first().map_or(json.len() as u16, |next| *next) - 1;
            let value = Span {
                start: colon + 1,
                end,
            };
            Some((scalar(json.get(value.range())?)?, value, quotes))
        }
        _ => None,
    }
}

/// A whole number that is not negative and not very long, or one of the three words.
#[inline(never)]
fn scalar(value: &[u8]) -> Option<Shape> {
    match value {
        b"0" => Some(Shape::Integer),
        [b'1'..=b'9', more @ ..] if more.len() < 18 && are_digits(more) => Some(Shape::Integer),
        b"true" => Some(Shape::True),
        b"false" => Some(Shape::False),
        b"null" => Some(Shape::Null),
        _ => None,
    }
}

/// Eight at a time where there are eight: digits are what has 3 for its upper half and still has after adding 6.
#[inline(always)]
fn are_digits(text: &[u8]) -> bool {
    const UPPER: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const THREES: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    let (words, rest) = text.as_chunks();
    let all_eight = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word & UPPER == THREES && word.wrapping_add(SIXES) & UPPER == THREES
    };
    words.iter().all(all_eight) && rest.iter().all(u8::is_ascii_digit)
}

/// Where the quotes are; `None` if there are too many, if there is anything but plain ASCII, or if the text is too short
/// to be worth it.
fn find_quotes<'p>(json: &[u8], places: &'p mut [u16; MOST_QUOTES]) -> Option<&'p [u16]> {
    let (blocks, rest) = json.as_chunks();
    let mut count = 0;
    let mut position = 0;
    for block in blocks {
        count = find_in_block(block, position, 0, places, count)?;
        position += BLOCK as u16;
    }
    // The last block reaches back into the one before it.
    let again = (BLOCK - rest.len()) as u16;
    count = find_in_block(
        json.last_chunk()?,
        position - again,
        position,
        places,
        count,
    )?;
    places.get(..count)
}

/// Appends those quotes of a block, which begins at `start`, that are not before `from`. The first loop says of every
/// byte whether it is a quote, in a form that compilers turn into a few instructions for the whole block.
#[inline(never)]
fn find_in_block(
    block: &[u8; BLOCK],
    start: u16,
    from: u16,
    places: &mut [u16; MOST_QUOTES],
    mut count: usize,
) -> Option<usize> {
    let mut flags = [0_u8; BLOCK];
    let mut specials = 0;
    for (flag, &byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(byte == b'"');
        specials |= u8::from(byte < 0x20) | u8::from(byte >= 0x80) | u8::from(byte == b'\\');
    }
    if specials != 0 {
        return None;
    }
    for (eight, start) in flags.as_chunks().0.iter().zip((start..).step_by(8)) {
        let mut found = u64::from_le_bytes(*eight);
        while found != 0 {
            let place = start + (found.trailing_zeros() / 8) as u16;
            *places.get_mut(count)? = place;
            count += usize::from(place >= from);
            found &= found - 1;
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::scanner;

    type Table = Option<Vec<[u8; ENTRY]>>;

    /// What the quick way makes of it, and what the scanner for everything does.
    fn both(json: &str) -> (Table, Table) {
        let mut table = [[0; ENTRY]; MOST_PLAIN];
        let quick = scan(json.as_bytes(), &mut table).map(|(count, _)| table[..count].to_vec());
        let members = scanner::scan(json.as_bytes()).ok();
        (
            quick,
            members.map(|(members, ..)| members.iter().map(|member| member.to_entry()).collect()),
        )
    }

    #[test]
    fn an_ordinary_token_takes_the_quick_way() {
        let json =
            r#"{"token_type":"access","exp":1700000300,"ok":true,"no":null,"user_id":0,"jti":""}"#;
        let (quick, members) = both(json);
        assert_eq!(quick.as_ref().map(Vec::len), Some(6));
        assert_eq!(quick, members);
    }

    #[test]
    fn what_is_out_of_the_ordinary_does_not() {
        let pad = r#","padding":"long enough to be worth it""#;
        for member in [
            r#""a": 1"#,
            r#""a":-1"#,
            r#""a":01"#,
            r#""a":1.5"#,
            r#""a":[]"#,
            r#""a":"\n""#,
            "\"a\":\"\u{e9}\"",
            "\"a\":\"\n\"",
            r#""a":tru"#,
            r#""a":"#,
            r#""a""#,
            r#""a":1,"a":1"#,
            r#""a":"b"c"#,
            r#""a":1234567890123456789"#,
        ] {
            assert_eq!(both(&format!("{{{member}{pad}}}")).0, None, "{member}");
        }
        let many: String = (0..13).map(|n| format!(r#""{n}":1,"#)).collect();
        assert_eq!(both(&format!(r#"{{{many}"x":1}}"#)).0, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_quick_way_comes_to_the_same(
            json in r#"\{("[a-z]{1,2}":("[ a-z{},:]{0,40}"|[0-9]{1,20}|true|null|tru|[a0"]{0,2}),?){1,8}[}"]?\}?"#,
        ) {
            let (quick, members) = both(&json);
            if quick.is_some() {
                prop_assert_eq!(quick, members, "{}", json);
            }
        }
    }
}
