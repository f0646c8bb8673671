//! The one way to believe a token.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use crate::claims::Claims;
use crate::keyring::KeyRing;
use crate::rules::{Rules, Verdict};
use crate::{Kind, MAX_LEEWAY_SECONDS, Malformed, TypRule, VerifyingKey};

/// A token that was checked: genuine, of the kind `K`, for us, and valid at the time of the check.
pub struct Verified<K> {
    claims: Claims,
    kind: PhantomData<fn() -> K>,
}

impl<K> Verified<K> {
    /// What the token claims, now proven.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The claims alone, giving up the proof.
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

impl<K> Clone for Verified<K> {
    fn clone(&self) -> Self {
        Self {
            claims: self.claims.clone(),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> fmt::Debug for Verified<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified<{}>(redacted)", K::NAME)
    }
}

/// The claims of a token that was checked in every respect and found to be over.
#[derive(Clone)]
pub struct ExpiredClaims(Claims);

impl ExpiredClaims {
    /// What the token claimed while it was valid.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0
    }

    /// The claims alone.
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.0
    }
}

impl Deref for ExpiredClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

impl fmt::Debug for ExpiredClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpiredClaims(redacted)")
    }
}

/// Why a token was not believed. Holds no part of it, but for [`Rejected::Expired`], which shows none.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Rejected {
    /// Not a token by the rules of the form.
    #[error("the token is malformed")]
    Malformed,
    /// No key goes with the header's `kid` and `alg`.
    #[error("no key is known for the token")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the signature is wrong")]
    BadSignature,
    /// Genuine, but of another type: `typ`, or a claim given to [`VerifierBuilder::claim_equals`], differs.
    #[error("the token is of another type")]
    WrongType,
    /// Genuine, and right in everything but that its time is over.
    #[error("the token has expired")]
    Expired(ExpiredClaims),
    /// Genuine, but `nbf` or `iat` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Genuine, but lacks this claim.
    #[error("the claim `{0}` is missing")]
    MissingClaim(String),
    /// Genuine, but from another issuer.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// Genuine, but for another audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// Genuine, but this claim is not of the form it must have.
    #[error("the claim `{0}` is malformed")]
    InvalidClaim(String),
}

impl From<Malformed> for Rejected {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Checks tokens of the kind `K`. Cheap to clone; shared between threads as it is.
pub struct Verifier<K> {
    rules: Arc<Rules>,
    ring: Arc<KeyRing>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Verifier<K> {
    /// A verifier that knows no key and asks for nothing but a valid `exp`.
    pub fn builder() -> VerifierBuilder<K> {
        VerifierBuilder {
            rules: Rules::default(),
            keys: Vec::new(),
            kind: PhantomData,
        }
    }

    /// Checks a token at the time `now`, in Unix seconds.
    ///
    /// # Errors
    /// [`Rejected`] says the first thing that is wrong, in this order: form, key, signature, form of the claims, type,
    /// issuer, audience, required claims, form of the times, not yet valid, expired.
    pub fn verify(&self, token: &str, now: i64) -> Result<Verified<K>, Rejected> {
        let (claims, right_type) = self.ring.open(token, &self.rules.typ)?;
        let claims = Claims::from_bytes(claims)?;
        if !right_type {
            return Err(Rejected::WrongType);
        }
        match self.rules.judge(&claims, now)? {
            Verdict::Valid => Ok(Verified {
                claims,
                kind: PhantomData,
            }),
            Verdict::Expired => Err(Rejected::Expired(ExpiredClaims(claims))),
        }
    }

    /// The same rules with other keys: how keys are rotated.
    #[must_use]
    pub fn with_keys(&self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        let ring = Arc::new(KeyRing::new(keys.into_iter().collect(), &self.rules.typ));
        Self {
            rules: Arc::clone(&self.rules),
            ring,
            kind: PhantomData,
        }
    }

    /// The keys it knows.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        self.ring.keys()
    }
}

impl<K> Clone for Verifier<K> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            ring: Arc::clone(&self.ring),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> fmt::Debug for Verifier<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier<{}>({} keys)", K::NAME, self.keys().len())
    }
}

/// Puts a [`Verifier`] together.
#[must_use]
pub struct VerifierBuilder<K> {
    rules: Rules,
    keys: Vec<VerifyingKey>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> VerifierBuilder<K> {
    /// Adds a key.
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds several keys.
    pub fn keys(mut self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Which `typ` the header must have; any, unless said.
    pub fn typ(mut self, rule: TypRule) -> Self {
        self.rules.typ = rule;
        self
    }

    /// A claim that says what kind of token this is. Another value is [`Rejected::WrongType`], none at all
    /// [`Rejected::MissingClaim`].
    pub fn claim_equals(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.rules.equal.push((name.to_owned(), value.into()));
        self
    }

    /// The issuer the token must name.
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.rules.issuer = Some(issuer.to_owned());
        self
    }

    /// An audience the token may name; given several times, one of them is enough. If none is given, a token that
    /// names an audience is refused.
    pub fn audience(mut self, audience: &str) -> Self {
        self.rules.audiences.push(audience.to_owned());
        self
    }

    /// How far apart the clocks may be; 0 unless said, and never more than [`MAX_LEEWAY_SECONDS`].
    pub fn leeway_seconds(mut self, seconds: u32) -> Self {
        self.rules.leeway = i64::from(seconds.min(MAX_LEEWAY_SECONDS));
        self
    }

    /// How far ahead the clock of whoever issued may be: `nbf` and `iat` may lie that far in the future, and `exp` is
    /// as exact as before. 0 unless said, and never more than [`MAX_LEEWAY_SECONDS`].
    pub fn ahead_seconds(mut self, seconds: u32) -> Self {
        self.rules.ahead = i64::from(seconds.min(MAX_LEEWAY_SECONDS));
        self
    }

    /// A claim that must be there, whatever its value.
    pub fn require(mut self, name: &str) -> Self {
        self.rules.required.push(name.to_owned());
        self
    }

    /// The verifier.
    #[must_use]
    pub fn build(self) -> Verifier<K> {
        let ring = Arc::new(KeyRing::new(self.keys, &self.rules.typ));
        Verifier {
            rules: Arc::new(self.rules),
            ring,
            kind: PhantomData,
        }
    }
}
