//! Which column is what. Guessed from the names that back ends give their columns, and from what
//! stands in them where a name says too little; every guess can be overruled.

use std::{fmt, str::FromStr};

use daemun_engine::address::{Email, Phone};

use crate::row::{Column, Row};

/// What a column can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The account's number, which it keeps.
    Id,
    /// The e-mail address.
    Email,
    /// The phone number.
    Phone,
    /// The display name.
    Nickname,
    /// The hash of the password.
    Password,
    /// Whether it may be used.
    Active,
    /// Whether its address was proved.
    Verified,
    /// Whether it was shut out.
    Suspended,
    /// Whether it was given up.
    Withdrawn,
    /// Its status in words: `active`, `unverified`, `suspended`, `withdrawn`.
    Status,
    /// When it was made.
    CreatedAt,
    /// When it last logged in.
    LastLoginAt,
    /// Roles: a list, or names with commas between.
    Roles,
    /// Whether it has this role.
    Role(Box<str>),
    /// Its id at this provider.
    Linked(Box<str>),
    /// A field of the team's own.
    Profile(Box<str>),
}

/// Names of columns, without case and separators, best first. What a name means twice over
/// (`username`) is in [`by_content`].
const GUESSES: &[(Field, &[&str])] = &[
    (Field::Id, &["id", "userid", "accountid", "pk"]),
    (Field::Email, &["email", "emailaddress", "mail"]),
    (
        Field::Phone,
        &[
            "phone",
            "phonenumber",
            "mobile",
            "mobilenumber",
            "cellphone",
            "tel",
        ],
    ),
    (
        Field::Password,
        &[
            "password",
            "passwordhash",
            "hashedpassword",
            "encryptedpassword",
            "pw",
        ],
    ),
    (Field::Nickname, &["nickname", "displayname", "nick"]),
    (Field::Active, &["isactive", "active", "enabled"]),
    (
        Field::Verified,
        &[
            "isverified",
            "verified",
            "isemailverified",
            "emailverified",
            "emailverifiedat",
        ],
    ),
    (
        Field::Suspended,
        &[
            "issuspended",
            "suspended",
            "isbanned",
            "banned",
            "isblocked",
            "suspendedat",
        ],
    ),
    (
        Field::Withdrawn,
        &[
            "iswithdrawn",
            "withdrawn",
            "isdeleted",
            "deletedat",
            "withdrawnat",
        ],
    ),
    (
        Field::CreatedAt,
        &[
            "datejoined",
            "createdat",
            "created",
            "joinedat",
            "registeredat",
        ],
    ),
    (
        Field::LastLoginAt,
        &["lastlogin", "lastloginat", "lastloggedinat"],
    ),
    (Field::Roles, &["roles"]),
];

/// Flags that make somebody an administrator.
const ADMIN_FLAGS: &[&str] = &["isstaff", "issuperuser", "isadmin"];
/// Providers whose ids back ends keep as `PROVIDER_id`.
const PROVIDERS: &[&str] = &["kakao", "naver", "google", "apple", "facebook", "github"];
/// What may serve as a nickname where nothing is called so.
const NAMES: &[&str] = &["username", "name", "fullname", "firstname"];

/// Which column is what, by the columns' places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    columns: Vec<Column>,
    fields: Vec<(Field, usize)>,
}

/// Somebody's word that a field is in a column; in none where the column is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The field.
    pub field: Field,
    /// The column.
    pub column: Option<Box<str>>,
}

/// Why columns cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// There is no such column.
    #[error("there is no column `{0}`")]
    NoColumn(Box<str>),
    /// No column is known to be this, and without it there are no accounts.
    #[error("no column is known to be the {0}")]
    Missing(&'static str),
    /// No such field.
    #[error(
        "`{0}` is no field: id, email, phone, nickname, password, active, verified, suspended, \
         withdrawn, status, created_at, last_login_at, roles, role.NAME, linked.PROVIDER, \
         profile.NAME"
    )]
    NoField(Box<str>),
    /// Not `field=column`.
    #[error("`{0}` is not FIELD=COLUMN")]
    NoPair(Box<str>),
}

impl Mapping {
    /// What the columns are as far as their names and the sample tell, but for what `overrides`
    /// say.
    ///
    /// # Errors
    /// Where an override names a column that is not there.
    pub fn guess(
        columns: &[Column],
        sample: &[Row],
        overrides: &[Override],
    ) -> Result<Self, MappingError> {
        let mut mapping = Self {
            columns: columns.into(),
            fields: Vec::new(),
        };
        for given in overrides {
            if let Some(name) = &given.column {
                let place = columns.iter().position(|column| column.name == *name);
                let place = place.ok_or_else(|| MappingError::NoColumn(name.clone()))?;
                mapping.fields.push((given.field.clone(), place));
            }
        }
        let is_given = |field: &Field| overrides.iter().any(|given| given.field == *field);
        mapping.guess_by_name(&is_given);
        mapping.guess_by_content(sample, &is_given);
        Ok(mapping)
    }

    fn guess_by_name(&mut self, is_given: &dyn Fn(&Field) -> bool) {
        for (field, names) in GUESSES {
            let place = names.iter().find_map(|name| self.free(name));
            if let Some(place) = place.filter(|_| !is_given(field)) {
                self.fields.push((field.clone(), place));
            }
        }
        let admin = Field::Role("admin".into());
        if !is_given(&admin) {
            for place in ADMIN_FLAGS
                .iter()
                .filter_map(|name| self.free(name))
                .collect::<Vec<_>>()
            {
                self.fields.push((admin.clone(), place));
            }
        }
        for provider in PROVIDERS {
            let field = Field::Linked((*provider).into());
            let place = self.free(&format!("{provider}id"));
            if let Some(place) = place.filter(|_| !is_given(&field)) {
                self.fields.push((field, place));
            }
        }
    }

    /// A user name may be a phone number, an address or a name.
    fn guess_by_content(&mut self, sample: &[Row], is_given: &dyn Fn(&Field) -> bool) {
        if let Some(place) = self.free("username") {
            let texts = || sample.iter().filter_map(|row| row.cell(place).text());
            let most = |is: fn(&str) -> bool| {
                let (count, all) = (texts().filter(|text| is(text)).count(), texts().count());
                all > 0 && count * 10 >= all * 9
            };
            let is_wanted = |field: &Field| !self.has(field) && !is_given(field);
            if is_wanted(&Field::Phone) && most(|text| Phone::parse(text).is_ok()) {
                self.fields.push((Field::Phone, place));
            } else if is_wanted(&Field::Email) && most(|text| Email::parse(text).is_ok()) {
                self.fields.push((Field::Email, place));
            }
        }
        if !self.has(&Field::Nickname) && !is_given(&Field::Nickname) {
            let place = NAMES.iter().find_map(|name| self.free(name));
            self.fields
                .extend(place.map(|place| (Field::Nickname, place)));
        }
    }

    /// The column of that name that is nothing yet.
    fn free(&self, name: &str) -> Option<usize> {
        let mut columns = self.columns.iter().enumerate();
        let found = columns.find(|(at, column)| {
            plain(&column.name) == name && !self.fields.iter().any(|(_, taken)| taken == at)
        });
        found.map(|(at, _)| at)
    }

    /// Whether a column is this.
    #[must_use]
    pub fn has(&self, field: &Field) -> bool {
        self.place(field).is_some()
    }

    /// Where a field stands.
    #[must_use]
    pub fn place(&self, field: &Field) -> Option<usize> {
        let mut fields = self.fields.iter();
        fields
            .find(|(mapped, _)| mapped == field)
            .map(|(_, at)| *at)
    }

    /// All fields and where they stand.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, usize)> {
        self.fields.iter().map(|(field, at)| (field, *at))
    }

    /// All fields and the names of their columns.
    pub fn named(&self) -> impl Iterator<Item = (&Field, &str)> {
        let name = |at: usize| self.columns.get(at).map_or("", |column| &column.name);
        self.fields
            .iter()
            .map(move |(field, at)| (field, name(*at)))
    }

    /// The columns that are nothing.
    pub fn unmapped(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(at, _)| !self.fields.iter().any(|(_, taken)| taken == at))
            .map(|(_, column)| &*column.name)
    }

    /// Whether there is what no account is without.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<(), MappingError> {
        if !self.has(&Field::Id) {
            return Err(MappingError::Missing("id"));
        }
        if !self.has(&Field::Password) {
            return Err(MappingError::Missing("password"));
        }
        let linked = |field: &Field| matches!(field, Field::Linked(_));
        let reachable = self.has(&Field::Email)
            || self.has(&Field::Phone)
            || self.fields.iter().any(|(field, _)| linked(field));
        if !reachable {
            return Err(MappingError::Missing("email or phone"));
        }
        Ok(())
    }
}

/// Whether these may be the columns of a table that holds accounts.
#[must_use]
pub(crate) fn looks_like_accounts(columns: &[Column]) -> bool {
    let has = |wanted: &[&str]| {
        let mut columns = columns.iter();
        columns.any(|column| wanted.contains(&plain(&column.name).as_str()))
    };
    let guesses = |field: Field| {
        let mut guesses = GUESSES.iter();
        guesses.any(|(guess, names)| *guess == field && has(names))
    };
    let reachable = guesses(Field::Email) || guesses(Field::Phone) || has(&["username"]);
    guesses(Field::Id) && guesses(Field::Password) && reachable
}

/// A name without case and separators: `phoneNumber` and `phone_number` are one.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

impl FromStr for Field {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || MappingError::NoField(text.into());
        if let Some((kind, name)) = text.split_once('.') {
            let name = Some(name)
                .filter(|name| !name.is_empty())
                .ok_or_else(unknown)?;
            return match kind {
                "role" => Ok(Self::Role(name.into())),
                "linked" => Ok(Self::Linked(name.into())),
                "profile" => Ok(Self::Profile(name.into())),
                _ => Err(unknown()),
            };
        }
        let plain = [
            Self::Id,
            Self::Email,
            Self::Phone,
            Self::Nickname,
            Self::Password,
            Self::Active,
            Self::Verified,
            Self::Suspended,
            Self::Withdrawn,
            Self::Status,
            Self::CreatedAt,
            Self::LastLoginAt,
            Self::Roles,
        ];
        let mut plain = plain.into_iter();
        plain
            .find(|field| field.to_string() == text)
            .ok_or_else(unknown)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Nickname => "nickname",
            Self::Password => "password",
            Self::Active => "active",
            Self::Verified => "verified",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
            Self::Status => "status",
            Self::CreatedAt => "created_at",
            Self::LastLoginAt => "last_login_at",
            Self::Roles => "roles",
            Self::Role(name) => return write!(f, "role.{name}"),
            Self::Linked(name) => return write!(f, "linked.{name}"),
            Self::Profile(name) => return write!(f, "profile.{name}"),
        };
        f.write_str(name)
    }
}

impl FromStr for Override {
    type Err = MappingError;

    /// `field=column`; `field=` for none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = text.split_once('=');
        let (field, column) = pair.ok_or_else(|| MappingError::NoPair(text.into()))?;
        Ok(Self {
            field: field.trim().parse()?,
            column: Some(column.trim())
                .filter(|c| !c.is_empty())
                .map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Cell;

    fn columns(names: &str) -> Vec<Column> {
        let names = names.split(' ');
        let column = |name: &str| Column {
            name: name.into(),
            kind: "".into(),
        };
        names.map(column).collect()
    }

    fn guessed(names: &str, sample: &[&str], overrides: &[&str]) -> String {
        let columns = columns(names);
        let row = |text: &&str| Row {
            number: 1,
            cells: vec![Cell::Text((*text).into()); columns.len()],
        };
        let sample: Vec<Row> = sample.iter().map(row).collect();
        let overrides: Vec<Override> = overrides.iter().map(|text| text.parse().unwrap()).collect();
        let mapping = Mapping::guess(&columns, &sample, &overrides).unwrap();
        let named = mapping.named();
        let pairs: Vec<String> = named
            .map(|(field, column)| format!("{field}={column}"))
            .collect();
        pairs.join(" ")
    }

    const DJANGO: &str = "id password last_login is_superuser username first_name last_name email \
                          is_staff is_active date_joined";

    #[test]
    fn djangos_own_table_needs_no_word() {
        assert_eq!(
            guessed(DJANGO, &["mina"], &[]),
            "id=id email=email password=password active=is_active created_at=date_joined \
             last_login_at=last_login role.admin=is_staff role.admin=is_superuser nickname=username"
        );
        assert!(looks_like_accounts(&columns(DJANGO)));
        assert!(!looks_like_accounts(&columns("id name app_label")));
    }

    #[test]
    fn a_user_name_is_told_by_what_it_looks_like() {
        let phone = guessed("id password username", &["01012345678"], &[]);
        assert_eq!(phone, "id=id password=password phone=username");
        let email = guessed("id password username", &["a@example.com"], &[]);
        assert_eq!(email, "id=id password=password email=username");
    }

    #[test]
    fn a_word_goes_before_any_guess() {
        let overrides = ["nickname=", "email=mail2", "profile.school=school"];
        assert_eq!(
            guessed(
                "id email mail2 password nickname school kakaoId",
                &[],
                &overrides
            ),
            "email=mail2 profile.school=school id=id password=password linked.kakao=kakaoId"
        );
    }

    #[test]
    fn what_no_account_is_without_is_missed() {
        let check = |names| Mapping::guess(&columns(names), &[], &[]).unwrap().check();
        assert_eq!(check("id password email"), Ok(()));
        assert_eq!(check("password email"), Err(MappingError::Missing("id")));
        assert!(check("id email").is_err());
        assert!(check("id password name").is_err());
    }

    #[test]
    fn what_is_no_pair_of_field_and_column_is_refused() {
        for text in ["email", "mail=email", "role.=x", "what.ever=x"] {
            assert!(text.parse::<Override>().is_err(), "{text}");
        }
    }
}
