//! A person's own sessions: seeing them, and ending one.

use serde::Serialize;

use crate::{
    engine::{Caller, Engine, Realm},
    ids::SessionId,
    operations::{Principal, Trouble},
    ports::RevokeTarget,
    session::{RevokeReason, Session},
    vocabulary::{Failure, Outcome},
};

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// Whether it is the one the request came from.
    pub current: bool,
    /// The contract it was opened through.
    pub contract: Box<str>,
    /// The browser or app, as it called itself.
    pub user_agent: Box<str>,
    /// The network of the login.
    pub network: Box<str>,
    /// When the login was, RFC 3339.
    pub created_at: String,
    /// When it was last refreshed, RFC 3339.
    pub last_used_at: String,
    /// When it ends if it is not refreshed, RFC 3339.
    pub expires_at: String,
}

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndSessionError {
    /// There is none of that id, or it is another's, or it is over.
    #[error("no such session")]
    NotFound,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&EndSessionError> for Failure {
    fn from(error: &EndSessionError) -> Self {
        match error {
            EndSessionError::NotFound => Outcome::NotFound.into(),
            EndSessionError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// The live sessions of the account a request is from, newest first.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn list_sessions(&self, principal: &Principal) -> Result<Vec<SessionView>, Trouble> {
        let Some(account) = principal.account() else {
            return Ok(Vec::new());
        };
        let sessions = self.sessions.sessions_of(account, self.clock.now()).await?;
        Ok(sessions
            .iter()
            .map(|session| SessionView::of(session, principal))
            .collect())
    }

    /// Ends one session of the account a request is from.
    ///
    /// # Errors
    /// Why it was not ended. Another account's session is `NotFound`.
    pub async fn end_session(
        &self,
        realm: &Realm,
        caller: &Caller,
        principal: &Principal,
        id: &str,
    ) -> Result<(), EndSessionError> {
        let now = self.clock.now();
        let (Some(account), Ok(id)) = (principal.account(), id.parse::<SessionId>()) else {
            return Err(EndSessionError::NotFound);
        };
        let target = RevokeTarget::SessionOf(account, id);
        let ended = self
            .end(realm, caller, target, RevokeReason::EndedByOwner, now)
            .await?;
        if ended {
            Ok(())
        } else {
            Err(EndSessionError::NotFound)
        }
    }
}

impl SessionView {
    fn of(session: &Session, principal: &Principal) -> Self {
        Self {
            id: session.id.to_string(),
            current: principal.session == Some(session.id),
            contract: session.contract.clone(),
            user_agent: session.user_agent.clone(),
            network: session.network.clone(),
            created_at: session.created_at.to_string(),
            last_used_at: session.rotated_at.to_string(),
            expires_at: session.refresh_expires_at().to_string(),
        }
    }
}
