//! Sending requests, and reading what comes back strictly.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Answer, Daemun, send};

/// `POST` of JSON, to be added to.
pub fn post(daemun: &Daemun, path: &str, body: &Value) -> RequestBuilder {
    daemun.request(Method::POST, path).json(body)
}

/// `POST` of a body of whatever type.
pub fn post_as(
    daemun: &Daemun,
    path: &str,
    content_type: &str,
    body: impl Into<reqwest::Body>,
) -> RequestBuilder {
    let request = daemun.request(Method::POST, path);
    request.header("content-type", content_type).body(body)
}

/// `GET`, to be added to.
pub fn get(daemun: &Daemun, path: &str) -> RequestBuilder {
    daemun.request(Method::GET, path)
}

/// The multipart form with these fields: its content type and its body.
pub fn multipart(fields: &[(&str, &str)]) -> (String, String) {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    (
        "multipart/form-data; boundary=edge".into(),
        body + "--edge--\r\n",
    )
}

/// Adds cookies to a request.
pub fn with_cookies(request: RequestBuilder, cookies: &[(&str, &str)]) -> RequestBuilder {
    let pairs: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    request.header("cookie", pairs.join("; "))
}

/// A request, and the status and body it must be answered with.
pub type Row<'r> = (&'r str, RequestBuilder, u16, &'r str);

/// Sends each request and compares its answer byte for byte.
pub async fn expect_each(rows: impl IntoIterator<Item = Row<'_>>) {
    for (what, request, status, body) in rows {
        let answer = send(request).await;
        assert_eq!((answer.status, &*answer.text), (status, body), "{what}");
        assert_sound(&answer, "application/json", what);
    }
}

/// 56: what every answer of a contract carries, whatever it says.
#[track_caller]
pub fn assert_sound(answer: &Answer, content_type: &str, what: &str) {
    let header = |name| header(answer, name).unwrap_or_default();
    let expected = if answer.text.is_empty() {
        ""
    } else {
        content_type
    };
    assert_eq!(header("content-type"), expected, "{what}: {answer:?}");
    assert_eq!(header("cache-control"), "no-store", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(header("x-request-id").len(), 16, "{what}");
}

/// A header that stands there once.
#[track_caller]
pub fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut values = answer.headers.get_all(name).iter();
    let value = values.next()?.to_str().expect("a header of text");
    assert!(
        values.next().is_none(),
        "{name} stands there twice: {answer:?}"
    );
    Some(value)
}

/// A cookie that an answer sets.
#[derive(Debug, PartialEq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    /// Everything behind the value.
    pub attributes: String,
}

/// The cookies that an answer sets, in order.
pub fn cookies(answer: &Answer) -> Vec<Cookie> {
    let lines = answer.headers.get_all("set-cookie").iter();
    let cookie = |line: &str| {
        let (pair, attributes) = line.split_once("; ").expect("attributes");
        let (name, value) = pair.split_once('=').expect("a value");
        Cookie {
            name: name.into(),
            value: value.into(),
            attributes: attributes.into(),
        }
    };
    lines
        .map(|line| cookie(line.to_str().expect("text")))
        .collect()
}

/// The `code` of a problem, with everything else a problem must have.
#[track_caller]
pub fn problem(answer: &Answer) -> String {
    assert_sound(answer, "application/problem+json", "a problem");
    let body = answer.json();
    assert_eq!(body["status"], answer.status, "{answer:?}");
    for member in ["title", "detail"] {
        assert!(
            body[member].as_str().is_some_and(|text| !text.is_empty()),
            "{answer:?}"
        );
    }
    let code = body["code"].as_str().expect("a code").to_owned();
    assert_eq!(body["type"], format!("urn:daemun:problem:{code}"));
    code
}

/// What came back over a bare socket, as text.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends bytes as they are, and reads until the server closes. They should ask it to.
pub async fn raw(daemun: &Daemun, request: impl AsRef<[u8]>) -> Raw {
    let address = daemun.url("").trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    // A server that has heard enough may close before it was sent everything.
    let _ = socket.write_all(request.as_ref()).await;
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).expect("an answer of text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Raw {
        status: status.unwrap_or(0),
        head: head.to_lowercase(),
        body: body.into(),
    }
}
