//! The log of revocations as others are told it: in its order, without gaps, from wherever they are.
//!
//! Whatever ends a session commits an entry to the store's log. This process reads the log as it
//! grows, whoever wrote it, and hands each entry first to its own guards and then to whoever
//! listens. So there is one order, the log's; requests that finish in another disturb nothing, and
//! neither does one that is given up between its commit and its answer. A listener pulls: it has a
//! place in the log and asks for what follows, from memory where that reaches back far enough and
//! from the store otherwise. One that is slow costs nothing but its place.
//!
//! A place is `EPOCH.SEQ`. The epoch is the name of the log, where the store can tell one log from
//! another; then a place is good at every node. Elsewhere it is random and new at every start: what
//! happened to the data in between (a backup restored, say) is not known, so no place of an earlier
//! life is trusted. Under another name the log is read anew from its beginning, and sessions that this
//! process knows to have ended and that log does not are ended once more: a standby or a copy that was
//! behind took the store's place.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::{
    engine::Engine,
    ids::SessionId,
    ports::{Entropy, NoEntropy, Origin, Revoke, RevokeTarget, StoreError},
    revocation::{Revocation, RevokedThing},
    service_key::{ServiceCaller, ServiceScope},
    session::RevokeReason,
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
/// For how long guards go by what they know while the log cannot be read. Another node may have
/// ended sessions meanwhile; after this nobody is let in.
const STALE: Duration = Duration::from_secs(15);
/// How many sessions are ended once more between two looks at the log, which must not wait for them.
const END_AT_ONCE: usize = 50;
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How many entries in force it has not taken in.
    pub behind: u64,
}

/// The log in memory, and who listens.
pub(crate) struct Telling {
    recent: Mutex<Recent>,
    /// Up to where the log is known; rung also where listeners should look at themselves.
    head: watch::Sender<u64>,
    hint: Notify,
    reading: tokio::sync::Mutex<()>,
    /// Whether the store failed when the log was last read.
    failing: AtomicBool,
    /// When it was last read, where somebody follows it.
    followed: Mutex<Option<Instant>>,
    ending: AtomicBool,
    listeners: Mutex<Listeners>,
    /// Ends of sessions that were in the log before this one, and are not in this one.
    forgotten: Mutex<BTreeMap<SessionId, RevokeReason>>,
}

/// The newest entries of one log.
struct Recent {
    epoch: Arc<str>,
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
    epoch: Arc<str>,
    at: u64,
    is_unknown_here: bool,
    is_ready: bool,
}

impl Engine {
    /// Follows the log for as long as it is polled: everything that listens depends on it.
    pub async fn follow_log(&self) {
        self.telling.was_read();
        loop {
            let looked = self.read_log().await;
            if let Err(error) = looked {
                if !self.telling.failing.swap(true, Ordering::AcqRel) {
                    tracing::error!(%error, "the log of revocations cannot be read; trying again");
                }
                tokio::time::sleep(BREATHER).await;
                continue;
            }
            self.telling.was_read();
            match self.end_forgotten().await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::warn!(%error, "sessions that the store forgot to have ended are not ended yet; trying again");
                }
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
        match self.sessions.log_name().await? {
            Some(name) if !self.telling.is_of(&name) => self.read_anew(&name).await?,
            _ => self.read_on().await?,
        }
        self.telling.failing.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes in what follows what is known.
    async fn read_on(&self) -> Result<(), StoreError> {
        loop {
            let (after, now) = (*self.telling.head.borrow(), self.clock.now());
            let page = self.sessions.revocations_page(after, now, READ).await?;
            self.hold(&page);
            self.telling.append(&page, now);
            if is_last(&page) {
                return Ok(());
            }
        }
    }

    /// Takes in another log, from its beginning. Nobody is told of it before all of it is here, or
    /// it would be taken for complete.
    async fn read_anew(&self, name: &str) -> Result<(), StoreError> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(0, |last: &Revocation| last.seq);
            let now = self.clock.now();
            let page = self.sessions.revocations_page(after, now, READ).await?;
            self.hold(&page);
            let is_last = is_last(&page);
            all.extend(page);
            if is_last {
                self.telling.replace(name, &all, now);
                return Ok(());
            }
        }
    }

    /// Ends once more some of what the store forgot to have ended; whether that was all.
    async fn end_forgotten(&self) -> Result<bool, StoreError> {
        for _ in 0..END_AT_ONCE {
            let Some((id, reason)) = self.telling.next_forgotten() else {
                return Ok(true);
            };
            let now = self.clock.now();
            let revoke = Revoke {
                target: RevokeTarget::Session(id),
                reason,
                now,
                horizon: self.horizon(),
                origin: Origin {
                    contract: "".into(),
                    network: None,
                },
            };
            match self.sessions.revoke(revoke).await {
                Ok(ended) => self.applied(&ended),
                // No token of it is good for anything, and others wait.
                Err(error @ StoreError::Corrupt(_)) => {
                    tracing::error!(%error, "a session cannot be ended once more");
                }
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
            }
            self.telling.ended_again(id);
        }
        Ok(false)
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
        let (epoch, known) = self.telling.place(place);
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
            epoch,
            at: known.unwrap_or(0),
            is_unknown_here: known.is_none(),
            is_ready: false,
        })
    }

    /// A listener says up to where it has taken the log in. One that does not listen here may listen
    /// to another node; who speaks of another epoch is not heard.
    pub fn confirm(&self, service: &ServiceCaller, name: &str, place: &str) {
        let Some(place) = self.telling.place_in_this_log(place) else {
            return;
        };
        let name = shown_name(name);
        if !self.telling.confirm(&service.id, &name, &place) {
            self.elsewhere.hear(&service.id, &name, &place);
        }
    }

    /// Who listens, in the order they came.
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerView> {
        let listeners = self.telling.listeners();
        let view = |one: &Arc<Listening>| one.view(|at| self.telling.since(at));
        listeners.all.values().map(view).collect()
    }

    /// Whether guards may go by what they know of revocations: the log was read lately, or nobody
    /// follows it, as in a process that does not serve.
    pub(crate) fn is_up_to_date(&self) -> bool {
        !self.telling.is_stale(STALE)
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
        let recent = Recent {
            epoch: epoch.into(),
            floor: 0,
            entries: VecDeque::new(),
        };
        Ok(Self {
            recent: Mutex::new(recent),
            head: watch::Sender::new(0),
            hint: Notify::new(),
            reading: tokio::sync::Mutex::default(),
            failing: AtomicBool::new(false),
            followed: Mutex::default(),
            ending: AtomicBool::new(false),
            listeners: Mutex::default(),
            forgotten: Mutex::default(),
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

    /// Whether the log is the one of that name.
    fn is_of(&self, name: &str) -> bool {
        *self.recent().epoch == *name
    }

    /// From now on the log is the one of that name, which holds these entries.
    fn replace(&self, name: &str, entries: &[Revocation], now: Timestamp) {
        let mut recent = self.recent();
        recent.epoch = name.into();
        recent.floor = 0;
        let known: HashSet<RevokedThing> = entries.iter().map(|entry| entry.thing).collect();
        let before = std::mem::take(&mut recent.entries).into_iter();
        let forgotten = before.filter(|entry| entry.until > now && !known.contains(&entry.thing));
        // What became of an account is the accounts' to say.
        self.forgotten()
            .extend(forgotten.filter_map(|entry| match entry.thing {
                RevokedThing::Session(id) => Some((id, entry.reason)),
                RevokedThing::AccountBefore(..) | RevokedThing::EverythingBefore(_) => None,
            }));
        recent.take(entries, now);
        // Under the lock: no place of one log may be compared with the head of another.
        self.head
            .send_replace(entries.last().map_or(0, |last| last.seq));
    }

    /// A place as it is written here, where it is one in this log; this node may not have read as far.
    fn place_in_this_log(&self, place: &str) -> Option<String> {
        let (epoch, seq) = place.rsplit_once('.')?;
        let seq: u64 = seq.parse().ok()?;
        self.is_of(epoch).then(|| format!("{epoch}.{seq}"))
    }

    /// Remembers how far a listener is; whether there is one of that key and name here.
    pub(crate) fn confirm(&self, service: &str, name: &str, place: &str) -> bool {
        let (_, seq) = self.place(Some(place));
        let listeners = self.listeners();
        let mut listens = false;
        for listening in listeners.all.values() {
            if *listening.service.id == *service && *listening.name == *name {
                listens = true;
                if let Some(seq) = seq {
                    let told = listening.told.load(Ordering::Acquire);
                    let confirmed = seq.min(told).saturating_add(1);
                    listening.confirmed.fetch_max(confirmed, Ordering::AcqRel);
                }
            }
        }
        listens
    }

    /// The next session that is to be ended once more.
    fn next_forgotten(&self) -> Option<(SessionId, RevokeReason)> {
        let forgotten = self.forgotten();
        let next = forgotten.first_key_value();
        next.map(|(id, reason)| (*id, *reason))
    }

    fn ended_again(&self, id: SessionId) {
        self.forgotten().remove(&id);
    }

    fn forgotten(&self) -> MutexGuard<'_, BTreeMap<SessionId, RevokeReason>> {
        self.forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn was_read(&self) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        *followed = Some(Instant::now());
    }

    fn is_stale(&self, after: Duration) -> bool {
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.is_some_and(|last| last.elapsed() > after)
    }

    /// Adds what was read, and lets go of what is too much or over.
    fn append(&self, page: &[Revocation], now: Timestamp) {
        self.recent().take(page, now);
        if let Some(last) = page.last() {
            self.head.send_replace(last.seq);
        }
    }

    /// What follows `at`, where memory reaches back that far.
    fn after(&self, at: u64) -> Option<Vec<Revocation>> {
        let recent = self.recent();
        let from = recent.entries.partition_point(|entry| entry.seq <= at);
        let page = || recent.entries.range(from..).take(MOST_ENTRIES);
        (at >= recent.floor).then(|| page().copied().collect())
    }

    /// How many entries in force follow `at`, as far back as memory reaches.
    fn since(&self, at: u64) -> u64 {
        let recent = self.recent();
        let from = recent.entries.partition_point(|entry| entry.seq <= at);
        u64::try_from(recent.entries.len() - from).unwrap_or(u64::MAX)
    }

    /// The name of the log, and the number of a place, where it is one in this very log.
    fn place(&self, place: Option<&str>) -> (Arc<str>, Option<u64>) {
        let recent = self.recent();
        let seq = place.and_then(|place| {
            let (epoch, seq) = place.rsplit_once('.')?;
            let seq = seq.parse().ok()?;
            (epoch == &*recent.epoch && seq <= *self.head.borrow()).then_some(seq)
        });
        (Arc::clone(&recent.epoch), seq)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Recent {
    fn take(&mut self, page: &[Revocation], now: Timestamp) {
        self.entries.extend(page);
        while let Some(oldest) = self.entries.front()
            && (self.entries.len() > KEPT || oldest.until <= now)
        {
            self.floor = oldest.seq;
            self.entries.pop_front();
        }
    }
}

fn is_last(page: &[Revocation]) -> bool {
    page.len() < usize::try_from(READ).unwrap_or(usize::MAX)
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
            self.look_which_log();
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
        &self.epoch
    }

    /// Where the log is another than the one it was told of, it begins anew.
    fn look_which_log(&mut self) {
        let (epoch, _) = self.engine.telling.place(None);
        if epoch != self.epoch {
            self.epoch = epoch;
            self.at = 0;
            self.is_unknown_here = true;
            self.is_ready = false;
            self.state.told.store(0, Ordering::Release);
            self.state.confirmed.store(0, Ordering::Release);
        }
    }

    /// What follows its place, up to `head` at least; `None` where that is nothing.
    async fn after_place(&mut self, head: u64) -> Result<Option<Vec<Revocation>>, StoreError> {
        if self.at >= head {
            return Ok(None);
        }
        let entries = match self.engine.telling.after(self.at) {
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
    /// `since` counts the entries that follow a place.
    fn view(&self, since: impl FnOnce(u64) -> u64) -> ListenerView {
        let told = self.told.load(Ordering::Acquire);
        let confirmed = self.confirmed.load(Ordering::Acquire).checked_sub(1);
        ListenerView {
            name: self.name.clone(),
            service: self.service.name.clone(),
            network: self.network.clone(),
            since: self.since,
            told,
            confirmed,
            behind: since(confirmed.unwrap_or(told)),
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
