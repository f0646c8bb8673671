//! Bodies: JSON, URL-encoded or multipart forms, read into fields by what their type says.

use std::{borrow::Cow, fmt};

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::request::{Found, form_decoded, found_in_json};

/// The fields of a body.
#[derive(Debug)]
pub(crate) enum Fields {
    /// No body.
    None,
    /// A JSON object.
    Json(Members),
    /// The fields of a form, in order.
    Form(Vec<(String, String)>),
}

/// The members of a JSON object, in order: bodies have a handful, which are sooner found by
/// looking than by hashing. Of two of one name the last counts, as everywhere.
#[derive(Debug)]
pub(crate) struct Members(Vec<(String, Value)>);

impl Members {
    fn get(&self, name: &str) -> Option<&Value> {
        let mut from_the_last = self.0.iter().rev();
        from_the_last
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::with_capacity(4);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Why a body has no fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// Not what its content type says.
    Malformed,
    /// A content type that is not read here.
    UnsupportedType,
}

/// What a content type says a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyType {
    Json,
    UrlEncoded,
    Multipart,
    Other,
    /// The header is absent.
    Unsaid,
}

impl BodyType {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::CONTENT_TYPE).iter();
        let Some(value) = values.next() else {
            return Self::Unsaid;
        };
        let Ok(text) = value.to_str() else {
            return Self::Other;
        };
        let essence = text.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        match () {
            () if values.next().is_some() => Self::Other,
            () if is("application/json") => Self::Json,
            () if is("application/x-www-form-urlencoded") => Self::UrlEncoded,
            () if is("multipart/form-data") => Self::Multipart,
            () => Self::Other,
        }
    }

    /// Whether a plain HTML form can send it to another site without asking first.
    pub(crate) const fn is_form(self) -> bool {
        matches!(self, Self::UrlEncoded | Self::Multipart)
    }
}

impl Fields {
    /// Reads `body` as what `body_type` says it is. An empty body has no fields, whatever its type.
    pub(crate) async fn read(
        body: Bytes,
        body_type: BodyType,
        headers: &HeaderMap,
    ) -> Result<Self, BodyFault> {
        match body_type {
            BodyType::Other => Err(BodyFault::UnsupportedType),
            _ if body.is_empty() => Ok(Self::None),
            BodyType::Unsaid => Err(BodyFault::UnsupportedType),
            BodyType::Json => serde_json::from_slice(&body)
                .map(Self::Json)
                .map_err(|_| BodyFault::Malformed),
            BodyType::UrlEncoded => url_encoded(&body),
            BodyType::Multipart => Box::pin(multipart(body, headers)).await,
        }
    }

    /// The JSON value at the end of `keys`, where the body is JSON and has one.
    pub(crate) fn json(&self, keys: &[Box<str>]) -> Option<&Value> {
        let Self::Json(members) = self else {
            return None;
        };
        let (first, rest) = keys.split_first()?;
        rest.iter()
            .try_fold(members.get(first)?, |value, key| value.get(&**key))
    }

    /// What stands at the end of `keys`. Forms know the last key only.
    pub(crate) fn find<'r>(&'r self, keys: &[Box<str>]) -> Found<'r> {
        match self {
            Self::None => Found::Absent,
            Self::Json(object) => find_in_object(object, keys),
            Self::Form(fields) => {
                let Some(last) = keys.last() else {
                    return Found::Absent;
                };
                let mut values = fields.iter().filter(|(name, _)| **name == **last);
                match (values.next(), values.next()) {
                    (Some((_, value)), None) => Found::Text(Cow::Borrowed(value)),
                    (Some(_), Some(_)) => Found::WrongType,
                    (None, _) => Found::Absent,
                }
            }
        }
    }
}

fn find_in_object<'r>(members: &'r Members, keys: &[Box<str>]) -> Found<'r> {
    let Some((first, rest)) = keys.split_first() else {
        return Found::Absent;
    };
    let mut value = members.get(first);
    for key in rest {
        value = match value {
            Some(Value::Object(inner)) => inner.get(&**key),
            None | Some(Value::Null) => return Found::Absent,
            Some(_) => return Found::WrongType,
        };
    }
    value.map_or(Found::Absent, found_in_json)
}

fn url_encoded(body: &[u8]) -> Result<Fields, BodyFault> {
    let text = std::str::from_utf8(body).map_err(|_| BodyFault::Malformed)?;
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let field = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (
            form_decoded(name).into_owned(),
            form_decoded(value).into_owned(),
        )
    };
    Ok(Fields::Form(pairs.map(field).collect()))
}

async fn multipart(body: Bytes, headers: &HeaderMap) -> Result<Fields, BodyFault> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let boundary = multer::parse_boundary(content_type).map_err(|_| BodyFault::Malformed)?;
    let mut parts = multer::Multipart::new(BodyDataStream::new(Full::new(body)), boundary);
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| BodyFault::Malformed)? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(BodyFault::Malformed);
        };
        let bytes = part.bytes().await.map_err(|_| BodyFault::Malformed)?;
        let value = String::from_utf8(bytes.into()).map_err(|_| BodyFault::Malformed)?;
        fields.push((name, value));
    }
    Ok(Fields::Form(fields))
}
