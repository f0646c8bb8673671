//! The world, as the engine's ports want it: the clock on the wall, the system's randomness, and
//! the outbox as the web shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use daemun_engine::{
    ports::{Clock, Entropy, NoEntropy},
    time::Timestamp,
};
use daemun_http::{OutboxView, SentMessage};
use daemun_mail::{DevOutbox, Sent};

/// The clock on the wall. The only place in daemun that looks at it.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that everything else is told the time by"
        )]
        let now = SystemTime::now();
        let micros = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        Timestamp::from_unix_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The system's random number generator.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// Development's outbox, as the web shows it.
pub(crate) struct Outbox(pub(crate) DevOutbox);

impl OutboxView for Outbox {
    fn latest(&self, to: &str) -> Option<SentMessage> {
        self.0.latest(to).map(message)
    }

    fn all(&self) -> Vec<SentMessage> {
        self.0.all().into_iter().map(message).collect()
    }
}

fn message(sent: Sent) -> SentMessage {
    SentMessage {
        to: sent.to.into(),
        subject: sent.subject,
        text: sent.text,
        sent_at: sent.sent_at,
    }
}
