//! Sessions: one row a login, of constant size however often its tokens rotate.
//!
//! A refresh token says which session it belongs to and which **generation** of it. Nothing is
//! kept per token: whether a presented token is the current one, a copy of the one just replaced,
//! or a stolen old one follows from comparing two numbers ([`decide`]). The successor of a
//! generation is a pure function of the session row, so every caller who is entitled to it gets
//! the very same token, byte for byte.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    audit::{AuditEvent, AuditKind},
    client::ClientPrint,
    ids::{AccountId, SessionId},
    time::Timestamp,
};

/// Whom a session speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// One of our accounts.
    Account(AccountId),
    /// Somebody whom a trusted caller names, and for whom no account need exist.
    Caller(CallerSubject),
}

/// Whom a trusted caller names, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallerSubject {
    /// The name.
    pub name: Box<str>,
    /// What kind of subject it is.
    pub kind: Box<str>,
}

impl CallerSubject {
    /// Somebody of that name and kind.
    #[must_use]
    pub fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
        }
    }
}

impl Subject {
    /// The account, where the subject is one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(*id),
            Self::Caller(_) => None,
        }
    }

    /// The caller's own subject, where it is one.
    #[must_use]
    pub const fn caller(&self) -> Option<&CallerSubject> {
        match self {
            Self::Account(_) => None,
            Self::Caller(subject) => Some(subject),
        }
    }
}

/// One login on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, also the `sid` of its tokens.
    pub id: SessionId,
    /// Whom it speaks of.
    pub subject: Subject,
    /// The contract it was opened through; its tokens are worth nothing in another.
    pub contract: Box<str>,
    /// The current generation; the first is 1.
    pub generation: u64,
    /// When the current generation began.
    pub rotated_at: Timestamp,
    /// Who began it.
    pub rotated_by: ClientPrint,
    /// The rotations its client made in quick succession, the last one included.
    pub burst: Burst,
    /// The last recovery that was granted.
    pub recovered: Option<Recovery>,
    /// When the login was.
    pub created_at: Timestamp,
    /// How long a refresh token of this session lives.
    pub idle: Duration,
    /// When the session ends, whatever its tokens say.
    pub expires_at: Timestamp,
    /// When and why it was ended before its time.
    pub revoked: Option<Revoked>,
    /// The browser or app, as it called itself at login.
    pub user_agent: Box<str>,
    /// The network of the login, as text.
    pub network: Box<str>,
}

impl Session {
    /// When the refresh token of the current generation expires: a lifetime after the last
    /// rotation, and never after the session's own end.
    #[must_use]
    pub fn refresh_expires_at(&self) -> Timestamp {
        (self.rotated_at + self.idle).min(self.expires_at)
    }

    /// Whether a token of `generation` counts at `now`: the current one does, and one that was
    /// replaced within the grace. Changes nothing.
    #[must_use]
    pub fn still_counts(&self, generation: u64, now: Timestamp, policy: RotationPolicy) -> bool {
        let replaced_lately = now.since(self.rotated_at) <= policy.grace;
        generation >= self.generation || (replaced_lately && generation >= self.burst.before)
    }

    /// What the audit trail is told of its beginning.
    #[must_use]
    pub fn begun(&self, kind: AuditKind) -> AuditEvent {
        AuditEvent {
            at: self.created_at,
            kind,
            contract: self.contract.clone(),
            account: self.subject.account(),
            session: Some(self.id),
            network: Some(self.network.clone()),
            detail: None,
        }
    }

    /// Whether the session can still be refreshed at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.refresh_expires_at()
    }
}

/// Rotations by one client within one grace: several tabs that woke together, each replacing what
/// the one before was given. What any of them replaced may still be on its way in another tab's
/// request, so a burst counts as one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The first generation it replaced.
    pub from: u64,
    /// When that was.
    pub at: Timestamp,
    /// The first generation of the burst before, where this one followed within a grace; `from`
    /// where none did.
    pub before: u64,
}

impl Burst {
    /// A burst that begins by replacing `generation`, with none before it.
    #[must_use]
    pub const fn beginning(generation: u64, at: Timestamp) -> Self {
        Self {
            from: generation,
            at,
            before: generation,
        }
    }
}

/// A recovery: the successor was handed out once more, late or to somebody elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The generation that was current.
    pub generation: u64,
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub by: ClientPrint,
}

/// When and why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevokeReason,
}

/// Why a session was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// Its owner logged out.
    LoggedOut,
    /// Its owner logged out everywhere.
    LoggedOutEverywhere,
    /// Its owner ended it from another session.
    EndedByOwner,
    /// An old refresh token was used again: somebody has a copy.
    Reused,
    /// The password was changed.
    PasswordChanged,
    /// The account was suspended.
    Suspended,
    /// The account was withdrawn.
    Withdrawn,
    /// An operator ended it.
    Operator,
    /// A later login took its place.
    Replaced,
    /// The store that held it lost its data.
    Lost,
}

impl RevokeReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::LoggedOut,
        Self::LoggedOutEverywhere,
        Self::EndedByOwner,
        Self::Reused,
        Self::PasswordChanged,
        Self::Suspended,
        Self::Withdrawn,
        Self::Operator,
        Self::Replaced,
        Self::Lost,
    ];

    /// The stable name that stores and logs use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::LoggedOutEverywhere => "logged_out_everywhere",
            Self::EndedByOwner => "ended_by_owner",
            Self::Reused => "reused",
            Self::PasswordChanged => "password_changed",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
            Self::Operator => "operator",
            Self::Replaced => "replaced",
            Self::Lost => "lost",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// How forgiving rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long after a rotation its own client may present the replaced token again.
    pub grace: Duration,
    /// How many generations must pass between two recoveries; none is granted where absent.
    pub recovery_gap: Option<u64>,
    /// Whether, within the grace, the replaced token is honoured from any client: where a team's
    /// own services present it for their users, the client says nothing.
    pub any_client: bool,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            recovery_gap: Some(8),
            any_client: false,
        }
    }
}

/// What a presented refresh token turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The current one: a new generation began.
    Rotated,
    /// A copy of the one just replaced, from the client that replaced it: the same successor.
    Replayed,
    /// The one before, late or from elsewhere, once: the same successor. Audited.
    Recovered,
    /// Ahead of the store, which lost a write: honoured. Audited.
    RolledForward,
    /// An old one again: the session is now revoked. Audited.
    Reused,
    /// The session had been revoked before.
    Revoked(RevokeReason),
    /// The session is past its end.
    Expired,
}

impl Verdict {
    /// Whether the caller gets a successor.
    #[must_use]
    pub const fn grants(self) -> bool {
        matches!(
            self,
            Self::Rotated | Self::Replayed | Self::Recovered | Self::RolledForward
        )
    }
}

/// A presented refresh token, and who presents it when.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// The generation the token names.
    pub generation: u64,
    /// Who presents it.
    pub by: ClientPrint,
    /// When.
    pub at: Timestamp,
}

/// Whether a token without a session, issued then (in whole seconds), is from before an account's
/// cut-off.
#[must_use]
pub fn cuts_off(cut_off: Option<Timestamp>, issued_at: Timestamp) -> bool {
    cut_off.is_some_and(|cut_off| issued_at.unix_seconds() <= cut_off.unix_seconds())
}

/// Judges `presented` against `session`. Where the verdict changes the session, the change has
/// been made to `session`, and the caller must commit it together with the verdict or not at all.
///
/// Pure: the same state, token, time and policy always give the same verdict.
pub fn decide(session: &mut Session, presented: Presented, policy: RotationPolicy) -> Verdict {
    if let Some(revoked) = session.revoked {
        return Verdict::Revoked(revoked.reason);
    }
    if presented.at >= session.expires_at {
        return Verdict::Expired;
    }
    if presented.generation == session.generation {
        return begin_generation(
            session,
            session.generation,
            presented,
            policy,
            Verdict::Rotated,
        );
    }
    if presented.generation > session.generation {
        return begin_generation(
            session,
            presented.generation,
            presented,
            policy,
            Verdict::RolledForward,
        );
    }
    if was_just_replaced(session, presented, policy) {
        return Verdict::Replayed;
    }
    if presented.generation >= session.burst.before {
        if was_just_recovered(session, presented, policy) {
            return Verdict::Replayed;
        }
        if may_recover(session, policy) {
            session.recovered = Some(Recovery {
                generation: session.generation,
                at: presented.at,
                by: presented.by,
            });
            return Verdict::Recovered;
        }
    }
    session.revoked = Some(Revoked {
        at: presented.at,
        reason: RevokeReason::Reused,
    });
    Verdict::Reused
}

fn begin_generation(
    session: &mut Session,
    replaced: u64,
    presented: Presented,
    policy: RotationPolicy,
    verdict: Verdict,
) -> Verdict {
    session.burst = next_burst(session, replaced, presented, policy);
    session.generation = replaced.saturating_add(1);
    session.rotated_at = presented.at;
    session.rotated_by = presented.by;
    verdict
}

/// The burst that replacing `replaced` belongs to. One that follows within a grace of the last
/// grant, a recovery included, still knows where the one before began: requests may be on their
/// way that were sent before either.
fn next_burst(
    session: &Session,
    replaced: u64,
    presented: Presented,
    policy: RotationPolicy,
) -> Burst {
    let within_grace = |at: Timestamp| presented.at.since(at) <= policy.grace;
    let recovered_lately = session
        .recovered
        .is_some_and(|recovery| within_grace(recovery.at));
    let follows = session.generation > 1 && (within_grace(session.rotated_at) || recovered_lately);
    match follows {
        true if within_grace(session.burst.at) => session.burst,
        true => Burst {
            from: replaced,
            at: presented.at,
            before: session.burst.from,
        },
        false => Burst::beginning(replaced, presented.at),
    }
}

/// Whether this very client replaced the token only just now, by the last rotation or earlier in
/// the same burst. A burst lasts no longer than a grace, so the oldest token it can save was
/// replaced three graces ago.
fn was_just_replaced(session: &Session, presented: Presented, policy: RotationPolicy) -> bool {
    (policy.any_client || presented.by == session.rotated_by)
        && presented.generation >= session.burst.before
        && presented.at.since(session.rotated_at) <= policy.grace
}

/// Whether this very client was granted the successor by a recovery only just now, whose reply may
/// have been lost as well.
fn was_just_recovered(session: &Session, presented: Presented, policy: RotationPolicy) -> bool {
    session.recovered.is_some_and(|recovery| {
        recovery.by == presented.by && presented.at.since(recovery.at) <= policy.grace
    })
}

fn may_recover(session: &Session, policy: RotationPolicy) -> bool {
    let Some(gap) = policy.recovery_gap else {
        return false;
    };
    session
        .recovered
        .is_none_or(|last| session.generation.saturating_sub(last.generation) >= gap)
}

#[cfg(test)]
mod tests;
