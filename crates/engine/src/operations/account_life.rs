//! The life of an account after it was made: suspended, given up, brought back, erased; and what
//! it may do. The same acts whether an operator types them or a service asks for them.
//!
//! Whatever shuts an account out ends every session of it, in every contract, at once. What was
//! given up is kept for a while, in which it can be taken back; then what is personal about it is
//! erased, and only its number stays, so that it is never given to another.

use std::time::Duration;

use crate::{
    account::{Account, Status},
    engine::Engine,
    ids::AccountId,
    operations::{By, Trouble},
    ports::{RoleChange, StatusChange, StoreError},
    time::Timestamp,
};

/// How long an account that was given up is kept unless said otherwise.
pub const GRACE: Duration = Duration::from_secs(30 * 86_400);
/// The longest time it can be kept.
pub const LONGEST_GRACE: Duration = Duration::from_secs(3_650 * 86_400);

/// The longest reason, in code points.
const LONGEST_REASON: usize = 500;
/// The longest name of a role, in bytes.
const LONGEST_ROLE: usize = 64;
/// How many roles an account has at most.
const MOST_ROLES: usize = 64;
/// How often to try again where somebody else changes the same account.
const TRIES: usize = 5;

/// Why an account's life did not change.
#[derive(Debug, thiserror::Error)]
pub enum AccountLifeError {
    /// There is none of that id.
    #[error("there is no such account")]
    NotFound,
    /// It is as it is, and cannot become that.
    #[error("{0}")]
    Conflict(Standstill),
    /// The reason is too long, or holds control characters.
    #[error("not a reason: 1 to 500 characters on one line")]
    InvalidReason,
    /// A suspension that is over already.
    #[error("not in the future")]
    InvalidUntil,
    /// Longer than ten years.
    #[error("not a grace: ten years at most")]
    InvalidGrace,
    /// The role's name is none.
    #[error("not a role: 1 to 64 characters, no spaces and no control characters")]
    InvalidRole,
    /// No fault of the caller's.
    #[error(transparent)]
    Trouble(Trouble),
}

/// What stands against a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Standstill {
    /// Nobody can use it as it is, and shutting it out would vouch for it once it is restored.
    #[error("its address was never proved, so nobody can use it: it can only be erased at once")]
    Unverified,
    /// It was given up.
    #[error("it was withdrawn: restore it first")]
    Withdrawn,
    /// What it was is gone, or going.
    #[error("it was withdrawn and its grace is over: what was personal about it is erased")]
    Erased,
    /// It has as many roles as an account can have.
    #[error("it has as many roles as an account can have")]
    RolesFull,
}

impl Standstill {
    /// The stable name that answers use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Withdrawn => "withdrawn",
            Self::Erased => "erased",
            Self::RolesFull => "roles_full",
        }
    }
}

impl Engine {
    /// Shuts an account out, for a while or for good.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn suspend_account(
        &self,
        by: &By,
        id: AccountId,
        until: Option<Timestamp>,
        reason: Option<&str>,
    ) -> Result<Account, AccountLifeError> {
        if until.is_some_and(|until| until <= self.clock.now()) {
            return Err(AccountLifeError::InvalidUntil);
        }
        self.change_status(by, id, reason, |account, now| {
            suspended(account, until, now)
        })
        .await
    }

    /// Lets in again who was suspended, and whoever gave up and may still take it back. Sessions
    /// that ended stay so.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn restore_account(
        &self,
        by: &By,
        id: AccountId,
    ) -> Result<Account, AccountLifeError> {
        self.change_status(by, id, None, restored).await
    }

    /// Gives an account up: nobody gets in any more, and what is personal is erased after `grace`;
    /// at once, and before this returns, where there is none.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn withdraw_account(
        &self,
        by: &By,
        id: AccountId,
        grace: Duration,
        reason: Option<&str>,
    ) -> Result<Account, AccountLifeError> {
        if grace > LONGEST_GRACE {
            return Err(AccountLifeError::InvalidGrace);
        }
        let account = self
            .change_status(by, id, reason, |account, now| {
                withdrawn(account, grace, now)
            })
            .await?;
        if !grace.is_zero() {
            return Ok(account);
        }
        self.erase_due().await?;
        self.account_as_it_is(id).await
    }

    /// Gives an account a role, or takes it away. Returns the account as it is then.
    ///
    /// # Errors
    /// Why not.
    pub async fn change_role(
        &self,
        by: &By,
        id: AccountId,
        role: &str,
        has: bool,
    ) -> Result<Account, AccountLifeError> {
        let account = self.account_as_it_is(id).await?;
        if account.is_erased() {
            return Err(AccountLifeError::Conflict(Standstill::Erased));
        }
        if has && !is_role(role) {
            return Err(AccountLifeError::InvalidRole);
        }
        if has && account.roles.len() >= MOST_ROLES && !account.roles.iter().any(|r| **r == *role) {
            return Err(AccountLifeError::Conflict(Standstill::RolesFull));
        }
        let change = RoleChange {
            account: id,
            role: role.into(),
            has,
            now: self.clock.now(),
            origin: by.origin(),
        };
        let changed = self.accounts.change_role(change).await?;
        self.cache.forget(id);
        if changed {
            self.account_as_it_is(id).await
        } else {
            Ok(account)
        }
    }

    /// Erases what is personal about every account whose time has come.
    async fn erase_due(&self) -> Result<(), StoreError> {
        while self.upkeep.erase_due(self.clock.now()).await? > 0 {}
        self.cache.clear();
        Ok(())
    }

    /// Decides on the account as it is, and writes that only where it still is so.
    async fn change_status(
        &self,
        by: &By,
        id: AccountId,
        reason: Option<&str>,
        decide: impl Fn(&Account, Timestamp) -> Result<Option<Status>, Standstill>,
    ) -> Result<Account, AccountLifeError> {
        if reason.is_some_and(|reason| !is_reason(reason)) {
            return Err(AccountLifeError::InvalidReason);
        }
        for _ in 0..TRIES {
            let account = self.account_as_it_is(id).await?;
            let now = self.clock.now();
            let decided = decide(&account, now).map_err(AccountLifeError::Conflict)?;
            let Some(status) = decided else {
                return Ok(account);
            };
            let change = StatusChange {
                account: id,
                expected: Some(account.status),
                status,
                words: reason.map(Into::into),
                reason: status.why_sessions_end(),
                now,
                horizon: self.horizon(),
                origin: by.origin(),
            };
            if let Some(revocations) = self.accounts.set_status(change).await? {
                self.cache.forget(id);
                self.applied(&revocations);
                return self.account_as_it_is(id).await;
            }
        }
        let contended = StoreError::Unavailable("others change the same account".into());
        Err(AccountLifeError::Trouble(contended.into()))
    }

    async fn account_as_it_is(&self, id: AccountId) -> Result<Account, AccountLifeError> {
        let account = self.accounts.account(id).await?;
        account.ok_or(AccountLifeError::NotFound)
    }
}

fn suspended(
    account: &Account,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Status>, Standstill> {
    let since = match account.status {
        Status::Unverified => return Err(Standstill::Unverified),
        Status::Withdrawn { .. } if account.is_erased() => return Err(Standstill::Erased),
        Status::Withdrawn { .. } => return Err(Standstill::Withdrawn),
        // It goes on, under other terms.
        Status::Suspended { since, .. } if account.status.admits(now).is_err() => since,
        Status::Suspended { .. } | Status::Active { .. } => now,
    };
    Ok(Some(Status::Suspended { since, until }))
}

fn restored(account: &Account, now: Timestamp) -> Result<Option<Status>, Standstill> {
    match account.status {
        Status::Active { .. } => Ok(None),
        Status::Unverified => Err(Standstill::Unverified),
        Status::Withdrawn {
            erase_at: Some(at), ..
        } if at <= now => Err(Standstill::Erased),
        Status::Withdrawn { .. } if account.is_erased() => Err(Standstill::Erased),
        Status::Suspended { .. } | Status::Withdrawn { .. } => {
            Ok(Some(Status::Active { since: now }))
        }
    }
}

fn withdrawn(
    account: &Account,
    grace: Duration,
    now: Timestamp,
) -> Result<Option<Status>, Standstill> {
    let since = match account.status {
        Status::Withdrawn { .. } if account.is_erased() => return Ok(None),
        Status::Unverified if !grace.is_zero() => return Err(Standstill::Unverified),
        Status::Withdrawn {
            since,
            erase_at: Some(_),
        } => since,
        _ => now,
    };
    Ok(Some(Status::Withdrawn {
        since,
        erase_at: Some(now + grace),
    }))
}

fn is_reason(text: &str) -> bool {
    (1..=LONGEST_REASON).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_role(text: &str) -> bool {
    let sound = |letter: char| !letter.is_control() && !letter.is_whitespace();
    (1..=LONGEST_ROLE).contains(&text.len()) && text.chars().all(sound)
}

#[cfg(test)]
mod tests;
