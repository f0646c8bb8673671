//! Identifiers people log in with: e-mail addresses and phone numbers.
//!
//! Each has the form its owner wrote, which is shown and which receives mail, and a **key**, which
//! decides whether two are the same. Keys never fold more than the standards allow: no dots or
//! `+tags` are stripped, and `mıke` is not `mike`.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The longest address accepted, in bytes (RFC 5321 §4.5.3.1.3).
const LONGEST: usize = 254;

/// Why a text is no usable identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not the syntax of an e-mail address, or one of its exotic forms.
    #[error("not an e-mail address")]
    Email,
    /// Longer than any e-mail address.
    #[error("longer than any e-mail address")]
    TooLong,
    /// Not a phone number.
    #[error("not a phone number")]
    Phone,
    /// A kind of identifier that is not asked for here.
    #[error("not a kind of identifier that is accepted here")]
    Kind,
}

/// An e-mail address.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(Box<str>);

impl Email {
    /// Reads one address: `local@domain`, unquoted, a domain with a dot in it.
    ///
    /// # Errors
    /// [`InvalidAddress::TooLong`], or [`InvalidAddress::Email`] for anything else: lists, display names, quoted local parts,
    /// address literals, control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let text: String = text.trim().nfc().collect();
        if text.len() > LONGEST {
            return Err(InvalidAddress::TooLong);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidAddress::Email)?;
        let well_formed = local_is_plain(local) && domain_key(domain).is_some();
        well_formed
            .then(|| Self(text.into()))
            .ok_or(InvalidAddress::Email)
    }

    /// Takes an address from a store, where it was checked on the way in.
    #[must_use]
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The address as its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What decides whether two addresses are the same: lower case, domain in IDNA form.
    #[must_use]
    pub fn key(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let domain = domain_key(domain).unwrap_or_else(|| domain.to_lowercase());
        format!(
            "{}@{domain}",
            local.to_lowercase().nfc().collect::<String>()
        )
    }
}

fn local_is_plain(local: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || is_mark(c) || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    (1..=64).contains(&local.len())
        && local.chars().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

/// Combining marks that letters of some scripts need; they are not alphanumeric by themselves.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

fn domain_key(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let labels_are_sound = ascii.contains('.')
        && !ascii.ends_with('.')
        && ascii
            .split('.')
            .all(|label| (1..=63).contains(&label.len()));
    let is_an_address = ascii.parse::<IpAddr>().is_ok();
    (labels_are_sound && !is_an_address).then_some(ascii)
}

/// A phone number. Korean numbers are kept as they are dialled at home (`01012345678`), since that
/// is the form the front ends show; the key is E.164.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(Box<str>);

impl Phone {
    /// Reads a number: `010…` as dialled in Korea, or `+…` with a country code. Spaces, hyphens,
    /// dots and parentheses between digits are dropped.
    ///
    /// # Errors
    /// [`InvalidAddress::Phone`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let dropped = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')');
        let text: String = text.trim().chars().filter(|c| !dropped(*c)).collect();
        let digits = text.strip_prefix('+').unwrap_or(&text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidAddress::Phone);
        }
        let written = match text.strip_prefix("+82") {
            Some(rest) => format!("0{}", rest.trim_start_matches('0')),
            None => text.clone(),
        };
        let sound = if written.starts_with('+') {
            (8..=15).contains(&digits.len()) && !digits.starts_with('0')
        } else {
            written.starts_with('0') && (9..=11).contains(&written.len())
        };
        sound
            .then(|| Self(written.into()))
            .ok_or(InvalidAddress::Phone)
    }

    /// Takes a number from a store, where it was checked on the way in.
    #[must_use]
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The number as it is shown and dialled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What decides whether two numbers are the same: E.164.
    #[must_use]
    pub fn key(&self) -> String {
        match self.0.strip_prefix('0') {
            Some(national) => format!("+82{national}"),
            None => self.0.to_string(),
        }
    }
}

/// What a person logs in with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// An e-mail address.
    Email(Email),
    /// A phone number.
    Phone(Phone),
}

/// Which kinds of identifier a contract accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentifierKinds {
    /// E-mail addresses.
    pub email: bool,
    /// Phone numbers.
    pub phone: bool,
}

impl Identifier {
    /// Reads an identifier of one of `kinds`; what has an `@` is an e-mail address.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn parse(text: &str, kinds: IdentifierKinds) -> Result<Self, InvalidAddress> {
        match (text.contains('@'), kinds) {
            (true, IdentifierKinds { email: true, .. }) => Email::parse(text).map(Self::Email),
            (false, IdentifierKinds { phone: true, .. }) => Phone::parse(text).map(Self::Phone),
            (false, IdentifierKinds { email: true, .. }) => Err(InvalidAddress::Email),
            (true, IdentifierKinds { phone: true, .. }) => Err(InvalidAddress::Phone),
            _ => Err(InvalidAddress::Kind),
        }
    }

    /// What decides whether two identifiers are the same. E-mail keys hold an `@`, phone keys
    /// begin with `+`, so the two never meet.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Email(email) => email.key(),
            Self::Phone(phone) => phone.key(),
        }
    }

    /// As its owner wrote it; where mail or a message goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Phone(phone) => phone.as_str(),
        }
    }
}

macro_rules! redacted {
    ($($kind:ident)*) => {$(
        /// Personal data stays out of logs: only the length is shown.
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($kind), "({} bytes)"), self.0.len())
            }
        }
    )*};
}
redacted!(Email Phone);

#[cfg(test)]
mod tests;
