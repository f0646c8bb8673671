//! From a contract's answer to a response on the wire.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use daemun_contract::Answer;
use daemun_engine::service_key::ServiceScope;

pub(crate) use crate::body::Body;
use crate::{cookies::CookieReader, request::Head, values::AnswerValues};

/// Renders `answer` with its slots filled.
pub(crate) fn render(
    answer: &Answer,
    locale: usize,
    head: &Head,
    values: &AnswerValues<'_>,
    cookies: &CookieReader,
) -> Response<Body> {
    let mut body = Vec::with_capacity(1024);
    answer.render_body(locale, values, &mut body);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(content_type) = answer.content_type.as_deref() {
        put(headers, header::CONTENT_TYPE, content_type.as_bytes());
    }
    for (name, template) in &answer.headers {
        let mut value = Vec::new();
        template.render(locale, values, &mut value);
        if !value.is_empty()
            && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
        {
            put(headers, name, &value);
        }
    }
    for cookie in &answer.cookies {
        if let Some(line) = cookies.write(cookie, locale, values, head.at)
            && let Ok(value) = HeaderValue::from_bytes(&line)
        {
            headers.append(header::SET_COOKIE, value);
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A header value that cannot be sent (a line break in it) is left out rather than split.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(name, value);
    }
}

/// Puts on a response what every response carries.
pub(crate) fn finish(
    response: &mut Response<Body>,
    head_id: crate::request::RequestId,
    hsts: bool,
) {
    static NOSNIFF: HeaderName = header::X_CONTENT_TYPE_OPTIONS;
    static REQUEST_ID: LazyLock<HeaderName> =
        LazyLock::new(|| HeaderName::from_static("x-request-id"));
    let headers = response.headers_mut();
    headers.insert(NOSNIFF.clone(), HeaderValue::from_static("nosniff"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if hsts {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
    }
    if let Ok(id) = HeaderValue::try_from(head_id.to_string()) {
        headers.insert(REQUEST_ID.clone(), id);
    }
}

/// The answer to a service that shows no key, or none that is good for `scope`.
pub(crate) fn unknown_service(scope: ServiceScope) -> Response<Body> {
    let detail = format!(
        "Show a service key with the scope `{}`: Authorization: Bearer dsk_…",
        scope.name()
    );
    let mut response = problem(StatusCode::UNAUTHORIZED, "unknown_service", &detail);
    let bearer = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    response
}

/// An answer in JSON that belongs to no contract.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    response
}

/// An answer that belongs to no contract, as RFC 9457 has it.
pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Body> {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
