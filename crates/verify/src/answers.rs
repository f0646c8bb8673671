//! What a refused request is answered: a table from reasons to answers.
//!
//! The table is data, so a resource server behind a contract can answer in the shape its front end already knows.
//! Challenges (RFC 6750 §3) and `Retry-After` are added here, so that no table can forget them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{Reason, Refusal};

/// How long a client should wait where we do not know better, in seconds.
const RETRY_AFTER: &str = "5";

/// The answer to each [`Reason`].
#[derive(Clone, Debug)]
pub struct Answers {
    table: Vec<(Reason, Answer)>,
    realm: Option<Box<str>>,
}

/// A status and a body.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    content_type: HeaderValue,
    body: Bytes,
}

impl Answer {
    /// An answer of that status with a JSON body.
    #[must_use]
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: HeaderValue::from_static("application/json"),
            body: body.into(),
        }
    }

    /// The same answer under another content type.
    #[must_use]
    pub fn typed(mut self, content_type: HeaderValue) -> Self {
        self.content_type = content_type;
        self
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::problems()
    }
}

impl Answers {
    /// Problem details (RFC 9457) with the codes that daemun's own API uses.
    #[must_use]
    pub fn problems() -> Self {
        let table = Reason::ALL.map(|reason| (reason, problem(reason)));
        Self {
            table: table.into(),
            realm: None,
        }
    }

    /// The guard of `phone-pair` and `campus-account`, word for word.
    #[must_use]
    pub fn phone_pair() -> Self {
        let invalid = r#"{"detail":"이 토큰은 모든 타입의 토큰에 대해 유효하지 않습니다","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"유효하지 않거나 만료된 토큰"}]}"#;
        let missing =
            r#"{"detail":"자격 인증데이터(authentication credentials)가 제공되지 않았습니다."}"#;
        let header = r#"{"detail":"인증 헤더에는 공백으로 구분 된 두 개의 값이 포함되어야 합니다","code":"bad_authorization_header"}"#;
        let unauthorized = |body: &'static str| Answer::json(StatusCode::UNAUTHORIZED, body);
        let mut answers = Self::problems()
            .realm("api")
            .on(Reason::MissingToken, unauthorized(missing))
            .on(Reason::BadHeader, unauthorized(header));
        for reason in [
            Reason::InvalidToken,
            Reason::Expired,
            Reason::WrongType,
            Reason::Revoked,
        ] {
            answers = answers.on(reason, unauthorized(invalid));
        }
        answers
    }

    /// Another answer for one reason. A 401 comes with its challenge and a 503 with `Retry-After` all the same.
    #[must_use]
    pub fn on(mut self, reason: Reason, answer: Answer) -> Self {
        self.table.retain(|(other, _)| *other != reason);
        self.table.push((reason, answer));
        self
    }

    /// Names a realm in challenges, which then say nothing more, as frameworks before RFC 6750 do.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm = Some(realm.replace(['"', '\\'], "").into());
        self
    }

    /// The answer to a refusal.
    #[must_use]
    pub fn render(&self, refusal: &Refusal) -> Response<Bytes> {
        let reason = refusal.reason();
        let found = self.table.iter().find(|(other, _)| *other == reason);
        let Some((_, answer)) = found else {
            return render(&problem(reason), None);
        };
        render(answer, self.challenge(refusal))
    }

    fn challenge(&self, refusal: &Refusal) -> Option<HeaderValue> {
        let error = match refusal.reason() {
            Reason::MissingToken => None,
            Reason::BadHeader => Some("invalid_request"),
            Reason::InvalidToken | Reason::Expired | Reason::WrongType | Reason::Revoked => {
                Some("invalid_token")
            }
            Reason::InsufficientScope => Some("insufficient_scope"),
            Reason::Forbidden
            | Reason::NotFound
            | Reason::KeysUnavailable
            | Reason::RevocationsUnavailable
            | Reason::Unguarded => return None,
        };
        let text = match (&self.realm, error, refusal) {
            (_, Some(error), Refusal::InsufficientScope(scope)) => {
                format!(r#"Bearer error="{error}", scope="{scope}""#)
            }
            (Some(realm), ..) => format!(r#"Bearer realm="{realm}""#),
            (None, Some(error), _) => format!(r#"Bearer error="{error}""#),
            (None, None, _) => "Bearer".to_owned(),
        };
        HeaderValue::try_from(text).ok()
    }
}

fn render(answer: &Answer, challenge: Option<HeaderValue>) -> Response<Bytes> {
    let mut response = Response::new(answer.body.clone());
    *response.status_mut() = answer.status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, answer.content_type.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    response
}

fn problem(reason: Reason) -> Answer {
    let (status, code, detail) = words(reason);
    let body = serde_json::json!({
        "type": format!("urn:daemun:problem:{code}"),
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    });
    Answer::json(status, body.to_string())
        .typed(HeaderValue::from_static("application/problem+json"))
}

fn words(reason: Reason) -> (StatusCode, &'static str, &'static str) {
    const AGAIN: &str = "Try again in a moment.";
    let status = match reason {
        Reason::MissingToken
        | Reason::BadHeader
        | Reason::InvalidToken
        | Reason::Expired
        | Reason::WrongType
        | Reason::Revoked => StatusCode::UNAUTHORIZED,
        Reason::InsufficientScope | Reason::Forbidden => StatusCode::FORBIDDEN,
        Reason::NotFound => StatusCode::NOT_FOUND,
        Reason::KeysUnavailable | Reason::RevocationsUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Unguarded => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let (code, detail) = match reason {
        Reason::MissingToken => ("missing_token", "The request brings no token."),
        Reason::BadHeader => (
            "bad_authorization_header",
            "The Authorization header must be `Bearer` and a token.",
        ),
        Reason::InvalidToken | Reason::WrongType => ("invalid_token", "The token is not valid."),
        Reason::Expired => ("token_expired", "The token has expired."),
        Reason::Revoked => ("session_ended", "This session was ended. Sign in again."),
        Reason::InsufficientScope => ("insufficient_scope", "The token lacks a scope."),
        Reason::Forbidden => ("forbidden", "You may not do that."),
        Reason::NotFound => ("not_found", "There is nothing here."),
        Reason::KeysUnavailable | Reason::RevocationsUnavailable => ("unavailable", AGAIN),
        Reason::Unguarded => ("internal", "Something went wrong."),
    };
    (status, code, detail)
}
