//! Taking over what a former back end holds: its accounts under their own ids, and what it knew of
//! its refresh tokens.
//!
//! An import can be repeated: a store remembers what an account looked like where it came from, so
//! that what did not change there changes nothing here, and what changed there does not undo what
//! was decided here. What happens to an account is judged by [`judge`], a pure function; a store
//! looks up, asks it, and writes what it says.

use std::{collections::BTreeMap, fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    account::{PasswordHash, Profile, Status},
    address::{Email, Phone},
    foreign::ForeignId,
    ids::AccountId,
    ports::{Origin, Stored, nickname_key},
    time::Timestamp,
};

/// The stored form of "has no password": nothing matches it.
pub const NO_PASSWORD: &str = "!";

/// Taking over accounts and tokens.
#[async_trait]
pub trait Import: Send + Sync {
    /// Takes accounts over: one transaction, an outcome for each in their order. An account that
    /// conflicts writes nothing and stops none of the others.
    async fn import_accounts(&self, batch: AccountBatch) -> Stored<Vec<Imported>>;

    /// What [`import_accounts`](Self::import_accounts) would say now, as far as it can be told
    /// without writing: accounts of the same batch do not see each other.
    async fn preview_import(&self, accounts: Vec<ImportedAccount>) -> Stored<Vec<Imported>>;

    /// Keeps what is known of foreign refresh tokens; how many of them that changed. A token that
    /// was adopted stays adopted, and a dead one dead.
    async fn import_foreign_tokens(&self, tokens: Vec<ForeignToken>) -> Stored<u64>;
}

/// Accounts to be taken over.
pub struct AccountBatch {
    /// The accounts.
    pub accounts: Vec<ImportedAccount>,
    /// When.
    pub now: Timestamp,
    /// How long the longest access token lives: where an account is shut out at its source, its
    /// sessions end here.
    pub horizon: Duration,
    /// By whom.
    pub origin: Origin,
}

/// An account as it is at its source.
#[derive(Clone)]
pub struct ImportedAccount {
    /// Its number there, which it keeps.
    pub id: AccountId,
    /// Its e-mail address.
    pub email: Option<Email>,
    /// Its phone number.
    pub phone: Option<Phone>,
    /// Its display name.
    pub nickname: Option<Box<str>>,
    /// Its password's hash, as it is there; [`NO_PASSWORD`] where it has none.
    pub password: PasswordHash,
    /// Whether it may be used.
    pub status: ImportedStatus,
    /// When it was made, where that is known.
    pub created_at: Option<Timestamp>,
    /// When it last logged in.
    pub last_login_at: Option<Timestamp>,
    /// Ids at other providers, by provider.
    pub linked: BTreeMap<Box<str>, Box<str>>,
    /// What it may do beyond what everybody may.
    pub roles: Vec<Box<str>>,
    /// Fields of the team's own.
    pub profile: Profile,
    /// Of everything above but the password and the last login.
    pub row_digest: [u8; 32],
    /// Of the password's hash.
    pub password_digest: [u8; 32],
}

/// What decides whether two accounts are in each other's way.
pub struct AccountKeys {
    /// Of the e-mail address.
    pub email: Option<String>,
    /// Of the phone number.
    pub phone: Option<String>,
    /// Of the display name.
    pub nickname: Option<String>,
}

impl ImportedAccount {
    /// What must be nobody else's.
    #[must_use]
    pub fn keys(&self) -> AccountKeys {
        AccountKeys {
            email: self.email.as_ref().map(Email::key),
            phone: self.phone.as_ref().map(Phone::key),
            nickname: self.nickname.as_deref().map(nickname_key),
        }
    }
}

/// Who it is; nothing else of it belongs in a log.
impl fmt::Debug for ImportedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImportedAccount({})", self.id)
    }
}

/// Whether an account may be used, as its source says it. A source does not say since when: it
/// counts as ever since the account was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportedStatus {
    /// Its address was never proved.
    Unverified,
    /// In use.
    Active,
    /// Shut out.
    Suspended,
    /// Given up.
    Withdrawn,
}

impl ImportedStatus {
    /// The status of an account made at `since`.
    #[must_use]
    pub const fn since(self, since: Timestamp) -> Status {
        match self {
            Self::Unverified => Status::Unverified,
            Self::Active => Status::Active { since },
            Self::Suspended => Status::Suspended { since, until: None },
            Self::Withdrawn => Status::Withdrawn {
                since,
                erase_at: None,
            },
        }
    }

    /// The stable name that reports and options use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What became of an account that was to be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It exists now.
    Created,
    /// It changed at its source since, and so it did here.
    Updated,
    /// It is as it was.
    Unchanged,
    /// It was given up here since, and is left as it is, whatever its source says.
    Withdrawn,
    /// It was not taken over.
    Conflict(Conflict),
}

/// What stands in an account's way. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Its id is that of an account that was not imported.
    IdTaken,
    /// Another account has its e-mail address.
    EmailTaken(AccountId),
    /// Another account has its phone number.
    PhoneTaken(AccountId),
    /// Another account has its nickname.
    NicknameTaken(AccountId),
}

/// A refresh token of a former back end, and what that knew of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignToken {
    /// Whose tokens these are.
    pub contract: Box<str>,
    /// Which.
    pub token: ForeignId,
    /// Whether it was good.
    pub state: Known,
    /// When it expires: what is known of it may be forgotten then.
    pub expires_at: Timestamp,
}

/// What a former back end knew of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was on the list of good ones.
    Listed,
    /// It was on the list of dead ones.
    Dead,
}

impl Known {
    /// The stable name that stores use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Dead => "dead",
        }
    }
}

/// What a store holds under the id of an account to be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its status now.
    pub status: Status,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last logged in.
    pub last_login_at: Option<Timestamp>,
    /// What it looked like at its source; none where it was not imported.
    pub source: Option<Digests>,
}

/// What an account looked like at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Everything but the password and the last login.
    pub row: [u8; 32],
    /// The password's hash.
    pub password: [u8; 32],
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A new account of that status, made then.
    Create {
        /// Its status.
        status: Status,
        /// When it was made.
        created_at: Timestamp,
    },
    /// An account that is there.
    Update(Changes),
    /// Nothing: the outcome is this one.
    Leave(Imported),
}

/// What changes of an account that was imported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Everything but status, password and last login.
    pub row: bool,
    /// Its password's hash. One that was made anew here at a login gives way only to a new
    /// password.
    pub password: bool,
    /// Its new status. One that changed here stays.
    pub status: Option<Status>,
    /// When it was made, as its source says.
    pub created_at: Timestamp,
    /// Its last login, there or here, whichever is later.
    pub last_login_at: Option<Timestamp>,
}

/// Judges what happens to an account, before its addresses are compared with those of others.
#[must_use]
pub fn judge(standing: Option<&Standing>, account: &ImportedAccount, now: Timestamp) -> Judgement {
    let Some(standing) = standing else {
        let created_at = account.created_at.unwrap_or(now);
        return Judgement::Create {
            status: account.status.since(created_at),
            created_at,
        };
    };
    let Some(source) = standing.source else {
        return Judgement::Leave(Imported::Conflict(Conflict::IdTaken));
    };
    let as_imported = is_as_imported(standing);
    if matches!(standing.status, Status::Withdrawn { .. }) && !as_imported {
        return Judgement::Leave(Imported::Withdrawn);
    }
    let changes = changes(standing, source, account, as_imported);
    let later_login = changes.last_login_at != standing.last_login_at;
    if changes.row || changes.password || later_login {
        Judgement::Update(changes)
    } else {
        Judgement::Leave(Imported::Unchanged)
    }
}

fn changes(
    standing: &Standing,
    source: Digests,
    account: &ImportedAccount,
    as_imported: bool,
) -> Changes {
    let created_at = account.created_at.unwrap_or(standing.created_at);
    let row = source.row != account.row_digest;
    let status = account.status.since(created_at);
    Changes {
        row,
        password: source.password != account.password_digest,
        status: (row && as_imported && status != standing.status).then_some(status),
        created_at,
        last_login_at: account.last_login_at.max(standing.last_login_at),
    }
}

/// Whether a status is the one that an import gave: what is decided here begins later than the
/// account.
fn is_as_imported(standing: &Standing) -> bool {
    match standing.status {
        Status::Unverified => true,
        Status::Active { since }
        | Status::Suspended { since, .. }
        | Status::Withdrawn { since, .. } => since == standing.created_at,
    }
}
