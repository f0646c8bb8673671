//! What fills the slots of an answer.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::http::header;
use daemun_contract::{Value, Values};
use daemun_engine::{
    account::{Account, Status},
    ids::{AccountId, SessionId},
    operations::{Granted, Principal},
    profile::ProfileField,
    session::CallerSubject,
    time::Timestamp,
    vocabulary::{Failure, Slot, wider_reason},
};

use crate::request::{Head, LONGEST_SHOWN};

/// The values one answer may show. Most are absent in most answers.
pub(crate) struct AnswerValues<'a> {
    head: &'a Head,
    subject: Subject<'a>,
    field: &'a str,
    reason: Option<&'static str>,
    retry_after: Option<Duration>,
    sessions: Option<String>,
    /// An access token the request brought, for the answer that gives it back.
    shown: Option<&'a str>,
    /// What was sent as the input at fault.
    sent: &'a str,
    /// The fields the contract declares.
    fields: &'a [ProfileField],
}

/// Whom an answer speaks of.
enum Subject<'a> {
    Nobody,
    Account(&'a Arc<Account>),
    Granted(&'a Granted),
    Principal(&'a Principal, Option<&'a Arc<Account>>),
}

impl<'a> AnswerValues<'a> {
    /// An answer that speaks of nobody.
    pub(crate) const fn new(head: &'a Head) -> Self {
        Self {
            head,
            subject: Subject::Nobody,
            field: "",
            reason: None,
            retry_after: None,
            sessions: None,
            shown: None,
            sent: "",
            fields: &[],
        }
    }

    /// An answer that hands out tokens.
    pub(crate) fn granted(head: &'a Head, granted: &'a Granted) -> Self {
        Self {
            subject: Subject::Granted(granted),
            ..Self::new(head)
        }
    }

    /// An answer that shows an account that nobody is signed in to.
    pub(crate) fn of(head: &'a Head, account: &'a Arc<Account>) -> Self {
        Self {
            subject: Subject::Account(account),
            ..Self::new(head)
        }
    }

    /// An answer to a request that is signed in.
    pub(crate) fn principal(
        head: &'a Head,
        principal: &'a Principal,
        account: Option<&'a Arc<Account>>,
    ) -> Self {
        Self {
            subject: Subject::Principal(principal, account),
            ..Self::new(head)
        }
    }

    /// An answer that says what went wrong; `field` is the wire name of the input at fault.
    pub(crate) fn failure(head: &'a Head, failure: &Failure, field: &'a str) -> Self {
        Self {
            field,
            reason: failure
                .reason
                .map(|reason| wider_reason(reason).unwrap_or(reason)),
            retry_after: failure.retry_after,
            ..Self::new(head)
        }
    }

    /// Adds the list of sessions, as JSON.
    pub(crate) fn with_sessions(mut self, json: String) -> Self {
        self.sessions = Some(json);
        self
    }

    /// Gives back the access token the request brought.
    pub(crate) const fn with_shown(mut self, token: &'a str) -> Self {
        self.shown = Some(token);
        self
    }

    /// Shows what was sent as the input at fault.
    pub(crate) const fn with_sent(mut self, sent: &'a str) -> Self {
        self.sent = sent;
        self
    }

    /// Shows accounts with the fields that the contract declares.
    pub(crate) const fn with_fields(mut self, fields: &'a [ProfileField]) -> Self {
        self.fields = fields;
        self
    }

    /// When the access token was issued.
    fn access_issued_at(&self) -> Option<Timestamp> {
        match self.subject {
            Subject::Nobody | Subject::Account(_) => None,
            Subject::Granted(granted) => Some(granted.access_issued_at),
            Subject::Principal(principal, _) => Some(principal.issued_at),
        }
    }

    /// Whom a trusted caller named.
    fn caller(&self) -> Option<&CallerSubject> {
        match self.subject {
            Subject::Nobody | Subject::Account(_) => None,
            Subject::Granted(granted) => granted.session.subject.caller(),
            Subject::Principal(principal, _) => principal.subject.caller(),
        }
    }

    pub(crate) const fn access_expires_at(&self) -> Option<Timestamp> {
        match self.subject {
            Subject::Nobody | Subject::Account(_) => None,
            Subject::Granted(granted) => Some(granted.access_expires_at),
            Subject::Principal(principal, _) => Some(principal.expires_at),
        }
    }

    pub(crate) const fn refresh_expires_at(&self) -> Option<Timestamp> {
        match self.subject {
            Subject::Granted(granted) => Some(granted.refresh_expires_at),
            Subject::Nobody | Subject::Account(_) | Subject::Principal(..) => None,
        }
    }

    fn account_id(&self) -> Option<AccountId> {
        match self.subject {
            Subject::Nobody => None,
            Subject::Account(account) => Some(account.id),
            Subject::Granted(granted) => granted.session.subject.account(),
            Subject::Principal(principal, _) => principal.account(),
        }
    }

    fn session_id(&self) -> Option<SessionId> {
        match self.subject {
            Subject::Nobody | Subject::Account(_) => None,
            Subject::Granted(granted) => Some(granted.session.id),
            Subject::Principal(principal, _) => principal.session,
        }
    }

    fn account(&self) -> Option<&Account> {
        match self.subject {
            Subject::Nobody => None,
            Subject::Account(account) => Some(account),
            Subject::Granted(granted) => granted.account.as_deref(),
            Subject::Principal(_, account) => account.map(|account| &**account),
        }
    }

    fn token(&self, pick: fn(&Granted) -> &str) -> Value<'_> {
        match self.subject {
            Subject::Granted(granted) => text(pick(granted)),
            Subject::Nobody | Subject::Account(_) | Subject::Principal(..) => Value::Null,
        }
    }

    fn of_account<'s>(&'s self, pick: impl FnOnce(&'s Account) -> Option<Value<'s>>) -> Value<'s> {
        self.account().and_then(pick).unwrap_or(Value::Null)
    }

    /// Whole seconds from when the operation was to `point`, as the token's own claims tell them.
    fn seconds_until(&self, point: Option<Timestamp>) -> Value<'_> {
        let from = match self.subject {
            Subject::Nobody | Subject::Account(_) => self.head.at,
            Subject::Granted(granted) => granted.at,
            Subject::Principal(principal, _) => principal.at,
        };
        let left = |point: Timestamp| (point.unix_seconds() - from.unix_seconds()).max(0);
        point.map_or(Value::Null, |point| Value::Int(left(point)))
    }
}

impl Values for AnswerValues<'_> {
    fn value(&self, slot: Slot) -> Value<'_> {
        match slot {
            Slot::AccountId => self.account_id().map_or(Value::Null, |id| Value::Int(id.0)),
            Slot::AccountIdText => self
                .account_id()
                .map_or(Value::Null, |id| owned(id.to_string())),
            Slot::AccountEmail => {
                self.of_account(|account| account.email.as_ref().map(|email| text(email.as_str())))
            }
            Slot::AccountPhone => {
                self.of_account(|account| account.phone.as_ref().map(|phone| text(phone.as_str())))
            }
            Slot::AccountNickname => {
                self.of_account(|account| account.nickname.as_deref().map(text))
            }
            Slot::AccountActive => self.of_account(|account| {
                Some(Value::Bool(matches!(account.status, Status::Active { .. })))
            }),
            Slot::AccountKakao => {
                self.of_account(|account| account.linked.get("kakao").map(|id| text(id)))
            }
            Slot::AccountCreatedAt => {
                self.of_account(|account| Some(owned(account.created_at.to_string())))
            }
            Slot::AccountLastLogin => self
                .of_account(|account| account.last_login_at.map(|point| owned(point.to_string()))),
            Slot::SessionId => self
                .session_id()
                .map_or(Value::Null, |id| owned(id.to_string())),
            Slot::Access => match self.shown {
                Some(token) => text(token),
                None => self.token(|granted| &granted.access),
            },
            Slot::Value => text(self.sent),
            Slot::Subject => self
                .caller()
                .map_or(Value::Null, |caller| text(&caller.name)),
            Slot::SubjectType => self
                .caller()
                .map_or(Value::Null, |caller| text(&caller.kind)),
            Slot::IssuedAt => seconds_of(self.access_issued_at()),
            Slot::ExpiresAt => seconds_of(self.access_expires_at()),
            Slot::AccountAdmin => self.of_account(|account| Some(Value::Bool(account.is_admin()))),
            Slot::AccountUpdatedAt => {
                self.of_account(|account| Some(owned(account.updated_at.to_string())))
            }
            Slot::AccountCreatedAtMicros => {
                self.of_account(|account| Some(owned(account.created_at.to_micros_text())))
            }
            Slot::AccountUpdatedAtMicros => {
                self.of_account(|account| Some(owned(account.updated_at.to_micros_text())))
            }
            Slot::AccountLastLoginMicros => self.of_account(|account| {
                account
                    .last_login_at
                    .map(|point| owned(point.to_micros_text()))
            }),
            Slot::AccountProfile(nth) => self.of_account(|account| {
                let field = self.fields.get(usize::from(nth))?;
                Some(declared(field.shown(account.profile.get(&field.name))))
            }),
            Slot::Refresh => self.token(|granted| &granted.refresh),
            Slot::AccessExpiresIn => self.seconds_until(self.access_expires_at()),
            Slot::RefreshExpiresIn => self.seconds_until(self.refresh_expires_at()),
            Slot::Field => text(self.field),
            Slot::Reason => self.reason.map_or(Value::Null, text),
            Slot::RetryAfter => self.retry_after.map_or(Value::Null, |wait| {
                seconds(wait.max(Duration::from_secs(1)))
            }),
            Slot::Sessions => self
                .sessions
                .as_deref()
                .map_or(Value::Null, |json| Value::Json(Cow::Borrowed(json))),
            Slot::RequestPath => text(self.head.uri.path()),
            Slot::RequestMethod => owned(shortened(self.head.method.as_str())),
            Slot::RequestType => {
                let sent = self.head.header(header::CONTENT_TYPE.as_str());
                owned(shortened(sent.unwrap_or_default()))
            }
            Slot::RequestId => owned(self.head.id.to_string()),
            Slot::Now => owned(self.head.at.to_string()),
            Slot::NowText => owned(
                self.head
                    .at
                    .to_string()
                    .replace('T', " ")
                    .trim_end_matches('Z')
                    .to_owned(),
            ),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}

/// What a declared field holds.
fn declared(value: serde_json::Value) -> Value<'static> {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(yes),
        Json::String(text) => owned(text),
        other => Value::Json(Cow::Owned(other.to_string())),
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Str(Cow::Borrowed(text))
}

fn owned(text: String) -> Value<'static> {
    Value::Str(Cow::Owned(text))
}

fn seconds_of(point: Option<Timestamp>) -> Value<'static> {
    point.map_or(Value::Null, |point| Value::Int(point.unix_seconds()))
}

/// Whole seconds, rounded up, so that nobody comes back too soon.
fn seconds(span: Duration) -> Value<'static> {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    Value::Int(i64::try_from(whole).unwrap_or(i64::MAX))
}
