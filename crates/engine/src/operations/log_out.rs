//! Logging out: ending the session of a refresh token, or of the request.

use crate::{
    engine::{Caller, Engine, Realm},
    operations::{Principal, RefreshError, Trouble},
    ports::{Revoke, RevokeTarget, Rotated, StoreError},
    session::{RevokeReason, Session},
    time::Timestamp,
    tokens::{ForeignProof, OwnProof, RefreshProof},
    vocabulary::{Failure, Outcome},
};

/// A logout.
#[derive(Clone, Copy)]
pub struct LogOut<'a> {
    /// The refresh token, where the request brought one.
    pub token: Option<&'a str>,
    /// Whom the request is from, where it is guarded.
    pub principal: Option<&'a Principal>,
}

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
pub enum LogOutError {
    /// Malformed, forged, another contract's, or it contradicts its session.
    #[error("not a token of this contract")]
    InvalidToken,
    /// Genuine, but over: there is nothing left to end.
    #[error("the token has expired")]
    Expired,
    /// Genuine, but not a refresh token.
    #[error("not a refresh token")]
    WrongType,
    /// Its session was ended before.
    #[error("the session was ended before")]
    Revoked,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&LogOutError> for Failure {
    fn from(error: &LogOutError) -> Self {
        match error {
            LogOutError::InvalidToken => Outcome::InvalidToken.into(),
            LogOutError::Expired => Outcome::Expired.into(),
            LogOutError::WrongType => Outcome::WrongType.into(),
            LogOutError::Revoked => Outcome::Revoked.into(),
            LogOutError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Ends the session of the refresh token, whatever generation it is, and of the request.
    ///
    /// # Errors
    /// Why nothing was ended.
    pub async fn log_out(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: LogOut<'_>,
    ) -> Result<(), LogOutError> {
        let now = self.clock.now();
        if let Some(session) = input.principal.and_then(|principal| principal.session) {
            self.end(
                realm,
                caller,
                RevokeTarget::Session(session),
                RevokeReason::LoggedOut,
                now,
            )
            .await?;
        }
        let Some(token) = input.token else {
            return Ok(());
        };
        let session = match realm.tokens().verify_refresh(token, now)? {
            RefreshProof::Own(proof) => {
                let session = self.sessions.session(proof.session).await?;
                let session = session.ok_or(LogOutError::Revoked)?;
                if !speaks_of(&proof, &session, realm) {
                    return Err(LogOutError::InvalidToken);
                }
                session
            }
            // What ends has to have begun: from now on the token is of a session that is over.
            RefreshProof::Foreign(proof) => self.adopted_to_end(realm, caller, &proof, now).await?,
        };
        let target = RevokeTarget::Session(session.id);
        let ended = self
            .end(realm, caller, target, RevokeReason::LoggedOut, now)
            .await?;
        let by_this_request =
            input.principal.and_then(|principal| principal.session) == Some(session.id);
        if ended || by_this_request {
            Ok(())
        } else {
            Err(LogOutError::Revoked)
        }
    }

    async fn adopted_to_end(
        &self,
        realm: &Realm,
        caller: &Caller,
        proof: &ForeignProof,
        now: Timestamp,
    ) -> Result<Session, LogOutError> {
        match Box::pin(self.adopt(realm, caller, proof, now)).await {
            Ok((_, Rotated::Judged { session, .. })) => Ok(*session),
            Ok((_, Rotated::Unknown | Rotated::Contradicts)) => Err(LogOutError::Revoked),
            Err(RefreshError::Trouble(trouble)) => Err(LogOutError::Trouble(trouble)),
            Err(_) => Err(LogOutError::Revoked),
        }
    }

    /// Ends every session of the account, and whatever else was issued to it.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn log_out_everywhere(
        &self,
        realm: &Realm,
        caller: &Caller,
        principal: &Principal,
    ) -> Result<(), Trouble> {
        let now = self.clock.now();
        if let Some(account) = principal.account() {
            let target = RevokeTarget::Account(account);
            self.end(
                realm,
                caller,
                target,
                RevokeReason::LoggedOutEverywhere,
                now,
            )
            .await?;
        }
        Ok(())
    }

    /// Ends sessions, and lets every guard of this process know before it returns.
    pub(crate) async fn end(
        &self,
        realm: &Realm,
        caller: &Caller,
        target: RevokeTarget,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let origin = caller.origin(realm);
        let revoke = Revoke {
            target,
            reason,
            now,
            horizon: self.horizon(),
            origin,
        };
        let revocations = self.sessions.revoke(revoke).await?;
        self.applied(&revocations);
        Ok(!revocations.is_empty())
    }
}

fn speaks_of(proof: &OwnProof, session: &Session, realm: &Realm) -> bool {
    session.subject == proof.subject && session.contract == realm.policy().contract
}
