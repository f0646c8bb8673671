//! Vectors that others published. They live inside the crate because many of them carry something other than claims:
//! what is asked here is whether a signature is accepted, before anybody looks at what was signed.

mod rfc;
mod wycheproof;

use serde_json::Value;

use crate::keyring::KeyRing;
use crate::{Jwks, Rejected, TypRule, VerifyingKey};

/// What a genuine token carries, checked with a JWK or with a set of them. A set of secrets is one we configured
/// ourselves; any other is one that somebody published, in which a secret counts for nothing.
fn open(jwk: &Value, token: &str) -> Result<Vec<u8>, Rejected> {
    let keys = match jwk["keys"].as_array() {
        Some(set) if set.iter().any(|key| key["kty"] != "oct") => {
            Jwks::read(jwk.to_string().as_bytes())?
        }
        Some(set) => set.iter().flat_map(VerifyingKey::from_jwk).collect(),
        None => VerifyingKey::from_jwk(jwk).into_iter().collect(),
    };
    let ring = KeyRing::new(keys, &TypRule::Any);
    ring.open(token, &TypRule::Any).map(|(payload, _)| payload)
}
