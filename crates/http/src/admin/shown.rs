//! Accounts, sessions and the audit trail in JSON, as the admin API and the commands show them.

use daemun_engine::{
    account::{Account, Status},
    audit::AuditEvent,
    session::{RevokeReason, Session},
    time::Timestamp,
};
use serde_json::{Value, json};

/// An account.
#[must_use]
pub fn account_json(account: &Account) -> Value {
    let (since, until, erase_at) = match account.status {
        Status::Unverified => (None, None, None),
        Status::Active { since } => (Some(since), None, None),
        Status::Suspended { since, until } => (Some(since), until, None),
        Status::Withdrawn { since, erase_at } => (Some(since), None, erase_at),
    };
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": account.id,
        "status": account.status.name(),
        "since": text(since),
        "until": text(until),
        "erase_at": text(erase_at),
        "erased": account.is_erased(),
        "reason": account.status_reason,
        "email": account.email,
        "phone": account.phone,
        "nickname": account.nickname,
        "roles": account.roles,
        "linked": account.linked,
        "profile": account.profile,
        "created_at": account.created_at.to_string(),
        "updated_at": account.updated_at.to_string(),
        "last_login_at": text(account.last_login_at),
    })
}

/// A session as it is at `now`.
#[must_use]
pub fn session_json(session: &Session, now: Timestamp) -> Value {
    let caller = session.subject.caller();
    json!({
        "id": session.id.to_string(),
        "account": session.subject.account(),
        "subject": caller.map(|caller| &caller.name),
        "subject_type": caller.map(|caller| &caller.kind),
        "contract": session.contract,
        "state": session_state(session, now),
        "live": session.is_live(now),
        "generation": session.generation,
        "created_at": session.created_at.to_string(),
        "last_used_at": session.rotated_at.to_string(),
        "refresh_expires_at": session.refresh_expires_at().to_string(),
        "expires_at": session.expires_at.to_string(),
        "revoked_at": session.revoked.map(|revoked| revoked.at.to_string()),
        "reason": session.revoked.map(|revoked| revoked.reason.name()),
        "user_agent": session.user_agent,
        "network": session.network,
    })
}

/// An entry of the audit trail. What a service or an operator did says so in `contract`, which is
/// `service:NAME` then, or empty.
#[must_use]
pub fn event_json(event: &AuditEvent) -> Value {
    json!({
        "at": event.at.to_string(),
        "kind": event.kind.name(),
        "contract": event.contract,
        "account": event.account,
        "session": event.session.map(|id| id.to_string()),
        "network": event.network,
        "detail": event.detail,
    })
}

/// In one sentence, why a session is over, or that it is not.
#[must_use]
pub fn session_why(session: Option<&Session>, now: Timestamp) -> String {
    let Some(session) = session else {
        return "The session itself was cleared away; this is what the audit trail tells.".into();
    };
    if let Some(revoked) = session.revoked {
        return format!("It ended at {}: {}.", revoked.at, reason(revoked.reason));
    }
    if now >= session.expires_at {
        return format!(
            "It ended at {}: a login lasts no longer, however often it is refreshed.",
            session.expires_at
        );
    }
    let idle_end = session.refresh_expires_at();
    if now >= idle_end {
        return format!(
            "It ended at {idle_end}: it was not refreshed in time, last at {}.",
            session.rotated_at
        );
    }
    format!("It is not over: it can be refreshed until {idle_end}.")
}

/// In a word, whether a session lives, and if not, why.
#[must_use]
pub fn session_state(session: &Session, now: Timestamp) -> &'static str {
    match session.revoked {
        Some(revoked) => revoked.reason.name(),
        None if session.is_live(now) => "live",
        None => "expired",
    }
}

const fn reason(reason: RevokeReason) -> &'static str {
    match reason {
        RevokeReason::LoggedOut => "its owner logged out",
        RevokeReason::LoggedOutEverywhere => "its owner logged out everywhere",
        RevokeReason::EndedByOwner => "its owner ended it from another session",
        RevokeReason::Reused => "an old refresh token was used again, so somebody has a copy",
        RevokeReason::PasswordChanged => "the password was changed",
        RevokeReason::Suspended => "the account was suspended",
        RevokeReason::Lost => "the store that held it lost its data",
        RevokeReason::Withdrawn => "the account was given up",
        RevokeReason::Operator => "an operator ended it",
        RevokeReason::Replaced => "a later login took its place",
    }
}
