//! Refresh tokens of a former back end, and how they become ours.
//!
//! A foreign refresh token knows no session of ours. The first time one is presented it is
//! **adopted**: a session is opened of which the foreign token is generation 1, and it is rotated
//! at once. Whoever presents the same token again, another tab or a thief, presents generation 1
//! of a session there is, and is judged as any replaced token is.
//!
//! Which session that is follows from the token ([`session_of`]), so nothing is kept per token but
//! the session itself, which must outlive it.

use std::fmt;

use aws_lc_rs::digest;

use crate::{
    client::Network,
    ids::SessionId,
    ports::Rotated,
    revocation::Revocation,
    session::{Presented, RotationPolicy, Session},
    time::Timestamp,
};

/// The generation that a foreign token counts as, of the session it is adopted into.
pub const FOREIGN_GENERATION: u64 = 1;

/// What tells one foreign token from another, hashed: a store keeps no token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ForeignId(pub [u8; 32]);

impl fmt::Debug for ForeignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignId(…)")
    }
}

/// The identity of a foreign token: its `jti` where it has one, else the token itself.
#[must_use]
pub fn token_identity(jti: Option<&str>, token: &str) -> ForeignId {
    let mut context = digest::Context::new(&digest::SHA256);
    match jti {
        Some(jti) => {
            context.update(b"jti:");
            context.update(jti.as_bytes());
        }
        None => {
            context.update(b"token:");
            context.update(token.as_bytes());
        }
    }
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    ForeignId(id)
}

/// The session that a token is adopted into: begun when the token was issued, the rest of the id
/// a hash of contract and token.
#[must_use]
pub fn session_of(contract: &str, token: ForeignId, issued_at: Timestamp) -> SessionId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"session:");
    context.update(contract.as_bytes());
    context.update(&[0]);
    context.update(&token.0);
    let mut random = [0; 10];
    for (byte, hashed) in random.iter_mut().zip(context.finish().as_ref()) {
        *byte = *hashed;
    }
    SessionId::new(issued_at, random)
}

/// What a former back end knew of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignState {
    /// It was among the living tokens that were taken over.
    Listed,
    /// It was among the dead ones.
    Dead,
}

/// A foreign refresh token, presented, and the session it is to become.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// Which token.
    pub token: ForeignId,
    /// The session that is opened if the token was never presented before: of generation 1,
    /// which the token counts as, under the id of [`session_of`].
    pub session: Session,
    /// When the foreign token was issued: one from before its account's cut-off is dead.
    pub issued_at: Timestamp,
    /// When the foreign token expires: its session is kept until then.
    pub token_expires_at: Timestamp,
    /// Whether it must be among the listed.
    pub listed_only: bool,
    /// Whether the subject's other sessions of this contract end.
    pub replaces: bool,
    /// Who presents it, and when.
    pub presented: Presented,
    /// The network it comes from, for the audit trail.
    pub network: Network,
    /// How forgiving to be.
    pub policy: RotationPolicy,
    /// How long the longest access token lives: revocations are kept that long.
    pub horizon: std::time::Duration,
}

/// What became of a presented foreign token.
#[derive(Clone, Debug)]
pub enum Adopted {
    /// It was adopted now or before, and judged as generation 1 of its session. With it, what
    /// sessions it replaced.
    Judged(Rotated, Vec<Revocation>),
    /// It is known to be dead, from before its account's cut-off, or not among the listed.
    Dead,
    /// Its account cannot be used, or is gone.
    Refused,
}
