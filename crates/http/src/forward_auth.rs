//! `/forward-auth/NAME`: what a reverse proxy asks before it lets a request through.
//!
//! The proxy shows the head of the request it holds (nginx `auth_request`, Traefik `ForwardAuth`,
//! Caddy `forward_auth`; Envoy adds the path behind ours), and the guard of the contract `NAME`
//! decides by it. There are four answers, whatever statuses the contract itself would use: 200 and
//! who it is; 401 where nobody is signed in; 403 where the account may not, or another site's page
//! made the request; 503 where that cannot be known. A refusal keeps the contract's own words.
//!
//! This is asked once for every request of a whole site, so it goes past the router and allocates
//! little more than what it answers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use daemun_contract::{Answer, Guard, Source};
use daemun_engine::{
    Engine,
    operations::{GuardError, Principal},
    session::Subject,
    vocabulary::{Failure, Outcome},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    fields::Fields,
    mounted::Mounted,
    origin::Origins,
    request::{Head, Places},
    respond::{Body, problem, render},
    values::AnswerValues,
};

static ACCOUNT: HeaderName = HeaderName::from_static("daemun-account");
static ASSERTION: HeaderName = HeaderName::from_static("daemun-assertion");
static CONTRACT: HeaderName = HeaderName::from_static("daemun-contract");
static KIND: HeaderName = HeaderName::from_static("daemun-kind");
static SESSION: HeaderName = HeaderName::from_static("daemun-session");
static SUBJECT: HeaderName = HeaderName::from_static("daemun-subject");

/// What stands for itself in a header that holds somebody's own words: the unreserved characters
/// (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The headers in which proxies say the method of the request they hold.
const METHODS: [&str; 2] = ["x-forwarded-method", "x-original-method"];

/// The name of the contract whose guard a path asks; whatever follows the name is the proxy's own.
pub(crate) fn contract_asked(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/forward-auth/")?;
    Some(rest.split('/').next().unwrap_or(rest))
}

/// The answer where no contract of the name is mounted.
pub(crate) fn nobody_to_ask() -> Response<Body> {
    problem(
        StatusCode::NOT_FOUND,
        "not_found",
        "No contract of this name is mounted, or it has no guard.",
    )
}

/// One question of a proxy.
pub(crate) struct Question<'r> {
    pub(crate) engine: &'r Engine,
    pub(crate) mounted: &'r Mounted,
    pub(crate) guard: &'r Guard,
    pub(crate) origins: &'r Origins,
    pub(crate) head: &'r Head,
    /// Whether a trusted proxy asks.
    pub(crate) trusted: bool,
}

impl Question<'_> {
    /// Asks the guard.
    pub(crate) async fn answer(&self) -> Response<Body> {
        let places = Places {
            head: self.head,
            fields: &Fields::None,
            params: &[],
            cookies: &self.mounted.cookies,
            absent: &self.mounted.contract.absent,
        };
        let (token, source) = match self.mounted.shown_where(&places) {
            Ok(Some(shown)) => shown,
            Ok(None) => {
                return self.refused(StatusCode::UNAUTHORIZED, &outcome(Outcome::MissingToken));
            }
            Err(fault) => return self.refused(StatusCode::UNAUTHORIZED, &outcome(fault)),
        };
        if matches!(source, Source::Cookie { .. }) && self.may_be_forged() {
            return self.refused(StatusCode::FORBIDDEN, &outcome(Outcome::CrossSite));
        }
        match self.engine.authenticate(&self.mounted.realm, &token).await {
            Ok(principal) => self.let_in(&principal),
            Err(error) => self.kept_out(&error),
        }
    }

    fn let_in(&self, principal: &Principal) -> Response<Body> {
        let mut response = Response::new(Body::default());
        let headers = response.headers_mut();
        headers.reserve(12);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match &principal.subject {
            Subject::Account(id) => {
                headers.insert(ACCOUNT.clone(), HeaderValue::from(id.0));
            }
            Subject::Caller(subject) => {
                put(headers, &SUBJECT, encoded(&subject.name));
                put(headers, &KIND, encoded(&subject.kind));
            }
        }
        if let Some(session) = principal.session {
            put(headers, &SESSION, session.to_string());
        }
        headers.insert(CONTRACT.clone(), self.mounted.name.clone());
        let assertion = self.engine.assert_principal(&self.mounted.realm, principal);
        if let Ok(assertion) = HeaderValue::from_str(assertion.as_str()) {
            headers.insert(ASSERTION.clone(), assertion);
        }
        response
    }

    fn kept_out(&self, error: &GuardError) -> Response<Body> {
        let status = match error {
            GuardError::InvalidToken
            | GuardError::Expired
            | GuardError::WrongType
            | GuardError::Revoked
            | GuardError::AccountGone => StatusCode::UNAUTHORIZED,
            GuardError::Barred(_) => StatusCode::FORBIDDEN,
            GuardError::Trouble(trouble) => {
                tracing::error!(request = %self.head.id, contract = &*self.mounted.contract.name, error = %trouble, "forward-auth cannot know");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        self.refused(status, &error.into())
    }

    /// The contract's own words under a status that proxies understand.
    fn refused(&self, status: StatusCode, failure: &Failure) -> Response<Body> {
        let contract = &self.mounted.contract;
        let locale = contract.locale_index(self.head.header("accept-language"));
        let mut response = render(
            self.words_for(failure.outcome),
            locale,
            self.head,
            &AnswerValues::failure(self.head, failure, ""),
            &self.mounted.cookies,
        );
        *response.status_mut() = status;
        if self.head.method == Method::HEAD {
            *response.body_mut() = Body::default();
        }
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let wait = failure.retry_after.map_or(1, |wait| wait.as_secs().max(1));
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        self.origins.share(self.head, headers);
        response
    }

    /// The guard's words, or, for what no guard answers, those that any route of the contract has.
    fn words_for(&self, outcome: Outcome) -> &Answer {
        match self.mounted.contract.routes.first() {
            Some(route) if !Outcome::OF_THE_GUARD.contains(&outcome) => route.answer(outcome, None),
            _ => self.guard.answer(outcome),
        }
    }

    /// Whether another site's page may have made the request with the person's cookies.
    ///
    /// The request that asks is the proxy's own; which method the person's request has is what the
    /// proxy says. Anybody's word that it is an unsafe one is believed, for it can only make us
    /// stricter; that it is a safe one is believed of a trusted proxy alone. Where nothing is known
    /// `Origin` decides: no browser leaves it out of another site's `POST`, nor sends it with a
    /// plain link.
    fn may_be_forged(&self) -> bool {
        let host = self.host();
        match self.is_safe() {
            Some(true) => self.is_websocket() && self.origins.is_foreign(self.head, host),
            Some(false) => self.origins.is_cross_site_at(self.head, host),
            None => self.origins.is_foreign(self.head, host),
        }
    }

    /// Whether the method of the person's request is a safe one; `None` where that is not known.
    fn is_safe(&self) -> Option<bool> {
        let mut said = METHODS
            .iter()
            .flat_map(|name| self.head.headers.get_all(*name))
            .map(|method| is_safe(method.as_bytes()))
            .peekable();
        let anything = said.peek().is_some();
        if !is_safe(self.head.method.as_str().as_bytes()) || said.any(|safe| !safe) {
            return Some(false);
        }
        (anything && self.trusted).then_some(true)
    }

    /// A handshake is a GET that carries cookies, and opens what can do anything.
    fn is_websocket(&self) -> bool {
        self.head.headers.contains_key("sec-websocket-key")
    }

    /// The host that the person's request is for, as a trusted proxy tells it.
    fn host(&self) -> Option<&str> {
        let told = self.head.header("x-forwarded-host");
        told.filter(|_| self.trusted).or_else(|| self.head.host())
    }
}

fn outcome(outcome: Outcome) -> Failure {
    outcome.into()
}

fn is_safe(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Nothing that is put has a byte that no header may have; were it otherwise, it would be left out.
fn put(headers: &mut HeaderMap, name: &HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::{contract_asked, encoded};

    #[test]
    fn the_name_ends_at_the_next_slash() {
        for path in ["native", "native/", "native/orders/1"] {
            assert_eq!(
                contract_asked(&format!("/forward-auth/{path}")),
                Some("native")
            );
        }
        assert_eq!(contract_asked("/forward-auth/"), Some(""));
        for path in [
            "/forward-auth",
            "/forward-authentic/native",
            "/x/forward-auth/native",
        ] {
            assert_eq!(contract_asked(path), None);
        }
    }

    #[test]
    fn s57_a_subject_cannot_split_a_header_or_look_like_another() {
        let words = "a\r\nDaemun-Account: 1,b;c=\"d\" %0d 가";
        let expected = "a%0D%0ADaemun-Account%3A%201%2Cb%3Bc%3D%22d%22%20%250d%20%EA%B0%80";
        assert_eq!(encoded(words), expected);
        assert_eq!(encoded("user-1_2.3~4"), "user-1_2.3~4");
    }
}
