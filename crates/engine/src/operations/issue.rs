//! Sessions for whom a trusted caller names: opening one, and ending all of a subject.
//!
//! Who may ask is settled before: these operations believe what they are told.

use crate::{
    engine::{Caller, Engine, Realm},
    operations::{Granted, Trouble},
    ports::RevokeTarget,
    session::{CallerSubject, RevokeReason, Subject},
    vocabulary::{Failure, Input, Outcome},
};

/// The longest name or type of a subject, in code points.
const LONGEST: usize = 200;

/// A session that a trusted caller asks for.
#[derive(Clone, Copy)]
pub struct Issue<'a> {
    /// Whom it is for, in the caller's own words.
    pub subject: &'a str,
    /// What kind of subject that is.
    pub subject_type: &'a str,
}

/// Why no session was opened, or none was ended.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A name or type that is too long or holds control characters.
    #[error("not a subject: too long, or it holds control characters")]
    InvalidSubject(Input),
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl From<&IssueError> for Failure {
    fn from(error: &IssueError) -> Self {
        match error {
            IssueError::InvalidSubject(input) => Self {
                input: Some(*input),
                reason: Some("malformed"),
                ..Outcome::InvalidField.into()
            },
            IssueError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl Engine {
    /// Opens a session for a subject of the caller's. Where the contract has one per subject, the
    /// one before ends.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn issue(
        &self,
        realm: &Realm,
        caller: &Caller,
        input: Issue<'_>,
    ) -> Result<Granted, IssueError> {
        let now = self.clock.now();
        let policy = realm.policy();
        let subject = Subject::Caller(CallerSubject {
            name: sound(input.subject, Input::Subject)?,
            kind: sound(input.subject_type, Input::SubjectType)?,
        });
        let idle = policy.tokens.refresh.lifetime;
        let session = self.open_session(realm, caller, subject, idle, now).await?;
        let session = session.ok_or(Trouble::Internal(
            "a caller's subject was refused a session",
        ))?;
        Ok(Granted::mint(&realm.tokens(), session, None, now))
    }

    /// Ends every session of a subject of the caller's. Whether there was one is not told.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn revoke_subject(
        &self,
        realm: &Realm,
        caller: &Caller,
        subject: &str,
    ) -> Result<(), IssueError> {
        let target = RevokeTarget::Caller {
            contract: realm.policy().contract.clone(),
            name: sound(subject, Input::Subject)?,
        };
        let now = self.clock.now();
        self.end(realm, caller, target, RevokeReason::LoggedOut, now)
            .await?;
        Ok(())
    }
}

fn sound(text: &str, input: Input) -> Result<Box<str>, IssueError> {
    let sound = text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    sound
        .then(|| text.into())
        .ok_or(IssueError::InvalidSubject(input))
}

impl From<Trouble> for IssueError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}
