//! What is no contract's business: keys, health, metrics, documentation, and dev mode's outbox.

use std::sync::{Arc, atomic::Ordering};

use askama::Template;
use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use daemun_contract::Contract;
use serde::Deserialize;
use serde_json::json;

use crate::{
    admin,
    app::{PageState, SentMessage, Visitor},
    respond,
};

type Page = Response<Body>;
type Shared = State<Arc<PageState>>;

/// A contract's documentation, written once.
pub(crate) struct ContractPage {
    name: String,
    summary: String,
    explained: String,
    openapi: String,
}

impl ContractPage {
    pub(crate) fn of(contract: &Contract, public_url: &str) -> Self {
        Self {
            name: contract.name.to_string(),
            summary: contract.summary.to_string(),
            explained: contract.explain(),
            openapi: contract.openapi(public_url).to_string(),
        }
    }
}

pub(crate) fn router(state: Arc<PageState>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/docs", get(index))
        .route("/docs/{name}", get(contract))
        .route("/docs/admin/openapi.json", get(admin_openapi))
        .route("/docs/{name}/openapi.json", get(openapi))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/outbox", get(outbox))
        .route("/dev/outbox/latest", get(latest))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage<'a> {
    contracts: &'a [ContractPage],
    dev: bool,
}

#[derive(Template)]
#[template(path = "contract.html")]
struct ContractHtml<'a> {
    contract: &'a ContractPage,
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    messages: Vec<SentMessage>,
}

async fn index(State(state): Shared) -> Page {
    html(&IndexPage {
        contracts: &state.contracts,
        dev: state.dev,
    })
}

async fn contract(State(state): Shared, Path(name): Path<String>) -> Page {
    match state
        .contracts
        .iter()
        .find(|contract| contract.name == name)
    {
        Some(contract) => html(&ContractHtml { contract }),
        None => nothing_here().await,
    }
}

async fn openapi(State(state): Shared, Path(name): Path<String>) -> Page {
    match state
        .contracts
        .iter()
        .find(|contract| contract.name == name)
    {
        Some(contract) => typed("application/json", contract.openapi.clone()),
        None => nothing_here().await,
    }
}

/// The admin API's document. Whoever reads it can do nothing without a key.
async fn admin_openapi() -> Page {
    typed("application/json", admin::OPENAPI.into())
}

/// The public keys. Verifiers may keep them for five minutes; a new key is published a day before
/// it signs.
async fn jwks(State(state): Shared) -> Page {
    let mut page = typed("application/jwk-set+json", state.engine.jwks());
    page.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    page
}

/// The process answers.
async fn healthz() -> Page {
    typed("application/json", json!({"status": "ok"}).to_string())
}

/// The process and its store answer.
async fn readyz(State(state): Shared) -> Page {
    match state.engine.ready().await {
        Ok(()) => typed("application/json", json!({"status": "ready"}).to_string()),
        Err(error) => {
            tracing::error!(error = %error, "not ready");
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The store does not answer.",
            )
        }
    }
}

async fn metrics(State(state): Shared, Extension(visitor): Extension<Visitor>) -> Page {
    if !state.metrics_public && !visitor.address.is_loopback() {
        return nothing_here().await;
    }
    let stats = &state.stats;
    let listeners = state.engine.listeners();
    let lags = listeners.iter().map(|listener| listener.behind);
    let gauges = [
        ("daemun_verifiers_listening", listeners.len() as u64),
        ("daemun_verifiers_largest_lag", lags.max().unwrap_or(0)),
        (
            "daemun_connections_open",
            stats.open.load(Ordering::Relaxed),
        ),
        (
            "daemun_connections_accepted_total",
            stats.accepted.load(Ordering::Relaxed),
        ),
        (
            "daemun_connections_reaped_total",
            stats.reaped.load(Ordering::Relaxed),
        ),
        (
            "daemun_connections_refused_total",
            stats.refused.load(Ordering::Relaxed),
        ),
        (
            "daemun_revocations_held",
            state.engine.revocations_held() as u64,
        ),
    ];
    for (name, value) in gauges {
        #[expect(
            clippy::cast_precision_loss,
            reason = "gauges are floating-point by format"
        )]
        state.metrics.gauge(name).set(value as f64);
    }
    typed("text/plain; version=0.0.4", state.metrics.page())
}

async fn outbox(State(state): Shared, Extension(visitor): Extension<Visitor>) -> Page {
    match &state.outbox {
        Some(outbox) if visitor.names_this_machine => html(&OutboxPage {
            messages: outbox.all(),
        }),
        _ => nothing_here().await,
    }
}

#[derive(Deserialize)]
struct Latest {
    to: String,
}

async fn latest(
    State(state): Shared,
    Extension(visitor): Extension<Visitor>,
    query: Result<Query<Latest>, axum::extract::rejection::QueryRejection>,
) -> Page {
    let Some(outbox) = state.outbox.as_ref().filter(|_| visitor.names_this_machine) else {
        return nothing_here().await;
    };
    let Ok(Query(Latest { to })) = query else {
        return problem(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "Say whose: /dev/outbox/latest?to=ADDRESS",
        );
    };
    // A `+` in a query is a space by the rules of forms; no address has one.
    match outbox
        .latest(&to)
        .or_else(|| outbox.latest(&to.replace(' ', "+")))
    {
        Some(message) => typed(
            "application/json",
            json!({
                "to": message.to, "subject": message.subject, "text": message.text,
                "sent_at": message.sent_at.to_string(),
            })
            .to_string(),
        ),
        None => problem(
            StatusCode::NOT_FOUND,
            "not_found",
            "No message to that address is in the outbox.",
        ),
    }
}

async fn nothing_here() -> Page {
    problem(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
}

async fn wrong_method() -> Page {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This is read with GET.",
    )
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Page {
    respond::problem(status, code, detail).map(Body::new)
}

fn typed(content_type: &'static str, body: String) -> Page {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

fn html(page: &impl Template) -> Page {
    match page.render() {
        Ok(body) => {
            let mut page = typed("text/html; charset=utf-8", body);
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
            page.headers_mut().insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(policy),
            );
            page
        }
        Err(_) => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
        ),
    }
}
