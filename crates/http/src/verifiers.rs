//! What verifiers ask of the server besides its keys: to be told of revocations, and what it says of
//! a token. Services show their keys for it; it belongs to no contract and is no browser's business.

use std::sync::Arc;

use axum::{
    body::HttpBody,
    http::{HeaderValue, Method, Response, StatusCode, header},
};
use bytes::Bytes;
use daemun_engine::{
    Engine,
    service_key::{ServiceCaller, ServiceScope},
};

use crate::{
    introspect,
    request::Head,
    respond::{Body, problem, unknown_service},
    revocations,
    transport::{BodyFault, read_body},
    trust::Trust,
};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// The stream of revocations.
    Listen,
    /// A listener says how far it is.
    Confirm,
    /// Whether a token is good.
    Introspect,
    /// That a token be good no more.
    Revoke,
}

/// What answers.
pub(crate) struct Verifiers<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) trust: &'a Trust,
    /// The largest body read, in bytes.
    pub(crate) max_body_bytes: usize,
}

impl Call {
    /// What a path asks for.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/v1/revocations" => Some(Self::Listen),
            "/v1/revocations/ack" => Some(Self::Confirm),
            "/v1/introspect" => Some(Self::Introspect),
            "/v1/revoke" => Some(Self::Revoke),
            _ => None,
        }
    }

    /// Any of these will do.
    const fn scopes(self) -> &'static [ServiceScope] {
        match self {
            Self::Listen | Self::Confirm => &[ServiceScope::Revocations],
            Self::Introspect => &[ServiceScope::Introspection],
            Self::Revoke => &[ServiceScope::Introspection, ServiceScope::Tokens],
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Listen => *method == Method::GET || *method == Method::HEAD,
            Self::Confirm | Self::Introspect | Self::Revoke => *method == Method::POST,
        }
    }
}

impl Verifiers<'_> {
    /// Answers a request, where its key is good.
    pub(crate) async fn answer<B>(&self, call: Call, head: &Head, body: B) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        let Some(service) = self.trust.service_of_any(self.engine, head, call.scopes()) else {
            let wanted = call.scopes().first().copied();
            return unknown_service(wanted.unwrap_or(ServiceScope::Admin));
        };
        let mut response = if call.takes(&head.method) {
            self.serve(call, head, body, service).await
        } else {
            wrong_method(call)
        };
        if head.method == Method::HEAD {
            *response.body_mut() = Body::default();
        }
        response
    }

    async fn serve<B>(
        &self,
        call: Call,
        head: &Head,
        body: B,
        service: ServiceCaller,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        let body = match read_body(body, self.max_body_bytes).await {
            Ok(body) => body,
            Err(fault) => return unread(fault),
        };
        match call {
            Call::Listen => revocations::listen(self.engine, head, service).await,
            Call::Confirm => revocations::confirm(self.engine, head, &service, &body),
            Call::Introspect => introspect::introspect(self.engine, head, &body).await,
            Call::Revoke => introspect::revoke(self.engine, head, &service, &body).await,
        }
    }
}

fn unread(fault: BodyFault) -> Response<Body> {
    match fault {
        BodyFault::TooLarge => problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than is read here.",
        ),
        BodyFault::TimedOut | BodyFault::Broken => {
            problem(StatusCode::BAD_REQUEST, "bad_request", &fault.to_string())
        }
    }
}

fn wrong_method(call: Call) -> Response<Body> {
    let detail = "This path is not for that method.";
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    let allowed = if call.takes(&Method::GET) {
        "GET, HEAD"
    } else {
        "POST"
    };
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
