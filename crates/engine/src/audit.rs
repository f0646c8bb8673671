//! The audit trail: what was decided about whom, when and why. Written in the same transaction as
//! the fact it tells of.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, SessionId},
    time::Timestamp,
};

/// One entry. Holds no secret and no address of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: AuditKind,
    /// Through which contract; empty for an operator's act.
    pub contract: Box<str>,
    /// The account it is about.
    pub account: Option<AccountId>,
    /// The session it is about.
    pub session: Option<SessionId>,
    /// From which network.
    pub network: Option<Box<str>>,
    /// A short remark in stable words: a reason's name, a generation.
    pub detail: Option<Box<str>>,
}

/// What an audit entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// An account was made.
    AccountCreated,
    /// A sign-up named an address that already has an account.
    SignUpRepeated,
    /// A code was sent.
    CodeSent,
    /// A code was asked for and not sent; `detail` says why.
    CodeWithheld,
    /// An address was proved by its code.
    CodeRedeemed,
    /// A wrong, dead or exhausted code was presented.
    CodeRefused,
    /// A login succeeded and opened a session.
    LoggedIn,
    /// A login failed; `detail` says why.
    LoginRefused,
    /// A refresh token late or from elsewhere was honoured, once.
    TokenRecovered,
    /// A refresh token ahead of the store was honoured.
    TokenRolledForward,
    /// An old refresh token was used again; its session was revoked.
    TokenReused,
    /// A session was ended; `detail` says why.
    SessionRevoked,
    /// All sessions of an account were ended; `detail` says why.
    SessionsRevoked,
    /// A password hash was replaced by a stronger one of the same password.
    PasswordRehashed,
    /// An account's status changed; `detail` names the new one.
    StatusChanged,
    /// A signing key changed its state; `detail` names it.
    KeyChanged,
    /// A trusted caller had a session opened for a subject it named.
    SessionIssued,
    /// A former back end's refresh token became a session.
    SessionAdopted,
    /// A former back end's refresh token was refused; `detail` says why.
    AdoptionRefused,
    /// Accounts were taken over from another back end; `detail` says how many.
    AccountsImported,
    /// What was personal about a withdrawn account was erased.
    AccountErased,
    /// What an account may do was changed.
    RolesChanged,
    /// A service key was made or revoked; `detail` names it.
    ServiceKeyChanged,
}

impl AuditKind {
    /// Every kind.
    pub const ALL: [Self; 23] = [
        Self::AccountCreated,
        Self::SignUpRepeated,
        Self::CodeSent,
        Self::CodeWithheld,
        Self::CodeRedeemed,
        Self::CodeRefused,
        Self::LoggedIn,
        Self::LoginRefused,
        Self::TokenRecovered,
        Self::TokenRolledForward,
        Self::TokenReused,
        Self::SessionRevoked,
        Self::SessionsRevoked,
        Self::PasswordRehashed,
        Self::StatusChanged,
        Self::KeyChanged,
        Self::SessionIssued,
        Self::SessionAdopted,
        Self::AdoptionRefused,
        Self::AccountsImported,
        Self::AccountErased,
        Self::RolesChanged,
        Self::ServiceKeyChanged,
    ];

    /// The stable name that stores and listings use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountCreated => "account_created",
            Self::SignUpRepeated => "sign_up_repeated",
            Self::CodeSent => "code_sent",
            Self::CodeWithheld => "code_withheld",
            Self::CodeRedeemed => "code_redeemed",
            Self::CodeRefused => "code_refused",
            Self::LoggedIn => "logged_in",
            Self::LoginRefused => "login_refused",
            Self::TokenRecovered => "token_recovered",
            Self::TokenRolledForward => "token_rolled_forward",
            Self::TokenReused => "token_reused",
            Self::SessionRevoked => "session_revoked",
            Self::SessionsRevoked => "sessions_revoked",
            Self::PasswordRehashed => "password_rehashed",
            Self::StatusChanged => "status_changed",
            Self::KeyChanged => "key_changed",
            Self::SessionIssued => "session_issued",
            Self::SessionAdopted => "session_adopted",
            Self::AdoptionRefused => "adoption_refused",
            Self::AccountsImported => "accounts_imported",
            Self::AccountErased => "account_erased",
            Self::RolesChanged => "roles_changed",
            Self::ServiceKeyChanged => "service_key_changed",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
