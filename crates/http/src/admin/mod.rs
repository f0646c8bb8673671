//! `/v1/admin/…`: what operators do from the command line, for a team's own services.
//!
//! Whoever asks shows a service key with the scope `admin`; nothing else opens these paths, not
//! even calling from this machine. Without one nothing is told, not even which paths there are.
//! What is asked for is done by the same methods of the engine as the command line's, and audited
//! under the key's name. It belongs to no contract and is no browser's business: no cookies are
//! read, no other origin may read an answer, and faults are told as RFC 9457 has it.

mod calls;
mod fault;
mod input;
mod shown;

use axum::{
    body::HttpBody,
    http::{Method, Response},
};
use bytes::Bytes;
use daemun_engine::{
    Engine,
    client::Network,
    operations::By,
    service_key::{ServiceCaller, ServiceScope},
};

pub use shown::{account_json, event_json, session_json, session_state, session_why};

use crate::{
    request::{Head, percent_decoded},
    respond::{Body, json, unknown_service},
    transport::{BodyFault, read_body},
    trust::Trust,
};
use fault::Fault;

/// Where it is mounted.
const ROOT: &str = "/v1/admin";

/// Its OpenAPI document, without the URL of the server.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");

/// What can be asked for, by the path below [`ROOT`] and the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    ListAccounts,
    CreateAccount,
    ShowAccount,
    Suspend,
    Restore,
    Withdraw,
    AddRole,
    RemoveRole,
    ListSessions,
    EndSessions,
    ShowSession,
    EndSession,
    Audit,
}

/// The routes. `*` stands for anything but nothing.
const ROUTES: &[(&str, &str, Call)] = &[
    ("accounts", "GET", Call::ListAccounts),
    ("accounts", "POST", Call::CreateAccount),
    ("accounts/*", "GET", Call::ShowAccount),
    ("accounts/*/suspend", "POST", Call::Suspend),
    ("accounts/*/restore", "POST", Call::Restore),
    ("accounts/*/withdraw", "POST", Call::Withdraw),
    ("accounts/*/roles/*", "PUT", Call::AddRole),
    ("accounts/*/roles/*", "DELETE", Call::RemoveRole),
    ("accounts/*/sessions", "GET", Call::ListSessions),
    ("accounts/*/sessions", "DELETE", Call::EndSessions),
    ("sessions/*", "GET", Call::ShowSession),
    ("sessions/*", "DELETE", Call::EndSession),
    ("audit", "GET", Call::Audit),
];

/// What the admin API needs.
pub(crate) struct Admin<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) trust: &'a Trust,
    /// The shortest password taken, in code points.
    pub(crate) password_min: usize,
    /// The largest body read, in bytes.
    pub(crate) max_body_bytes: usize,
}

/// A request whose key is good and whose path is known.
struct Asked<'a> {
    engine: &'a Engine,
    password_min: usize,
    by: By,
    /// What stands in the places of `*`.
    params: Vec<String>,
    query: &'a str,
    body: Bytes,
    is_json: bool,
}

/// Whether a path is the admin API's.
pub(crate) fn is_admin(path: &str) -> bool {
    path.strip_prefix(ROOT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Admin<'_> {
    pub(crate) async fn answer<B>(&self, head: &Head, body: B) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        let Some(service) = self.trust.service(self.engine, head, ServiceScope::Admin) else {
            return unknown_service(ServiceScope::Admin);
        };
        let mut response = match self.serve(head, body, &service).await {
            Ok(response) => response,
            Err(fault) => fault.response(head),
        };
        if head.method == Method::HEAD {
            *response.body_mut() = Body::default();
        }
        tracing::info!(
            request = %head.id, service = &*service.name, method = %head.method,
            status = response.status().as_u16(), "admin"
        );
        response
    }

    async fn serve<B>(
        &self,
        head: &Head,
        body: B,
        service: &ServiceCaller,
    ) -> Result<Response<Body>, Fault>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        let (call, params) = find(head)?;
        let body = read_body(body, self.max_body_bytes).await?;
        let asked = Asked {
            engine: self.engine,
            password_min: self.password_min,
            by: By::Service {
                name: service.name.clone(),
                network: Network::of(head.client).to_string().into(),
            },
            params,
            query: head.uri.query().unwrap_or_default(),
            body,
            is_json: input::is_json(&head.headers),
        };
        asked.answer(call).await
    }
}

/// What is asked for, and what stands in the places of `*`.
fn find(head: &Head) -> Result<(Call, Vec<String>), Fault> {
    let path = head.uri.path().strip_prefix(ROOT).unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut allowed = Vec::new();
    let wanted = match head.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    for (pattern, method, call) in ROUTES {
        let Some(params) = params(pattern, path) else {
            continue;
        };
        if *method == wanted {
            return Ok((*call, params));
        }
        allowed.push(*method);
    }
    if allowed.is_empty() {
        Err(Fault::NotFound("There is nothing here."))
    } else {
        Err(Fault::WrongMethod(allowed))
    }
}

fn params(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    let mut params = Vec::new();
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return Some(params),
            (Some("*"), Some(part)) if !part.is_empty() => {
                params.push(percent_decoded(part).into_owned());
            }
            (Some(pattern), Some(part)) if pattern == part => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
