//! The development outbox: keeps letters in memory instead of sending them, for the outbox page
//! and for tests, which read codes out of it.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use daemun_engine::{
    address::{Email, Phone},
    ports::Clock,
    time::Timestamp,
};
use tokio::sync::watch;

use super::{Courier, DeliveryError, Letter};

const KEPT: usize = 500;

/// The last 500 letters. Clones share them.
#[derive(Clone)]
pub struct DevOutbox(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    sent: Mutex<VecDeque<Sent>>,
    /// How many there ever were.
    count: watch::Sender<u64>,
}

/// A letter that would have been sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its number, from 1 on.
    pub number: u64,
    /// To whom.
    pub to: Box<str>,
    /// The subject; empty for a text message.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it would have been sent.
    pub sent_at: Timestamp,
}

impl DevOutbox {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            clock,
            sent: Mutex::default(),
            count: watch::Sender::new(0),
        }))
    }

    /// The newest letter to an address, however it is written: `+8210…` is `010…`.
    #[must_use]
    pub fn latest(&self, to: &str) -> Option<Sent> {
        self.after(to, 0)
    }

    /// Every letter kept, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Sent> {
        self.sent().iter().rev().cloned().collect()
    }

    /// The newest letter to an address with a number above `number`, waited for where there is
    /// none yet. With 0, any will do; with the number of the last one read, only a newer one.
    pub async fn next(&self, to: &str, number: u64) -> Sent {
        let mut count = self.0.count.subscribe();
        loop {
            count.borrow_and_update();
            if let Some(sent) = self.after(to, number) {
                return sent;
            }
            // The sender lives as long as `self` does.
            let _ = count.changed().await;
        }
    }

    fn after(&self, to: &str, number: u64) -> Option<Sent> {
        let key = key(to);
        self.sent()
            .iter()
            .rev()
            .take_while(|sent| sent.number > number)
            .find(|sent| self::key(&sent.to) == key)
            .cloned()
    }

    fn sent(&self) -> MutexGuard<'_, VecDeque<Sent>> {
        self.0.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Courier for DevOutbox {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let sent_at = self.0.clock.now();
        let mut sent = self.sent();
        let number = *self.0.count.borrow() + 1;
        if sent.len() == KEPT {
            sent.pop_front();
        }
        sent.push_back(Sent {
            number,
            to: letter.to.clone(),
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            sent_at,
        });
        self.0.count.send_replace(number);
        Ok(())
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(1)
    }
}

fn key(to: &str) -> String {
    if to.contains('@') {
        Email::from_stored(to.trim()).key()
    } else {
        Phone::parse(to).map_or_else(|_| to.to_owned(), |phone| phone.key())
    }
}

impl fmt::Debug for DevOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DevOutbox({} letters)", self.sent().len())
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sent({})", self.number)
    }
}
