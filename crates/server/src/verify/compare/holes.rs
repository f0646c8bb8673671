//! What may stand where a contract shows a value.

use daemun_contract::Json;
use daemun_engine::vocabulary::Slot;

/// What must stand there instead; `None` where the value may.
pub(super) fn misfit(slot: Slot, value: &Json) -> Option<&'static str> {
    let (fits, wanted) = match slot {
        Slot::AccountId => (is_whole(value), "a number"),
        Slot::AccountActive => (matches!(value, Json::Bool(_)), "true or false"),
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
        Slot::AccountLastLogin => (
            is_null(value) || text(value).is_some_and(is_rfc_3339),
            "a time (RFC 3339) or null",
        ),
        Slot::AccountCreatedAt | Slot::Now => {
            (text(value).is_some_and(is_rfc_3339), "a time (RFC 3339)")
        }
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
        other => by_name(other, value),
    };
    (!fits).then_some(wanted)
}

/// By what its name says, where it says enough.
fn by_name(slot: Slot, value: &Json) -> (bool, &'static str) {
    let name = slot.name();
    if name.ends_with("issued_at") || name.ends_with("access.expires_at") {
        (is_positive(value), "a number of seconds since 1970")
    } else if name.ends_with("updated_at") {
        (text(value).is_some_and(is_rfc_3339), "a time (RFC 3339)")
    } else if name.ends_with("admin") {
        (matches!(value, Json::Bool(_)), "true or false")
    } else if may_be_null(slot) {
        (is_null(value) || text(value).is_some(), "text or null")
    } else {
        (text(value).is_some_and(|text| !text.is_empty()), "text")
    }
}

/// Whether there may be nothing in its place.
pub(super) fn may_be_null(slot: Slot) -> bool {
    matches!(
        slot,
        Slot::AccountEmail
            | Slot::AccountPhone
            | Slot::AccountNickname
            | Slot::AccountKakao
            | Slot::AccountLastLogin
            | Slot::Reason
    ) || slot.name().starts_with("subject")
        || slot.name() == "value"
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
