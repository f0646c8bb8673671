//! The guard: whom a request is from, asking nobody.

use std::sync::Arc;

use crate::{
    account::{Account, Barred},
    engine::{Engine, Realm},
    ids::{AccountId, SessionId},
    operations::{Trouble, barred_outcome},
    session::RevokeReason,
    time::Timestamp,
    tokens::{AccessProof, TokenFault},
    vocabulary::{Failure, Outcome},
};

/// Who a verified request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account: Option<AccountId>,
    /// The session; absent for tokens of a former back end.
    pub session: Option<SessionId>,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// When the request was looked at.
    pub at: Timestamp,
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
    /// has a session, no store is asked.
    ///
    /// # Errors
    /// Why the request is from nobody.
    pub async fn authenticate(&self, realm: &Realm, token: &str) -> Result<Principal, GuardError> {
        let now = self.clock.now();
        let proof = realm.tokens().verify_access(token, now)?;
        if let Some(reason) = self
            .revocations
            .reason(proof.session, proof.account, proof.issued_at)
        {
            return Err(self.why_shut_out(reason, &proof, now).await?);
        }
        if proof.session.is_none() {
            self.check_account(&proof, now).await?;
        }
        Ok(Principal {
            account: proof.account,
            session: proof.session,
            expires_at: Timestamp::from_unix_seconds(proof.expires_at),
            at: now,
        })
    }

    /// The record of the account a request is from.
    ///
    /// # Errors
    /// [`GuardError::AccountGone`] where it is no more.
    pub async fn who_am_i(&self, principal: &Principal) -> Result<Arc<Account>, GuardError> {
        let id = principal.account.ok_or(GuardError::AccountGone)?;
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
        let session = self
            .sessions
            .session(proof.session)
            .await?
            .ok_or(CheckTokenError::Revoked)?;
        if session.subject != proof.subject || session.contract != realm.policy().contract {
            return Err(CheckTokenError::InvalidToken);
        }
        if !session.is_live(now) || proof.generation.saturating_add(1) < session.generation {
            return Err(CheckTokenError::Revoked);
        }
        Ok(Principal {
            account: session.subject.account(),
            session: Some(session.id),
            expires_at: session.refresh_expires_at(),
            at: now,
        })
    }

    /// Tokens of a former back end have no session; their account is asked instead.
    async fn check_account(&self, proof: &AccessProof, now: Timestamp) -> Result<(), GuardError> {
        let id = proof.account.ok_or(GuardError::InvalidToken)?;
        let account = self
            .load_account(id)
            .await?
            .ok_or(GuardError::AccountGone)?;
        account.status.admits(now).map_err(GuardError::Barred)?;
        let cut_off = account
            .not_before
            .is_some_and(|t| proof.issued_at.unix_seconds() <= t.unix_seconds());
        if cut_off {
            Err(GuardError::Revoked)
        } else {
            Ok(())
        }
    }

    async fn why_shut_out(
        &self,
        reason: RevokeReason,
        proof: &AccessProof,
        now: Timestamp,
    ) -> Result<GuardError, GuardError> {
        if !matches!(reason, RevokeReason::Suspended | RevokeReason::Withdrawn) {
            return Ok(GuardError::Revoked);
        }
        let Some(id) = proof.account else {
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
