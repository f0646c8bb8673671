//! Revocations, held in memory so that a guard asks nobody.
//!
//! Access tokens verify by signature alone. What must die before its expiry is in this small set:
//! single sessions, and accounts with "nothing issued before T". An entry is forgotten once no
//! access token it could concern is still alive, so the set is bounded by the access lifetime.

use std::{collections::HashMap, sync::RwLock};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, SessionId},
    session::RevokeReason,
    time::Timestamp,
};

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedThing {
    /// One session.
    Session(SessionId),
    /// Whatever was issued to an account before a point in time.
    AccountBefore(AccountId, Timestamp),
    /// Whatever was issued to anybody before a point in time: the sessions of then are lost.
    EverythingBefore(Timestamp),
}

/// One revocation, in the order of the log it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its place in the log, rising.
    pub seq: u64,
    /// What is revoked.
    pub thing: RevokedThing,
    /// Why.
    pub reason: RevokeReason,
    /// When it may be forgotten.
    pub until: Timestamp,
}

/// The set of revocations in force.
#[derive(Debug, Default)]
pub struct RevocationSet {
    entries: RwLock<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    sessions: HashMap<SessionId, (RevokeReason, Timestamp)>,
    accounts: HashMap<AccountId, (Timestamp, RevokeReason, Timestamp)>,
    everything: Option<(Timestamp, RevokeReason, Timestamp)>,
}

impl RevocationSet {
    /// Takes in what a store committed. Order does not matter, nor does hearing it twice.
    pub fn apply(&self, revocations: &[Revocation]) {
        if revocations.is_empty() {
            return;
        }
        let mut entries = self.entries.write().unwrap_or_else(|e| e.into_inner());
        for revocation in revocations {
            entries.insert(revocation);
        }
    }

    /// Why a token of this session or account is revoked; `None` where it is not.
    ///
    /// An account's cut-off is compared with the beginning of the session, which its id tells to
    /// the millisecond; `issued_at`, whole seconds, serves only tokens that have no session. In
    /// the very unit of the cut-off a token counts as revoked: better one login too many.
    #[must_use]
    pub fn reason(
        &self,
        session: Option<SessionId>,
        account: Option<AccountId>,
        issued_at: Timestamp,
    ) -> Option<RevokeReason> {
        let entries = self.entries.read().unwrap_or_else(|e| e.into_inner());
        let by_session = session
            .and_then(|id| entries.sessions.get(&id))
            .map(|(reason, _)| *reason);
        let cut_off = |cut_off: &(Timestamp, RevokeReason, Timestamp)| {
            let (before, reason, _) = cut_off;
            let begun_before = match session {
                Some(id) => id.created_millis() <= before.unix_millis(),
                None => issued_at.unix_seconds() <= before.unix_seconds(),
            };
            begun_before.then_some(*reason)
        };
        let by_account = || entries.accounts.get(&account?).and_then(cut_off);
        let by_loss = || entries.everything.as_ref().and_then(cut_off);
        by_session.or_else(by_account).or_else(by_loss)
    }

    /// Forgets what no living token can concern any more.
    pub fn forget_expired(&self, now: Timestamp) {
        let mut entries = self.entries.write().unwrap_or_else(|e| e.into_inner());
        entries.sessions.retain(|_, (_, until)| *until > now);
        entries.accounts.retain(|_, (_, _, until)| *until > now);
        entries.everything.take_if(|(_, _, until)| *until <= now);
    }

    /// How many revocations are held.
    #[must_use]
    pub fn len(&self) -> usize {
        let entries = self.entries.read().unwrap_or_else(|e| e.into_inner());
        entries.sessions.len() + entries.accounts.len() + usize::from(entries.everything.is_some())
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Entries {
    fn insert(&mut self, revocation: &Revocation) {
        match revocation.thing {
            RevokedThing::Session(id) => {
                self.sessions
                    .insert(id, (revocation.reason, revocation.until));
            }
            RevokedThing::AccountBefore(id, before) => {
                let new = (before, revocation.reason, revocation.until);
                let entry = self.accounts.entry(id).or_insert(new);
                *entry = later(*entry, new);
            }
            RevokedThing::EverythingBefore(before) => {
                let new = (before, revocation.reason, revocation.until);
                self.everything = Some(self.everything.map_or(new, |old| later(old, new)));
            }
        }
    }
}

/// Of two cut-offs the later holds, for as long as either must.
fn later(
    old: (Timestamp, RevokeReason, Timestamp),
    new: (Timestamp, RevokeReason, Timestamp),
) -> (Timestamp, RevokeReason, Timestamp) {
    let (before, reason, _) = if new.0 >= old.0 { new } else { old };
    (before, reason, new.2.max(old.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(before: i64, until: i64) -> Revocation {
        Revocation {
            seq: 1,
            thing: RevokedThing::EverythingBefore(Timestamp::from_unix_seconds(before)),
            reason: RevokeReason::Lost,
            until: Timestamp::from_unix_seconds(until),
        }
    }

    #[test]
    fn f06_what_began_before_the_sessions_were_lost_is_refused() {
        let set = RevocationSet::default();
        let session = |second| SessionId::new(Timestamp::from_unix_seconds(second), [0; 10]);
        let why = |id, at| set.reason(id, None, Timestamp::from_unix_seconds(at));
        assert_eq!(why(Some(session(90)), 90), None);
        set.apply(&[lost(100, 400), lost(95, 500)]);
        assert_eq!(set.len(), 1);
        for old in [90, 100] {
            assert_eq!(why(Some(session(old)), 300), Some(RevokeReason::Lost));
            assert_eq!(why(None, old), Some(RevokeReason::Lost));
        }
        assert_eq!(why(Some(session(101)), 101), None);
        assert_eq!(why(None, 101), None);
        set.forget_expired(Timestamp::from_unix_seconds(499));
        assert_eq!(set.len(), 1);
        set.forget_expired(Timestamp::from_unix_seconds(500));
        assert!(set.is_empty());
    }
}
