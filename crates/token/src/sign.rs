//! Making tokens: a key and a header that was encoded once, so that a signature is all a token costs.

use std::borrow::Borrow;
use std::fmt;

use crate::{Algorithm, SigningKey, base64url};

/// Signs claims with one key under one header.
pub struct Signer {
    key: SigningKey,
    /// The encoded header and the dot after it.
    header: String,
}

impl Signer {
    /// `typ` as given, or no such member; `kid` if `include_kid` and the key has one. The members stand in the order
    /// `alg`, `typ`, `kid` without white space, so `{"alg":"HS256","typ":"JWT"}` comes out as other libraries
    /// write it.
    pub fn new(key: impl Borrow<SigningKey>, typ: Option<&str>, include_kid: bool) -> Self {
        let key = key.borrow().clone();
        let kid = key.kid().filter(|_| include_kid);
        let mut header = base64url::encode(header_json(key.algorithm(), typ, kid).as_bytes());
        header.push('.');
        Self { key, header }
    }

    /// The token for these claims, which should be one JSON object; they are signed as they are.
    #[must_use]
    pub fn sign(&self, claims_json: &[u8]) -> String {
        let claims = base64url::encoded_len(claims_json.len());
        let mut token = String::with_capacity(
            self.header.len() + claims + 1 + self.key.encoded_signature_len(),
        );
        token.push_str(&self.header);
        base64url::encode_onto(&mut token, claims_json);
        self.key.seal(&mut token);
        token
    }

    /// The key this signs with.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

/// A header as this crate writes it.
pub(crate) fn header_json(algorithm: Algorithm, typ: Option<&str>, kid: Option<&str>) -> String {
    let mut header = format!(r#"{{"alg":"{algorithm}""#);
    for (name, value) in [("typ", typ), ("kid", kid)] {
        if let Some(value) = value {
            let quoted = serde_json::Value::from(value);
            header.push_str(&format!(r#","{name}":{quoted}"#));
        }
    }
    header.push('}');
    header
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
