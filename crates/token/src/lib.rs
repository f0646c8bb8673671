//! Signed tokens (JOSE) as a pure layer over `aws-lc-rs`.
//!
//! This crate owns what a token *is*: keys, signing, the one way to check a token, the claims that come
//! out of the check, the published key set, and Django's signed cookie values. It has no clock, does no I/O
//! and draws no randomness: the time comes in as an argument, seeds and secrets come in as bytes. So everything
//! here is a function of its inputs and can be tested to the second.
//!
//! # The rules it keeps
//!
//! - **The algorithm belongs to the key.** A [`VerifyingKey`] is made for one [`Algorithm`]; a header that names
//!   another one finds no key. There is no `none`, and no way to read a public key as an HMAC secret.
//! - **A proof is a type.** [`Unverified`] is what a token says of itself, fit for logs and routing. Only
//!   [`Verifier::verify`] makes a [`Verified`], and `Verified<Access>` is not `Verified<Refresh>`.
//! - **The signature comes first.** No verdict about a claim, expiry included, is given on a token that is not
//!   genuine: [`Rejected::Expired`] means "ours, of the right kind, and over".
//! - **Strict input.** Exactly three parts, at most [`MAX_TOKEN_BYTES`]; base64url without padding, white space or
//!   spare bits; JSON objects in UTF-8 without a BOM, without duplicate members at any depth, at most 32 levels
//!   deep. `crit`, `b64`, `zip` and `enc` are refused; `jku`, `x5u`, `x5c` and `jwk` are never looked at.
//! - **Weak keys do not load.** HMAC secrets shorter than their hash, RSA under 2048 bits or with an even or unit
//!   exponent or from a broken generator, points off the curve or of small order.
//! - **Nothing secret is shown.** `Debug` of keys, tokens and claims is redacted; errors carry no token text.
//!
//! # Use
//!
//! ```
//! use daemun_token::{Access, Algorithm, Rejected, Signer, SigningKey, TypRule, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::hmac(Algorithm::Hs256, None, b"a secret of thirty-two bytes or more")?;
//! let token = Signer::new(&key, Some("JWT"), false).sign(br#"{"token_type":"access","exp":1700000300,"user_id":1}"#);
//!
//! let verifier = Verifier::<Access>::builder()
//!     .key(key.verifying_key())
//!     .typ(TypRule::JwtOrAbsent)
//!     .claim_equals("token_type", "access")
//!     .require("user_id")
//!     .build();
//!
//! let verified = verifier.verify(&token, 1_700_000_000)?;
//! assert_eq!(verified.claims().get_i64("user_id"), Some(1));
//! assert!(matches!(verifier.verify(&token, 1_700_000_300), Err(Rejected::Expired(_))));
//! # Ok(())
//! # }
//! ```
//!
//! # Why not a ready-made crate
//!
//! The usual ones read the algorithm from the header, try keys in turn, accept an unknown `crit` or an empty
//! secret, or parse an RSA key again for every check. This layer is small enough to be read in one sitting and is
//! held against RFC and Wycheproof vectors and against another implementation in its tests.

mod algorithm;
mod base64url;
mod claims;
pub mod django;
mod ed25519;
mod header;
mod json;
mod jwk;
mod jwks;
mod key;
mod keyring;
mod kind;
mod rsa;
mod rules;
mod sign;
#[cfg(test)]
mod tests;
pub mod thumbprint;
mod unverified;
mod verify;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claims::Claims;
pub use header::Header;
pub use jwk::Refusal;
pub use jwks::Jwks;
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use kind::{Access, Kind, Refresh};
pub use rules::TypRule;
pub use sign::Signer;
pub use unverified::{Malformed, Unverified};
pub use verify::{ExpiredClaims, Rejected, Verified, Verifier, VerifierBuilder};

/// The longest token that is looked at at all, in bytes. Longer ones are malformed.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The most a verifier forgives between two clocks, in seconds.
pub const MAX_LEEWAY_SECONDS: u32 = 60;
