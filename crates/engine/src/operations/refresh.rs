//! Refreshing: the operation the whole design is about. One signature check, one write.

use crate::{
    account::Barred,
    engine::{Caller, Engine, Realm},
    ids::AccountId,
    operations::{Granted, Trouble, barred_outcome},
    ports::{Rotated, Rotation},
    session::{Presented, RevokeReason, Verdict},
    time::Timestamp,
    tokens::RefreshProof,
    vocabulary::{Failure, Outcome},
};

/// Why there are no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Malformed, forged, another contract's, or it contradicts its session.
    #[error("not a token of this contract")]
    InvalidToken,
    /// Genuine, but over.
    #[error("the token has expired")]
    Expired,
    /// Genuine, but not a refresh token.
    #[error("not a refresh token")]
    WrongType,
    /// Its session was ended before, or is no more.
    #[error("the session was ended")]
    Revoked,
    /// It was replaced long ago. Its session is ended now.
    #[error("the token was used before; its session is ended")]
    Reused,
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

impl From<&RefreshError> for Failure {
    fn from(error: &RefreshError) -> Self {
        match error {
            RefreshError::InvalidToken => Outcome::InvalidToken.into(),
            RefreshError::Expired => Outcome::Expired.into(),
            RefreshError::WrongType => Outcome::WrongType.into(),
            RefreshError::Revoked => Outcome::Revoked.into(),
            RefreshError::Reused => Outcome::Reused.into(),
            RefreshError::AccountGone => Outcome::AccountGone.into(),
            RefreshError::Barred(barred) => barred_outcome(*barred).into(),
            RefreshError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Gives new tokens for a refresh token. `with_account` where the answer shows the account's
    /// record; without it, no account is loaded.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn refresh(
        &self,
        realm: &Realm,
        caller: &Caller,
        token: &str,
        with_account: bool,
    ) -> Result<Granted, RefreshError> {
        let now = self.clock.now();
        let tokens = realm.tokens();
        let proof = tokens.verify_refresh(token, now)?;
        let account = proof.subject.account();
        let rotated = self
            .sessions
            .rotate(self.rotation(realm, caller, proof, now))
            .await?;
        let session = match rotated {
            Rotated::Unknown => return Err(self.why_unknown(account).await?),
            Rotated::Contradicts => return Err(RefreshError::InvalidToken),
            Rotated::Judged {
                verdict,
                session,
                revocation,
            } => {
                self.applied(revocation.as_slice());
                match verdict {
                    Verdict::Rotated
                    | Verdict::Replayed
                    | Verdict::Recovered
                    | Verdict::RolledForward => *session,
                    Verdict::Reused => return Err(RefreshError::Reused),
                    Verdict::Expired => return Err(RefreshError::Expired),
                    Verdict::Revoked(reason) => {
                        return Err(self.why_revoked(reason, account, now).await?);
                    }
                }
            }
        };
        let account = match account {
            Some(id) if with_account => self.load_account(id).await?,
            _ => None,
        };
        Ok(Granted::mint(&tokens, session, account, now))
    }

    fn rotation(
        &self,
        realm: &Realm,
        caller: &Caller,
        proof: RefreshProof,
        now: Timestamp,
    ) -> Rotation {
        let policy = realm.policy();
        Rotation {
            session: proof.session,
            subject: proof.subject,
            contract: policy.contract.clone(),
            presented: Presented {
                generation: proof.generation,
                by: caller.client.print(&self.print_key),
                at: now,
            },
            network: caller.client.network(),
            policy: policy.sessions.rotation,
            horizon: self.horizon(),
        }
    }

    async fn why_unknown(&self, account: Option<AccountId>) -> Result<RefreshError, RefreshError> {
        let gone = match account {
            Some(id) => self.load_account(id).await?.is_none(),
            None => false,
        };
        Ok(if gone {
            RefreshError::AccountGone
        } else {
            RefreshError::Revoked
        })
    }

    /// A session that ended with its account answers as the account stands now.
    async fn why_revoked(
        &self,
        reason: RevokeReason,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<RefreshError, RefreshError> {
        if !matches!(reason, RevokeReason::Suspended | RevokeReason::Withdrawn) {
            return Ok(RefreshError::Revoked);
        }
        let Some(id) = account else {
            return Ok(RefreshError::Revoked);
        };
        Ok(match self.load_account(id).await? {
            None => RefreshError::AccountGone,
            Some(account) => account
                .status
                .admits(now)
                .map_or_else(RefreshError::Barred, |()| RefreshError::Revoked),
        })
    }
}
