//! The stream of revocations: connects, follows, comes back after a break, and knows how stale it is.
//!
//! What goes over the wire is described in `docs/revocation-stream.md`.

mod acknowledge;
mod follower;
mod sse;

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, Response, Url};
use tokio::sync::watch;

use self::{
    acknowledge::Acknowledger,
    follower::{Astray, Follower, News},
    sse::{Broken, Parser},
};
use crate::{
    Clock, RevocationSet,
    timing::{Backoff, Timing},
};

/// How often what is over is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// How current the revocations are. Cheap to clone.
#[derive(Clone)]
pub struct RevocationFeed(Arc<State>);

struct State {
    born: Instant,
    /// When the set was last known to be complete, in milliseconds since `born`, plus one; 0 is never.
    current_at: AtomicU64,
    ready: watch::Sender<bool>,
}

impl RevocationFeed {
    fn new() -> Self {
        Self(Arc::new(State {
            born: Instant::now(),
            current_at: AtomicU64::new(0),
            ready: watch::Sender::new(false),
        }))
    }

    /// How long ago the set was last known to be complete; `None` if it never was.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        let at = self.0.current_at.load(Ordering::Acquire).checked_sub(1)?;
        Some(
            self.0
                .born
                .elapsed()
                .saturating_sub(Duration::from_millis(at)),
        )
    }

    /// Waits until the set is complete for the first time.
    pub async fn ready(&self) {
        let mut ready = self.0.ready.subscribe();
        // The sender lives as long as this does.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    fn is_current(&self) {
        let now = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.0.current_at.store(now + 1, Ordering::Release);
        self.0.ready.send_replace(true);
    }
}

impl fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeed")
            .field("staleness", &self.staleness())
            .finish()
    }
}

/// Where the stream is, and who asks for it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) stream: Url,
    pub(crate) acknowledge: Url,
    /// `Bearer` and the service key; marked as sensitive.
    pub(crate) authorization: HeaderValue,
    /// Under which name it is shown; without one nothing is acknowledged.
    pub(crate) verifier: Option<HeaderValue>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("daemun does not take the service key ({0}); make one with the scope `revocations`")]
    Unauthorized(u16),
    #[error("daemun answered {0}")]
    Status(u16, Option<Duration>),
    #[error("daemun answered something else than a stream of events")]
    NoStream,
    #[error("daemun cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("nothing was heard for too long")]
    Silence,
    #[error("the stream ended")]
    Closed,
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error(transparent)]
    Astray(#[from] Astray),
}

/// Keeps a set current, in the background, for as long as the returned task lives.
pub(crate) fn start(
    connection: Connection,
    set: Arc<RevocationSet>,
    clock: Clock,
    timing: Timing,
) -> (RevocationFeed, tokio::task::JoinHandle<()>) {
    let feed = RevocationFeed::new();
    let acknowledger = Acknowledger::new(&connection, timing);
    let listener = Listener {
        follower: Follower::new(Arc::clone(&set)),
        connection,
        feed: feed.clone(),
        acknowledger,
        timing,
    };
    let task = tokio::spawn(async move {
        tokio::select! {
            () = listener.run() => {}
            () = forget(&set, &clock) => {}
        }
    });
    (feed, task)
}

/// What lasts must not grow: entries whose time is over go.
async fn forget(set: &RevocationSet, clock: &Clock) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        set.forget_expired(clock.now());
    }
}

struct Listener {
    connection: Connection,
    follower: Follower,
    feed: RevocationFeed,
    acknowledger: Acknowledger,
    timing: Timing,
}

impl Listener {
    async fn run(mut self) {
        let mut backoff = Backoff::new(self.timing);
        let mut strikes = 0;
        loop {
            let before = self.feed.0.current_at.load(Ordering::Acquire);
            let Err(ended) = self.listen().await;
            tracing::warn!(error = %ended, source = ?std::error::Error::source(&ended), "revocations are not heard");
            if self.feed.0.current_at.load(Ordering::Acquire) != before {
                backoff.reset();
                strikes = 0;
            }
            // Once may be a broken proxy; twice at the same place is the place.
            if let Ended::Astray(_) | Ended::Broken(_) = ended {
                strikes += 1;
            }
            if strikes >= 2 || matches!(ended, Ended::Astray(Astray::Place | Astray::Backwards)) {
                self.follower.start_over();
                strikes = 0;
            }
            let asked = match ended {
                Ended::Status(_, Some(asked)) => asked.min(self.timing.retry_to),
                _ => Duration::ZERO,
            };
            tokio::time::sleep(backoff.next().max(asked)).await;
        }
    }

    async fn listen(&mut self) -> Result<Infallible, Ended> {
        let answer = tokio::time::timeout(self.timing.answer_within, self.connect());
        let mut response = answer.await.map_err(|_| Ended::Silence)??;
        self.follower.connected();
        let mut parser = Parser::default();
        let mut deadline = self.deadline();
        loop {
            let chunk = tokio::time::timeout_at(deadline, response.chunk()).await;
            let chunk = chunk.map_err(|_| Ended::Silence)?;
            let chunk = chunk.map_err(Ended::Unreachable)?.ok_or(Ended::Closed)?;
            parser.push(&chunk);
            while let Some(event) = parser.next()? {
                deadline = self.deadline();
                match self.follower.take(&event)? {
                    News::None => {}
                    News::Current => self.feed.is_current(),
                    News::Applied => {
                        self.feed.is_current();
                        self.acknowledger.applied(self.follower.cursor());
                    }
                }
            }
        }
    }

    fn deadline(&self) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.timing.silence
    }

    async fn connect(&self) -> Result<Response, Ended> {
        let Connection {
            client,
            stream,
            authorization,
            verifier,
            ..
        } = &self.connection;
        let mut request = client
            .get(stream.clone())
            .header(header::AUTHORIZATION, authorization.clone())
            .header(header::ACCEPT, "text/event-stream");
        if let Some(cursor) = self.follower.cursor() {
            request = request.header("Last-Event-ID", cursor.to_string());
        }
        if let Some(name) = verifier {
            request = request.header("Daemun-Verifier", name.clone());
        }
        let response = request.send().await.map_err(Ended::Unreachable)?;
        match response.status() {
            StatusCode::OK if is_stream(&response) => Ok(response),
            StatusCode::OK => Err(Ended::NoStream),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Ended::Unauthorized(status.as_u16()))
            }
            status => Err(Ended::Status(status.as_u16(), retry_after(&response))),
        }
    }
}

/// RFC 9110 §10.2.3, in seconds; dates are not looked at.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}
