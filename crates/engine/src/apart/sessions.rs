//! Sessions that live apart, under accounts that live elsewhere.

use async_trait::async_trait;

use super::{Apart, End, Put, Whose};
use crate::{
    audit::AuditKind,
    foreign::{Adopted, Adoption, ForeignId, ForeignState},
    ids::{AccountId, SessionId},
    ports::{Opened, Opening, Origin, Revoke, Rotated, Rotation, Sessions, Stored},
    revocation::{Revocation, RevokedThing},
    session::{RevokeReason, Session, Subject, cuts_off, decide},
    time::Timestamp,
};

use std::{sync::atomic::Ordering, time::Duration};

#[async_trait]
impl Sessions for Apart {
    async fn open_session(&self, opening: Opening) -> Stored<Opened> {
        let session = &opening.session;
        let now = session.created_at;
        let mut before = None;
        if let Some(id) = session.subject.account() {
            if !self.accounts.admit(id, now).await? {
                return Ok(Opened::Refused);
            }
            before = self.cut_off_of(id).await?;
        }
        let kind = match session.subject {
            Subject::Account(_) => AuditKind::LoggedIn,
            Subject::Caller(_) => AuditKind::SessionIssued,
        };
        let replaces = opening.replaces.then_some(opening.horizon);
        let begun = self.begin(session, None, replaces, kind).await?;
        if let Some(id) = session.subject.account()
            && self.shuts_out(id, before, now).await?
        {
            self.sessions
                .end(session.id, shut_out(now, opening.horizon))
                .await?;
            return Ok(Opened::Refused);
        }
        // An id that is taken already is a random number drawn twice: nobody's session is given away.
        Ok(begun.map_or(Opened::Refused, Opened::Opened))
    }

    async fn adopt(&self, adoption: Adoption) -> Stored<Adopted> {
        if self.sessions.session(adoption.session.id).await?.is_some() {
            return self.present_adopted(&adoption).await;
        }
        let state = self
            .accounts
            .foreign_token(&adoption.session.contract, adoption.token)
            .await?;
        match state {
            Some(ForeignState::Dead) => Ok(Adopted::Dead),
            None if adoption.listed_only => Ok(Adopted::Dead),
            None | Some(ForeignState::Listed) => self.adopt_anew(adoption).await,
        }
    }

    async fn foreign_token(
        &self,
        contract: &str,
        token: ForeignId,
    ) -> Stored<Option<ForeignState>> {
        self.accounts.foreign_token(contract, token).await
    }

    async fn rotate(&self, rotation: Rotation) -> Stored<Rotated> {
        let rotated = self.sessions.rotate(&rotation).await?;
        if let Rotated::Judged {
            verdict, session, ..
        } = &rotated
            && let Some(event) = rotation.audit(session, *verdict)
        {
            self.accounts.record(event).await?;
        }
        Ok(rotated)
    }

    async fn session(&self, id: SessionId) -> Stored<Option<Session>> {
        self.sessions.session(id).await
    }

    async fn sessions_of(&self, account: AccountId, now: Timestamp) -> Stored<Vec<Session>> {
        self.sessions.live(Whose::Account(account), now).await
    }

    async fn sessions(&self, after: Option<SessionId>, limit: u32) -> Stored<Vec<Session>> {
        self.sessions.sessions(after, limit).await
    }

    async fn revoke(&self, revoke: Revoke) -> Stored<Vec<Revocation>> {
        self.end_target(revoke).await
    }

    async fn revocations_after(&self, seq: u64, now: Timestamp) -> Stored<Vec<Revocation>> {
        self.revocations_page(seq, now, u32::MAX).await
    }

    async fn revocations_page(
        &self,
        seq: u64,
        now: Timestamp,
        limit: u32,
    ) -> Stored<Vec<Revocation>> {
        self.carry_over(now).await?;
        let horizon = Duration::from_micros(self.horizon.load(Ordering::Acquire));
        self.sessions.log_page(seq, now, horizon, limit).await
    }

    async fn log_name(&self) -> Stored<Option<Box<str>>> {
        self.sessions.log_name().await
    }
}

impl Apart {
    /// Puts a session in, and its beginning into the trail; `None` where there is one of its id.
    async fn begin(
        &self,
        session: &Session,
        kept_until: Option<Timestamp>,
        replaces: Option<Duration>,
        kind: AuditKind,
    ) -> Stored<Option<Vec<Revocation>>> {
        let now = session.created_at;
        let ending = replaces.map(|horizon| End {
            reason: RevokeReason::Replaced,
            now,
            until: now + horizon,
        });
        let put = Put {
            session,
            kept_until,
            replaces: ending,
        };
        let Some(replaced) = self.sessions.put(put).await? else {
            return Ok(None);
        };
        let origin = Origin {
            contract: session.contract.clone(),
            network: Some(session.network.clone()),
        };
        for (entry, ending) in replaced.iter().zip(ending.iter().cycle()) {
            if let RevokedThing::Session(id) = entry.thing {
                let account = session.subject.account();
                let kind = AuditKind::SessionRevoked;
                let event = ending.audit(kind, account, Some(id), &origin);
                self.accounts.record(event).await?;
            }
        }
        self.accounts.record(session.begun(kind)).await?;
        Ok(Some(replaced))
    }

    async fn cut_off_of(&self, id: AccountId) -> Stored<Option<Timestamp>> {
        let account = self.accounts.account(id).await?;
        Ok(account.and_then(|account| account.not_before))
    }

    /// Whether an account cannot be used, or was cut off anew since its cut-off was `before`, as it
    /// stands now: what was decided while a session was put in did not see that session.
    async fn shuts_out(
        &self,
        id: AccountId,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Stored<bool> {
        let account = self.accounts.account(id).await?;
        Ok(account.is_none_or(|account| {
            account.status.admits(now).is_err() || account.not_before != before
        }))
    }

    /// A foreign token whose session there is: judged as its generation 1.
    async fn present_adopted(&self, adoption: &Adoption) -> Stored<Adopted> {
        let rotation = Rotation {
            session: adoption.session.id,
            subject: adoption.session.subject.clone(),
            contract: adoption.session.contract.clone(),
            presented: adoption.presented,
            network: adoption.network,
            policy: adoption.policy,
            horizon: adoption.horizon,
        };
        let judged = self.rotate(rotation).await?;
        Ok(Adopted::Judged(judged, Vec::new()))
    }

    /// Opens the session, rotated already: one value, written once.
    async fn adopt_anew(&self, adoption: Adoption) -> Stored<Adopted> {
        let at = adoption.presented.at;
        let mut before = None;
        if let Some(id) = adoption.session.subject.account() {
            let Some(account) = self.accounts.account(id).await? else {
                return Ok(Adopted::Refused);
            };
            if account.status.admits(at).is_err() {
                return Ok(Adopted::Refused);
            }
            if cuts_off(account.not_before, adoption.issued_at) {
                return Ok(Adopted::Dead);
            }
            before = account.not_before;
        }
        let mut session = adoption.session.clone();
        let verdict = decide(&mut session, adoption.presented, adoption.policy);
        let kept_until = Some(adoption.token_expires_at);
        let replaces = adoption.replaces.then_some(adoption.horizon);
        let kind = AuditKind::SessionAdopted;
        let Some(replaced) = self.begin(&session, kept_until, replaces, kind).await? else {
            // Somebody presented the same token at this very moment, and was first.
            return self.present_adopted(&adoption).await;
        };
        if let Some(id) = session.subject.account()
            && self.shuts_out(id, before, at).await?
        {
            self.sessions
                .end(session.id, shut_out(at, adoption.horizon))
                .await?;
            return Ok(Adopted::Refused);
        }
        let judged = Rotated::Judged {
            verdict,
            session: Box::new(session),
            revocation: None,
        };
        Ok(Adopted::Judged(judged, replaced))
    }
}

/// How a session ends that nobody was told of.
fn shut_out(now: Timestamp, horizon: Duration) -> End {
    End {
        reason: RevokeReason::Operator,
        now,
        until: now + horizon,
    }
}
