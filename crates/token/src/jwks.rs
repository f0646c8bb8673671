//! The key set a server publishes and its verifiers fetch (RFC 7517 §5).

use serde_json::{Value, json};

use crate::{Malformed, VerifyingKey, thumbprint};

/// A set of public keys, ready to be published. There is no way to put a secret into it: HMAC keys are left out, and
/// of the others only the public members were ever kept.
pub struct Jwks(Vec<Value>);

impl Jwks {
    /// The set of those keys that have a public side. A key without a `kid` goes by its thumbprint.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k VerifyingKey>) -> Self {
        Self(keys.into_iter().filter_map(named_jwk).collect())
    }

    /// The document, as it is served.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({ "keys": self.0 }).to_string()
    }

    /// How many keys are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a document that somebody else published. Keys of a kind or for a use that is not ours are passed over,
    /// as RFC 7517 §5 asks; so are secrets, which have no business in a public document, and weak keys.
    ///
    /// # Errors
    /// [`Malformed::Json`] if it is no JSON object with an array of `keys`.
    pub fn read(document: &[u8]) -> Result<Vec<VerifyingKey>, Malformed> {
        let document: Value = serde_json::from_slice(document).map_err(|_| Malformed::Json)?;
        let keys = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(Malformed::Json)?;
        let usable = keys
            .iter()
            .filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok());
        Ok(usable.filter(|key| key.public().is_some()).collect())
    }
}

fn named_jwk(key: &VerifyingKey) -> Option<Value> {
    let mut jwk = key.to_jwk()?;
    if let (None, Value::Object(members)) = (key.kid(), &mut jwk) {
        members.insert("kid".into(), thumbprint::of(key)?.into());
    }
    Some(jwk)
}
