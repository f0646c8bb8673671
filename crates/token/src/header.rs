//! The JOSE header: a handful of members that are read, a few that are refused, and the rest, which is ignored.

use std::fmt;

use crate::json::Object;
use crate::{Malformed, base64url};

/// Members whose mere presence ends the matter: extensions that would change what the signature covers or ask for
/// decryption. None is implemented, so none can be honoured (RFC 7515 §4.1.11, RFC 7797, RFC 7516).
const REFUSED: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// What a token's header says. Unproven until the token is verified.
pub struct Header(Object);

impl Header {
    pub(crate) fn decode(segment: &str) -> Result<Self, Malformed> {
        Self::from_bytes(base64url::decode(segment)?)
    }

    pub(crate) fn from_bytes(json: Vec<u8>) -> Result<Self, Malformed> {
        let object = Object::parse(json)?;
        if object.names().any(|name| REFUSED.contains(&name)) {
            return Err(Malformed::Header);
        }
        let is_wrong = |name| object.contains(name) && object.string(name).is_none();
        if ["alg", "kid", "typ"].into_iter().any(is_wrong) || !object.contains("alg") {
            return Err(Malformed::Header);
        }
        Ok(Self(object))
    }

    /// The algorithm it names; any text.
    #[must_use]
    pub fn alg(&self) -> &str {
        self.0.string("alg").unwrap_or_default()
    }

    /// The key it names; any text.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.string("kid")
    }

    /// The type it names; any text.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.0.string("typ")
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Header(redacted)")
    }
}
