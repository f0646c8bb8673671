//! What may stand where a contract shows a value.

use daemun_contract::Json;
use daemun_engine::{profile::ProfileField, vocabulary::Slot};
use serde_json::Value;

/// What must stand there instead; `None` where the value may.
pub(super) fn misfit(slot: Slot, value: &Json) -> Option<&'static str> {
    let (fits, wanted) = match slot {
        Slot::AccountId => (is_whole(value), "a number"),
        Slot::AccountActive | Slot::AccountAdmin => {
            (matches!(value, Json::Bool(_)), "true or false")
        }
        Slot::AccessExpiresIn | Slot::RefreshExpiresIn => {
            (is_positive(value), "a number of seconds")
        }
        Slot::RetryAfter => (is_positive(value), "a number of seconds, 1 or more"),
        Slot::AccountEmail => (
            is_null(value) || text(value).is_some_and(|text| text.contains('@')),
            "an e-mail address or null",
        ),
        Slot::AccountPhone | Slot::AccountNickname | Slot::AccountKakao => {
            (is_null(value) || text(value).is_some(), "text or null")
        }
        Slot::AccountLastLogin | Slot::AccountLastLoginMicros => (
            is_null(value) || text(value).is_some_and(is_rfc_3339),
            "a time (RFC 3339) or null",
        ),
        Slot::AccountCreatedAt
        | Slot::AccountUpdatedAt
        | Slot::AccountCreatedAtMicros
        | Slot::AccountUpdatedAtMicros
        | Slot::Now => (text(value).is_some_and(is_rfc_3339), "a time (RFC 3339)"),
        Slot::NowText => (
            text(value).is_some_and(|text| has_form(text, "0000-00-00 00:00:00")),
            "a time (yyyy-MM-dd HH:mm:ss)",
        ),
        Slot::Sessions => (
            matches!(value, Json::Array(items) if items.iter().all(|item| matches!(item, Json::Object(_)))),
            "an array of objects",
        ),
        Slot::Access | Slot::Refresh => (
            text(value).is_some_and(|text| !text.is_empty() && !text.contains(' ')),
            "a token",
        ),
        Slot::IssuedAt | Slot::ExpiresAt => (is_positive(value), "a number of seconds since 1970"),
        // What they can be is the contract's to say: see `field_misfit`.
        Slot::AccountProfile(_) => (true, ""),
        Slot::Subject | Slot::SubjectType | Slot::Value | Slot::Reason => {
            (is_null(value) || text(value).is_some(), "text or null")
        }
        _ => (text(value).is_some_and(|text| !text.is_empty()), "text"),
    };
    (!fits).then_some(wanted)
}

/// What must stand in the place of a field of the contract's own; `None` where the value may.
pub(super) fn field_misfit(field: &ProfileField, value: &Json) -> Option<String> {
    let value = plain(value);
    let fits = value == field.default || field.kind.take(&value).as_ref() == Ok(&value);
    (!fits).then(|| format!("{} or {}", field.kind.name(), field.default))
}

fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect()
        }
    }
}

/// Whether there may be nothing in its place.
pub(super) const fn may_be_null(slot: Slot) -> bool {
    matches!(
        slot,
        Slot::AccountEmail
            | Slot::AccountPhone
            | Slot::AccountNickname
            | Slot::AccountKakao
            | Slot::AccountLastLogin
            | Slot::AccountLastLoginMicros
            | Slot::AccountProfile(_)
            | Slot::Reason
            | Slot::Subject
            | Slot::SubjectType
            | Slot::Value
    )
}

/// Whether what stands there must not be shown.
pub(super) const fn is_secret(slot: Slot) -> bool {
    matches!(slot, Slot::Access | Slot::Refresh | Slot::Sessions)
}

/// A value as text in a header, a cookie or a longer string.
pub(super) fn from_text(slot: Slot, text: &str) -> Json {
    let as_text = || Json::String(text.to_owned());
    match misfit(slot, &as_text()) {
        None => as_text(),
        Some(_) => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
    }
}

/// Whether a value is that text, or that number.
pub(super) fn is(value: &Json, wanted: &str) -> bool {
    match value {
        Json::String(text) => text == wanted,
        Json::Number(number) => number.to_string() == wanted,
        _ => false,
    }
}

/// A value without itself.
pub(super) const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

const fn is_null(value: &Json) -> bool {
    matches!(value, Json::Null)
}

fn is_whole(value: &Json) -> bool {
    matches!(value, Json::Number(number) if number.is_i64() || number.is_u64())
}

fn is_positive(value: &Json) -> bool {
    matches!(value, Json::Number(number) if number.as_u64().is_some_and(|number| number > 0))
}

fn text(value: &Json) -> Option<&str> {
    match value {
        Json::String(text) => Some(text),
        _ => None,
    }
}

/// As strict as front ends' date parsers are: a date, `T`, a time, a zone.
fn is_rfc_3339(text: &str) -> bool {
    const LENGTH: usize = "0000-00-00T00:00:00".len();
    let Some((time, rest)) = text.split_at_checked(LENGTH) else {
        return false;
    };
    let fraction = |rest: &str| match rest.strip_prefix('.') {
        Some(digits) => digits
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .to_owned(),
        None => rest.to_owned(),
    };
    let zone = fraction(rest);
    has_form(time, "0000-00-00T00:00:00")
        && (zone == "Z" || has_form(&zone.replace('-', "+"), "+00:00"))
}

/// Whether each character is as in `form`, any digit for `0`.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text
            .chars()
            .zip(form.chars())
            .all(|(is, wanted)| match wanted {
                '0' => is.is_ascii_digit(),
                other => is == other,
            })
}
