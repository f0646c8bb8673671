//! An outbox in memory that keeps the port's promises and tells what is marked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use daemun_engine::{
    ports::{ClaimedMessage, Clock, Outbox, StoreError, Stored},
    time::Timestamp,
};
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};

use crate::support::{TestClock, within};

pub struct MemoryOutbox {
    clock: Arc<TestClock>,
    rows: Mutex<BTreeMap<i64, Row>>,
    news: Notify,
    marks: mpsc::UnboundedSender<Mark>,
    marked: AsyncMutex<mpsc::UnboundedReceiver<Mark>>,
    failing_claims: AtomicU32,
    failing_marks: AtomicU32,
    claims: AtomicU32,
    last_id: AtomicI64,
}

struct Row {
    message: ClaimedMessage,
    due: Timestamp,
}

/// What was written about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    Sent(i64),
    Retry(i64, String),
    GivenUp(i64, String),
    /// The store failed instead.
    Lost(i64),
}

impl MemoryOutbox {
    pub fn new(clock: Arc<TestClock>) -> Arc<Self> {
        let (marks, marked) = mpsc::unbounded_channel();
        Arc::new(Self {
            clock,
            rows: Mutex::default(),
            news: Notify::new(),
            marks,
            marked: AsyncMutex::new(marked),
            failing_claims: AtomicU32::new(0),
            failing_marks: AtomicU32::new(0),
            claims: AtomicU32::new(0),
            last_id: AtomicI64::new(0),
        })
    }

    pub fn put(&self, sealed: Vec<u8>, useless_after: Timestamp) -> i64 {
        let now = self.clock.now();
        let mut rows = self.rows.lock().unwrap();
        let id = 1 + self.last_id.fetch_add(1, Ordering::SeqCst);
        let message = ClaimedMessage {
            id,
            sealed,
            attempts: 0,
            created_at: now,
            useless_after,
        };
        rows.insert(id, Row { message, due: now });
        drop(rows);
        self.news.notify_one();
        id
    }

    /// The next thing written about a message.
    pub async fn mark(&self) -> Mark {
        let mut marked = self.marked.lock().await;
        within(marked.recv()).await.unwrap()
    }

    /// Every claim runs out now.
    pub fn expire_claims(&self) {
        for row in self.rows.lock().unwrap().values_mut() {
            row.due = row.message.created_at;
        }
        self.news.notify_one();
    }

    /// The next `count` looks into the outbox fail.
    pub fn fail_claims(&self, count: u32) {
        self.failing_claims.store(count, Ordering::SeqCst);
    }

    /// The next `count` marks fail.
    pub fn fail_marks(&self, count: u32) {
        self.failing_marks.store(count, Ordering::SeqCst);
    }

    /// How often somebody has looked.
    pub fn claims(&self) -> u32 {
        self.claims.load(Ordering::SeqCst)
    }

    fn told(&self, mark: Mark) {
        let _ = self.marks.send(mark);
    }
}

fn fails(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
        .is_ok()
}

fn down() -> StoreError {
    StoreError::Unavailable("a test made it fail".into())
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn claim_messages(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Stored<Vec<ClaimedMessage>> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        if fails(&self.failing_claims) {
            return Err(down());
        }
        let mut rows = self.rows.lock().unwrap();
        let due = rows.values_mut().filter(|row| row.due <= now);
        let claim = |row: &mut Row| {
            row.due = now + lease;
            let claimed = row.message.clone();
            row.message.attempts += 1;
            claimed
        };
        Ok(due.take(limit as usize).map(claim).collect())
    }

    async fn message_sent(&self, id: i64, _now: Timestamp) -> Stored<()> {
        if fails(&self.failing_marks) {
            self.told(Mark::Lost(id));
            return Err(down());
        }
        self.rows.lock().unwrap().remove(&id);
        self.told(Mark::Sent(id));
        Ok(())
    }

    async fn message_failed(
        &self,
        id: i64,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Stored<()> {
        if fails(&self.failing_marks) {
            self.told(Mark::Lost(id));
            return Err(down());
        }
        let mut rows = self.rows.lock().unwrap();
        match retry_at {
            Some(at) => {
                rows.get_mut(&id).unwrap().due = at;
                self.told(Mark::Retry(id, error.into()));
            }
            None => {
                rows.remove(&id);
                self.told(Mark::GivenUp(id, error.into()));
            }
        }
        Ok(())
    }

    async fn wait_for_message(&self) {
        self.news.notified().await;
    }
}
