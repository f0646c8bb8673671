//! Couriers: who carries a letter away.
//!
//! A courier takes one letter to exactly one address, the stored one, and says whether it arrived
//! at the next hop, may arrive if tried again, or never will. Why, it says in a closed set of
//! reasons: a server's own words often repeat the address, and reasons end up in logs.

pub(crate) mod dev;
pub(crate) mod smtp;
pub(crate) mod webhook;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use daemun_engine::{notice::Channel, time::Timestamp};

/// Carries letters by one channel.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Hands `letter` to the next hop. Dropping the future gives up at once and leaves nothing
    /// behind that a later letter could stumble over.
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError>;

    /// How long handing over may take as a whole. [`hand_over`] sees to it.
    fn timeout(&self) -> Duration;
}

/// Has `courier` deliver `letter` within its timeout, which covers the whole of it: libraries tend
/// to time the connecting only.
///
/// # Errors
/// Why it was not delivered.
pub async fn hand_over(courier: &dyn Courier, letter: &Letter) -> Result<(), DeliveryError> {
    tokio::time::timeout(courier.timeout(), courier.deliver(letter))
        .await
        .unwrap_or(Err(DeliveryError::Transient(Reason::Timeout)))
}

/// The courier of each channel; `None` where an installation has none.
#[derive(Clone, Default)]
pub struct Couriers {
    /// For mail.
    pub email: Option<Arc<dyn Courier>>,
    /// For text messages.
    pub sms: Option<Arc<dyn Courier>>,
}

impl Couriers {
    /// One courier for every channel.
    #[must_use]
    pub fn all(courier: Arc<dyn Courier>) -> Self {
        Self {
            email: Some(Arc::clone(&courier)),
            sms: Some(courier),
        }
    }

    pub(crate) fn of(&self, channel: Channel) -> Option<&dyn Courier> {
        match channel {
            Channel::Email => self.email.as_deref(),
            Channel::Sms => self.sms.as_deref(),
        }
    }

    /// The longest that any of them may take.
    pub(crate) fn longest_timeout(&self) -> Duration {
        [&self.email, &self.sms]
            .into_iter()
            .flatten()
            .map(|courier| courier.timeout())
            .max()
            .unwrap_or_default()
    }
}

/// One letter, ready to go.
#[derive(Clone)]
pub struct Letter {
    /// Its place in the outbox.
    pub id: i64,
    /// When it was put there.
    pub written_at: Timestamp,
    /// The stored address it goes to.
    pub to: Box<str>,
    /// The subject; empty for a text message.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl Letter {
    /// What tells this letter from every other of this installation, the same each time it is
    /// tried. The time is in it because a restored or fresh outbox counts anew.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}", self.written_at.unix_micros(), self.id)
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.id)
    }
}

/// Why a letter was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Another try may succeed.
    #[error("{0}")]
    Transient(Reason),
    /// This letter can never be delivered.
    #[error("{0}")]
    Permanent(Reason),
}

impl DeliveryError {
    /// Why.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Transient(reason) | Self::Permanent(reason) => reason,
        }
    }
}

/// What went wrong, without a word of the letter or of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It took too long. The letter may have arrived all the same.
    #[error("timeout")]
    Timeout,
    /// The next hop cannot be reached, or hung up.
    #[error("connection")]
    Connection,
    /// No secure connection could be made.
    #[error("tls")]
    Tls,
    /// The next hop does not speak the protocol, or lacks what this letter or our login needs.
    #[error("protocol")]
    Protocol,
    /// An SMTP server refused, with this reply code.
    #[error("smtp {0}")]
    Smtp(u16),
    /// A gateway refused, with this status.
    #[error("http {0}")]
    Http(u16),
    /// The address is not one this courier can go to.
    #[error("address")]
    Address,
    /// The letter cannot be put into the form this courier needs.
    #[error("form")]
    Form,
    /// There is no courier for the channel.
    #[error("no courier")]
    NoCourier,
    /// The notice was sealed under another master key, or damaged.
    #[error("unreadable")]
    Unreadable,
    /// There are no words for the notice.
    #[error("no words")]
    NoWords,
    /// It came too late to be of use.
    #[error("too late")]
    TooLate,
}

/// Why a courier cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The sender's address cannot be used.
    #[error(
        "the sender {0:?} is no address; write it as login@example.com or Name <login@example.com>"
    )]
    From(Box<str>),
    /// A password would cross the network in the clear.
    #[error(
        "a password for {0} needs tls = \"starttls\" or \"tls\": without, it travels in the clear"
    )]
    PlainLogin(Box<str>),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The gateway's URL cannot be used.
    #[error("the webhook's url must be an absolute http:// or https:// URL")]
    Url,
    /// The gateway's token cannot be used.
    #[error("the webhook's token must be visible ASCII")]
    Token,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}
