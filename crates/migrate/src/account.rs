//! From a row to an account that the engine can take over, or why not.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use daemun_engine::{
    account::{PasswordHash, Profile},
    address::{Email, Phone},
    ids::AccountId,
    import::{ImportedAccount, ImportedStatus, NO_PASSWORD},
    password::make_of,
};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::{
    instant,
    mapping::{Field, Mapping},
    row::{Cell, Row},
    tally::{Reason, Remark},
};

/// The largest number that JSON takes exact everywhere (RFC 8259 §6): front ends read ids so.
const LARGEST_ID: i64 = (1 << 53) - 1;
/// The longest nickname, in characters: as long as any that is taken at sign-up.
const LONGEST_NICKNAME: usize = 50;
/// What reports call a hash that cannot be verified.
pub const UNKNOWN_MAKE: &str = "cannot be verified";

/// What an inactive account is: Django has one word for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inactive {
    /// Its address was never proved: it may still be.
    Unverified,
    /// It was shut out.
    Suspended,
}

/// How rows are read.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Which column is what.
    pub mapping: Mapping,
    /// What inactive means, where somebody said so.
    pub inactive: Option<Inactive>,
    /// Whether accounts whose hash cannot be verified are taken over without a password.
    pub no_password_ok: bool,
}

/// A row, read.
pub struct Readable {
    /// The account.
    pub account: ImportedAccount,
    /// The make of its hash.
    pub make: &'static str,
    /// What was left out of it.
    pub remarks: Vec<Remark>,
}

/// A row that is no account.
pub struct Unreadable {
    /// Why.
    pub remark: Remark,
    /// The make of its hash.
    pub make: Option<&'static str>,
}

impl Reader {
    /// Makes an account of a row.
    ///
    /// # Errors
    /// The first field that stands in the way.
    pub fn read(&self, row: &Row) -> Result<Readable, Unreadable> {
        let at = At { reader: self, row };
        let hash = at.cell(&Field::Password).text();
        let make = make_of(hash.as_deref().unwrap_or_default());
        at.account(hash, make)
            .map_err(|(field, reason)| Unreadable {
                remark: at.remark(&field, reason),
                make: Some(make.unwrap_or(UNKNOWN_MAKE)),
            })
    }

    /// Whether the row is inactive at its source.
    #[must_use]
    pub fn is_inactive(&self, row: &Row) -> bool {
        At { reader: self, row }.flag(&Field::Active) == Ok(Some(false))
    }
}

type Refused = (Field, Reason);

/// A reader at a row.
struct At<'a> {
    reader: &'a Reader,
    row: &'a Row,
}

impl At<'_> {
    fn account(
        &self,
        hash: Option<Box<str>>,
        make: Option<&'static str>,
    ) -> Result<Readable, Refused> {
        let mut remarks = Vec::new();
        let password = match make {
            Some("no password") => NO_PASSWORD.into(),
            Some(_) => hash.unwrap_or_else(|| NO_PASSWORD.into()),
            None if self.reader.no_password_ok => {
                remarks.push(self.remark(&Field::Password, Reason::NoPassword));
                NO_PASSWORD.into()
            }
            None => return Err((Field::Password, Reason::Unverifiable)),
        };
        let nickname = self.nickname().unwrap_or_else(|reason| {
            remarks.push(self.remark(&Field::Nickname, reason));
            None
        });
        let mut account = ImportedAccount {
            id: self.id()?,
            email: self.address(&Field::Email, |text| Email::parse(text).ok())?,
            phone: self.address(&Field::Phone, |text| Phone::parse(text).ok())?,
            nickname,
            password_digest: sha256(password.as_bytes()),
            password: PasswordHash::from_stored(password),
            status: self.status()?,
            created_at: self.time(&Field::CreatedAt)?,
            last_login_at: self.time(&Field::LastLoginAt)?,
            linked: self.linked(),
            roles: self.roles()?,
            profile: self.profile(),
            row_digest: [0; 32],
        };
        if account.email.is_none() && account.phone.is_none() && account.linked.is_empty() {
            return Err((Field::Email, Reason::Missing));
        }
        account.row_digest = row_digest(&account);
        Ok(Readable {
            account,
            make: make.unwrap_or(UNKNOWN_MAKE),
            remarks,
        })
    }

    fn id(&self) -> Result<AccountId, Refused> {
        let cell = self.cell(&Field::Id);
        let id = match cell.int() {
            _ if cell.is_blank() => Err(Reason::Missing),
            None => Err(Reason::OutOfRange),
            Some(id) if (1..=LARGEST_ID).contains(&id) => Ok(AccountId(id)),
            Some(_) => Err(Reason::OutOfRange),
        };
        id.map_err(|reason| (Field::Id, reason))
    }

    fn address<T>(
        &self,
        field: &Field,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refused> {
        let Some(text) = self.cell(field).text() else {
            return Ok(None);
        };
        let parsed = parse(&text);
        parsed
            .map(Some)
            .ok_or_else(|| (field.clone(), Reason::Unreadable))
    }

    fn nickname(&self) -> Result<Option<Box<str>>, Reason> {
        let Some(text) = self.cell(&Field::Nickname).text() else {
            return Ok(None);
        };
        let text: String = text.nfc().collect();
        let sound = text.chars().count() <= LONGEST_NICKNAME && !text.chars().any(char::is_control);
        sound.then(|| Some(text.into())).ok_or(Reason::NoNickname)
    }

    fn status(&self) -> Result<ImportedStatus, Refused> {
        if let Some(words) = self.cell(&Field::Status).text() {
            let all = [
                ImportedStatus::Unverified,
                ImportedStatus::Active,
                ImportedStatus::Suspended,
                ImportedStatus::Withdrawn,
            ];
            let named = |status: &ImportedStatus| status.name().eq_ignore_ascii_case(&words);
            let status = all.into_iter().find(named);
            return status.ok_or((Field::Status, Reason::Unreadable));
        }
        let (active, inactive) = (self.flag(&Field::Active)?, self.reader.inactive);
        if self.flag(&Field::Withdrawn)? == Some(true) {
            return Ok(ImportedStatus::Withdrawn);
        }
        if self.flag(&Field::Suspended)? == Some(true) {
            return Ok(ImportedStatus::Suspended);
        }
        match (active, inactive) {
            (Some(false), Some(Inactive::Suspended)) => Ok(ImportedStatus::Suspended),
            (Some(false), Some(Inactive::Unverified)) => Ok(ImportedStatus::Unverified),
            (Some(false), None) => Err((Field::Active, Reason::Undecided)),
            _ => match self.flag(&Field::Verified)? {
                Some(true) => Ok(ImportedStatus::Active),
                None if !self.is_mapped_to_time(&Field::Verified) => Ok(ImportedStatus::Active),
                _ => Ok(ImportedStatus::Unverified),
            },
        }
    }

    /// `verified_at` that is empty says no; `verified` that is empty says nothing.
    fn is_mapped_to_time(&self, field: &Field) -> bool {
        let mut named = self.reader.mapping.named();
        named.any(|(mapped, column)| mapped == field && column.to_lowercase().ends_with("at"))
    }

    fn flag(&self, field: &Field) -> Result<Option<bool>, Refused> {
        let cell = self.cell(field);
        if cell.is_blank() {
            return Ok(None);
        }
        let flag = cell.flag();
        flag.map(Some)
            .ok_or_else(|| (field.clone(), Reason::Unreadable))
    }

    fn time(&self, field: &Field) -> Result<Option<daemun_engine::time::Timestamp>, Refused> {
        let cell = self.cell(field);
        if cell.is_blank() {
            return Ok(None);
        }
        let time = instant::of(cell);
        time.map(Some)
            .ok_or_else(|| (field.clone(), Reason::Unreadable))
    }

    fn linked(&self) -> BTreeMap<Box<str>, Box<str>> {
        let fields = self.reader.mapping.fields();
        let linked = fields.filter_map(|(field, at)| match field {
            Field::Linked(provider) => Some((provider.clone(), self.row.cell(at).text()?)),
            _ => None,
        });
        linked.collect()
    }

    fn roles(&self) -> Result<Vec<Box<str>>, Refused> {
        let mut roles = Vec::new();
        for (field, at) in self.reader.mapping.fields() {
            let cell = self.row.cell(at);
            match field {
                Field::Role(name) if !cell.is_blank() => {
                    let has = cell
                        .flag()
                        .ok_or_else(|| (field.clone(), Reason::Unreadable))?;
                    roles.extend(has.then(|| name.clone()));
                }
                Field::Roles => roles.extend(role_names(cell)),
                _ => {}
            }
        }
        roles.sort();
        roles.dedup();
        Ok(roles)
    }

    fn profile(&self) -> Profile {
        let fields = self.reader.mapping.fields();
        let profile = fields.filter_map(|(field, at)| match field {
            Field::Profile(name) => Some((name.clone(), self.row.cell(at).to_json())),
            _ => None,
        });
        profile.filter(|(_, value)| !value.is_null()).collect()
    }

    fn cell(&self, field: &Field) -> &Cell {
        let place = self.reader.mapping.place(field);
        place.map_or(&Cell::Null, |at| self.row.cell(at))
    }

    fn remark(&self, field: &Field, reason: Reason) -> Remark {
        Remark {
            row: self.row.number,
            id: self.cell(&Field::Id).int(),
            field: field.to_string(),
            reason,
        }
    }
}

fn role_names(cell: &Cell) -> Vec<Box<str>> {
    let listed = match cell {
        Cell::Json(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Cell::Text(text) => text.split(',').map(str::trim).collect(),
        _ => Vec::new(),
    };
    let named = listed.into_iter().filter(|name| !name.is_empty());
    named.map(Into::into).collect()
}

/// Of everything but the password and the last login.
pub(crate) fn row_digest(account: &ImportedAccount) -> [u8; 32] {
    let row = json!([
        account.email.as_ref().map(|email| email.as_str()),
        account.phone.as_ref().map(|phone| phone.as_str()),
        account.nickname,
        account.status.name(),
        account.created_at.map(|at| at.unix_micros()),
        account.linked,
        account.roles,
        account.profile,
    ]);
    sha256(row.to_string().as_bytes())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests;
