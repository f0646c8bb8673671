//! Requests and answers as bytes: one client that follows no redirect and keeps no cookie, so that
//! what is compared is what was sent.

use std::time::Duration;

use reqwest::{
    Client, Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use crate::report::{Failure, Kind, Outcome};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer of a contract is longer; what follows is not read.
const LONGEST_BODY: usize = 1024 * 1024;

/// The way to the server.
pub(super) struct Wire {
    client: Client,
    base: Url,
    /// What is sent with every request.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A request, ready to be sent.
#[derive(Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

/// An answer, read whole.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoReply {
    /// Nobody is there.
    Unreachable(String),
    /// Somebody is, and gave none.
    Broken(String),
}

impl Wire {
    /// A way to `against`, with headers of the form `Name: value` on every request.
    pub(super) fn new(against: &str, headers: &[String]) -> Outcome<Self> {
        let usage = |what: String| Failure::new(Kind::Usage, what);
        let base = Url::parse(against).ok();
        let base = base.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            usage(format!("{against:?} is not the URL of a server"))
                .mend("--against http://127.0.0.1:8000")
        })?;
        let headers = headers.iter().map(|line| {
            header(line).ok_or_else(|| {
                // What follows the colon may be a secret.
                let name = line.split(':').next().unwrap_or_default();
                usage(format!("--header {name:?} is not a header")).mend("--header 'X-Stage: test'")
            })
        });
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("daemun-verify/", env!("CARGO_PKG_VERSION")));
        if is_here(&base) {
            client = client.no_proxy();
        }
        Ok(Self {
            headers: headers.collect::<Outcome<_>>()?,
            client: client.build().map_err(|error| {
                Failure::new(Kind::Failed, "there can be no HTTP client").because(error)
            })?,
            base,
        })
    }

    /// Whether the server is on this machine.
    pub(super) fn is_here(&self) -> bool {
        is_here(&self.base)
    }

    /// Whether cookies can be `Secure` there.
    pub(super) fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Sends a request and reads the answer.
    pub(super) async fn send(&self, request: &Request) -> Result<Reply, NoReply> {
        let broken = |what: &str| NoReply::Broken(what.to_owned());
        let method = Method::from_bytes(request.method.as_bytes());
        let method = method.map_err(|_| broken("the method cannot be sent"))?;
        let base = self.base.as_str().trim_end_matches('/');
        let mut builder = self
            .client
            .request(method, format!("{base}{}", request.path));
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_bytes(value.as_bytes());
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(broken("a header cannot be sent"));
            };
            headers.insert(name, value);
        }
        builder = builder.headers(headers);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await.map_err(|error| no_reply(&error))?;
        read(response).await
    }
}

async fn read(mut response: reqwest::Response) -> Result<Reply, NoReply> {
    let mut body = Vec::new();
    while body.len() < LONGEST_BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(no_reply(&error)),
        }
    }
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
}

fn is_here(url: &Url) -> bool {
    match url.host_str() {
        Some(host) => {
            let host = host.trim_matches(['[', ']']);
            host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

/// The innermost cause says most; URLs, which hold what was sent, are left out.
fn no_reply(error: &reqwest::Error) -> NoReply {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let why = match error.is_timeout() {
        true => format!("no answer within {} s", PATIENCE.as_secs()),
        false => cause.to_string(),
    };
    match error.is_connect() {
        true => NoReply::Unreachable(why),
        false => NoReply::Broken(why),
    }
}

impl Reply {
    /// A header that is there once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
