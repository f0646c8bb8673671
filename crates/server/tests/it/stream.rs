//! The stream of revocations over the wire: what a verifier hears, and when.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    harness::{Daemun, run, send},
    service_keys::key,
};

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "a few words nobody guesses";
const STREAM: &str = "/v1/revocations";
const PATIENCE: Duration = Duration::from_secs(20);

/// One event of the stream.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Option<String>,
    pub name: String,
    pub data: Value,
}

/// A verifier at the other end.
pub struct Verifier {
    response: Response,
    text: String,
}

impl Verifier {
    pub async fn connect(daemun: &Daemun, key: &str, place: Option<&str>) -> Self {
        Self::named(daemun, key, place, "campus-1").await
    }

    pub async fn named(daemun: &Daemun, key: &str, place: Option<&str>, name: &str) -> Self {
        let mut request = daemun
            .request(Method::GET, STREAM)
            .bearer_auth(key)
            .header("accept", "text/event-stream")
            .header("daemun-verifier", name);
        if let Some(place) = place {
            request = request.header("last-event-id", place);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event; `None` where the stream is over.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (read(event), rest.to_owned());
                self.text = rest;
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("something is heard").ok()??;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The entries up to `ready`, and the place it stands at.
    pub async fn until_ready(&mut self) -> (Vec<Event>, String) {
        let mut before = Vec::new();
        loop {
            let event = self.next().await.expect("an event");
            if event.name == "ready" {
                return (before, event.id.expect("a place"));
            }
            before.push(event);
        }
    }

    /// The next entries, passing over heartbeats.
    pub async fn news(&mut self) -> (Vec<Value>, String) {
        loop {
            let event = self.next().await.expect("an event");
            if event.name == "entries" {
                return (entries(&event), event.id.expect("a place"));
            }
            assert_eq!(event.name, "heartbeat", "{event:?}");
        }
    }
}

fn read(text: &str) -> Event {
    let field = |name: &str| {
        let lines = text.lines();
        lines
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .next()
            .map(str::to_owned)
    };
    Event {
        id: field("id"),
        name: field("event").unwrap(),
        data: serde_json::from_str(&field("data").unwrap()).unwrap(),
    }
}

fn entries(event: &Event) -> Vec<Value> {
    event.data["entries"].as_array().unwrap().clone()
}

/// What a verifier was told of in all, in order.
fn all(events: &[Event]) -> Vec<Value> {
    let told = events.iter().filter(|event| event.name == "entries");
    told.flat_map(entries).collect()
}

fn seq(place: &str) -> u64 {
    place.rsplit_once('.').unwrap().1.parse().unwrap()
}

async fn with_account() -> Daemun {
    let daemun = Daemun::start().await;
    let create = [
        "account",
        "create",
        "--email",
        EMAIL,
        "--verified",
        "--password-stdin",
    ];
    daemun.run_with(&create, PASSWORD).expect(0);
    daemun
}

async fn log_in(daemun: &Daemun) -> Value {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    daemun.post("/v1/session", login).await.expect(200).json()
}

/// Opens a session for a subject of a trusted caller, which costs no password; returns its id.
async fn open_session(daemun: &Daemun, name: &str) -> String {
    let body = json!({ "userId": name, "userType": "student" });
    let answer = daemun.post("/tokenF/create", body).await.expect(200);
    session_of(answer.json().as_str().unwrap())
}

/// Ends it, and returns when that is acknowledged.
async fn end_session(daemun: &Daemun, name: &str) {
    let body = json!({ "userId": name });
    daemun.post("/tokenF/delete", body).await.expect(200);
}

fn session_of(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap().as_bytes();
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
    let claims: Value = serde_json::from_slice(&bytes).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

async fn log_out(daemun: &Daemun, tokens: &Value) {
    let access = tokens["access_token"].as_str().unwrap();
    let request = daemun.request(Method::DELETE, "/v1/session");
    let answer = send(request.bearer_auth(access)).await;
    assert!(answer.status < 300, "{answer:?}");
}

fn seconds_now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "what the server says of time is held against the time of day"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[tokio::test]
async fn a_verifier_hears_of_a_logout_at_once() {
    let daemun = with_account().await;
    let key = key(&daemun, "campus", "revocations");
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    let (before, place) = verifier.until_ready().await;
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!(before[0].name, "reset");
    let epoch = before[0].data["epoch"].as_str().unwrap();
    assert_eq!(place, format!("{epoch}.0"));

    let tokens = log_in(&daemun).await;
    log_out(&daemun, &tokens).await;
    let acknowledged = Instant::now();
    let (news, place) = verifier.news().await;
    assert!(acknowledged.elapsed() < Duration::from_secs(1));
    assert_eq!(place, format!("{epoch}.1"));
    let session = session_of(tokens["access_token"].as_str().unwrap());
    assert_eq!(news.len(), 1);
    assert_eq!(news[0]["session"], session);
    let until = news[0]["until"].as_i64().unwrap();
    assert!(until > seconds_now() && until < seconds_now() + 86_400);
}

#[tokio::test]
async fn a_suspended_account_and_what_a_command_ends_are_heard_of_too() {
    let daemun = with_account().await;
    let key = key(&daemun, "campus", "revocations");
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    verifier.until_ready().await;
    log_in(&daemun).await;
    let before = seconds_now();
    daemun.run(&["account", "suspend", "1"]).expect(0);
    let told = Instant::now();
    let (news, _) = verifier.news().await;
    assert!(told.elapsed() < Duration::from_secs(1));
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(news[0]["account"], 1);
    let cut_off = news[0]["before"].as_i64().unwrap();
    assert!(cut_off >= before * 1_000 && cut_off <= seconds_now() * 1_000 + 999);
    assert!(news[0]["until"].as_i64().unwrap() > before);
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_was_missed_and_nothing_else() {
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(open_session(&daemun, name).await);
    }
    end_session(&daemun, "a").await;
    end_session(&daemun, "b").await;
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    let (before, place) = verifier.until_ready().await;
    let sessions = |entries: &[Value]| -> Vec<Value> {
        entries
            .iter()
            .map(|entry| entry["session"].clone())
            .collect()
    };
    assert_eq!(before[0].name, "reset");
    assert_eq!(sessions(&all(&before)), ids[..2]);
    drop(verifier);

    end_session(&daemun, "c").await;
    end_session(&daemun, "d").await;
    let mut verifier = Verifier::connect(&daemun, &key, Some(&place)).await;
    let (missed, place) = verifier.until_ready().await;
    assert!(missed.iter().all(|event| event.name == "entries"));
    assert_eq!(sessions(&all(&missed)), ids[2..4]);
    end_session(&daemun, "e").await;
    let (news, _) = verifier.news().await;
    assert_eq!(sessions(&news), ids[4..]);
    drop(verifier);

    // Places that are none here: all that is in force is told again.
    let (epoch, _) = place.split_once('.').unwrap();
    for unknown in [
        "0123456789abcdef.2".to_owned(),
        format!("{epoch}.6000"),
        format!("{epoch}."),
        format!("{epoch}.-1"),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let mut verifier = Verifier::connect(&daemun, &key, Some(&unknown)).await;
        let (before, _) = verifier.until_ready().await;
        assert_eq!(before[0].name, "reset", "{unknown}");
        assert_eq!(sessions(&all(&before)), ids, "{unknown}");
    }
}

/// Sessions end, many at once, while verifiers come, go and come back: each hears of each, once,
/// in order.
#[tokio::test]
async fn nobody_misses_anything_however_many_sessions_end_while_they_connect() {
    const SESSIONS: usize = 240;
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    let mut ids = BTreeSet::new();
    for nth in 0..SESSIONS {
        ids.insert(open_session(&daemun, &format!("u{nth}")).await);
    }
    let ended = std::sync::atomic::AtomicUsize::new(0);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let order = std::sync::atomic::Ordering::SeqCst;
    let ending = || async {
        loop {
            let nth = next.fetch_add(1, order);
            if nth >= SESSIONS {
                return;
            }
            end_session(&daemun, &format!("u{nth}")).await;
            ended.fetch_add(1, order);
        }
    };
    let listening = |after: usize| {
        let (daemun, key, ended) = (&daemun, &key, &ended);
        async move {
            while ended.load(order) < after {
                tokio::task::yield_now().await;
            }
            let mut heard = Vec::new();
            let mut place = None;
            let mut last = 0;
            // It breaks off again and again, and goes on from its place.
            while heard.len() < SESSIONS {
                let mut verifier = Verifier::connect(daemun, key, place.as_deref()).await;
                for _ in 0..3 {
                    if heard.len() == SESSIONS {
                        break;
                    }
                    let event = verifier.next().await.unwrap();
                    if event.name == "entries" {
                        heard.extend(entries(&event));
                    }
                    if let Some(id) = event.id {
                        assert!(seq(&id) >= last, "it goes back");
                        last = seq(&id);
                        place = Some(id);
                    }
                }
            }
            heard
        }
    };
    let ((), (), (), (), first, second, third, fourth) = tokio::join!(
        ending(),
        ending(),
        ending(),
        ending(),
        listening(0),
        listening(10),
        listening(100),
        listening(200),
    );
    for heard in [first, second, third, fourth] {
        let told: Vec<&str> = heard
            .iter()
            .map(|e| e["session"].as_str().unwrap())
            .collect();
        let once: BTreeSet<String> = told.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(told.len(), SESSIONS, "something was told twice");
        assert_eq!(once, ids);
    }
}

/// SECURITY 44: nobody listens, or is asked how far it is, without a key of that scope.
#[tokio::test]
async fn s44_nobody_listens_without_a_key_for_it() {
    let daemun = Daemun::start().await;
    let good = key(&daemun, "campus", "revocations");
    let other = key(&daemun, "billing", "tokens");
    let bad = format!("{good}x");
    let ack = "/v1/revocations/ack";
    for key in [None, Some(&other), Some(&bad)] {
        for (method, path) in [(Method::GET, STREAM), (Method::POST, ack)] {
            let mut request = daemun.request(method, path);
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let answer = send(request).await;
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(answer.json()["code"], "unknown_service");
        }
    }
    let post = send(daemun.request(Method::POST, STREAM).bearer_auth(&good)).await;
    assert_eq!(
        (post.status, &post.headers["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
    let head = send(daemun.request(Method::HEAD, STREAM).bearer_auth(&good)).await;
    assert_eq!((head.status, &*head.text), (200, ""));
    for body in [json!({}), json!({ "verifier": "a" }), json!([])] {
        let request = daemun
            .request(Method::POST, ack)
            .bearer_auth(&good)
            .json(&body);
        assert_eq!(send(request).await.status, 400, "{body}");
    }
    let form = daemun
        .request(Method::POST, ack)
        .bearer_auth(&good)
        .body("verifier=a");
    assert_eq!(send(form).await.status, 415);
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    verifier.until_ready().await;
    daemun.run(&["service-key", "revoke", "campus"]).expect(0);
    let revoked = Instant::now();
    assert!(verifier.next().await.is_none());
    assert!(revoked.elapsed() < Duration::from_secs(1));
    let again = daemun.request(Method::GET, STREAM).bearer_auth(&key);
    assert_eq!(send(again).await.status, 401);
}

#[tokio::test]
async fn a_server_that_ends_ends_its_streams_and_waits_for_none() {
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    let mut verifiers = Vec::new();
    for _ in 0..3 {
        let mut verifier = Verifier::connect(&daemun, &key, None).await;
        verifier.until_ready().await;
        verifiers.push(verifier);
    }
    let asked = Instant::now();
    let (status, ()) = tokio::join!(daemun.stop(), async {
        for verifier in &mut verifiers {
            assert!(verifier.next().await.is_none());
        }
    });
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "it waited");
}

#[tokio::test]
async fn nothing_to_hear_is_heard_every_few_seconds() {
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    open_session(&daemun, "a").await;
    end_session(&daemun, "a").await;
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    let (_, place) = verifier.until_ready().await;
    for _ in 0..2 {
        let waited = Instant::now();
        let event = verifier.next().await.unwrap();
        assert_eq!(
            (&*event.name, event.id.as_ref()),
            ("heartbeat", Some(&place))
        );
        assert_eq!(event.data["seq"], 1);
        assert!(waited.elapsed() < Duration::from_secs(7));
    }
}

#[tokio::test]
async fn after_a_restart_everything_is_told_again_in_pieces() {
    const OLD: i64 = 25_000;
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    let (_, place) = verifier.until_ready().await;
    let data = daemun.data().to_owned();
    let start = daemun.killed();
    // More than is kept in memory, and half as many that are over.
    let database = rusqlite::Connection::open(data.join("daemun.db")).unwrap();
    database
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO revocations (session, account, cut_off, reason, until)
             SELECT CASE WHEN i % 2 THEN randomblob(16) END,
                    CASE WHEN i % 2 THEN NULL ELSE i END,
                    CASE WHEN i % 2 THEN NULL ELSE i * 1000 END,
                    'logged_out', CASE WHEN i > ?2 THEN ?3 ELSE ?4 END FROM n",
            [
                OLD * 3 / 2,
                OLD / 2,
                (seconds_now() + 3_600) * 1_000_000 + 1,
                (seconds_now() - 5) * 1_000_000,
            ],
        )
        .unwrap();
    drop(database);
    let daemun = start.go().await;
    let mut verifier = Verifier::connect(&daemun, &key, Some(&place)).await;
    let (before, _) = verifier.until_ready().await;
    assert_eq!(before[0].name, "reset", "an earlier life's place is none");
    assert!(
        before[1..]
            .iter()
            .all(|event| entries(event).len() <= 1_000)
    );
    let told = all(&before);
    assert_eq!(told.len(), usize::try_from(OLD).unwrap());
    let until = told[0]["until"].as_i64().unwrap();
    assert!(until > seconds_now() + 3_590 && until <= seconds_now() + 3_601);
    let accounts: Vec<i64> = told.iter().filter_map(|e| e["account"].as_i64()).collect();
    assert!(accounts.is_sorted() && accounts.len() == told.len() / 2);
    let one = told.iter().find(|e| e["account"].is_i64()).unwrap();
    assert_eq!(one["before"], one["account"], "milliseconds");
    open_session(&daemun, "a").await;
    end_session(&daemun, "a").await;
    assert_eq!(verifier.news().await.0.len(), 1);
}

#[tokio::test]
async fn an_operator_sees_who_listens_and_who_lags() {
    let daemun = Daemun::start().await;
    let key = key(&daemun, "campus", "revocations");
    let list = || daemun.run(&["verifier", "list", "--json"]).expect(0).json();
    assert_eq!(list(), json!([]));
    let mut one = Verifier::named(&daemun, &key, None, "notes-1").await;
    let other = Verifier::named(&daemun, &key, None, "").await;
    one.until_ready().await;
    open_session(&daemun, "a").await;
    end_session(&daemun, "a").await;
    let (_, place) = one.news().await;
    let listed = list();
    assert_eq!(listed[0]["name"], "notes-1");
    assert_eq!(listed[0]["service"], "campus");
    assert_eq!(
        listed[1]["name"], "campus",
        "the key's name, where it has none"
    );
    assert!(listed[0]["since"].is_string() && listed[0]["confirmed"].is_null());
    assert_eq!(listed[0]["behind"], 0, "it was told");

    let confirm = |cursor: &str| {
        let body = json!({ "verifier": "notes-1", "cursor": cursor });
        let request = daemun.request(Method::POST, "/v1/revocations/ack");
        send(request.bearer_auth(&key).json(&body))
    };
    let (epoch, _) = place.split_once('.').unwrap();
    assert_eq!(confirm(&format!("{epoch}.0")).await.status, 204);
    let behind = &list()[0];
    assert_eq!(
        (&behind["confirmed"], &behind["behind"]),
        (&json!(0), &json!(1))
    );
    let metrics = daemun.get("/metrics").await.text;
    assert!(
        metrics.contains("daemun_verifiers_listening 2"),
        "{metrics}"
    );
    assert!(
        metrics.contains("daemun_verifiers_largest_lag 1"),
        "{metrics}"
    );
    for nonsense in ["", "nonsense", "other.7", &format!("{epoch}.999")] {
        assert_eq!(confirm(nonsense).await.status, 204);
        assert_eq!(list()[0]["confirmed"], 0, "{nonsense}");
    }
    assert_eq!(confirm(&place).await.status, 204);
    assert_eq!(list()[0]["behind"], 0);
    let shown = daemun.run(&["verifier", "list"]).expect(0).stdout;
    assert!(
        shown.contains("notes-1") && shown.contains("campus"),
        "{shown}"
    );

    // Who hangs up is forgotten.
    drop((one, other));
    let begun = Instant::now();
    while list() != json!([]) {
        assert!(begun.elapsed() < Duration::from_secs(2), "{}", list());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let data = daemun.data().to_owned();
    let start = daemun.killed();
    let list = [
        "verifier",
        "list",
        "--json",
        "--data",
        data.to_str().unwrap(),
    ];
    let failure = run(&list, &[], "").expect(5).error();
    assert_eq!(failure["what"], "no server runs on this data");
    drop(start);
}

/// A command beside the server and requests to it write to one log in whatever order; none is
/// passed over, neither by those who listen nor by the server's own guards.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_ends_is_not_passed_over_for_what_requests_end_meanwhile() {
    const BY_COMMAND: usize = 5;
    let daemun = with_account().await;
    let key = key(&daemun, "campus", "revocations");
    let mut ended = BTreeSet::new();
    let mut tokens = Vec::new();
    for _ in 0..BY_COMMAND {
        let session = log_in(&daemun).await;
        ended.insert(session_of(session["access_token"].as_str().unwrap()));
        tokens.push(session);
    }
    let of_commands = ended.clone();
    for nth in 0..300 {
        ended.insert(open_session(&daemun, &format!("u{nth}")).await);
    }
    let mut verifier = Verifier::connect(&daemun, &key, None).await;
    verifier.until_ready().await;
    let data = daemun.data().to_str().unwrap().to_owned();
    let commands = tokio::task::spawn_blocking(move || {
        for id in &of_commands {
            run(&["session", "revoke", id, "--data", &data], &[], "").expect(0);
        }
    });
    for nth in 0..300 {
        end_session(&daemun, &format!("u{nth}")).await;
    }
    commands.await.unwrap();
    for session in &tokens {
        let token = session["access_token"].as_str().unwrap();
        assert_eq!(daemun.get_as(token, "/v1/accounts/me").await.status, 401);
    }
    let mut heard = BTreeSet::new();
    while heard.len() < ended.len() {
        let (news, _) = verifier.news().await;
        heard.extend(
            news.iter()
                .map(|e| e["session"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(heard, ended);
}
