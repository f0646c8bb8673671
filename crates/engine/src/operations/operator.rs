//! What operators do from the command line, and services through the admin API: accounts made and
//! looked at, sessions ended and asked why. Every act is audited with who did it in the place of a
//! contract.

use crate::{
    account::{Account, Status},
    address::Identifier,
    audit::AuditEvent,
    engine::Engine,
    ids::{AccountId, SessionId},
    operations::{SignUpError, Trouble},
    password::Weak,
    ports::{AuditSubject, NewAccount, Origin, Registered, Revoke, RevokeTarget},
    session::{RevokeReason, Session},
};

/// An account an operator makes.
pub struct CreateAccount<'a> {
    /// Its address.
    pub identifier: Identifier,
    /// Its password.
    pub password: &'a str,
    /// The shortest password taken, in code points.
    pub password_min: usize,
    /// Its display name.
    pub nickname: Option<&'a str>,
    /// Whether the operator vouches for the address.
    pub verified: bool,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    /// The address has an account.
    #[error("the address has an account already: {0}")]
    IdentifierTaken(AccountId),
    /// The nickname is another's.
    #[error("the nickname is another account's")]
    NicknameTaken,
    /// The password is too weak.
    #[error("the password is {}", .0.reason())]
    WeakPassword(Weak),
    /// The nickname is none.
    #[error("not a nickname: 1 to 50 characters, no control characters")]
    InvalidNickname,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

/// Why an operator's question or act failed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is none of that id.
    #[error("there is no such account or session")]
    NotFound,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

impl Engine {
    /// Makes an account. One whose address the operator does not vouch for is unverified, and gets
    /// its code when somebody asks for it to be sent.
    ///
    /// # Errors
    /// Why it was not made.
    pub async fn create_account(
        &self,
        by: &By,
        input: CreateAccount<'_>,
    ) -> Result<Account, CreateAccountError> {
        let now = self.clock.now();
        let nickname = input
            .nickname
            .map(|text| super::sign_up::nickname(text, super::sign_up::LONGEST_NICKNAME));
        let nickname = nickname
            .transpose()
            .map_err(|_| CreateAccountError::InvalidNickname)?;
        let password = self.new_password(
            input.password,
            input.password_min,
            input.identifier.as_str(),
        );
        let password = password.map_err(|error| match error {
            SignUpError::WeakPassword(weak) => CreateAccountError::WeakPassword(weak),
            _ => CreateAccountError::Trouble(Trouble::Internal("the password could not be read")),
        })?;
        let status = if input.verified {
            Status::Active { since: now }
        } else {
            Status::Unverified
        };
        let new = NewAccount {
            identifier: input.identifier,
            nickname,
            profile: [].into(),
            password: self.hasher.hash(password, self.random()?).await?,
            status,
            code: None,
            now,
            origin: by.origin(),
        };
        match self.accounts.register(new).await? {
            Registered::Created(id) => {
                let account = self.accounts.account(id).await?;
                account.ok_or(CreateAccountError::Trouble(Trouble::Internal(
                    "the new account is not there",
                )))
            }
            Registered::IdentifierTaken(id) => Err(CreateAccountError::IdentifierTaken(id)),
            Registered::NicknameTaken => Err(CreateAccountError::NicknameTaken),
        }
    }

    /// The account of that id.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn show_account(&self, id: AccountId) -> Result<Account, OperatorError> {
        self.accounts
            .account(id)
            .await?
            .ok_or(OperatorError::NotFound)
    }

    /// The account with that address.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn find_account(&self, identifier: &Identifier) -> Result<Account, OperatorError> {
        let found = self.accounts.account_by_identifier(identifier).await?;
        found
            .map(|(account, _)| account)
            .ok_or(OperatorError::NotFound)
    }

    /// Accounts in order of id, after `after`.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn list_accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, OperatorError> {
        Ok(self.accounts.accounts(after, limit).await?)
    }

    /// Sessions: of one account the live ones, or of all accounts in order of id after `after`.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn sessions_listed(
        &self,
        account: Option<AccountId>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, OperatorError> {
        Ok(match account {
            Some(id) => self.sessions.sessions_of(id, self.clock.now()).await?,
            None => self.sessions.sessions(after, limit).await?,
        })
    }

    /// Ends one session, or all of an account. Returns how many revocations that made; 0 where all
    /// was over before.
    ///
    /// # Errors
    /// Where there is no such session or account.
    pub async fn revoke(&self, by: &By, target: RevokeTarget) -> Result<usize, OperatorError> {
        let exists = match &target {
            RevokeTarget::Session(id) | RevokeTarget::SessionOf(_, id) => {
                self.sessions.session(*id).await?.is_some()
            }
            RevokeTarget::Account(id) => self.accounts.account(*id).await?.is_some(),
            RevokeTarget::Caller { .. } => true,
        };
        if !exists {
            return Err(OperatorError::NotFound);
        }
        let now = self.clock.now();
        let revoke = Revoke {
            target,
            reason: RevokeReason::Operator,
            now,
            horizon: self.horizon(),
            origin: by.origin(),
        };
        let revocations = self.sessions.revoke(revoke).await?;
        self.applied(&revocations);
        Ok(revocations.len())
    }

    /// What the audit trail tells about an account, newest first.
    ///
    /// # Errors
    /// Where a store cannot answer.
    pub async fn trail_of(
        &self,
        account: AccountId,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, OperatorError> {
        let about = AuditSubject::Account(account);
        Ok(self.upkeep.audit(about, limit).await?)
    }

    /// A session and the audit trail that tells how it came to be as it is, newest first.
    ///
    /// # Errors
    /// Where neither is known.
    pub async fn why(
        &self,
        id: SessionId,
    ) -> Result<(Option<Session>, Vec<AuditEvent>), OperatorError> {
        let session = self.sessions.session(id).await?;
        let mut trail = self.upkeep.audit(AuditSubject::Session(id), 50).await?;
        let account = session
            .as_ref()
            .and_then(|session| session.subject.account());
        if let Some(account) = account {
            let about_account = self
                .upkeep
                .audit(AuditSubject::Account(account), 50)
                .await?;
            trail.extend(
                about_account
                    .into_iter()
                    .filter(|event| event.session.is_none()),
            );
            trail.sort_by_key(|event| std::cmp::Reverse(event.at));
        }
        if session.is_none() && trail.is_empty() {
            return Err(OperatorError::NotFound);
        }
        Ok((session, trail))
    }
}

/// Who acts upon accounts and sessions from outside any contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody at the command line.
    Operator,
    /// A service, through the admin API.
    Service {
        /// The name of its key.
        name: Box<str>,
        /// The network it called from.
        network: Box<str>,
    },
}

impl By {
    /// What a service stands under in the audit trail: this, and its name.
    pub const SERVICE: &str = "service:";

    /// Where the audit trail says it came from.
    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::Operator => Origin {
                contract: "".into(),
                network: None,
            },
            Self::Service { name, network } => Origin {
                contract: format!("{}{name}", Self::SERVICE).into(),
                network: Some(network.clone()),
            },
        }
    }
}
