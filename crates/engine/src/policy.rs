//! What a contract asks of the engine: its policy. The contract room reads one out of a file; the
//! engine obeys it without knowing the file or the wire.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    address::IdentifierKinds, code::CodePolicy, profile::ProfileField, session::RotationPolicy,
};

/// Everything a contract decides about accounts, sessions, codes and tokens.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The contract's name. Tokens carry it; a token of one contract is worth nothing in another.
    pub contract: Box<str>,
    /// Never tell whether an account exists.
    pub conceal: bool,
    /// At login, say that an account is not active before looking at the password, as some
    /// back ends do. Tells more than it should; never together with `conceal`.
    pub status_first: bool,
    /// Which identifiers people sign up and log in with.
    pub identifiers: IdentifierKinds,
    /// The shortest password taken, in code points.
    pub password_min: usize,
    /// Sessions.
    pub sessions: SessionPolicy,
    /// Codes.
    pub codes: CodePolicy,
    /// What tokens look like.
    pub tokens: TokenProfile,
    /// Whether a new account's address must be proved before it can be used.
    pub confirm_address: bool,
    /// The longest nickname taken, in code points.
    pub nickname_max: usize,
    /// The fields of its own that it declares, at most [`MOST_FIELDS`](crate::profile::MOST_FIELDS).
    pub fields: Vec<ProfileField>,
}

impl Policy {
    /// Whether its sessions are for subjects that callers name, rather than for accounts.
    #[must_use]
    pub fn serves_callers(&self) -> bool {
        let mut claims = self.tokens.access.claims.iter();
        claims.any(|(_, source)| *source == ClaimSource::Subject)
    }
}

/// How long sessions last and how they rotate.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy {
    /// When a session ends, however often it is refreshed.
    pub absolute: Duration,
    /// The lifetime of refresh tokens where the person asked to stay logged in; the refresh
    /// token's own lifetime where absent.
    pub keep: Option<Duration>,
    /// Whether a subject has one session of the contract at a time: a new one ends the one before.
    pub one_per_subject: bool,
    /// How forgiving rotation is.
    pub rotation: RotationPolicy,
}

/// What the tokens of a contract look like.
#[derive(Clone, Debug)]
pub struct TokenProfile {
    /// The token that passes guards.
    pub access: TokenSpec,
    /// The token that gets new ones.
    pub refresh: TokenSpec,
    /// Whether one token is both: it passes guards, and it gets its successor.
    pub sliding: bool,
}

impl TokenProfile {
    /// Whether some claim that is always the same tells access tokens from refresh tokens.
    #[must_use]
    pub fn tells_kinds_apart(&self) -> bool {
        self.access.claims.iter().any(|(name, source)| {
            let mut others = self.refresh.claims.iter();
            let other = others.find(|(other, _)| other == name);
            matches!(source, ClaimSource::Literal(_))
                && other.map(|(_, source)| source) != Some(source)
        })
    }
}

/// What one kind of token looks like.
#[derive(Clone, Debug)]
pub struct TokenSpec {
    /// Which key signs it.
    pub key: KeyName,
    /// With which algorithm.
    pub algorithm: daemun_token::Algorithm,
    /// The `typ` member of its header; absent where `None`.
    pub typ: Option<Box<str>>,
    /// Whether the header names the key.
    pub kid: bool,
    /// How long it lives.
    pub lifetime: Duration,
    /// Its claims, in order. The engine's own (`sid`, `gen`, `ctr`) follow them.
    pub claims: Vec<(Box<str>, ClaimSource)>,
    /// Which tokens of this kind are taken that the former back end minted with the same secret.
    pub foreign: Foreign,
}

/// Which tokens of a former back end are taken. They know nothing of our sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// None.
    Refused,
    /// Every one that is not known to be dead.
    Accepted,
    /// Those alone that were taken over from its list of living tokens.
    Listed,
}

/// The keys a token can be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// The team's own secret, shared with its former back end.
    Legacy,
    /// The Ed25519 key published in the JWKS.
    Signing,
    /// A symmetric key that never leaves daemun, for tokens that daemun alone reads.
    Internal,
}

/// Where a claim's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimSource {
    /// The file: the same in every token. When verifying, the claim must have this value.
    Literal(serde_json::Value),
    /// When the token expires, seconds since the epoch.
    ExpiresAt,
    /// When it was issued, seconds since the epoch.
    IssuedAt,
    /// Its id, 32 hex digits.
    TokenId,
    /// The account's id, a JSON number.
    AccountId,
    /// The account's id as a string.
    AccountIdText,
    /// The issuer's URL.
    Issuer,
    /// The session's id.
    SessionId,
    /// The account's e-mail address: personal, for former back ends whose tokens say it.
    AccountEmail,
    /// The subject's name, as the trusted caller gave it.
    Subject,
    /// The subject's type, as the trusted caller gave it.
    SubjectType,
}

impl ClaimSource {
    /// Whether the claim says whom the token speaks of.
    #[must_use]
    pub const fn names_subject(&self) -> bool {
        matches!(
            self,
            Self::AccountId | Self::AccountIdText | Self::AccountEmail | Self::Subject
        )
    }
}

/// The languages messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// Korean.
    Ko,
    /// English.
    En,
}

impl Locale {
    /// Every locale.
    pub const ALL: [Self; 2] = [Self::Ko, Self::En];

    /// Its language tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }

    /// The locale of that language tag.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}
