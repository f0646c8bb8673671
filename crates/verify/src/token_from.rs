//! Where in a request the token stands.

use std::fmt;

use daemun_token::django::{CookieKeys, CookieSigner};
use http::{HeaderMap, HeaderName, header};

use crate::Refusal;

/// Where in a request the token stands. Never in its URL, which ends up in logs and histories.
#[derive(Clone)]
pub struct TokenFrom(Place);

#[derive(Clone)]
enum Place {
    Authorization(Vec<Box<str>>),
    Header(HeaderName),
    Cookie(Box<str>, Option<Box<CookieKeys>>),
}

impl TokenFrom {
    /// `Authorization: Bearer` (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer() -> Self {
        Self::authorization(&["Bearer"])
    }

    /// `Authorization` under one of these schemes, in any case.
    #[must_use]
    pub fn authorization(schemes: &[&str]) -> Self {
        let schemes = schemes.iter().map(|scheme| (*scheme).into());
        Self(Place::Authorization(schemes.collect()))
    }

    /// A header that holds the token and nothing else.
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self(Place::Header(name))
    }

    /// A cookie that holds the token and nothing else.
    #[must_use]
    pub fn cookie(name: &str) -> Self {
        Self(Place::Cookie(name.into(), None))
    }

    /// A cookie as Django's `set_signed_cookie` writes it, of either version.
    #[must_use]
    pub fn django_cookie(name: &str, secret: &[u8]) -> Self {
        let keys = CookieSigner::new(secret).keys(name);
        Self(Place::Cookie(name.into(), Some(Box::new(keys))))
    }

    /// Whether what was found is a mistake of the header's rather than a bad token: several words, where there should be
    /// one. No token has blanks or commas, so it need only be asked about what is not believed.
    pub(crate) fn is_mistaken(&self, found: &str) -> bool {
        matches!(self.0, Place::Authorization(_)) && found.contains([' ', '\t', ','])
    }

    /// The token, if there is exactly one; see [`is_mistaken`](Self::is_mistaken).
    #[inline]
    pub(crate) fn find<'r>(&self, headers: &'r HeaderMap, now: i64) -> Result<&'r str, Refusal> {
        match &self.0 {
            Place::Authorization(schemes) => {
                in_authorization(only(headers, &header::AUTHORIZATION)?, schemes)
            }
            Place::Header(name) => match only(headers, name)? {
                "" => Err(Refusal::MissingToken),
                token => Ok(token),
            },
            Place::Cookie(name, None) => cookie(headers, name),
            Place::Cookie(name, Some(keys)) => {
                let signed = keys.verify(cookie(headers, name)?, now, None);
                signed.map_err(|_| Refusal::InvalidToken)
            }
        }
    }
}

/// A header that comes twice says two things, and a proxy in front may have believed the other.
#[inline]
fn only<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<&'r str, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refusal::MissingToken)?;
    if values.next().is_some() {
        return Err(Refusal::BadHeader);
    }
    value.to_str().map_err(|_| Refusal::BadHeader)
}

/// Another scheme is no token of ours; ours without anything behind it is a mistake.
#[inline]
fn in_authorization<'r>(value: &'r str, schemes: &[Box<str>]) -> Result<&'r str, Refusal> {
    let behind = |scheme: &str| {
        let (start, rest) = value.split_at_checked(scheme.len())?;
        let is_whole = rest.is_empty() || rest.starts_with(' ');
        (is_whole && start.eq_ignore_ascii_case(scheme)).then_some(rest)
    };
    let rest = schemes.iter().find_map(|scheme| behind(scheme));
    match rest.ok_or(Refusal::MissingToken)?.trim_ascii() {
        "" => Err(Refusal::BadHeader),
        token => Ok(token),
    }
}

/// A cookie that comes twice is as good as none: whoever set the other one is not known.
fn cookie<'r>(headers: &'r HeaderMap, name: &str) -> Result<&'r str, Refusal> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim_matches(' ') == name).then(|| value.trim_matches(' ').trim_matches('"'))
    });
    let value = values.next().filter(|value| !value.is_empty());
    match (value, values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Refusal::MissingToken),
    }
}

/// Shows no key.
impl fmt::Debug for TokenFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Authorization(schemes) => write!(f, "TokenFrom({schemes:?})"),
            Place::Header(name) => write!(f, "TokenFrom({name})"),
            Place::Cookie(name, _) => write!(f, "TokenFrom(cookie {name})"),
        }
    }
}
