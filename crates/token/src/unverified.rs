//! What a token says of itself before anybody has checked it. Only for logs, routing and finding a key.

use std::fmt;

use crate::claims::Claims;
use crate::header::Header;
use crate::{MAX_TOKEN_BYTES, base64url};

/// The three parts of a token, still encoded.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'t> {
    pub(crate) header: &'t str,
    pub(crate) claims: &'t str,
    pub(crate) signature: &'t str,
    /// `header.claims`, over which the signature stands.
    pub(crate) signed: &'t str,
}

impl<'t> Parts<'t> {
    /// Splits at the first and the last dot. A dot between them lands in `claims`, where base64url refuses it.
    pub(crate) fn split(token: &'t str) -> Result<Self, Malformed> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Malformed::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Malformed::Parts)?;
        let (header, claims) = signed.split_once('.').ok_or(Malformed::Parts)?;
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }
}

/// A token that was decoded and not checked. Nothing in it may be believed.
pub struct Unverified<'t> {
    parts: Parts<'t>,
    header: Header,
}

impl<'t> Unverified<'t> {
    /// Splits the token and reads its header, with all the strictness of the real check.
    ///
    /// # Errors
    /// [`Malformed`] if no verifier could ever accept it.
    pub fn parse(token: &'t str) -> Result<Self, Malformed> {
        let parts = Parts::split(token)?;
        if parts.claims.contains('.') {
            return Err(Malformed::Parts);
        }
        let header = Header::decode(parts.header)?;
        Ok(Self { parts, header })
    }

    /// What the token says about its key and type.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the token claims; unproven.
    ///
    /// # Errors
    /// [`Malformed`] if the middle part is not one strict JSON object.
    pub fn claims(&self) -> Result<Claims, Malformed> {
        Claims::from_bytes(base64url::decode(self.parts.claims)?)
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").finish_non_exhaustive()
    }
}

/// Why something is not a token at all. Says nothing of what stood in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not exactly three parts.
    #[error("the token does not have three parts")]
    Parts,
    /// A part is not canonical base64url.
    #[error("a part is not canonical base64url")]
    Base64,
    /// A part is not UTF-8.
    #[error("a part is not UTF-8")]
    Utf8,
    /// A part is not a JSON object.
    #[error("a part is not a JSON object")]
    Json,
    /// A JSON object names a member twice.
    #[error("a JSON object has the same member twice")]
    Duplicate,
    /// The JSON is nested too deeply.
    #[error("the JSON is nested too deeply")]
    TooDeep,
    /// The header asks for what is never done: `crit`, `b64`, `zip`, `enc`; or lacks `alg`.
    #[error("the header is not acceptable")]
    Header,
}
