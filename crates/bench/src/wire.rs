//! A client of HTTP/1.1 as thin as it can be: what the load generator spends is taken from the server it measures.
//!
//! It reads answers that carry a `Content-Length` (or none, without a body), one after another on a connection that stays
//! open. That is all our servers send, and anything else is a fault.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// How every request of the benchmarks calls itself; rotation takes notice of a change.
const USER_AGENT: &str = "daemun-bench";

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    /// How many bytes it has, head and body.
    pub length: usize,
    pub body: &'a [u8],
}

/// Where an answer's parts are.
struct Head {
    status: u16,
    body_at: usize,
    end: usize,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(8192),
        })
    }

    /// Sends a request and waits for its whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.send(request).await?;
        self.receive().await
    }

    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    pub async fn receive(&mut self) -> io::Result<Answer<'_>> {
        self.received.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(head) = head(&self.received)? {
                break head;
            }
        };
        while self.received.len() < head.end {
            self.read_more().await?;
        }
        let body = self
            .received
            .get(head.body_at..head.end)
            .unwrap_or_default();
        Ok(Answer {
            status: head.status,
            length: head.end,
            body,
        })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

impl Answer<'_> {
    /// The string member of that name, wherever it stands in the JSON body. Only for tokens, which need no unescaping.
    pub fn text(&self, name: &str) -> Option<&str> {
        let body = std::str::from_utf8(self.body).ok()?;
        let (_, after) = body.split_once(&format!("\"{name}\":\""))?;
        after.split_once('"').map(|(value, _)| value)
    }

    /// Insists on a status; the fault quotes the answer.
    pub fn expect(&self, status: u16) -> Result<&Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("{status} was expected, not {}", self.quoted()).into())
    }

    /// Status and body, for a fault.
    pub fn quoted(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(self.body))
    }
}

/// One exchange on a connection of its own: the body of an answer 200.
pub async fn once(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    Ok(connection
        .exchange(request)
        .await?
        .expect(200)?
        .body
        .to_vec())
}

/// `GET path`, with an access token where one is given.
pub fn get(path: &str, bearer: Option<&str>) -> Vec<u8> {
    let credentials = bearer
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {USER_AGENT}\r\n{credentials}\r\n"
    )
    .into_bytes()
}

/// `POST path` with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let mut request = Vec::new();
    write_post(&mut request, path, body);
    request
}

/// As [`post`], into a buffer that is used again.
pub fn write_post(request: &mut Vec<u8>, path: &str, body: &str) {
    use std::io::Write;
    request.clear();
    let length = body.len();
    // Writing to a vector cannot fail.
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {USER_AGENT}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// The head, once it is complete.
fn head(received: &[u8]) -> io::Result<Option<Head>> {
    let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = received
        .get(..at)
        .and_then(|head| std::str::from_utf8(head).ok())
        .ok_or_else(malformed)?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok());
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| malformed())?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(malformed());
        }
    }
    let body_at = at + 4;
    Ok(Some(Head {
        status: status.ok_or_else(malformed)?,
        body_at,
        end: body_at + length,
    }))
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "an answer this client cannot read",
    )
}

#[cfg(test)]
mod tests {
    use super::{Answer, head};

    #[test]
    fn a_head_is_read_once_complete() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-LENGTH: 5\r\nx: y\r\n\r\nhello";
        assert!(head(&whole[..30]).unwrap().is_none());
        let head = head(whole).unwrap().unwrap();
        assert_eq!(
            (head.status, &whole[head.body_at..head.end]),
            (201, b"hello".as_slice())
        );
    }

    #[test]
    fn a_chunked_answer_is_a_fault() {
        assert!(head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn a_token_is_found_by_its_name() {
        let answer = Answer {
            status: 200,
            length: 0,
            body: br#"{"access":"a.b","refresh":"c.d"}"#,
        };
        assert_eq!(
            (
                answer.text("access"),
                answer.text("refresh"),
                answer.text("x")
            ),
            (Some("a.b"), Some("c.d"), None)
        );
    }
}
