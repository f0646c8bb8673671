//! The stream of revocations, as server-sent events. What goes over the wire is described in
//! `docs/revocation-stream.md`.
//!
//! The body pulls: a verifier that reads slowly is told later, from its place in the log, and one
//! that does not read at all is closed by the transport's clock.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use daemun_engine::{
    Engine,
    client::Network,
    revocation::{Revocation, RevokedThing},
    service_key::ServiceCaller,
    stream::{Listener, News, NoRoom},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::{
    body::{Step, Teller},
    fields::BodyType,
    request::Head,
    respond::{Body, problem},
};

/// How often a verifier hears that there is nothing to hear.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// When to come back where there is no room, in seconds.
const COME_BACK: u64 = 5;

/// Begins to tell a verifier.
pub(crate) async fn listen(
    engine: &Arc<Engine>,
    head: &Head,
    service: ServiceCaller,
) -> Response<Body> {
    // What was acknowledged before somebody listens is known before they are told.
    if let Err(error) = engine.read_log().await {
        tracing::error!(request = %head.id, %error, "no revocations can be told");
        return unavailable("unavailable", "The store does not answer.", 1);
    }
    let network = Network::of(head.client).to_string().into();
    let name = head.header("daemun-verifier");
    let place = head.header("last-event-id");
    let listener = match engine.listen(service, name, network, place) {
        Ok(listener) => listener,
        Err(NoRoom::Full) => {
            return unavailable("too_many", "Too many verifiers listen.", COME_BACK);
        }
        Err(NoRoom::Ending) => return unavailable("ending", "The server is about to end.", 1),
    };
    let telling = Telling {
        listener,
        heartbeat: Instant::now() + HEARTBEAT,
    };
    let mut response = Response::new(Body::told(Box::new(telling)));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A proxy that gathers what it passes on would make verifiers deaf.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[derive(Deserialize)]
struct Confirmation<'b> {
    #[serde(borrow)]
    verifier: std::borrow::Cow<'b, str>,
    #[serde(borrow)]
    cursor: std::borrow::Cow<'b, str>,
}

/// Hears how far a verifier is.
pub(crate) fn confirm(
    engine: &Engine,
    head: &Head,
    service: &ServiceCaller,
    body: &[u8],
) -> Response<Body> {
    if BodyType::of(&head.headers) != BodyType::Json {
        let detail = "A body must be JSON, and say so: Content-Type: application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return problem(status, "unsupported_media_type", detail);
    }
    let Ok(Confirmation { verifier, cursor }) = serde_json::from_slice(body) else {
        let detail = r#"Say who, and up to where: {"verifier":"NAME","cursor":"EPOCH.SEQ"}"#;
        return problem(StatusCode::BAD_REQUEST, "bad_request", detail);
    };
    engine.confirm(service, &verifier, &cursor);
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn unavailable(code: &str, detail: &str, seconds: u64) -> Response<Body> {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, code, detail);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// One verifier's stream.
struct Telling {
    listener: Listener,
    /// When it is due.
    heartbeat: Instant,
}

impl Teller for Telling {
    fn step(mut self: Box<Self>) -> Step {
        Box::pin(async move {
            let event = self.event().await?;
            Some((Bytes::from(event), self as Box<dyn Teller>))
        })
    }
}

impl Telling {
    /// The next event; `None` where the stream is over. A store that fails ends it: the verifier
    /// comes back to its place.
    async fn event(&mut self) -> Option<String> {
        loop {
            if Instant::now() < self.heartbeat
                && let Ok(news) = timeout_at(self.heartbeat, self.listener.next()).await
            {
                let news = news.inspect_err(|error| tracing::error!(%error, "a stream breaks off"));
                return news.ok()?.map(|news| self.written(&news));
            }
            self.heartbeat = Instant::now() + HEARTBEAT;
            // Where the log cannot be read, silence says so.
            if self.listener.is_current() {
                return Some(self.place("heartbeat"));
            }
        }
    }

    fn written(&self, news: &News) -> String {
        match news {
            News::Reset => {
                let epoch = self.listener.epoch();
                format!("event: reset\ndata: {{\"epoch\":\"{epoch}\"}}\n\n")
            }
            News::Ready => self.place("ready"),
            News::Entries(entries) => self.entries(entries),
        }
    }

    fn place(&self, event: &str) -> String {
        let (epoch, seq) = (self.listener.epoch(), self.listener.at());
        format!("id: {epoch}.{seq}\nevent: {event}\ndata: {{\"seq\":{seq}}}\n\n")
    }

    fn entries(&self, entries: &[Revocation]) -> String {
        let mut event = String::with_capacity(96 + entries.len() * 80);
        let (epoch, seq) = (self.listener.epoch(), self.listener.at());
        // Writing into a String cannot fail.
        let _ = write!(
            event,
            "id: {epoch}.{seq}\nevent: entries\ndata: {{\"entries\":["
        );
        for (nth, entry) in entries.iter().enumerate() {
            event.push_str(if nth == 0 { "" } else { "," });
            write_entry(&mut event, entry);
        }
        event.push_str("]}\n\n");
        event
    }
}

fn write_entry(event: &mut String, entry: &Revocation) {
    // Rounded up: better held a moment too long.
    let until = entry.until.unix_micros().saturating_add(999_999) / 1_000_000;
    let _ = match entry.thing {
        RevokedThing::Session(id) => {
            write!(event, r#"{{"session":"{id}","until":{until}}}"#)
        }
        RevokedThing::AccountBefore(id, before) => {
            let before = before.unix_millis();
            write!(
                event,
                r#"{{"account":{id},"before":{before},"until":{until}}}"#
            )
        }
        RevokedThing::EverythingBefore(before) => {
            let before = before.unix_millis();
            write!(
                event,
                r#"{{"everything":true,"before":{before},"until":{until}}}"#
            )
        }
    };
}
