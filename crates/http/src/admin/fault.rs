//! Why the admin API did not do what it was asked, and how that is told.

use axum::http::{HeaderValue, Response, StatusCode, header};
use daemun_engine::{
    ids::AccountId,
    operations::{AccountLifeError, CreateAccountError, OperatorError, Trouble},
    ports::StoreError,
};
use serde_json::{Value, json};

use crate::{
    request::Head,
    respond::{Body, problem},
    transport::BodyFault,
};

/// Why nothing was done.
#[derive(Debug)]
pub(super) enum Fault {
    /// A member of the body, or of the query, is not what it must be.
    Invalid(String, String),
    /// The body is none.
    BadBody(String),
    NotFound(&'static str),
    /// The path is there, for these methods.
    WrongMethod(Vec<&'static str>),
    /// What is there stands against it: a code, a sentence, and the account that does.
    Conflict(&'static str, String, Option<AccountId>),
    TooLarge,
    NotJson,
    Trouble(Trouble),
}

impl Fault {
    pub(super) fn invalid(field: &str, why: impl Into<String>) -> Self {
        Self::Invalid(field.into(), why.into())
    }

    pub(super) fn response(self, head: &Head) -> Response<Body> {
        match self {
            Self::Invalid(field, why) => {
                let code = "invalid_field";
                with(StatusCode::BAD_REQUEST, code, &why, "field", field.into())
            }
            Self::BadBody(why) => problem(StatusCode::BAD_REQUEST, "bad_request", &why),
            Self::NotFound(what) => problem(StatusCode::NOT_FOUND, "not_found", what),
            Self::WrongMethod(allowed) => wrong_method(allowed),
            Self::Conflict(code, why, None) => problem(StatusCode::CONFLICT, code, &why),
            Self::Conflict(code, why, Some(account)) => {
                with(StatusCode::CONFLICT, code, &why, "account", json!(account))
            }
            Self::TooLarge => problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The body is larger than is read here.",
            ),
            Self::NotJson => problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "A body must be JSON, and say so: Content-Type: application/json",
            ),
            Self::Trouble(trouble) => troubled(&trouble, head),
        }
    }
}

/// A problem with a member of its own.
fn with(status: StatusCode, code: &str, why: &str, name: &str, value: Value) -> Response<Body> {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": why,
        "code": code,
    });
    if let Some(members) = body.as_object_mut() {
        members.insert(name.into(), value);
    }
    let mut response = problem(status, code, why);
    *response.body_mut() = Body::from(body.to_string());
    response
}

fn wrong_method(mut allowed: Vec<&'static str>) -> Response<Body> {
    let detail = "This path is not for that method.";
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    if let Ok(allow) = HeaderValue::try_from(allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn troubled(trouble: &Trouble, head: &Head) -> Response<Body> {
    let (status, code, detail) = match trouble {
        Trouble::Busy { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "More passwords wait than can be hashed.",
        ),
        Trouble::Store(StoreError::Unavailable(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The store does not answer.",
        ),
        Trouble::Store(StoreError::Corrupt(_)) | Trouble::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
        ),
    };
    tracing::error!(request = %head.id, error = %trouble, "an admin request failed");
    let mut response = problem(status, code, detail);
    let seconds = match trouble {
        Trouble::Busy { retry_after } => retry_after.as_secs().max(1),
        _ => 1,
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl From<BodyFault> for Fault {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Self::TooLarge,
            BodyFault::TimedOut | BodyFault::Broken => Self::BadBody(fault.to_string()),
        }
    }
}

impl From<OperatorError> for Fault {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::NotFound => Self::NotFound("There is none of that id."),
            OperatorError::Trouble(trouble) => Self::Trouble(trouble),
        }
    }
}

impl From<AccountLifeError> for Fault {
    fn from(error: AccountLifeError) -> Self {
        let why = error.to_string();
        match error {
            AccountLifeError::NotFound => Self::NotFound("There is no account of that id."),
            AccountLifeError::Conflict(standstill) => Self::Conflict(standstill.name(), why, None),
            AccountLifeError::InvalidReason => Self::invalid("reason", why),
            AccountLifeError::InvalidUntil => Self::invalid("until", why),
            AccountLifeError::InvalidGrace => Self::invalid("grace", why),
            AccountLifeError::InvalidRole => Self::invalid("role", why),
            AccountLifeError::Trouble(trouble) => Self::Trouble(trouble),
        }
    }
}

impl From<CreateAccountError> for Fault {
    fn from(error: CreateAccountError) -> Self {
        let why = error.to_string();
        match error {
            CreateAccountError::IdentifierTaken(id) => {
                Self::Conflict("identifier_taken", why, Some(id))
            }
            CreateAccountError::NicknameTaken => Self::Conflict("nickname_taken", why, None),
            CreateAccountError::WeakPassword(_) => Self::invalid("password", why),
            CreateAccountError::InvalidNickname => Self::invalid("nickname", why),
            CreateAccountError::Trouble(trouble) => Self::Trouble(trouble),
        }
    }
}
