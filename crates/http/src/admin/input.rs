//! What a request to the admin API brings: strictly the members it may, of the types they must be.

use std::fmt;

use axum::http::{HeaderMap, header};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::fault::Fault;
use crate::request::form_decoded;

/// Members of a body or parameters of a query, each at most once, none unknown.
pub(super) struct Members(Vec<(String, Value)>);

impl Members {
    /// The parameters of a query.
    pub(super) fn of_query(query: &str, known: &[&str]) -> Result<Self, Fault> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let read = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = form_decoded(value).into_owned();
            (form_decoded(name).into_owned(), Value::String(value))
        };
        Self::checked(pairs.map(read).collect(), known)
    }

    /// The members of a JSON object. No body at all is an empty one.
    pub(super) fn of_body(body: &[u8], is_json: bool, known: &[&str]) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self(Vec::new()));
        }
        if !is_json {
            return Err(Fault::NotJson);
        }
        let Pairs(pairs) = serde_json::from_slice(body)
            .map_err(|_| Fault::BadBody("The body is no JSON object.".into()))?;
        Self::checked(pairs, known)
    }

    fn checked(pairs: Vec<(String, Value)>, known: &[&str]) -> Result<Self, Fault> {
        for (nth, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&&**name) {
                let known = known.join(", ");
                let why = match known.as_str() {
                    "" => "not known: there is nothing to give here".into(),
                    known => format!("not known; known are: {known}"),
                };
                return Err(Fault::invalid(name, why));
            }
            if pairs.iter().take(nth).any(|(other, _)| other == name) {
                return Err(Fault::invalid(name, "given twice"));
            }
        }
        Ok(Self(pairs))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// A text, where there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::invalid(name, "must be a string")),
        }
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Fault::invalid(name, "must be true or false")),
        }
    }

    /// What `read` makes of a text, where there is one.
    pub(super) fn read<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let read = read(text).ok_or_else(|| Fault::invalid(name, format!("must be {what}")));
        read.map(Some)
    }
}

/// Whether a request says that its body is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = only.to_str().unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A JSON object as it stands: a member that stands twice is there twice.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsPairs;
        impl<'de> Visitor<'de> for AsPairs {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(AsPairs)
    }
}
