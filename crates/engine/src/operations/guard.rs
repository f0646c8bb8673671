//! The guard: whom a request is from, asking nobody.

use std::sync::Arc;

use crate::{
    account::{Account, Barred},
    engine::{Engine, Realm},
    foreign::{FOREIGN_GENERATION, ForeignState, session_of},
    ids::{AccountId, SessionId},
    operations::{Trouble, adopt::ForeignSubject, barred_outcome},
    policy::Foreign,
    ports::StoreError,
    session::{RevokeReason, Subject},
    time::Timestamp,
    tokens::{AccessProof, ForeignProof, Proven, RefreshProof, TokenFault},
    vocabulary::{Failure, Outcome},
};

/// Who a verified request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whom it speaks of.
    pub subject: Subject,
    /// The session; absent for tokens of a former back end.
    pub session: Option<SessionId>,
    /// When the token was issued.
    pub issued_at: Timestamp,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// When the request was looked at.
    pub at: Timestamp,
}

impl Principal {
    /// The account, where the request is from one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.subject.account()
    }
}

/// Why a request is from nobody.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Malformed, forged, or another contract's.
    #[error("not a token of this contract")]
    InvalidToken,
    /// Genuine, but over.
    #[error("the token has expired")]
    Expired,
    /// Genuine, but not an access token.
    #[error("not an access token")]
    WrongType,
    /// Its session was ended.
    #[error("the session was ended")]
    Revoked,
    /// Its account is no more.
    #[error("the account is no more")]
    AccountGone,
    /// Its account cannot be used.
    #[error("the account cannot be used")]
    Barred(Barred),
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&GuardError> for Failure {
    fn from(error: &GuardError) -> Self {
        match error {
            GuardError::InvalidToken => Outcome::InvalidToken.into(),
            GuardError::Expired => Outcome::Expired.into(),
            GuardError::WrongType => Outcome::WrongType.into(),
            GuardError::Revoked => Outcome::Revoked.into(),
            GuardError::AccountGone => Outcome::AccountGone.into(),
            GuardError::Barred(barred) => barred_outcome(*barred).into(),
            GuardError::Trouble(trouble) => trouble.into(),
        }
    }
}

/// Why a token is not good.
#[derive(Debug, thiserror::Error)]
pub enum CheckTokenError {
    /// Malformed, forged, or another contract's.
    #[error("not a token of this contract")]
    InvalidToken,
    /// Genuine, but over.
    #[error("the token has expired")]
    Expired,
    /// Its session was ended, or its account cannot be used.
    #[error("the session was ended")]
    Revoked,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&CheckTokenError> for Failure {
    fn from(error: &CheckTokenError) -> Self {
        match error {
            CheckTokenError::InvalidToken => Outcome::InvalidToken.into(),
            CheckTokenError::Expired => Outcome::Expired.into(),
            CheckTokenError::Revoked => Outcome::Revoked.into(),
            CheckTokenError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Verifies an access token: signature, claims, revocations. Where all is well and the token
    /// is one of ours that is not refreshed itself, no store is asked.
    ///
    /// # Errors
    /// Why the request is from nobody.
    pub async fn authenticate(&self, realm: &Realm, token: &str) -> Result<Principal, GuardError> {
        let now = self.clock.now();
        let tokens = realm.tokens();
        let proof = tokens.verify_access(token, now)?;
        // Whose a foreign token is comes first: of an account that only has the number of one of
        // theirs it says nothing, not even that it is shut out.
        let foreign = match proof.session {
            None => Some(Box::pin(self.check_foreign(realm, &proof, now)).await?),
            Some(_) => None,
        };
        let account = match &foreign {
            Some(subject) => subject.account(),
            None => proof.subject.account(),
        };
        if let Some(reason) = self
            .revocations
            .reason(proof.session, account, proof.issued_at)
        {
            return Err(self.why_shut_out(reason, account, now).await?);
        }
        if !self.is_up_to_date() {
            let what = "the log of revocations cannot be read";
            return Err(StoreError::Unavailable(what.into()).into());
        }
        let subject = match foreign {
            Some(subject) => subject,
            None => proven(proof.subject)?,
        };
        if let (Some(session), Some(generation)) = (proof.session, proof.generation) {
            self.check_generation(realm, session, generation, &subject, now)
                .await?;
        }
        Ok(Principal {
            subject,
            session: proof.session,
            issued_at: proof.issued_at,
            expires_at: Timestamp::from_unix_seconds(proof.expires_at),
            at: now,
        })
    }

    /// The record of the account a request is from.
    ///
    /// # Errors
    /// [`GuardError::AccountGone`] where it is no more.
    pub async fn who_am_i(&self, principal: &Principal) -> Result<Arc<Account>, GuardError> {
        let id = principal.account().ok_or(GuardError::AccountGone)?;
        self.load_account(id).await?.ok_or(GuardError::AccountGone)
    }

    /// Says whether a token, access or refresh, is good at this moment. Changes nothing: a refresh
    /// token is not used up by it.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn check_token(&self, realm: &Realm, token: &str) -> Result<(), CheckTokenError> {
        match self.authenticate(realm, token).await {
            Ok(_) => return Ok(()),
            Err(GuardError::Trouble(trouble)) => return Err(CheckTokenError::Trouble(trouble)),
            Err(GuardError::Expired) => return Err(CheckTokenError::Expired),
            Err(GuardError::Revoked | GuardError::AccountGone | GuardError::Barred(_)) => {
                return Err(CheckTokenError::Revoked);
            }
            Err(GuardError::InvalidToken | GuardError::WrongType) => {}
        }
        self.check_refresh(realm, token).await.map(|_| ())
    }

    /// Whom a request is from that shows an access token, or, failing that, a refresh token whose
    /// session is alive. Nothing is used up. `None` where neither is good.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn probe(
        &self,
        realm: &Realm,
        access: Option<&str>,
        refresh: Option<&str>,
    ) -> Result<Option<Principal>, Trouble> {
        if let Some(token) = access {
            match self.authenticate(realm, token).await {
                Ok(principal) => return Ok(Some(principal)),
                Err(GuardError::Trouble(trouble)) => return Err(trouble),
                Err(_) => {}
            }
        }
        let Some(token) = refresh else {
            return Ok(None);
        };
        match self.check_refresh(realm, token).await {
            Ok(principal) => Ok(Some(principal)),
            Err(CheckTokenError::Trouble(trouble)) => Err(trouble),
            Err(_) => Ok(None),
        }
    }

    /// Whom a refresh token speaks of, where it could be used now: of the current generation, or
    /// of the one before, which may still be forgiven.
    async fn check_refresh(
        &self,
        realm: &Realm,
        token: &str,
    ) -> Result<Principal, CheckTokenError> {
        let now = self.clock.now();
        let proof = realm
            .tokens()
            .verify_refresh(token, now)
            .map_err(|fault| match fault {
                TokenFault::Expired => CheckTokenError::Expired,
                TokenFault::Invalid | TokenFault::WrongType => CheckTokenError::InvalidToken,
            })?;
        match proof {
            RefreshProof::Own(proof) => {
                self.check_session(realm, proof.session, proof.generation, &proof.subject, now)
                    .await
            }
            RefreshProof::Foreign(proof) => {
                Box::pin(self.check_foreign_refresh(realm, &proof, now)).await
            }
        }
    }

    async fn check_session(
        &self,
        realm: &Realm,
        session: SessionId,
        generation: u64,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Principal, CheckTokenError> {
        let session = self.sessions.session(session).await?;
        let session = session.ok_or(CheckTokenError::Revoked)?;
        if session.subject != *subject || session.contract != realm.policy().contract {
            return Err(CheckTokenError::InvalidToken);
        }
        if !session.is_live(now) || generation.saturating_add(1) < session.generation {
            return Err(CheckTokenError::Revoked);
        }
        Ok(Principal {
            subject: session.subject.clone(),
            session: Some(session.id),
            issued_at: session.rotated_at,
            expires_at: session.refresh_expires_at(),
            at: now,
        })
    }

    /// Whom a former back end's refresh token speaks of, where it could be adopted now, or where
    /// its session would honour it.
    async fn check_foreign_refresh(
        &self,
        realm: &Realm,
        proof: &ForeignProof,
        now: Timestamp,
    ) -> Result<Principal, CheckTokenError> {
        let policy = realm.policy();
        let subject = match self.foreign_subject(policy, &proof.subject).await? {
            ForeignSubject::Known(subject) => subject,
            ForeignSubject::Gone => return Err(CheckTokenError::Revoked),
            ForeignSubject::NotTheirs => return Err(CheckTokenError::InvalidToken),
        };
        let id = session_of(&policy.contract, proof.id, proof.issued_at);
        if self.sessions.session(id).await?.is_some() {
            return self
                .check_session(realm, id, FOREIGN_GENERATION, &subject, now)
                .await;
        }
        let listed_only = policy.tokens.refresh.foreign == Foreign::Listed;
        match self
            .sessions
            .foreign_token(&policy.contract, proof.id)
            .await?
        {
            Some(ForeignState::Dead) => Err(CheckTokenError::Revoked),
            None if listed_only => Err(CheckTokenError::Revoked),
            None | Some(ForeignState::Listed) => {
                self.check_account(&subject, proof.issued_at, now)
                    .await
                    .map_err(|error| match error {
                        GuardError::Trouble(trouble) => CheckTokenError::Trouble(trouble),
                        _ => CheckTokenError::Revoked,
                    })?;
                Ok(Principal {
                    subject,
                    session: None,
                    issued_at: proof.issued_at,
                    expires_at: proof.expires_at,
                    at: now,
                })
            }
        }
    }

    /// Whether a token that is refreshed itself is still the one that counts: the current
    /// generation, or one that was replaced within the grace.
    async fn check_generation(
        &self,
        realm: &Realm,
        id: SessionId,
        generation: u64,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), GuardError> {
        let policy = realm.policy();
        let session = self.sessions.session(id).await?;
        let session = session.ok_or(GuardError::Revoked)?;
        if session.subject != *subject || session.contract != policy.contract {
            return Err(GuardError::InvalidToken);
        }
        if session.is_live(now) && session.still_counts(generation, now, policy.sessions.rotation) {
            Ok(())
        } else {
            Err(GuardError::Revoked)
        }
    }

    /// Tokens of a former back end have no session; their account is asked instead, and, where
    /// they are refreshed themselves, what became of them.
    async fn check_foreign(
        &self,
        realm: &Realm,
        proof: &AccessProof,
        now: Timestamp,
    ) -> Result<Subject, GuardError> {
        let policy = realm.policy();
        let subject = match self.foreign_subject(policy, &proof.subject).await? {
            ForeignSubject::Known(subject) => subject,
            ForeignSubject::Gone => return Err(GuardError::AccountGone),
            ForeignSubject::NotTheirs => return Err(GuardError::InvalidToken),
        };
        self.check_account(&subject, proof.issued_at, now).await?;
        let Some(token) = proof.foreign else {
            return Ok(subject);
        };
        let id = session_of(&policy.contract, token, proof.issued_at);
        if self.sessions.session(id).await?.is_some() {
            self.check_generation(realm, id, FOREIGN_GENERATION, &subject, now)
                .await?;
            return Ok(subject);
        }
        let listed_only = policy.tokens.access.foreign == Foreign::Listed;
        match self.sessions.foreign_token(&policy.contract, token).await? {
            Some(ForeignState::Dead) => return Err(GuardError::Revoked),
            None if listed_only => return Err(GuardError::Revoked),
            None | Some(ForeignState::Listed) => {}
        }
        Ok(subject)
    }

    /// Whether the account of a token that has no session may be used, and the token is not from
    /// before its cut-off.
    async fn check_account(
        &self,
        subject: &Subject,
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), GuardError> {
        let Some(id) = subject.account() else {
            return Ok(());
        };
        let account = self
            .load_account(id)
            .await?
            .ok_or(GuardError::AccountGone)?;
        account.status.admits(now).map_err(GuardError::Barred)?;
        if account.cuts_off(issued_at) {
            Err(GuardError::Revoked)
        } else {
            Ok(())
        }
    }

    async fn why_shut_out(
        &self,
        reason: RevokeReason,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<GuardError, GuardError> {
        if !matches!(reason, RevokeReason::Suspended | RevokeReason::Withdrawn) {
            return Ok(GuardError::Revoked);
        }
        let Some(id) = account else {
            return Ok(GuardError::Revoked);
        };
        Ok(match self.load_account(id).await? {
            None => GuardError::AccountGone,
            Some(account) => account
                .status
                .admits(now)
                .map_or_else(GuardError::Barred, |()| GuardError::Revoked),
        })
    }
}

fn proven(subject: Proven) -> Result<Subject, GuardError> {
    match subject {
        Proven::Subject(subject) => Ok(subject),
        Proven::Email(_) => Err(GuardError::InvalidToken),
    }
}
