//! What a slot's value can be, and a plausible one of it.

use std::time::Duration;

use daemun_engine::vocabulary::{REASONS, Slot};
use serde_json::{Value as Json, json};

use crate::{
    contract::Contract,
    openapi::field,
    template::{Value, Values},
};

pub(crate) fn schema(contract: &Contract, slot: Slot) -> Json {
    match slot {
        Slot::AccountId | Slot::IssuedAt | Slot::ExpiresAt => json!({ "type": "integer" }),
        Slot::AccessExpiresIn | Slot::RefreshExpiresIn => {
            json!({ "type": "integer", "minimum": 0 })
        }
        Slot::RetryAfter => json!({ "type": "integer", "minimum": 1 }),
        Slot::AccountActive | Slot::AccountAdmin => json!({ "type": "boolean" }),
        Slot::AccountEmail
        | Slot::AccountPhone
        | Slot::AccountNickname
        | Slot::AccountKakao
        | Slot::Subject
        | Slot::SubjectType => json!({ "type": ["string", "null"] }),
        Slot::AccountLastLogin | Slot::AccountLastLoginMicros => {
            json!({ "type": ["string", "null"], "format": "date-time" })
        }
        Slot::AccountCreatedAt
        | Slot::AccountCreatedAtMicros
        | Slot::AccountUpdatedAt
        | Slot::AccountUpdatedAtMicros
        | Slot::Now => {
            json!({ "type": "string", "format": "date-time" })
        }
        Slot::AccountProfile(nth) => {
            field::declared(contract, nth).map_or_else(|| json!({}), field::shown)
        }
        Slot::Reason => {
            let reasons: Vec<&str> = REASONS.iter().map(|(reason, _)| *reason).collect();
            json!({ "enum": reasons })
        }
        Slot::Sessions => json!({ "type": "array", "items": session() }),
        Slot::AccountIdText
        | Slot::SessionId
        | Slot::Access
        | Slot::Refresh
        | Slot::Field
        | Slot::Value
        | Slot::RequestPath
        | Slot::RequestMethod
        | Slot::RequestType
        | Slot::RequestId
        | Slot::NowText => json!({ "type": "string" }),
    }
}

/// One of an account's sessions.
fn session() -> Json {
    let time = json!({ "type": "string", "format": "date-time" });
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["id", "current", "contract", "user_agent", "network", "created_at", "last_used_at", "expires_at"],
        "properties": {
            "id": text,
            "current": { "type": "boolean" },
            "contract": text,
            "user_agent": text,
            "network": text,
            "created_at": time,
            "last_used_at": time,
            "expires_at": time,
        },
    })
}

/// Fills every slot with what it could hold.
pub(crate) struct Plausible<'c>(pub(crate) &'c Contract);

impl Values for Plausible<'_> {
    fn value(&self, slot: Slot) -> Value<'_> {
        let policy = &self.0.policy;
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        let issued = 1_767_323_045;
        match slot {
            Slot::AccountId => Value::Int(1),
            Slot::AccountIdText => "1".into(),
            Slot::AccountEmail if policy.identifiers.email => "someone@example.com".into(),
            Slot::AccountPhone if policy.identifiers.phone => "01000000000".into(),
            Slot::AccountEmail | Slot::AccountPhone | Slot::AccountKakao => Value::Null,
            Slot::AccountNickname => "someone".into(),
            Slot::AccountActive => Value::Bool(true),
            Slot::AccountAdmin => Value::Bool(false),
            Slot::AccountCreatedAt
            | Slot::AccountUpdatedAt
            | Slot::AccountLastLogin
            | Slot::Now => "2026-01-02T03:04:05Z".into(),
            Slot::SessionId | Slot::RequestId => "019b7e2d4c5f7a8b9c0d1e2f3a4b5c6d".into(),
            Slot::Access | Slot::Refresh => "eyJ….eyJ….…".into(),
            Slot::AccessExpiresIn => Value::Int(seconds(policy.tokens.access.lifetime)),
            Slot::RefreshExpiresIn => Value::Int(seconds(policy.tokens.refresh.lifetime)),
            Slot::IssuedAt => Value::Int(issued),
            Slot::ExpiresAt => {
                Value::Int(issued.saturating_add(seconds(policy.tokens.access.lifetime)))
            }
            Slot::Subject => "someone".into(),
            Slot::SubjectType => "member".into(),
            Slot::Field => "password".into(),
            Slot::Reason => "too_short".into(),
            Slot::Value => "what was sent".into(),
            Slot::RetryAfter => Value::Int(60),
            Slot::Sessions => Value::Json("[]".into()),
            Slot::AccountCreatedAtMicros
            | Slot::AccountUpdatedAtMicros
            | Slot::AccountLastLoginMicros => "2026-01-02T03:04:05.678901Z".into(),
            Slot::AccountProfile(nth) => {
                let field = field::declared(self.0, nth);
                field.map_or(Value::Null, |field| {
                    Value::Json(field.default.to_string().into())
                })
            }
            Slot::RequestPath => "/".into(),
            Slot::RequestMethod => "POST".into(),
            Slot::RequestType => "text/plain".into(),
            Slot::NowText => "2026-01-02 03:04:05".into(),
        }
    }
}
