//! Where a browser says a request comes from: requests forged by other sites, and CORS.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{
    request::Head,
    respond::{Body, problem},
};

/// The origins whose pages may use this server: its own, and those that were listed.
pub(crate) struct Origins {
    allowed: Vec<String>,
    /// In dev mode a front end may be served from any port of this machine.
    this_machine: bool,
}

impl Origins {
    /// `public_url` and `allowed` are origins: scheme, host and port, compared exactly.
    pub(crate) fn new(public_url: &str, allowed: &[String], dev: bool) -> Self {
        let origins = std::iter::once(public_url).chain(allowed.iter().map(String::as_str));
        Self {
            allowed: origins
                .map(|origin| origin.trim_end_matches('/').to_owned())
                .collect(),
            this_machine: dev,
        }
    }

    /// Whether a browser would send this request for a page of another site. What no browser sent
    /// (no `Origin`, no `Sec-Fetch-Site`) carries nobody's cookies but its author's.
    pub(crate) fn is_cross_site(&self, head: &Head) -> bool {
        self.is_cross_site_at(head, head.host())
    }

    /// The same of a request that is for `host`, whatever host it was passed on to.
    pub(crate) fn is_cross_site_at(&self, head: &Head, host: Option<&str>) -> bool {
        if head.headers.contains_key(header::ORIGIN) {
            return self.is_foreign(head, host);
        }
        match head
            .headers
            .get("sec-fetch-site")
            .map(HeaderValue::as_bytes)
        {
            None | Some(b"same-origin" | b"none") => false,
            Some(_) => true,
        }
    }

    /// Whether a request for `host` says that it is from another origin's page.
    pub(crate) fn is_foreign(&self, head: &Head, host: Option<&str>) -> bool {
        let mut origins = head.headers.get_all(header::ORIGIN).iter();
        origins.any(|origin| !self.is_own(origin, host, head.secure))
    }

    fn is_own(&self, origin: &HeaderValue, host: Option<&str>, secure: bool) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        if self.is_allowed(origin) {
            return true;
        }
        let scheme = if secure { "https" } else { "http" };
        host.is_some_and(|host| {
            origin
                .strip_prefix(scheme)
                .and_then(|rest| rest.strip_prefix("://"))
                == Some(host)
        })
    }

    fn is_allowed(&self, origin: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == origin)
            || (self.this_machine && is_served_here(origin))
    }

    /// Lets a page of a listed origin read the answer, cookies and all (Fetch §3.2).
    pub(crate) fn share(&self, head: &Head, headers: &mut HeaderMap) {
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = head.headers.get(header::ORIGIN) else {
            return;
        };
        if origin.to_str().is_ok_and(|origin| self.is_allowed(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
    }

    /// Answers a preflight for a path that has `methods`; `headers` are those its contract reads.
    pub(crate) fn preflight(
        &self,
        head: &Head,
        methods: &str,
        request_headers: &str,
    ) -> Response<Body> {
        let mut response = problem(StatusCode::NO_CONTENT, "preflight", "");
        *response.body_mut() = Body::default();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        self.share(head, headers);
        if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            insert(headers, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            insert(
                headers,
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                request_headers,
            );
            insert(headers, header::ACCESS_CONTROL_MAX_AGE, "600");
        }
        response
    }
}

/// Whether an origin is a page served over http from some port of this machine.
fn is_served_here(origin: &str) -> bool {
    let Some(host) = origin.strip_prefix("http://") else {
        return false;
    };
    let port = |rest: &str| {
        let digits = rest.strip_prefix(':');
        rest.is_empty() || digits.is_some_and(|digits| digits.parse::<u16>().is_ok())
    };
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(port))
}

/// Whether a host is this machine's own name for itself, with or without a port.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
