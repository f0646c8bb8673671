//! A stream that breaks off, lies and falls silent, for every verifier alike. What each must do is
//! in `docs/revocation-stream.md`, "What a verifier must get right".

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{ALL, Example, Tokens, log_in, with_account};
use crate::harness::{Daemun, Start};

/// A connection to the stream, and the cursor it came with.
struct Call {
    stream: TcpStream,
    cursor: Option<String>,
}

/// Serves the real keys, and hands over whoever calls for revocations.
struct Liar {
    url: String,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Liar {
    async fn start(daemun: &Daemun) -> Self {
        let keys = daemun.get("/.well-known/jwks.json").await.expect(200).text;
        let keys = Arc::new(keys);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (call, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, keys.clone(), call.clone()));
            }
        });
        Self { url, calls }
    }

    async fn next(&mut self) -> Call {
        let patience = Duration::from_secs(10);
        let call = tokio::time::timeout(patience, self.calls.recv()).await;
        call.expect("it calls again").expect("the server lives")
    }
}

async fn answer(mut stream: TcpStream, keys: Arc<String>, call: mpsc::UnboundedSender<Call>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    if head.starts_with("GET /v1/revocations ") {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let cursor = lines.find(|(name, _)| name.eq_ignore_ascii_case("last-event-id"));
        let cursor = cursor.map(|(_, value)| value.to_owned());
        let begin =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(begin.as_bytes()).await.unwrap();
        let _ = call.send(Call { stream, cursor });
        return;
    }
    let (status, body) = match head.starts_with("GET /.well-known/jwks.json ") {
        true => ("200 OK", keys.as_str()),
        false => ("503 Service Unavailable", ""),
    };
    let length = body.len();
    let said = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(said.as_bytes()).await;
}

impl Call {
    async fn say(&mut self, event: &str, place: Option<&str>, data: &str) {
        let place = place.map_or(String::new(), |place| format!("id: {place}\n"));
        let event = format!("{place}event: {event}\ndata: {data}\n\n");
        self.stream.write_all(event.as_bytes()).await.unwrap();
    }

    async fn snapshot(&mut self, epoch: &str, seq: u64, entries: &str) {
        let place = format!("{epoch}.{seq}");
        self.say("reset", None, &format!(r#"{{"epoch":"{epoch}"}}"#))
            .await;
        self.say(
            "entries",
            Some(&place),
            &format!(r#"{{"entries":[{entries}]}}"#),
        )
        .await;
        self.say("ready", Some(&place), &format!(r#"{{"seq":{seq}}}"#))
            .await;
    }

    /// Whether the other side hangs up.
    async fn hung_up(mut self) {
        let mut byte = [0; 1];
        let left = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut byte));
        let left = left.await.expect("it hangs up");
        assert!(matches!(left, Ok(0) | Err(_)), "it says more");
    }
}

fn entry(tokens: &Tokens) -> String {
    format!(r#"{{"session":"{}","until":4000000000}}"#, sid(tokens))
}

fn sid(tokens: &Tokens) -> String {
    let body = tokens.access.split('.').nth(1).unwrap();
    let body = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(body).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&body).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s41_s44_a_stream_that_lies_lets_nobody_in_through_other_languages() {
    let daemun = with_account(Start::development()).await;
    for language in ALL {
        let mut liar = Liar::start(&daemun).await;
        let (good, ended, later) = (
            log_in(&daemun).await,
            log_in(&daemun).await,
            log_in(&daemun).await,
        );
        let issuer = daemun.url("");
        let settings = [
            ("ISSUER", &*issuer),
            ("DAEMUN_SERVICE_KEY", "dsk_x_y"),
            ("VERIFIER_NAME", ""),
        ];
        let Some(example) = Example::start(language, &liar.url, &settings).await else {
            continue;
        };
        let me = async |tokens: &Tokens| example.me(&tokens.access).await.status;

        // A snapshot that breaks off: nothing is known, but what was said holds; no cursor.
        let mut call = liar.next().await;
        assert_eq!(call.cursor, None);
        assert_eq!(
            me(&good).await,
            503,
            "{language:?}: before anything is known"
        );
        call.say("reset", None, r#"{"epoch":"e.1"}"#).await;
        let said = format!(r#"{{"entries":[{}]}}"#, entry(&ended));
        call.say("entries", Some("e.1.7"), &said).await;
        example.until_status(&ended.access, 401).await;
        assert_eq!(me(&good).await, 503, "the snapshot is not complete");
        drop(call);

        // A whole one, with an entry of a kind that nobody knows yet.
        let mut call = liar.next().await;
        assert_eq!(
            call.cursor, None,
            "{language:?}: a snapshot that broke off is no place"
        );
        assert_eq!(me(&ended).await, 401);
        let unknown = format!(r#"{},{{"moon":"full","until":4000000000}}"#, entry(&ended));
        call.snapshot("e.1", 8, &unknown).await;
        example.until_status(&good.access, 200).await;
        assert_eq!(me(&ended).await, 401);
        // Half an event and comments are nothing; the rest of it counts.
        call.stream
            .write_all(b": nothing\n\nid: e.1.9\nevent: entr")
            .await
            .unwrap();
        call.stream.write_all(b"ies\ndata: ").await.unwrap();
        let said = format!("{{\"entries\":[{}]}}\n\n", entry(&later));
        call.stream.write_all(said.as_bytes()).await.unwrap();
        example.until_status(&later.access, 401).await;
        drop(call);

        // A break: it resumes. An event of another log, without a reset, was not for it.
        let mut call = liar.next().await;
        assert_eq!(call.cursor.as_deref(), Some("e.1.9"), "{language:?}");
        call.say("ready", Some("e.1.9"), r#"{"seq":9}"#).await;
        call.say("entries", Some("f.10"), r#"{"entries":[]}"#).await;
        call.hung_up().await;

        // From before the cursor: likewise. Meanwhile it refuses what it knew.
        let mut call = liar.next().await;
        assert_eq!(call.cursor, None, "{language:?}: of another log");
        assert_eq!(me(&later).await, 401);
        call.snapshot("e.1", 20, &format!("{},{}", entry(&ended), entry(&later)))
            .await;
        call.say("heartbeat", Some("e.1.19"), r#"{"seq":19}"#).await;
        call.hung_up().await;

        // An event without an end: the cursor is good.
        let mut call = liar.next().await;
        assert_eq!(call.cursor, None, "{language:?}: from before");
        call.snapshot("e.1", 21, &entry(&later)).await;
        example.until_status(&ended.access, 200).await;
        let endless = vec![b'x'; 1_100_000];
        let _ = call
            .stream
            .write_all(b"id: e.1.22\nevent: entries\ndata: ")
            .await;
        let _ = call.stream.write_all(&endless).await;
        call.hung_up().await;

        // What cannot be read, twice at one place: it begins anew.
        let mut call = liar.next().await;
        assert_eq!(call.cursor.as_deref(), Some("e.1.21"), "{language:?}");
        call.say("entries", Some("e.1.22"), r#"{"entries":"#).await;
        call.hung_up().await;
        let call = liar.next().await;
        assert_eq!(call.cursor, None, "{language:?}: twice unreadable");
        drop(call);

        // Everything of somebody, and everything there was.
        let mut call = liar.next().await;
        let before = "9000000000000";
        call.snapshot("g", 1, "").await;
        example.until_status(&later.access, 200).await;
        let cut =
            format!(r#"{{"entries":[{{"account":2,"before":{before},"until":4000000000}}]}}"#);
        call.say("entries", Some("g.2"), &cut).await;
        let cut = r#"{"entries":[{"account":1,"before":5,"until":4000000000}]}"#;
        call.say("entries", Some("g.3"), cut).await;
        assert_eq!(me(&good).await, 200, "another's, and from long before");
        let lost = format!(
            r#"{{"entries":[{{"everything":true,"before":{before},"until":4000000000}}]}}"#
        );
        call.say("entries", Some("g.4"), &lost).await;
        example.until_status(&good.access, 401).await;
    }
}
