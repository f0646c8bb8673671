//! The worker: takes letters out of the outbox and has them delivered.
//!
//! A letter is claimed for longer than delivering it may take, so that no two workers have it at
//! once, handed over, and then marked as sent. It is sent once, save in two cases that no mail
//! system can exclude: the process dies between handing over and marking, or the next hop takes
//! the letter and its answer is lost. Then that one letter goes out again, bearing the same
//! Message-ID (or idempotency key), by which the next hop can tell.

use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use daemun_engine::{
    notice::Notice,
    ports::{ClaimedMessage, Clock, Outbox, Stored},
    seal::Sealer,
    time::Timestamp,
};
use tokio::{task::JoinSet, time::sleep};
use tracing::{error, info, warn};

use crate::{
    courier::{Couriers, DeliveryError, Letter, Reason, hand_over},
    templates::Templates,
};

/// How much longer than the longest delivery a letter is claimed for: time enough to mark it.
const TO_MARK: Duration = Duration::from_secs(30);
/// The pauses between tries to mark a letter, well within [`TO_MARK`].
const MARK_PAUSES: [u64; 6] = [50, 200, 500, 1_000, 2_000, 4_000];
/// How long a store that failed is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The worker's pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How many letters may be on the way at once.
    pub concurrency: usize,
    /// How long after a first failure a letter is tried again; each further failure doubles it.
    pub first_retry: Duration,
    /// The most it grows to.
    pub longest_retry: Duration,
    /// How often to look without being woken: finds what an earlier process left behind, and what
    /// it had claimed when it died.
    pub poll: Duration,
    /// How long letters on the way may take to arrive once the server shuts down.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            concurrency: 8,
            first_retry: Duration::from_secs(2),
            longest_retry: Duration::from_secs(60),
            poll: Duration::from_secs(15),
            drain: Duration::from_secs(8),
        }
    }
}

/// Sends what is in the outbox.
pub struct Worker(Desk);

struct Desk {
    outbox: Arc<dyn Outbox>,
    sealer: Arc<Sealer>,
    templates: Templates,
    couriers: Couriers,
    clock: Arc<dyn Clock>,
    timing: Timing,
}

/// How far a look into the outbox went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// What was due is on its way, as far as hands go.
    Through,
    /// No hand is free: nothing to look for before a letter has arrived.
    HandsFull,
    /// The store failed: not to be asked again before a pause, whoever wakes us.
    StoreDown,
}

/// Letters on the way; each ends with when to try it again.
type Sending = JoinSet<Option<Timestamp>>;

impl Worker {
    /// A worker at the default pace.
    #[must_use]
    pub fn new(
        outbox: Arc<dyn Outbox>,
        sealer: Arc<Sealer>,
        templates: Templates,
        couriers: Couriers,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Desk {
            outbox,
            sealer,
            templates,
            couriers,
            clock,
            timing: Timing::default(),
        })
    }

    /// The same worker at another pace.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self(Desk { timing, ..self.0 })
    }

    /// Works until `shutdown`, then lets letters on the way arrive, for as long as
    /// [`Timing::drain`] says. Returns how many it had to leave: they are sent again once their
    /// claim has run out.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> usize {
        let desk = Arc::new(self.0);
        let mut shutdown = pin!(shutdown);
        let mut sending = Sending::new();
        let mut retries = BTreeSet::new();
        let mut woken = desk.outbox.wait_for_message();
        loop {
            let looked = desk.claim(&mut sending, &mut retries).await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = sending.join_next() => note_retry(ended.ok(), &mut retries),
                () = &mut woken, if looked == Looked::Through => {
                    woken = desk.outbox.wait_for_message();
                }
                () = sleep(desk.pause(looked, &retries)) => {}
            }
        }
        desk.drain(sending).await
    }
}

fn note_retry(ended: Option<Option<Timestamp>>, retries: &mut BTreeSet<Timestamp>) {
    match ended {
        Some(retry_at) => retries.extend(retry_at),
        None => error!("a delivery panicked; the message is tried again when its claim runs out"),
    }
}

impl Desk {
    /// Claims as many letters as there are free hands for, and starts on them.
    async fn claim(
        self: &Arc<Self>,
        sending: &mut Sending,
        retries: &mut BTreeSet<Timestamp>,
    ) -> Looked {
        let hands = self.timing.concurrency.max(1);
        let free = hands.saturating_sub(sending.len());
        if free == 0 {
            return Looked::HandsFull;
        }
        let now = self.clock.now();
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        match self.outbox.claim_messages(now, self.lease(), limit).await {
            Ok(claimed) => {
                retries.retain(|at| *at > now);
                for message in claimed {
                    let desk = Arc::clone(self);
                    sending.spawn(async move { desk.send(message).await });
                }
                Looked::Through
            }
            Err(error) => {
                error!(%error, "the outbox cannot be read");
                Looked::StoreDown
            }
        }
    }

    fn lease(&self) -> Duration {
        self.couriers.longest_timeout() + TO_MARK
    }

    /// How long to wait for something to happen: until the next retry is due, or it is time to
    /// look again.
    fn pause(&self, looked: Looked, retries: &BTreeSet<Timestamp>) -> Duration {
        let poll = self.timing.poll;
        match looked {
            Looked::Through => retries
                .first()
                .map_or(poll, |at| at.since(self.clock.now()).min(poll)),
            Looked::HandsFull => poll,
            Looked::StoreDown => poll.min(STORE_PAUSE),
        }
    }

    /// Sends one letter and marks what became of it; returns when to try it again.
    async fn send(&self, message: ClaimedMessage) -> Option<Timestamp> {
        let (id, attempt) = (message.id, message.attempts.saturating_add(1));
        match self.deliver(&message).await {
            Ok(()) => {
                info!(outbox_id = id, attempt, "message sent");
                self.mark(id, Fate::Sent).await;
                None
            }
            Err(failure) => {
                let retry_at = self.retry_at(&message, failure);
                let class = failure.reason();
                if retry_at.is_some() {
                    warn!(outbox_id = id, attempt, error = %class, "message not sent, will retry");
                } else {
                    error!(outbox_id = id, attempt, error = %class, "message given up");
                }
                self.mark(id, Fate::Failed(class, retry_at)).await;
                retry_at
            }
        }
    }

    async fn deliver(&self, message: &ClaimedMessage) -> Result<(), DeliveryError> {
        if self.clock.now() >= message.useless_after {
            return Err(DeliveryError::Permanent(Reason::TooLate));
        }
        let notice = Notice::open(&self.sealer, &message.sealed)
            .map_err(|_| DeliveryError::Permanent(Reason::Unreadable))?;
        let words = self
            .templates
            .render(&notice)
            .map_err(|_| DeliveryError::Permanent(Reason::NoWords))?;
        let courier = self
            .couriers
            .of(notice.channel)
            .ok_or(DeliveryError::Transient(Reason::NoCourier))?;
        let letter = Letter {
            id: message.id,
            written_at: message.created_at,
            to: notice.to,
            subject: words.subject,
            text: words.text,
        };
        hand_over(courier, &letter).await
    }

    /// When to try again, if ever.
    fn retry_at(&self, message: &ClaimedMessage, failure: DeliveryError) -> Option<Timestamp> {
        match failure {
            DeliveryError::Permanent(_) => None,
            DeliveryError::Transient(_) => {
                let retry_at = self.clock.now() + self.timing.backoff(message.attempts);
                (retry_at < message.useless_after).then_some(retry_at)
            }
        }
    }

    /// Marks a letter, several times if need be: an unmarked letter goes out again.
    async fn mark(&self, id: i64, fate: Fate) {
        for pause in MARK_PAUSES {
            match self.try_mark(id, fate).await {
                Ok(()) => return,
                Err(error) => warn!(outbox_id = id, %error, "message cannot be marked yet"),
            }
            sleep(Duration::from_millis(pause)).await;
        }
        error!(
            outbox_id = id,
            "message not marked: it is tried again when its claim runs out"
        );
    }

    async fn try_mark(&self, id: i64, fate: Fate) -> Stored<()> {
        match fate {
            Fate::Sent => self.outbox.message_sent(id, self.clock.now()).await,
            Fate::Failed(class, retry_at) => {
                let class = class.to_string();
                self.outbox.message_failed(id, &class, retry_at).await
            }
        }
    }

    async fn drain(&self, mut sending: Sending) -> usize {
        let all_arrive = async { while sending.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(self.timing.drain, all_arrive).await;
        let left = sending.len();
        if left > 0 {
            warn!(
                left,
                "messages were on their way at shutdown; they are tried again later"
            );
        }
        left
    }
}

/// What became of a letter.
#[derive(Clone, Copy)]
enum Fate {
    Sent,
    Failed(Reason, Option<Timestamp>),
}

impl Timing {
    fn backoff(&self, attempts_before: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts_before);
        self.first_retry
            .saturating_mul(doubled)
            .min(self.longest_retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_up_to_a_cap_and_never_overflow() {
        let timing = Timing::default();
        let seconds = |attempts| timing.backoff(attempts).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6].map(seconds),
            [2, 4, 8, 16, 32, 60, 60]
        );
        assert_eq!(seconds(u32::MAX), 60);
    }
}
