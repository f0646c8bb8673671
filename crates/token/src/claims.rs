//! The claims of a token: a flat view of one strict JSON object.

use std::fmt;

use serde_json::Value;

use crate::Malformed;
use crate::json::{Object, Shape};

/// What a token says, member by member. By itself no proof of anything: where it came from says whether to believe
/// it ([`Verified`](crate::Verified) or [`Unverified`](crate::Unverified)).
#[derive(Clone)]
pub struct Claims(Object);

impl Claims {
    pub(crate) fn from_bytes(json: Vec<u8>) -> Result<Self, Malformed> {
        Object::parse(json).map(Self)
    }

    /// A string member; `None` if it is absent or not a string.
    #[must_use]
    #[inline]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.0.string(name)
    }

    /// The bytes of a string member; `None` if it is absent or not a string. For what reads or compares each of them
    /// anyway: nobody looks once more whether they are UTF-8.
    #[must_use]
    #[inline]
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        match self.0.get_bytes(name)? {
            (Shape::String, text) => Some(text),
            _ => None,
        }
    }

    /// A whole number. `1.0` and `"1"` are not whole numbers here.
    #[must_use]
    #[inline]
    pub fn get_i64(&self, name: &str) -> Option<i64> {
        match self.0.get_bytes(name)? {
            (Shape::Integer, [b'-', ..]) => self.integer(name)?.parse().ok(),
            (Shape::Integer, digits) if digits.len() <= 18 => Some(decimal(digits)),
            (Shape::Integer, _) => self.integer(name)?.parse().ok(),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    #[must_use]
    pub fn get_u64(&self, name: &str) -> Option<u64> {
        self.integer(name)?.parse().ok()
    }

    fn integer(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            (Shape::Integer, digits) => Some(digits),
            _ => None,
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub fn get_bool(&self, name: &str) -> Option<bool> {
        match self.0.get(name)?.0 {
            Shape::True => Some(true),
            Shape::False => Some(false),
            _ => None,
        }
    }

    /// Any member, built as a value.
    #[must_use]
    pub fn get_value(&self, name: &str) -> Option<Value> {
        match self.0.get(name)? {
            (Shape::String, text) => Some(text.into()),
            (_, json) => serde_json::from_str(json).ok(),
        }
    }

    /// Whether the member is there, `null` included.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// When the token ends, in Unix seconds: the first whole second at which it is over. `None` if the claim is
    /// absent or is not a time (RFC 7519 §4.1.4).
    #[must_use]
    pub fn exp(&self) -> Option<i64> {
        self.time("exp").ok().flatten()
    }

    /// When the token was issued, in Unix seconds, rounded up to a whole second.
    #[must_use]
    pub fn iat(&self) -> Option<i64> {
        self.time("iat").ok().flatten()
    }

    /// The names of the members, in the order of the token.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }

    /// The JSON as it stood in the token.
    #[must_use]
    pub fn json(&self) -> &str {
        self.0.json()
    }

    /// A NumericDate (RFC 7519 §2) rounded up to a whole second, which keeps every comparison with a whole-second
    /// clock exact. `Ok(None)` if absent, `Err` if it is not a number or is negative.
    #[inline]
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<i64>, NotATime> {
        match self.0.get_bytes(name) {
            None => Ok(None),
            Some((_, [b'-', ..])) => Err(NotATime),
            Some((Shape::Integer, digits)) if digits.len() <= 18 => Ok(Some(decimal(digits))),
            Some((Shape::Integer | Shape::Decimal, number)) => Ok(Some(round_up(number))),
            Some(_) => Err(NotATime),
        }
    }

    /// Whether the member is a string and this one.
    #[inline]
    pub(crate) fn is_string(&self, name: &str, wanted: &str) -> bool {
        self.0.is_string(name, wanted)
    }
}

/// The member is there and is no NumericDate.
pub(crate) struct NotATime;

/// The value of up to 18 digits, the first eight of them together: pairs, then fours, then all.
#[inline]
fn decimal(digits: &[u8]) -> i64 {
    let (start, rest) = match digits.split_first_chunk() {
        Some((eight, rest)) => {
            let digits = u64::from_le_bytes(*eight) & 0x0f0f_0f0f_0f0f_0f0f;
            let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
            let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
            (
                ((fours * 10_000 + (fours >> 32)) & 0xffff_ffff) as i64,
                rest,
            )
        }
        None => (0, digits),
    };
    rest.iter()
        .fold(start, |value, digit| value * 10 + i64::from(digit & 0x0f))
}

/// A float-to-integer cast saturates, which is what a time beyond all calendars should do.
fn round_up(number: &[u8]) -> i64 {
    let number = str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse::<f64>().ok());
    number.map_or(i64::MAX, |seconds| seconds.ceil() as i64)
}

/// Names no member: claims are personal data.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(redacted)")
    }
}
