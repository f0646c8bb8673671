//! Refreshing: the operation the whole design is about. One signature check, one write.

use crate::{
    account::Barred,
    engine::{Caller, Engine, Realm},
    ids::AccountId,
    operations::{Granted, GuardError, Trouble, barred_outcome},
    ports::{Rotated, Rotation},
    session::{Presented, RevokeReason, Session, Verdict},
    time::Timestamp,
    tokens::{OwnProof, RefreshProof, TokenMachine},
    vocabulary::{Failure, Input, Outcome},
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
    /// There is no refresh token.
    #[error("there is no refresh token")]
    NoToken,
    /// There is none that could be used, and the access token beside it is good.
    #[error("no refresh token can be used, and the access token is good")]
    AccessGood,
    /// There is none that could be used, nor is the access token beside it any good.
    #[error("neither token is any good")]
    AccessBad,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

/// What a request brings to be refreshed.
#[derive(Clone, Copy)]
pub struct Refresh<'a> {
    /// The refresh token.
    pub token: Option<&'a str>,
    /// The access token beside it, for contracts that tell how that one stands where there is no
    /// refresh token to be used.
    pub access: Option<&'a str>,
    /// Whether the answer shows the account's record; without it, none is loaded.
    pub with_account: bool,
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
            RefreshError::NoToken => Self {
                input: Some(Input::Token),
                ..Outcome::MissingField.into()
            },
            RefreshError::AccessGood => Outcome::AccessGood.into(),
            RefreshError::AccessBad => Outcome::AccessBad.into(),
            RefreshError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Gives new tokens for a refresh token. One that a former back end minted is adopted, where
    /// the contract takes such tokens.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn refresh(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: Refresh<'_>,
    ) -> Result<Granted, RefreshError> {
        let ended = match input.token {
            Some(token) => {
                self.refresh_token(realm, caller, token, input.with_account)
                    .await
            }
            None => Err(RefreshError::NoToken),
        };
        match (ended, input.access) {
            (
                Err(
                    RefreshError::NoToken
                    | RefreshError::InvalidToken
                    | RefreshError::WrongType
                    | RefreshError::Expired,
                ),
                Some(access),
            ) => Err(Box::pin(self.how_access_stands(realm, access)).await),
            (ended, _) => ended,
        }
    }

    async fn refresh_token(
        &self,
        realm: &Realm,
        caller: &Caller,
        token: &str,
        with_account: bool,
    ) -> Result<Granted, RefreshError> {
        let now = self.clock.now();
        let tokens = realm.tokens();
        let (account, rotated) = match tokens.verify_refresh(token, now)? {
            RefreshProof::Own(proof) => {
                let account = proof.subject.account();
                let rotation = self.rotation(realm, caller, proof, now);
                (account, self.sessions.rotate(rotation).await?)
            }
            RefreshProof::Foreign(proof) => {
                Box::pin(self.adopt(realm, caller, &proof, now)).await?
            }
        };
        let session = self.judged(rotated, account, now).await?;
        self.grant(&tokens, session, with_account, now).await
    }

    /// The session that a presented token was good for.
    async fn judged(
        &self,
        rotated: Rotated,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> Result<Session, RefreshError> {
        let (verdict, session) = match rotated {
            Rotated::Unknown => return Err(self.why_unknown(account).await?),
            Rotated::Contradicts => return Err(RefreshError::InvalidToken),
            Rotated::Judged {
                verdict,
                session,
                revocation,
            } => {
                self.applied(revocation.as_slice());
                (verdict, session)
            }
        };
        match verdict {
            Verdict::Rotated | Verdict::Replayed | Verdict::Recovered | Verdict::RolledForward => {
                Ok(*session)
            }
            Verdict::Reused => Err(RefreshError::Reused),
            Verdict::Expired => Err(RefreshError::Expired),
            Verdict::Revoked(reason) => Err(self.why_revoked(reason, account, now).await?),
        }
    }

    async fn grant(
        &self,
        tokens: &TokenMachine,
        session: Session,
        with_account: bool,
        now: Timestamp,
    ) -> Result<Granted, RefreshError> {
        let account = match session.subject.account() {
            Some(id) if with_account || tokens.needs_email() => {
                let account = self.load_account(id).await?;
                Some(account.ok_or(RefreshError::AccountGone)?)
            }
            _ => None,
        };
        Ok(Granted::mint(tokens, session, account, now))
    }

    /// What to say where no refresh token can be used and an access token is there. One whose
    /// account cannot be used says so.
    async fn how_access_stands(&self, realm: &Realm, access: &str) -> RefreshError {
        match self.authenticate(realm, access).await {
            Ok(_) => RefreshError::AccessGood,
            Err(GuardError::AccountGone) => RefreshError::AccountGone,
            Err(GuardError::Barred(barred)) => RefreshError::Barred(barred),
            Err(GuardError::Trouble(trouble)) => RefreshError::Trouble(trouble),
            Err(
                GuardError::InvalidToken
                | GuardError::Expired
                | GuardError::WrongType
                | GuardError::Revoked,
            ) => RefreshError::AccessBad,
        }
    }

    fn rotation(
        &self,
        realm: &Realm,
        caller: &Caller,
        proof: OwnProof,
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
