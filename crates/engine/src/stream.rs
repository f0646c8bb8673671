//! The log of revocations as others are told it: in its order, without gaps, from wherever they are.
//!
//! Whatever ends a session commits an entry to the store's log. This process reads the log as it
//! grows, whoever wrote it, and hands each entry first to its own guards and then to whoever
//! listens. So there is one order, the log's; requests that finish in another disturb nothing, and
//! neither does one that is given up between its commit and its answer. A listener pulls: it has a
//! place in the log and asks for what follows, from memory where that reaches back far enough and
//! from the store otherwise. One that is slow costs nothing but its place.
//!
//! A place is `EPOCH.SEQ`. The epoch is random and new at every start: what happened to the data in
//! between (a backup restored, say) is not known, so no place of an earlier life is trusted.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

use crate::{
    engine::Engine,
    ports::{Entropy, NoEntropy, StoreError},
    revocation::Revocation,
    service_key::{ServiceCaller, ServiceScope},
    time::Timestamp,
};

/// How many listeners there may be.
pub const MOST_LISTENERS: usize = 1_000;
/// How many entries one piece of news has at most.
pub const MOST_ENTRIES: usize = 1_000;

/// How many of the newest entries are kept in memory for listeners.
const KEPT: usize = 16_384;
/// How many entries are read at once to follow the log.
const READ: u32 = 10_000;
/// How often to look whether the log grew although nobody said so.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after the store failed.
const BREATHER: Duration = Duration::from_millis(100);
/// The longest name of a listener, in characters.
const LONGEST_NAME: usize = 64;

/// What a listener is told next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Its place is not known here: it forgets everything, and all that is in force follows.
    Reset,
    /// Entries, in order; never none, never more than [`MOST_ENTRIES`].
    Entries(Vec<Revocation>),
    /// It knows everything now.
    Ready,
}

/// Why nobody is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// There are [`MOST_LISTENERS`].
    Full,
    /// The server is about to end.
    Ending,
}

/// A listener, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerView {
    /// What it calls itself.
    pub name: Box<str>,
    /// The name of its service key.
    pub service: Box<str>,
    /// The network it called from.
    pub network: Box<str>,
    /// Since when.
    pub since: Timestamp,
    /// Up to where it was told.
    pub told: u64,
    /// Up to where it said it has taken in, where it ever said so.
    pub confirmed: Option<u64>,
    /// How far behind the log that is.
    pub behind: u64,
}

/// The log in memory, and who listens.
pub(crate) struct Telling {
    epoch: Box<str>,
    recent: Mutex<Recent>,
    /// Up to where the log is known; rung also where listeners should look at themselves.
    head: watch::Sender<u64>,
    hint: Notify,
    reading: tokio::sync::Mutex<()>,
    /// Whether the store failed when the log was last read.
    failing: AtomicBool,
    ending: AtomicBool,
    listeners: Mutex<Listeners>,
}

/// The newest entries.
#[derive(Default)]
struct Recent {
    /// Everything after this is here.
    floor: u64,
    entries: VecDeque<Revocation>,
}

#[derive(Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, Arc<Listening>>,
}

struct Listening {
    name: Box<str>,
    service: ServiceCaller,
    network: Box<str>,
    since: Timestamp,
    told: AtomicU64,
    /// One more than what was confirmed; 0 where nothing was.
    confirmed: AtomicU64,
}

/// One who listens. It is forgotten when dropped.
pub struct Listener {
    engine: Arc<Engine>,
    id: u64,
    state: Arc<Listening>,
    heads: watch::Receiver<u64>,
    at: u64,
    is_unknown_here: bool,
    is_ready: bool,
}

impl Engine {
    /// Follows the log for as long as it is polled: everything that listens depends on it.
    pub async fn follow_log(&self) {
        loop {
            let looked = self.read_log().await;
            if let Err(error) = looked {
                if !self.telling.failing.swap(true, Ordering::AcqRel) {
                    tracing::error!(%error, "the log of revocations cannot be read; trying again");
                }
                tokio::time::sleep(BREATHER).await;
                continue;
            }
            let _ = tokio::time::timeout(LOOK, self.telling.hint.notified()).await;
        }
    }

    /// Takes in what the log has that is not known yet, whoever wrote it.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn read_log(&self) -> Result<(), StoreError> {
        let _turn = self.telling.reading.lock().await;
        loop {
            let (after, now) = (*self.telling.head.borrow(), self.clock.now());
            let page = self.sessions.revocations_page(after, now, READ).await?;
            self.hold(&page);
            self.telling.append(&page, now);
            if page.len() < usize::try_from(READ).unwrap_or(usize::MAX) {
                self.telling.failing.store(false, Ordering::Release);
                return Ok(());
            }
        }
    }

    /// Listens from `place` on, which is `EPOCH.SEQ`; from the beginning where it is none.
    ///
    /// # Errors
    /// Where there is no room.
    pub fn listen(
        self: &Arc<Self>,
        service: ServiceCaller,
        name: Option<&str>,
        network: Box<str>,
        place: Option<&str>,
    ) -> Result<Listener, NoRoom> {
        let known = place.and_then(|place| self.telling.known(place));
        let state = Arc::new(Listening {
            name: name
                .map(shown_name)
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| service.name.clone()),
            service,
            network,
            since: self.clock.now(),
            told: AtomicU64::new(known.unwrap_or(0)),
            confirmed: AtomicU64::new(0),
        });
        Ok(Listener {
            id: self.telling.enter(&state)?,
            heads: self.telling.head.subscribe(),
            engine: Arc::clone(self),
            state,
            at: known.unwrap_or(0),
            is_unknown_here: known.is_none(),
            is_ready: false,
        })
    }

    /// A listener says up to where it has taken the log in. Whoever does not listen any more, or
    /// speaks of another epoch, is not heard.
    pub fn confirm(&self, service: &ServiceCaller, name: &str, place: &str) {
        let Some(seq) = self.telling.known(place) else {
            return;
        };
        let name = shown_name(name);
        for listening in self.telling.listeners().all.values() {
            if listening.service.id == service.id && listening.name == name {
                let told = listening.told.load(Ordering::Acquire);
                let confirmed = seq.min(told).saturating_add(1);
                listening.confirmed.fetch_max(confirmed, Ordering::AcqRel);
            }
        }
    }

    /// Who listens, in the order they came.
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerView> {
        let head = *self.telling.head.borrow();
        let listeners = self.telling.listeners();
        listeners.all.values().map(|one| one.view(head)).collect()
    }

    /// The name of this log, for listeners.
    #[must_use]
    pub fn log_epoch(&self) -> &str {
        &self.telling.epoch
    }

    /// Ends all listening: the server is about to end.
    pub fn end_listening(&self) {
        self.telling.ending.store(true, Ordering::Release);
        self.telling.wake();
    }
}

impl Telling {
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut random = [0; 8];
        entropy.fill(&mut random)?;
        let mut epoch = String::with_capacity(16);
        for byte in random {
            // Writing into a String cannot fail.
            let _ = write!(epoch, "{byte:02x}");
        }
        Ok(Self {
            epoch: epoch.into(),
            recent: Mutex::default(),
            head: watch::Sender::new(0),
            hint: Notify::new(),
            reading: tokio::sync::Mutex::default(),
            failing: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            listeners: Mutex::default(),
        })
    }

    /// The log may have grown.
    pub(crate) fn hint(&self) {
        self.hint.notify_one();
    }

    /// Has every listener look at itself: its key may be worth nothing any more.
    pub(crate) fn wake(&self) {
        self.head.send_modify(|_| {});
    }

    /// Adds what was read, and lets go of what is too much or over.
    fn append(&self, page: &[Revocation], now: Timestamp) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.entries.extend(page);
        while let Some(oldest) = recent.entries.front()
            && (recent.entries.len() > KEPT || oldest.until <= now)
        {
            recent.floor = oldest.seq;
            recent.entries.pop_front();
        }
        drop(recent);
        if let Some(last) = page.last() {
            self.head.send_replace(last.seq);
        }
    }

    /// What follows `at`, where memory reaches back that far.
    fn recent(&self, at: u64) -> Option<Vec<Revocation>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let from = recent.entries.partition_point(|entry| entry.seq <= at);
        let page = || recent.entries.range(from..).take(MOST_ENTRIES);
        (at >= recent.floor).then(|| page().copied().collect())
    }

    /// The number of a place in this very log.
    fn known(&self, place: &str) -> Option<u64> {
        let (epoch, seq) = place.rsplit_once('.')?;
        let seq = seq.parse().ok()?;
        (epoch == &*self.epoch && seq <= *self.head.borrow()).then_some(seq)
    }

    fn enter(&self, state: &Arc<Listening>) -> Result<u64, NoRoom> {
        let mut listeners = self.listeners();
        if self.ending.load(Ordering::Acquire) {
            return Err(NoRoom::Ending);
        }
        if listeners.all.len() >= MOST_LISTENERS {
            return Err(NoRoom::Full);
        }
        let id = listeners.next;
        listeners.next += 1;
        listeners.all.insert(id, Arc::clone(state));
        Ok(id)
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// What comes next, once there is something; `None` where listening is over: the server is
    /// about to end, or the key is worth nothing any more. To give up waiting loses nothing.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn next(&mut self) -> Result<Option<News>, StoreError> {
        loop {
            if self.is_over() {
                return Ok(None);
            }
            if self.is_unknown_here {
                self.is_unknown_here = false;
                return Ok(Some(News::Reset));
            }
            let head = *self.heads.borrow_and_update();
            if let Some(entries) = self.after_place(head).await? {
                return Ok(Some(News::Entries(entries)));
            }
            if !self.is_ready {
                self.is_ready = true;
                return Ok(Some(News::Ready));
            }
            if self.heads.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Up to where it was told everything: its place.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Whether it can be told that what it knows is all there is: it has been told everything, and
    /// the log can be read.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_ready && !self.engine.telling.failing.load(Ordering::Acquire)
    }

    /// The name of the log.
    #[must_use]
    pub fn epoch(&self) -> &str {
        self.engine.log_epoch()
    }

    /// What follows its place, up to `head` at least; `None` where that is nothing.
    async fn after_place(&mut self, head: u64) -> Result<Option<Vec<Revocation>>, StoreError> {
        if self.at >= head {
            return Ok(None);
        }
        let entries = match self.engine.telling.recent(self.at) {
            Some(entries) => entries,
            None => self.stored_after_place().await?,
        };
        let last = entries.last().map(|entry| entry.seq);
        self.at = last.unwrap_or(head);
        self.state.told.store(self.at, Ordering::Release);
        Ok(last.map(|_| entries))
    }

    async fn stored_after_place(&self) -> Result<Vec<Revocation>, StoreError> {
        let limit = u32::try_from(MOST_ENTRIES).unwrap_or(u32::MAX);
        let now = self.engine.clock.now();
        let store = &self.engine.sessions;
        store.revocations_page(self.at, now, limit).await
    }

    fn is_over(&self) -> bool {
        let key = &self.state.service.id;
        let keys = &self.engine.service_keys;
        self.engine.telling.ending.load(Ordering::Acquire)
            || !keys.lives(key, ServiceScope::Revocations)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.engine.telling.listeners().all.remove(&self.id);
    }
}

impl Listening {
    fn view(&self, head: u64) -> ListenerView {
        let told = self.told.load(Ordering::Acquire);
        let confirmed = self.confirmed.load(Ordering::Acquire).checked_sub(1);
        ListenerView {
            name: self.name.clone(),
            service: self.service.name.clone(),
            network: self.network.clone(),
            since: self.since,
            told,
            confirmed,
            behind: head.saturating_sub(confirmed.unwrap_or(told)),
        }
    }
}

/// A name as it may stand in a list or a log.
fn shown_name(name: &str) -> Box<str> {
    let shown = name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
    shown.take(LONGEST_NAME).collect::<String>().into()
}

#[cfg(test)]
mod tests;
