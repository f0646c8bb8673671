//! JWK thumbprints (RFC 7638): a name for a key that is computed from the key, the same wherever it is computed.

use aws_lc_rs::digest::{SHA256, digest};

use crate::jwk::PublicJwk;
use crate::{VerifyingKey, base64url};

/// The SHA-256 thumbprint of a public key, base64url; `None` for an HMAC secret, whose thumbprint would help guess it.
#[must_use]
pub fn of(key: &VerifyingKey) -> Option<String> {
    key.public().map(of_public)
}

/// The required members alone, in lexicographic order, without white space (§3). All values are base64url or names
/// of curves, so none needs escaping.
pub(crate) fn of_public(public: &PublicJwk) -> String {
    let canonical = match public {
        PublicJwk::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        PublicJwk::Ec { crv, x, y } => {
            format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        PublicJwk::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
    };
    base64url::encode(digest(&SHA256, canonical.as_bytes()).as_ref())
}
