//! The examples before a server that breaks off, goes astray, floods and falls silent: what they
//! believe meanwhile is what the stream's description says.

mod kinds;
mod server;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::server::Signer;
use self::server::{Call, ISSUER, Liar, epoch_seconds};
use super::{
    PATIENCE,
    example::{Example, Language},
};

/// One example before its own liar.
struct Told {
    liar: Liar,
    example: Example,
}

/// Who a token is from. Times are in milliseconds since the epoch.
#[derive(Clone, Copy)]
struct Who {
    account: u32,
    began: u64,
    has_session: bool,
}

impl Who {
    fn began(account: u32, began: u64) -> Self {
        Self {
            account,
            began,
            has_session: true,
        }
    }

    /// Who has been there for longer than any test takes.
    fn long(account: u32) -> Self {
        Self::began(account, LONG_AGO)
    }

    /// A UUIDv7: when it began, and something of its own.
    fn session(self) -> String {
        format!("{:012x}7{:019x}", self.began, self.account)
    }

    fn claims(self) -> Value {
        let (now, account) = (epoch_seconds(), self.account.to_string());
        let mut claims = json!({
            "iss": ISSUER, "aud": ISSUER, "ctr": "native", "sub": account,
            "iat": self.began / 1_000, "exp": now + 600, "jti": "j",
        });
        if self.has_session {
            claims["sid"] = self.session().into();
        }
        claims
    }

    fn token(self, signer: &Signer) -> String {
        signer.sign(&signer.head(), &self.claims().to_string())
    }
}

fn until() -> u64 {
    epoch_seconds() + 600
}

fn ended(who: Who) -> Value {
    json!({ "session": who.session(), "until": until() })
}

fn entries(place: &str, entries: &[Value]) -> String {
    let data = json!({ "entries": entries });
    format!("id: {place}\nevent: entries\ndata: {data}\n\n")
}

fn ready(place: &str) -> String {
    let seq = place.rsplit_once('.').unwrap().1;
    format!("id: {place}\nevent: ready\ndata: {{\"seq\":{seq}}}\n\n")
}

const LONG_AGO: u64 = 1_790_000_000_000;
const RESET: &str = "event: reset\ndata: {\"epoch\":\"e.1\"}\n\n";

impl Told {
    /// Starts it, and says that to its first connection.
    async fn start(
        language: Language,
        variables: &[(&str, &str)],
        greeting: &str,
    ) -> Option<(Self, Call)> {
        language.program()?;
        let mut liar = Liar::start().await;
        let url = liar.url().to_owned();
        let own = [
            ("DAEMUN_ISSUER", ISSUER),
            ("DAEMUN_URL", &*url),
            ("DAEMUN_SERVICE_KEY", "a-key"),
        ];
        let variables = [&own, variables].concat();
        let first = async {
            let mut call = liar.call().await;
            call.accept().await;
            call.say(greeting).await;
            call
        };
        let (example, call) = tokio::join!(Example::start(language, &variables), first);
        let example = example?;
        Some((Self { liar, example }, call))
    }

    async fn expect(&self, who: Who, status: u16, what: &str) {
        let answer = self.example.check(&who.token(&self.liar.signer)).await;
        self.example.expect(&answer, status, what);
    }

    async fn until(&self, who: Who, status: u16, what: &str) {
        let token = who.token(&self.liar.signer);
        self.example.until(&token, status, what).await;
    }

    /// The connection after that one, which the example left: it shows that cursor and did not come
    /// at once.
    async fn next(&mut self, left: Call, cursor: Option<&str>, what: &str) -> Call {
        let mut call = self.liar.call().await;
        let language = self.example.language;
        assert_eq!(call.header("last-event-id"), cursor, "{language:?}: {what}");
        let waited = call.since(&left);
        assert!(
            waited > Duration::from_millis(100),
            "{language:?}: {what}: {waited:?}"
        );
        call.accept().await;
        call
    }
}

async fn both<F: Future<Output = ()>>(what: impl Fn(Language) -> F) {
    tokio::join!(what(Language::Python), what(Language::Node));
}

#[tokio::test]
async fn s33_verifiers_in_other_languages_are_not_led_astray_by_a_broken_stream() {
    both(|language| async move {
        let greeting = RESET.to_owned() + &entries("e.1.5", &[ended(Who::long(1))]);
        let Some((mut told, call)) = Told::start(language, &[], &greeting).await else {
            return;
        };
        snapshots(&mut told, call).await;
    })
    .await;
}

/// Snapshots that break off, events in the wrong place, and events that cannot be read.
async fn snapshots(told: &mut Told, mut call: Call) {
    let [a, b, c, d, fence] = [1, 2, 3, 4, 5].map(Who::long);
    assert_eq!(call.header("last-event-id"), None);
    assert_eq!(call.header("authorization"), Some("Bearer a-key"));
    assert_eq!(call.header("accept"), Some("text/event-stream"));
    let name = told.example.language.name();
    assert_eq!(call.header("daemun-verifier"), Some(name));
    told.until(a, 401, "a revocation of an unfinished snapshot")
        .await;
    told.expect(b, 503, "before the first ready").await;
    call.say("id: e.1.5\nevent: heartbeat\ndata: {\"seq\":5}\n\n")
        .await;
    call.say(&entries("e.1.5", &[ended(fence)])).await;
    told.until(fence, 401, "after a heartbeat").await;
    told.expect(b, 503, "a heartbeat is no ready").await;
    call.hang_up().await;

    let mut call = told.next(call, None, "a snapshot that broke off").await;
    told.expect(a, 401, "what was known stays").await;
    call.say(RESET).await;
    call.say(&entries("e.1.6", &[ended(c)])).await;
    told.until(c, 401, "the second snapshot").await;
    told.expect(a, 401, "not yet complete").await;
    call.say(&ready("e.1.6")).await;
    told.until(a, 200, "what the snapshot did not have is dropped")
        .await;
    told.expect(c, 401, "what it had").await;
    told.liar.until_confirmed("e.1.6").await;

    call.say(&entries("f.7", &[ended(d)])).await;
    let mut call = told.next(call, None, "another epoch").await;
    told.expect(d, 200, "what does not fit is not applied")
        .await;
    told.expect(c, 401, "what was known stays").await;
    call.say(RESET).await;
    call.say(&entries("e.1.20", &[ended(c)])).await;
    call.say(&ready("e.1.20")).await;
    call.say(&entries("e.1.21", &[ended(a)])).await;
    told.until(a, 401, "news").await;
    call.say(&entries("e.1.20", &[ended(d)])).await;
    let mut call = told.next(call, None, "back in the log").await;
    told.expect(d, 200, "what goes back is not applied").await;
    call.say(&entries("e.1.30", &[ended(d)])).await;
    let mut call = told.next(call, None, "no reset").await;
    told.expect(d, 200, "what came without a reset is not applied")
        .await;
    call.say(RESET).await;
    call.say(&entries("e.1.30", &[ended(c)])).await;
    call.say(&ready("e.1.30")).await;
    told.until(a, 200, "a snapshot without it").await;
    unreadable(told, call, d).await;
}

/// Each kind of unreadable event: with the cursor at first, then without.
async fn unreadable(told: &mut Told, mut call: Call, never: Who) {
    let megabyte = format!("event: entries\ndata: {}", "x".repeat(1_200_000));
    let lines = format!("data: {}\n", "x".repeat(60_000)).repeat(20);
    let lacking = entries(
        "e.1.31",
        &[ended(never), json!({ "account": 4, "until": until() })],
    );
    let both = entries(
        "e.1.31",
        &[json!({ "session": never.session(), "key": "one", "until": until() })],
    );
    let flag = entries(
        "e.1.31",
        &[
            ended(never),
            json!({ "everything": 1, "before": 0, "until": until() }),
        ],
    );
    let faults: [(&str, &[u8]); 7] = [
        ("an endless line", megabyte.as_bytes()),
        ("endless lines", lines.as_bytes()),
        ("an entry that lacks something", lacking.as_bytes()),
        ("an entry of two kinds", both.as_bytes()),
        (
            "an entry that says it is everything otherwise",
            flag.as_bytes(),
        ),
        (
            "no JSON",
            b"id: e.1.31\nevent: entries\ndata: {\"entries\":[\n\n",
        ),
        ("no text", b"id: e.1.31\nevent: entries\ndata: \xff\n\n"),
    ];
    for (nth, (what, fault)) in faults.into_iter().enumerate() {
        call.say(fault).await;
        let anew = nth % 2 == 1;
        call = told.next(call, (!anew).then_some("e.1.30"), what).await;
        told.expect(never, 200, what).await;
        if anew {
            call.say(RESET).await;
        }
        call.say(&ready("e.1.30")).await;
    }
}

#[tokio::test]
async fn s88_verifiers_in_other_languages_leave_a_silent_server_and_come_back_gently() {
    both(|language| async move {
        let greeting = RESET.to_owned() + &ready("e.1.4");
        let silence = [("DAEMUN_SILENCE", "1")];
        let Some((mut told, call)) = Told::start(language, &silence, &greeting).await else {
            return;
        };
        silent(&mut told, call).await;
    })
    .await;
}

async fn silent(told: &mut Told, mut call: Call) {
    let who = Who::long(9);
    let said = call.spoke();
    told.until(who, 200, "ready").await;
    let mut refused = tokio::select! {
        () = call.murmur() => panic!("it goes on for ever"),
        next = told.liar.call() => next,
    };
    let waited = refused.came().duration_since(said);
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    assert_eq!(refused.header("last-event-id"), Some("e.1.4"));
    told.expect(who, 200, "not stale yet").await;
    let busy = "503 Service Unavailable\r\nretry-after: 1";
    refused.refuse(busy).await;
    let mut page = told.liar.call().await;
    let waited = page.since(&refused);
    assert!(waited >= Duration::from_millis(990), "{waited:?}");
    // The third failure in a row waits for half a second at least, whatever it is.
    page.refuse("200 OK\r\ncontent-type: text/html").await;
    let last = told.liar.call().await;
    let waited = last.since(&page);
    assert!(waited >= Duration::from_millis(490), "{waited:?}");
    assert_eq!(last.header("last-event-id"), Some("e.1.4"));
}
