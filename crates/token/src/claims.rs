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
        Object::from_bytes(json).map(Self)
    }

    /// A string member; `None` if it is absent or not a string.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.string
    }

    /// A whole number. `1.0` and `"1"` are not whole numbers here.
    #[must_use]
    pub fn get_i64(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        if value.shape == Shape::Integer {
            value.json.parse().ok()
        } else {
            None
        }
    }

    /// A whole number that is not negative.
    #[must_use]
    pub fn get_u64(&self, name: &str) -> Option<u64> {
        let value = self.0.get(name)?;
        if value.shape == Shape::Integer {
            value.json.parse().ok()
        } else {
            None
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub fn get_bool(&self, name: &str) -> Option<bool> {
        match self.0.get(name)?.shape {
            Shape::True => Some(true),
            Shape::False => Some(false),
            _ => None,
        }
    }

    /// Any member, built as a value.
    #[must_use]
    pub fn get_value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.0.get(name)?.json).ok()
    }

    /// Whether the member is there, `null` included.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.get(name).is_some()
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
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<i64>, NotATime> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        match value.shape {
            Shape::Integer | Shape::Decimal if !value.json.starts_with('-') => {
                Ok(Some(whole_seconds(value.json)))
            }
            _ => Err(NotATime),
        }
    }
}

/// The member is there and is no NumericDate.
pub(crate) struct NotATime;

fn whole_seconds(number: &str) -> i64 {
    number.parse().unwrap_or_else(|_| {
        // A float-to-integer cast saturates, which is what a time beyond all calendars should do.
        number
            .parse::<f64>()
            .map_or(i64::MAX, |seconds| seconds.ceil() as i64)
    })
}

/// Names no member: claims are personal data.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(redacted)")
    }
}
