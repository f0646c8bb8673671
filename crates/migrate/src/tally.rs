//! What came of an import: figures, and a remark on every row that was not taken over as it was.

use std::{collections::BTreeMap, fmt};

use daemun_engine::import::{Conflict, Imported};
use serde_json::{Value, json};

/// A remark on a row. Names it by its id, and the field, and holds nothing of what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where the row stands in its source, from 1.
    pub row: u64,
    /// The account's id, where it has one.
    pub id: Option<i64>,
    /// The field.
    pub field: String,
    /// What about it.
    pub reason: Reason,
}

/// What is the matter with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing there.
    Missing,
    /// It cannot be read as what it should be.
    Unreadable,
    /// No number that an account can have: whole, above 0, and exact in JSON.
    OutOfRange,
    /// A row before has the same: that account's id.
    Duplicate(i64),
    /// An account that is here already has the same: its id.
    Taken(i64),
    /// An account of this id was made here, and not imported.
    NotImported,
    /// The hash is of no make that can be verified.
    Unverifiable,
    /// The account is inactive, and nobody said what that means.
    Undecided,
    /// The account was taken over without this nickname: it is too long or holds control
    /// characters.
    NoNickname,
    /// The account was taken over without this nickname: a row before has it.
    NicknameTwice(i64),
    /// The account was taken over without a password: its hash cannot be verified.
    NoPassword,
    /// The account was given up here since, and is left as it is.
    Withdrawn,
}

impl Reason {
    /// Whether the account was taken over all the same.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::NoNickname | Self::NicknameTwice(_) | Self::NoPassword | Self::Withdrawn
        )
    }

    /// The stable name that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::OutOfRange => "out_of_range",
            Self::Duplicate(_) => "duplicate",
            Self::Taken(_) => "taken",
            Self::NotImported => "not_imported",
            Self::Unverifiable => "unverifiable",
            Self::Undecided => "undecided",
            Self::NoNickname => "no_nickname",
            Self::NicknameTwice(_) => "nickname_twice",
            Self::NoPassword => "no_password",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// What it means, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Missing => "there is none",
            Self::Unreadable => "cannot be read",
            Self::OutOfRange => "is no whole number from 1 to 2^53-1",
            Self::Duplicate(_) => "is that of a row before",
            Self::Taken(_) => "is that of another account here",
            Self::NotImported => "is that of an account that was made here",
            Self::Unverifiable => "cannot be verified here: of no known make, or malformed",
            Self::Undecided => "is inactive, and --inactive does not say what that means",
            Self::NoNickname => "is no nickname: taken over without it",
            Self::NicknameTwice(_) => "is that of a row before: taken over without it",
            Self::NoPassword => "cannot be verified here: taken over without a password",
            Self::Withdrawn => "was given up here since: left as it is",
        }
    }

    /// The other account that it is about.
    #[must_use]
    pub const fn other(self) -> Option<i64> {
        match self {
            Self::Duplicate(id) | Self::Taken(id) | Self::NicknameTwice(id) => Some(id),
            _ => None,
        }
    }
}

impl Remark {
    /// As a line of a report file.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "row": self.row,
            "id": self.id,
            "field": self.field,
            "reason": self.reason.name(),
            "other": self.reason.other(),
            "taken_over": self.reason.is_harmless(),
        })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "id {id}: ")?,
            None => write!(f, "row {}: ", self.row)?,
        }
        write!(f, "{} {}", self.field, self.reason.words())?;
        match self.reason.other() {
            Some(other) => write!(f, " (id {other})"),
            None => Ok(()),
        }
    }
}

/// The figures of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows read.
    pub read: u64,
    /// Accounts that are new.
    pub created: u64,
    /// Accounts that changed at their source.
    pub updated: u64,
    /// Accounts that are as they were.
    pub unchanged: u64,
    /// Accounts that were given up here since.
    pub withdrawn: u64,
    /// Rows that were not taken over.
    pub skipped: u64,
    /// Rows that are inactive at their source.
    pub inactive: u64,
    /// Hashes, by their make.
    pub makes: BTreeMap<&'static str, u64>,
    /// Readable accounts, by their status.
    pub statuses: BTreeMap<&'static str, u64>,
    /// Readable accounts, by their roles.
    pub roles: BTreeMap<Box<str>, u64>,
    /// Remarks, by field and reason.
    pub remarks: BTreeMap<(String, &'static str), u64>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl Tally {
    /// Counts a remark.
    pub(crate) fn remark(&mut self, remark: &Remark) {
        if !remark.reason.is_harmless() {
            self.skipped += 1;
        }
        let key = (remark.field.clone(), remark.reason.name());
        *self.remarks.entry(key).or_default() += 1;
    }

    /// Counts what became of an account; the remark it calls for.
    pub(crate) fn outcome(&mut self, row: u64, id: i64, outcome: Imported) -> Option<Remark> {
        let (field, reason) = match outcome {
            Imported::Created => {
                self.created += 1;
                return None;
            }
            Imported::Updated => {
                self.updated += 1;
                return None;
            }
            Imported::Unchanged => {
                self.unchanged += 1;
                return None;
            }
            Imported::Withdrawn => {
                self.withdrawn += 1;
                ("account", Reason::Withdrawn)
            }
            Imported::Conflict(Conflict::IdTaken) => ("id", Reason::NotImported),
            Imported::Conflict(Conflict::EmailTaken(other)) => ("email", Reason::Taken(other.0)),
            Imported::Conflict(Conflict::PhoneTaken(other)) => ("phone", Reason::Taken(other.0)),
            Imported::Conflict(Conflict::NicknameTaken(other)) => {
                ("nickname", Reason::Taken(other.0))
            }
        };
        Some(Remark {
            row,
            id: Some(id),
            field: field.into(),
            reason,
        })
    }
}
