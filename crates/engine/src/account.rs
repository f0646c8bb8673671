//! Accounts: a person's record, and whether it may be used.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    address::{Email, Phone},
    ids::AccountId,
    session::RevokeReason,
    time::Timestamp,
};

/// A person's record. Holds no secret; the password hash travels apart, as [`PasswordHash`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The e-mail address, where there is one.
    pub email: Option<Email>,
    /// The phone number, where there is one.
    pub phone: Option<Phone>,
    /// The display name, unique where there is one.
    pub nickname: Option<Box<str>>,
    /// Whether it may be used.
    pub status: Status,
    /// Why it has that status, in an operator's words.
    pub status_reason: Option<Box<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last logged in.
    pub last_login_at: Option<Timestamp>,
    /// Tokens issued before this are worth nothing.
    pub not_before: Option<Timestamp>,
    /// Ids at other providers (`kakao`), by provider.
    pub linked: BTreeMap<Box<str>, Box<str>>,
    /// When it was last changed, logins aside.
    pub updated_at: Timestamp,
    /// What it may do beyond what everybody may, such as `admin`.
    pub roles: Vec<Box<str>>,
    /// What contracts keep about people besides.
    pub profile: Profile,
    /// Whether it was taken over from a former back end, under the number it had there: that back
    /// end's tokens speak of such accounts alone.
    pub imported: bool,
}

/// Fields of a team's own, by name.
pub type Profile = BTreeMap<Box<str>, serde_json::Value>;

impl Account {
    /// Whether a token without a session, issued then (in whole seconds), is worth nothing.
    #[must_use]
    pub fn cuts_off(&self, issued_at: Timestamp) -> bool {
        crate::session::cuts_off(self.not_before, issued_at)
    }

    /// Whether it was given up and nothing of it is left but its number.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        matches!(self.status, Status::Withdrawn { erase_at: None, .. })
            && self.email.is_none()
            && self.phone.is_none()
    }

    /// Whether it has the role `admin`.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| &**role == "admin")
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Status {
    /// Signed up, address not yet proved.
    Unverified,
    /// In use since.
    Active {
        /// When the address was proved.
        since: Timestamp,
    },
    /// Shut out by an operator.
    Suspended {
        /// Since when.
        since: Timestamp,
        /// Until when; for good where absent.
        until: Option<Timestamp>,
    },
    /// Given up by its owner.
    Withdrawn {
        /// Since when.
        since: Timestamp,
        /// When what is personal about it is erased; absent where it has been, or where a former
        /// back end said that it was given up.
        erase_at: Option<Timestamp>,
    },
}

/// What stands between an account and a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// The address has not been proved.
    Unverified,
    /// An operator shut it out.
    Suspended,
    /// Its owner gave it up.
    Withdrawn,
}

impl Status {
    /// Whether an account of this status may log in at `now`, and if not, why.
    ///
    /// # Errors
    /// The reason why not.
    pub fn admits(self, now: Timestamp) -> Result<(), Barred> {
        match self {
            Self::Active { .. } => Ok(()),
            Self::Unverified => Err(Barred::Unverified),
            Self::Suspended {
                until: Some(until), ..
            } if until <= now => Ok(()),
            Self::Suspended { .. } => Err(Barred::Suspended),
            Self::Withdrawn { .. } => Err(Barred::Withdrawn),
        }
    }

    /// Why sessions end with an account that came to be of this status.
    pub(crate) const fn why_sessions_end(self) -> RevokeReason {
        match self {
            Self::Suspended { .. } => RevokeReason::Suspended,
            Self::Withdrawn { .. } => RevokeReason::Withdrawn,
            Self::Unverified | Self::Active { .. } => RevokeReason::Operator,
        }
    }

    /// Since when it is so, and until when a suspension lasts, in microseconds as stores keep them.
    #[must_use]
    pub fn times(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Unverified => (None, None),
            Self::Active { since } | Self::Withdrawn { since, .. } => {
                (Some(since.unix_micros()), None)
            }
            Self::Suspended { since, until } => {
                (Some(since.unix_micros()), until.map(Timestamp::unix_micros))
            }
        }
    }

    /// The stable name that stores and listings use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Active { .. } => "active",
            Self::Suspended { .. } => "suspended",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// A password hash as it is stored: a PHC string, or a foreign one taken over as it was.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// Takes a stored hash as it is; nothing is checked until a password is verified against it.
    #[must_use]
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text a store keeps.
    #[must_use]
    pub fn as_stored(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
