//! Keys. Each is made for one algorithm and checked when it is made, so a weak one never comes to be used.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};

use crate::jwk::{PublicJwk, Refusal};
use crate::{Algorithm, base64url, jwk, thumbprint};

/// A key that signs: HMAC or Ed25519. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    kid: Option<Arc<str>>,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Hmac(Algorithm, Arc<hmac::Key>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// An HMAC key, for the algorithms whose name begins with `HS`.
    ///
    /// # Errors
    /// [`KeyError`] if the algorithm is another one, if the secret is shorter than the hash's output (RFC 7518
    /// §3.2), or if it is the text of a PEM or SSH key, which is somebody's public key more often than a secret.
    pub fn hmac(algorithm: Algorithm, kid: Option<&str>, secret: &[u8]) -> Result<Self, KeyError> {
        let key = hmac_key(algorithm, secret)?;
        Ok(Self {
            kid: kid.map(Arc::from),
            secret: Secret::Hmac(algorithm, Arc::new(key)),
        })
    }

    /// An Ed25519 key from its 32 secret bytes (RFC 8032 §5.1.5). Without a `kid` it is named by its RFC 7638
    /// thumbprint.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the library does not take the seed, which no seed is known to cause.
    pub fn ed25519_from_seed(kid: Option<&str>, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Refused)?;
        let kid = kid.map_or_else(|| thumbprint::of_public(&ed25519_jwk(&pair)), str::to_owned);
        Ok(Self {
            kid: Some(kid.into()),
            secret: Secret::Ed25519(Arc::new(pair)),
        })
    }

    /// The name tokens carry to say which key signed them.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Hmac(algorithm, _) => algorithm,
            Secret::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// What checks the signatures of this key. For HMAC that is the secret itself.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let (check, public) = match &self.secret {
            Secret::Hmac(_, key) => (Check::Hmac(Arc::clone(key)), None),
            Secret::Ed25519(pair) => (ed25519_check(pair), Some(ed25519_jwk(pair))),
        };
        VerifyingKey::new(self.kid.clone(), self.algorithm(), check, public)
    }

    /// Appends the encoded signature over everything in `token`, and the dot before it.
    pub(crate) fn seal(&self, token: &mut String) {
        match &self.secret {
            Secret::Hmac(_, key) => append(token, hmac::sign(key, token.as_bytes()).as_ref()),
            Secret::Ed25519(pair) => append(token, pair.sign(token.as_bytes()).as_ref()),
        }
    }

    /// The length of the encoded signatures of this key.
    pub(crate) fn encoded_signature_len(&self) -> usize {
        base64url::encoded_len(match &self.secret {
            Secret::Hmac(_, key) => key.algorithm().tag_len(),
            Secret::Ed25519(_) => 64,
        })
    }
}

fn append(token: &mut String, signature: &[u8]) {
    token.push('.');
    base64url::encode_onto(token, signature);
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

/// A key that checks signatures. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    kid: Option<Arc<str>>,
    algorithm: Algorithm,
    check: Check,
    public: Option<PublicJwk>,
}

pub(crate) enum Check {
    Hmac(Arc<hmac::Key>),
    Public(ParsedPublicKey),
    /// A key whose check could not be built accepts nothing.
    Never,
}

impl VerifyingKey {
    pub(crate) fn new(
        kid: Option<Arc<str>>,
        algorithm: Algorithm,
        check: Check,
        public: Option<PublicJwk>,
    ) -> Self {
        Self(Arc::new(Inner {
            kid,
            algorithm,
            check,
            public,
        }))
    }

    /// Reads a JWK (RFC 7517): RSA, EC (P-256, P-384, P-521), OKP (Ed25519) or oct. Private members are ignored.
    /// RSA and oct keys must name their `alg`, since nothing else says it.
    ///
    /// # Errors
    /// [`KeyError`] if a member is missing or wrong, if the key is weak or no point on its curve, or if `use`,
    /// `key_ops` or `alg` say that it is not for checking signatures.
    pub fn from_jwk(jwk: &serde_json::Value) -> Result<Self, KeyError> {
        jwk::read(jwk, None)
    }

    /// Like [`VerifyingKey::from_jwk`], with the algorithm said by the caller, for keys that do not name theirs.
    ///
    /// # Errors
    /// As there; also if the key names another algorithm.
    pub fn from_jwk_for(jwk: &serde_json::Value, algorithm: Algorithm) -> Result<Self, KeyError> {
        jwk::read(jwk, Some(algorithm))
    }

    /// The public members, with `kid`, `use` and `alg`; `None` for an HMAC secret, which has no public side.
    #[must_use]
    pub fn to_jwk(&self) -> Option<serde_json::Value> {
        self.0
            .public
            .as_ref()
            .map(|public| jwk::write(public, self.kid(), self.algorithm()))
    }

    /// The name tokens carry to say which key signed them.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    pub(crate) fn public(&self) -> Option<&PublicJwk> {
        self.0.public.as_ref()
    }

    /// The length of the encoded signatures of this key.
    pub(crate) fn encoded_signature_len(&self) -> usize {
        base64url::encoded_len(match (self.0.algorithm, &self.0.public) {
            (Algorithm::Hs256, _) => 32,
            (Algorithm::Hs384, _) => 48,
            (Algorithm::Es384, _) => 96,
            (Algorithm::Es512, _) => 132,
            (_, Some(PublicJwk::Rsa { n, .. })) => n.len() * 3 / 4,
            _ => 64,
        })
    }

    /// Whether `signature` stands over `signed`. Constant in time where a secret is involved.
    pub(crate) fn accepts(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.0.check {
            Check::Hmac(key) => hmac::verify(key, signed, signature).is_ok(),
            Check::Public(key) => key.verify_sig(signed, signature).is_ok(),
            Check::Never => false,
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

pub(crate) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, KeyError> {
    let hash = match algorithm {
        Algorithm::Hs256 => hmac::HMAC_SHA256,
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        other => return Err(KeyError::WrongAlgorithm(other)),
    };
    if secret.len() < hash.tag_len() {
        return Err(KeyError::ShortSecret {
            has: secret.len(),
            needs: hash.tag_len(),
        });
    }
    if is_key_file(secret) {
        return Err(KeyError::SecretIsAKeyFile);
    }
    Ok(hmac::Key::new(hash, secret))
}

/// The text of a PEM or OpenSSH key taken for a secret is the first half of RFC 8725 §2.1's attack.
fn is_key_file(secret: &[u8]) -> bool {
    let text = secret.trim_ascii_start();
    [&b"-----BEGIN "[..], b"ssh-", b"ecdsa-sha2-"]
        .into_iter()
        .any(|opening| text.starts_with(opening))
}

fn ed25519_jwk(pair: &Ed25519KeyPair) -> PublicJwk {
    PublicJwk::Ed25519 {
        x: base64url::encode(pair.public_key().as_ref()),
    }
}

fn ed25519_check(pair: &Ed25519KeyPair) -> Check {
    ParsedPublicKey::new(&ED25519, pair.public_key()).map_or(Check::Never, Check::Public)
}

/// Why a key was not taken. Shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An HMAC secret shorter than its hash's output.
    #[error(
        "the secret has {has} bytes, and this algorithm needs at least {needs}; make a longer one from a random source"
    )]
    ShortSecret {
        /// Bytes it has.
        has: usize,
        /// Bytes it needs.
        needs: usize,
    },
    /// The secret is the text of a PEM or SSH key.
    #[error("the secret is the text of a PEM or SSH key; use random bytes instead")]
    SecretIsAKeyFile,
    /// The algorithm does not go with this type of key.
    #[error("{0} does not go with this type of key")]
    WrongAlgorithm(Algorithm),
    /// The JWK is refused.
    #[error("the JWK is refused: {0}")]
    Jwk(#[from] Refusal),
    /// The cryptographic library refused the key.
    #[error("the key is not a valid one for its algorithm")]
    Refused,
}
