//! Who a request is from, once its token was checked.

use std::fmt;

use daemun_token::Claims;
use serde::de::DeserializeOwned;

/// Whom a verified token speaks of. Only a [`ResourceServer`](crate::ResourceServer) makes one.
pub struct Principal {
    pub(crate) subject: Subject,
    pub(crate) session: Option<u128>,
    pub(crate) claims: Claims,
}

/// A person's account, or a name that only the caller who asked for the token understands.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The account of that number.
    Account(i64),
    /// A subject in a caller's own words.
    Named {
        /// Its name.
        name: Box<str>,
        /// What kind of subject it is; empty where tokens do not say.
        kind: Box<str>,
    },
}

impl Principal {
    /// Whom the token speaks of.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The account, where the token speaks of one.
    #[must_use]
    pub fn account(&self) -> Option<i64> {
        match self.subject {
            Subject::Account(number) => Some(number),
            Subject::Named { .. } => None,
        }
    }

    /// The session, 32 hex digits; `None` in tokens of a former back end.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        self.session.map(|id| format!("{id:032x}"))
    }

    /// When the token was issued, in Unix seconds; 0 if it does not say.
    #[must_use]
    pub fn issued_at(&self) -> i64 {
        self.claims.iat().unwrap_or(0)
    }

    /// When the token ends, in Unix seconds.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        // None is believed that does not say.
        self.claims.exp().unwrap_or(0)
    }

    /// Everything the token says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The claims in a form of your own; `None` if they are not of that form.
    #[must_use]
    pub fn claims_as<C: DeserializeOwned>(&self) -> Option<C> {
        serde_json::from_str(self.claims.json()).ok()
    }

    /// Whether the token has that scope: a word of `scope`, or an element of `scp` (RFC 8693 §4.2).
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.lists("scope", scope) || self.lists("scp", scope)
    }

    /// Whether the token has that role: a word of `role` or `roles`, or an element of either.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.lists("roles", role) || self.lists("role", role)
    }

    fn lists(&self, claim: &str, wanted: &str) -> bool {
        if let Some(words) = self.claims.get_str(claim) {
            return words.split(' ').any(|word| word == wanted);
        }
        let list = self.claims.get_value(claim);
        let list = list.as_ref().and_then(|list| list.as_array());
        list.is_some_and(|list| list.iter().any(|word| word.as_str() == Some(wanted)))
    }
}

/// Says nothing about the person.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(redacted)")
    }
}

/// Says nothing about the person.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(redacted)")
    }
}

impl From<i64> for Subject {
    fn from(account: i64) -> Self {
        Self::Account(account)
    }
}
