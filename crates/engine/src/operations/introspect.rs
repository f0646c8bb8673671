//! What a token is, and ending what it stands for, whichever contract it is of: for services that
//! hold a token and know no more of it (RFC 7662, RFC 7009).

use std::sync::Arc;

use crate::{
    engine::{Caller, Engine, Realm},
    ids::SessionId,
    operations::{By, LogOut, LogOutError, Principal, Trouble},
    ports::{Revoke, RevokeTarget},
    session::{RevokeReason, Subject},
    time::Timestamp,
    tokens::{AccessProof, OwnProof, Proven, RefreshProof, TokenFault},
};

/// A token that is good at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodToken {
    /// The contract it is of.
    pub contract: Box<str>,
    /// What it is for.
    pub kind: TokenKind,
    /// Whom it speaks of.
    pub principal: Principal,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Requests.
    Access,
    /// New tokens.
    Refresh,
}

/// What became of a token that was to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRevoked {
    /// Its session is over, now or since before; or it is no good token at all.
    Over,
    /// It is good, and no session stands behind it that could be ended.
    HasNoSession,
}

/// A session that a genuine token names.
struct Named {
    session: SessionId,
    subject: Subject,
}

impl Engine {
    /// What a token is, where it is good. Nothing is used up.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn introspect(&self, token: &str) -> Result<Option<GoodToken>, Trouble> {
        for realm in self.realms.values() {
            for kind in [TokenKind::Access, TokenKind::Refresh] {
                let probed = match kind {
                    TokenKind::Access => self.probe(realm, Some(token), None).await?,
                    TokenKind::Refresh => self.probe(realm, None, Some(token)).await?,
                };
                if let Some(principal) = probed {
                    let contract = realm.policy().contract.clone();
                    return Ok(Some(GoodToken {
                        contract,
                        kind,
                        principal,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Ends the session of a token, access or refresh, whatever its generation. One of a former
    /// back end may be good in several contracts: it is over in all of them.
    ///
    /// # Errors
    /// Where a store cannot answer: nothing is known to be over then.
    pub async fn revoke_token(
        &self,
        by: &By,
        caller: &Caller,
        token: &str,
    ) -> Result<TokenRevoked, Trouble> {
        let mut whole = TokenRevoked::Over;
        for realm in self.realms.values() {
            let revoked = self.revoke_in(realm, by, caller, token).await?;
            if revoked == Some(TokenRevoked::HasNoSession) {
                whole = TokenRevoked::HasNoSession;
            }
        }
        Ok(whole)
    }

    /// The same in one contract; `None` where it is no token of that.
    async fn revoke_in(
        &self,
        realm: &Arc<Realm>,
        by: &By,
        caller: &Caller,
        token: &str,
    ) -> Result<Option<TokenRevoked>, Trouble> {
        let now = self.clock.now();
        let tokens = realm.tokens();
        let named = match tokens.verify_refresh(token, now) {
            Ok(RefreshProof::Own(proof)) => Some(Named::from(proof)),
            Ok(RefreshProof::Foreign(_)) => {
                return self.revoke_foreign(realm, caller, token).await;
            }
            Err(TokenFault::Invalid | TokenFault::WrongType | TokenFault::Expired) => None,
        };
        let named = match (named, tokens.verify_access(token, now)) {
            (Some(named), _) => named,
            (None, Ok(proof)) => match Named::of_access(proof) {
                Some(named) => named,
                None => return self.is_sessionless(realm, token).await,
            },
            (None, Err(_)) => return Ok(None),
        };
        self.end_named(realm, by, named, now).await
    }

    async fn end_named(
        &self,
        realm: &Realm,
        by: &By,
        named: Named,
        now: Timestamp,
    ) -> Result<Option<TokenRevoked>, Trouble> {
        let session = self.sessions.session(named.session).await?;
        let is_its = session.is_some_and(|session| {
            session.subject == named.subject && session.contract == realm.policy().contract
        });
        if is_its {
            let revoke = Revoke {
                target: RevokeTarget::Session(named.session),
                reason: RevokeReason::LoggedOut,
                now,
                horizon: self.horizon(),
                origin: by.origin(),
            };
            let revocations = self.sessions.revoke(revoke).await?;
            self.applied(&revocations);
        }
        Ok(Some(TokenRevoked::Over))
    }

    /// A former back end's refresh token: its session begins, and is over.
    async fn revoke_foreign(
        &self,
        realm: &Realm,
        caller: &Caller,
        token: &str,
    ) -> Result<Option<TokenRevoked>, Trouble> {
        let input = LogOut {
            token: Some(token),
            principal: None,
        };
        match Box::pin(self.log_out(realm, caller, input)).await {
            Ok(()) | Err(LogOutError::Revoked | LogOutError::Expired) => {
                Ok(Some(TokenRevoked::Over))
            }
            Err(LogOutError::InvalidToken | LogOutError::WrongType) => Ok(None),
            Err(LogOutError::Trouble(trouble)) => Err(trouble),
        }
    }

    /// A former back end's access token: good, or not even that.
    async fn is_sessionless(
        &self,
        realm: &Realm,
        token: &str,
    ) -> Result<Option<TokenRevoked>, Trouble> {
        let good = self.probe(realm, Some(token), None).await?;
        Ok(good.map(|_| TokenRevoked::HasNoSession))
    }
}

impl From<OwnProof> for Named {
    fn from(proof: OwnProof) -> Self {
        Self {
            session: proof.session,
            subject: proof.subject,
        }
    }
}

impl Named {
    fn of_access(proof: AccessProof) -> Option<Self> {
        match proof.subject {
            Proven::Subject(subject) => Some(Self {
                session: proof.session?,
                subject,
            }),
            Proven::Email(_) => None,
        }
    }
}
