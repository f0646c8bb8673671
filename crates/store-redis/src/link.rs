//! The connection, and what is done while there is none.
//!
//! Everybody shares one connection, whose answers come in the order of what was asked. Where one does not come in time, or
//! the connection breaks, the link is **down**: whoever asks is refused at once, and waits for nothing. One task tries to
//! connect again, over and over; as soon as Redis answers it the link is up. The same task hears of what others add to the
//! log, and asks every second whether Redis is there, so that a stalled one is noticed even where nobody asks for anything.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use daemun_engine::ports::{StoreError, Stored};
use redis::{
    AsyncConnectionConfig, Client, Cmd, PushInfo, PushKind, RedisError, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, mpsc},
    task::AbortHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{changes::News, info::Info, scripts::Script};

/// How often Redis is asked whether it is there.
const LOOK: Duration = Duration::from_secs(1);
/// The pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);
/// How many commands may wait to be written.
const QUEUE: usize = 1_024;

/// What refuses to serve, though it answers: a replica, one that is reading its data, one without its master.
const NOT_SERVING: [&str; 3] = ["READONLY", "LOADING", "MASTERDOWN"];

/// How and where to connect.
pub(crate) struct Target {
    pub(crate) client: Client,
    /// What is subscribed to.
    pub(crate) channel: String,
    /// How long an answer may take.
    pub(crate) patience: Duration,
}

pub(crate) struct Link {
    target: Target,
    state: Mutex<State>,
    /// Rung where the link went down.
    fell: Notify,
    lives: AtomicU64,
    pub(crate) news: News,
    keeper: Mutex<Option<AbortHandle>>,
}

enum State {
    Up(Life),
    Down(Arc<str>),
}

/// One connection, from its beginning to its end.
#[derive(Clone)]
struct Life {
    number: u64,
    connection: MultiplexedConnection,
    /// Which run of the server it is a connection to.
    run: Arc<str>,
}

/// A connection just made.
pub(crate) struct Connected {
    connection: MultiplexedConnection,
    pushes: mpsc::UnboundedReceiver<PushInfo>,
    pub(crate) info: Info,
}

/// Why there is no answer.
enum Refusal {
    Down(Arc<str>),
    Late(Duration),
    Error(RedisError),
}

impl Link {
    /// A link that is up.
    pub(crate) fn of(target: Target, connected: Connected) -> Arc<Self> {
        let link = Arc::new(Self {
            target,
            state: Mutex::new(State::Down("".into())),
            fell: Notify::new(),
            lives: AtomicU64::new(0),
            news: News::default(),
            keeper: Mutex::default(),
        });
        let pushes = link.rise(connected);
        let keeper = tokio::spawn(keep(Arc::downgrade(&link), pushes));
        *link.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper.abort_handle());
        link
    }

    /// Asks one thing.
    pub(crate) async fn ask(&self, command: &Cmd) -> Stored<Value> {
        self.try_ask(command).await.map_err(Refusal::into_store)
    }

    /// Runs a script, sending it where Redis does not have it.
    pub(crate) async fn run(
        &self,
        script: &Script,
        keys: &[&[u8]],
        args: &[&[u8]],
    ) -> Stored<Value> {
        let by_hash = call("EVALSHA", &script.hash, keys, args);
        match self.try_ask(&by_hash).await {
            Err(Refusal::Error(error)) if error.code() == Some("NOSCRIPT") => {
                self.ask(&call("EVAL", script.code, keys, args)).await
            }
            answer => answer.map_err(Refusal::into_store),
        }
    }

    /// Which run of the server answers, as a random word that is another after each start.
    pub(crate) fn run_of_server(&self) -> Stored<Arc<str>> {
        let life = self.life().map_err(Refusal::into_store)?;
        Ok(life.run)
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.state(), State::Up(_))
    }

    async fn try_ask(&self, command: &Cmd) -> Result<Value, Refusal> {
        let mut life = self.life()?;
        let asked = command.query_async(&mut life.connection);
        let refusal = match timeout(self.target.patience, asked).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Refusal::Error(error),
            Err(_) => Refusal::Late(self.target.patience),
        };
        if refusal.means_down() {
            self.fall(life.number, &refusal.to_string());
        }
        Err(refusal)
    }

    fn life(&self) -> Result<Life, Refusal> {
        match &*self.state() {
            State::Up(life) => Ok(life.clone()),
            State::Down(why) => Err(Refusal::Down(Arc::clone(why))),
        }
    }

    fn rise(&self, connected: Connected) -> mpsc::UnboundedReceiver<PushInfo> {
        *self.state() = State::Up(Life {
            number: self.lives.fetch_add(1, Ordering::Relaxed),
            connection: connected.connection,
            run: connected.info.run().into(),
        });
        self.news.may_be_anything();
        connected.pushes
    }

    /// The connection of that number is not to be used any more.
    fn fall(&self, number: u64, why: &str) {
        let mut state = self.state();
        if matches!(&*state, State::Up(life) if life.number == number) {
            tracing::error!(why, "Redis does not answer; trying again");
            *state = State::Down(why.into());
            drop(state);
            self.news.are_none();
            self.fell.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut();
        if let Some(keeper) = keeper.unwrap_or_else(PoisonError::into_inner) {
            keeper.abort();
        }
    }
}

impl Target {
    /// Connects, subscribes, and looks at what it is that answers.
    pub(crate) async fn connect(&self) -> Result<Connected, ConnectError> {
        let whole = timeout(self.patience * 2, self.connect_patiently());
        whole.await.map_err(|_| ConnectError::Late)?
    }

    async fn connect_patiently(&self) -> Result<Connected, ConnectError> {
        let (sender, pushes) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(sender);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await?;
        let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let info = Info::read(&info);
        if let Some(why) = info.why_not_serving() {
            return Err(ConnectError::NotServing(why));
        }
        connection.subscribe(&self.channel).await?;
        Ok(Connected {
            connection,
            pushes,
            info,
        })
    }
}

/// Why there is no connection. Says nothing that was sent: a server that does not know the command repeats what followed
/// it, which is the password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("it does not answer in time")]
    Late,
    #[error("{0}")]
    NotServing(&'static str),
    #[error("it answers {0}")]
    Refused(String),
    #[error("{0}")]
    Io(String),
}

impl From<RedisError> for ConnectError {
    fn from(error: RedisError) -> Self {
        match error.code() {
            Some(code) => Self::Refused(code.to_owned()),
            None if error.is_io_error() => Self::Io(error.to_string()),
            None => Self::Io(error.category().to_owned()),
        }
    }
}

impl Refusal {
    fn means_down(&self) -> bool {
        match self {
            Self::Down(_) => false,
            Self::Late(_) => true,
            Self::Error(error) => {
                let code = error.code();
                error.is_io_error()
                    || error.is_unrecoverable_error()
                    || code.is_some_and(|code| NOT_SERVING.contains(&code))
            }
        }
    }

    fn into_store(self) -> StoreError {
        StoreError::Unavailable(self.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) => write!(f, "Redis is down: {why}"),
            Self::Late(patience) => write!(f, "Redis did not answer within {patience:?}"),
            Self::Error(error) => write!(f, "Redis: {error}"),
        }
    }
}

/// Looks after a link for as long as there is one.
async fn keep(link: Weak<Link>, mut pushes: mpsc::UnboundedReceiver<PushInfo>) {
    loop {
        watch(&link, &mut pushes).await;
        let Some(connected) = connect_again(&link).await else {
            return;
        };
        let Some(link) = link.upgrade() else {
            return;
        };
        tracing::info!("Redis answers again");
        pushes = link.rise(connected);
    }
}

/// Returns once the link is down, or gone.
async fn watch(link: &Weak<Link>, pushes: &mut mpsc::UnboundedReceiver<PushInfo>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(link) = link.upgrade().filter(|link| link.is_up()) {
        tokio::select! {
            push = pushes.recv() => match push.map(|push| push.kind) {
                Some(PushKind::Message) => link.news.log_may_have_grown(),
                Some(PushKind::Disconnection) | None => {
                    let Ok(life) = link.life() else { return };
                    link.fall(life.number, "the connection is closed");
                }
                Some(_) => {}
            },
            () = link.fell.notified() => {}
            _ = looks.tick() => {
                let _ = link.ask(&redis::cmd("PING")).await;
            }
        }
    }
}

/// `None` where the link is gone.
async fn connect_again(link: &Weak<Link>) -> Option<Connected> {
    loop {
        match link.upgrade()?.target.connect().await {
            Ok(connected) => return Some(connected),
            Err(error) => tracing::debug!(%error, "Redis does not answer yet"),
        }
        sleep(PAUSE).await;
    }
}

fn call(how: &str, what: &str, keys: &[&[u8]], args: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(how);
    command.arg(what).arg(keys.len());
    for part in keys.iter().chain(args) {
        command.arg(*part);
    }
    command
}
