//! What services ask about a token they hold: whether it is good (RFC 7662), and that it be no more
//! (RFC 7009). The token stands in a form, never in the URL, which ends up in logs.

use axum::http::{HeaderValue, Response, StatusCode, header};
use daemun_engine::{
    Caller, Engine,
    client::{Client, Network},
    operations::{By, GoodToken, TokenKind, TokenRevoked, Trouble},
    policy::Locale,
    service_key::ServiceCaller,
    session::Subject,
};
use serde_json::{Value, json};

use crate::{
    fields::BodyType,
    request::{Head, form_decoded},
    respond::{self, Body, problem},
};

/// Says whether a token is good. Of one that is not, nothing else is said.
pub(crate) async fn introspect(engine: &Engine, head: &Head, body: &[u8]) -> Response<Body> {
    let token = match token(head, body) {
        Ok(token) => token,
        Err(refused) => return refused.response(),
    };
    match engine.introspect(&token).await {
        Ok(good) => {
            let said = good.map_or_else(|| json!({ "active": false }), |good| said(engine, &good));
            respond::json(StatusCode::OK, &said)
        }
        Err(trouble) => troubled(&trouble, head),
    }
}

/// Ends the session of a token. What is no token is over already.
pub(crate) async fn revoke(
    engine: &Engine,
    head: &Head,
    service: &ServiceCaller,
    body: &[u8],
) -> Response<Body> {
    let token = match token(head, body) {
        Ok(token) => token,
        Err(refused) => return refused.response(),
    };
    let by = By::Service {
        name: service.name.clone(),
        network: Network::of(head.client).to_string().into(),
    };
    let caller = Caller {
        client: Client {
            address: head.client,
            user_agent: head.user_agent().into(),
        },
        locale: Locale::En,
    };
    match engine.revoke_token(&by, &caller, &token).await {
        Ok(TokenRevoked::Over) => respond::json(StatusCode::OK, &json!({})),
        Ok(TokenRevoked::HasNoSession) => Refused {
            status: StatusCode::BAD_REQUEST,
            error: "unsupported_token_type",
            why: "A former back end's access token: there is no session behind it to end.",
        }
        .response(),
        Err(trouble) => troubled(&trouble, head),
    }
}

/// What is said of a good token. A refresh token says it is one, lest somebody take it for a login.
fn said(engine: &Engine, good: &GoodToken) -> Value {
    let principal = &good.principal;
    let subject = match &principal.subject {
        Subject::Account(id) => id.to_string(),
        Subject::Caller(caller) => caller.name.to_string(),
    };
    let mut said = json!({
        "active": true,
        "iss": engine.issuer(),
        "sub": subject,
        "ctr": good.contract,
        "exp": principal.expires_at.unix_seconds(),
        "iat": principal.issued_at.unix_seconds(),
        "token_type": match good.kind {
            TokenKind::Access => "Bearer",
            TokenKind::Refresh => "refresh_token",
        },
    });
    if let (Some(said), Some(session)) = (said.as_object_mut(), principal.session) {
        said.insert("sid".into(), session.to_string().into());
    }
    said
}

/// The token of a request: exactly one, in a form.
fn token(head: &Head, body: &[u8]) -> Result<String, Refused> {
    let query = head.uri.query().unwrap_or_default();
    if values(query).next().is_some() {
        let why = "A token never stands in the URL: send it in the form.";
        return Err(invalid(why));
    }
    if BodyType::of(&head.headers) != BodyType::UrlEncoded {
        return Err(Refused {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            error: "invalid_request",
            why: "The body must be a form: Content-Type: application/x-www-form-urlencoded",
        });
    }
    let body = std::str::from_utf8(body).map_err(|_| invalid("The form is no text."))?;
    let mut tokens = values(body);
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => Ok(token),
        (Some(_), Some(_)) => Err(invalid("Several tokens were sent: send one.")),
        (None, _) => Err(invalid("There is no token: send token=… in the form.")),
    }
}

/// Every value that a form has under `token`.
fn values(form: &str) -> impl Iterator<Item = String> {
    form.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decoded(name) == "token").then(|| form_decoded(value).into_owned())
    })
}

/// Why a request is none, as RFC 6749 §5.2 has it.
struct Refused {
    status: StatusCode,
    error: &'static str,
    why: &'static str,
}

impl Refused {
    fn response(self) -> Response<Body> {
        let said = json!({ "error": self.error, "error_description": self.why });
        respond::json(self.status, &said)
    }
}

const fn invalid(why: &'static str) -> Refused {
    Refused {
        status: StatusCode::BAD_REQUEST,
        error: "invalid_request",
        why,
    }
}

/// No trouble of ours is ever told as an answer about the token.
fn troubled(trouble: &Trouble, head: &Head) -> Response<Body> {
    tracing::error!(request = %head.id, error = %trouble, "a token could not be looked at");
    let detail = "The store does not answer.";
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
