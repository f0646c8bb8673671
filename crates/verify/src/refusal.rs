//! Why a request is not served.

/// Why a request is not served. Says nothing of the token itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It brings no token.
    #[error("the request brings no token")]
    MissingToken,
    /// What should hold the token holds something else, or stands there twice.
    #[error("the header that should hold the token is malformed")]
    BadHeader,
    /// The token is not genuine, not for us, or not valid yet.
    #[error("the token is not valid")]
    InvalidToken,
    /// The token was good and is over.
    #[error("the token has expired")]
    Expired,
    /// The token is genuine, and for another use.
    #[error("the token is of another type")]
    WrongType,
    /// Its session was ended, or its account's sessions were.
    #[error("the session was ended")]
    Revoked,
    /// The token lacks a scope.
    #[error("the token lacks a scope")]
    InsufficientScope(Box<str>),
    /// Whoever this is may not do that.
    #[error("not allowed")]
    Forbidden,
    /// As [`Forbidden`](Self::Forbidden), where not even the existence of the thing is shown.
    #[error("not found")]
    NotFound,
    /// The keys that would check the token cannot be had. The client should ask again, not log in again.
    #[error("the issuer's keys are not available")]
    KeysUnavailable,
    /// Nobody can say at the moment whether the token was revoked.
    #[error("revocations are not known at the moment")]
    RevocationsUnavailable,
    /// A handler asks who the caller is on a route that nothing guards.
    #[error("the route is not guarded")]
    Unguarded,
}

/// The refusals without what they carry: what an answer is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// [`Refusal::MissingToken`]
    MissingToken,
    /// [`Refusal::BadHeader`]
    BadHeader,
    /// [`Refusal::InvalidToken`]
    InvalidToken,
    /// [`Refusal::Expired`]
    Expired,
    /// [`Refusal::WrongType`]
    WrongType,
    /// [`Refusal::Revoked`]
    Revoked,
    /// [`Refusal::InsufficientScope`]
    InsufficientScope,
    /// [`Refusal::Forbidden`]
    Forbidden,
    /// [`Refusal::NotFound`]
    NotFound,
    /// [`Refusal::KeysUnavailable`]
    KeysUnavailable,
    /// [`Refusal::RevocationsUnavailable`]
    RevocationsUnavailable,
    /// [`Refusal::Unguarded`]
    Unguarded,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::MissingToken,
        Self::BadHeader,
        Self::InvalidToken,
        Self::Expired,
        Self::WrongType,
        Self::Revoked,
        Self::InsufficientScope,
        Self::Forbidden,
        Self::NotFound,
        Self::KeysUnavailable,
        Self::RevocationsUnavailable,
        Self::Unguarded,
    ];
}

impl Refusal {
    /// What an answer is chosen by.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::MissingToken => Reason::MissingToken,
            Self::BadHeader => Reason::BadHeader,
            Self::InvalidToken => Reason::InvalidToken,
            Self::Expired => Reason::Expired,
            Self::WrongType => Reason::WrongType,
            Self::Revoked => Reason::Revoked,
            Self::InsufficientScope(_) => Reason::InsufficientScope,
            Self::Forbidden => Reason::Forbidden,
            Self::NotFound => Reason::NotFound,
            Self::KeysUnavailable => Reason::KeysUnavailable,
            Self::RevocationsUnavailable => Reason::RevocationsUnavailable,
            Self::Unguarded => Reason::Unguarded,
        }
    }
}
