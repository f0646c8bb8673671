//! Adopting a former back end's refresh token: from a stranger's token to a session of ours, once.

use std::sync::Arc;

use crate::{
    address::Identifier,
    audit::AuditKind,
    engine::{Caller, Engine, Realm},
    foreign::{Adopted, Adoption, FOREIGN_GENERATION, session_of},
    ids::AccountId,
    operations::{RefreshError, Trouble},
    policy::{Foreign, Policy},
    ports::{Rotated, StoreError},
    session::{Presented, Subject},
    time::Timestamp,
    tokens::{ForeignProof, Proven},
};

/// Whom a former back end's token speaks of.
pub(super) enum ForeignSubject {
    /// Somebody who was taken over, or whom a trusted caller named.
    Known(Subject),
    /// Nobody who is here.
    Gone,
    /// Somebody who was never that back end's.
    NotTheirs,
}

impl Engine {
    /// Presents a foreign refresh token. The account, and what became of it.
    pub(super) async fn adopt(
        &self,
        realm: &Realm,
        caller: &Caller,
        proof: &ForeignProof,
        now: Timestamp,
    ) -> Result<(Option<AccountId>, Rotated), RefreshError> {
        let policy = realm.policy();
        let subject = match self.foreign_subject(policy, &proof.subject).await? {
            ForeignSubject::Known(subject) => subject,
            ForeignSubject::Gone => return Err(RefreshError::AccountGone),
            ForeignSubject::NotTheirs => return Err(RefreshError::InvalidToken),
        };
        let account = subject.account();
        let mut session = self
            .new_session(realm, caller, subject, idle_of(policy, proof), now)
            .map_err(|error| RefreshError::Trouble(error.into()))?;
        session.id = session_of(&policy.contract, proof.id, proof.issued_at);
        session.generation = FOREIGN_GENERATION;
        let adoption = Adoption {
            token: proof.id,
            presented: Presented {
                generation: FOREIGN_GENERATION,
                by: session.rotated_by,
                at: now,
            },
            session,
            issued_at: proof.issued_at,
            token_expires_at: proof.expires_at,
            listed_only: policy.tokens.refresh.foreign == Foreign::Listed,
            replaces: policy.sessions.one_per_subject,
            network: caller.client.network(),
            policy: policy.sessions.rotation,
            horizon: self.horizon(),
        };
        match self.sessions.adopt(adoption).await? {
            Adopted::Judged(rotated, revoked) => {
                self.applied(&revoked);
                Ok((account, rotated))
            }
            Adopted::Dead => {
                self.refused(realm, caller, account, "dead", now).await?;
                Err(RefreshError::Revoked)
            }
            Adopted::Refused => {
                self.refused(realm, caller, account, "account", now).await?;
                Err(self.why_refused(account, now).await?)
            }
        }
    }

    /// Whom a foreign token speaks of. An account of ours that merely has the number of one of
    /// theirs is nobody the token speaks of: those that were taken over alone count.
    pub(super) async fn foreign_subject(
        &self,
        policy: &Policy,
        proven: &Proven,
    ) -> Result<ForeignSubject, StoreError> {
        let account = match proven {
            Proven::Subject(Subject::Account(id)) => self.load_account(*id).await?,
            Proven::Subject(subject) => return Ok(ForeignSubject::Known(subject.clone())),
            Proven::Email(email) => match Identifier::parse(email, policy.identifiers) {
                Ok(identifier) => {
                    let found = self.accounts.account_by_identifier(&identifier).await?;
                    found.map(|(account, _)| Arc::new(account))
                }
                Err(_) => None,
            },
        };
        Ok(match account {
            None => ForeignSubject::Gone,
            Some(account) if account.imported => {
                ForeignSubject::Known(Subject::Account(account.id))
            }
            Some(_) => ForeignSubject::NotTheirs,
        })
    }

    async fn refused(
        &self,
        realm: &Realm,
        caller: &Caller,
        account: Option<AccountId>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let origin = caller.origin(realm);
        let about = (account, None);
        Ok(self
            .record(AuditKind::AdoptionRefused, origin, about, why, now)
            .await?)
    }

    async fn why_refused(
        &self,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<RefreshError, RefreshError> {
        let Some(id) = account else {
            return Ok(RefreshError::Revoked);
        };
        Ok(match self.accounts.account(id).await? {
            None => RefreshError::AccountGone,
            Some(account) => account
                .status
                .admits(now)
                .map_or_else(RefreshError::Barred, |()| RefreshError::Revoked),
        })
    }
}

/// A foreign token that was made to live longer than usual is of somebody who asked to stay logged
/// in.
fn idle_of(policy: &Policy, proof: &ForeignProof) -> std::time::Duration {
    let usual = policy.tokens.refresh.lifetime;
    match policy.sessions.keep {
        Some(longer) if proof.expires_at.since(proof.issued_at) > usual => longer,
        _ => usual,
    }
}

impl From<Trouble> for RefreshError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}
