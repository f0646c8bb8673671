//! Notices: what a person is told by mail or text message.
//!
//! The engine says *what* is told, sealed into the outbox with the fact it tells of; the mail room
//! opens it, finds the words, and sends it. A code is in the clear only between those two.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    address::Identifier,
    policy::Locale,
    ports::Entropy,
    seal::{SealError, Sealer},
};

/// Something to tell a person.
#[derive(Clone, Serialize, Deserialize)]
pub struct Notice {
    /// By which channel.
    pub channel: Channel,
    /// The stored address it goes to.
    pub to: Box<str>,
    /// In which language.
    pub locale: Locale,
    /// The contract it arose in, which may have words of its own.
    pub contract: Box<str>,
    /// What is told.
    pub content: Content,
}

/// How a notice travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// A text message.
    Sms,
}

/// What a notice tells.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The code that proves an address.
    ConfirmAddress {
        /// The code.
        code: String,
        /// For how many minutes it is good.
        minutes: u64,
    },
    /// Somebody signed up with an address that has an account.
    AlreadyRegistered,
}

impl Content {
    /// The name contracts and templates know it by.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConfirmAddress { .. } => "confirm_address",
            Self::AlreadyRegistered => "already_registered",
        }
    }
}

impl Notice {
    /// A notice to `identifier`'s own channel.
    #[must_use]
    pub fn to(identifier: &Identifier, locale: Locale, contract: &str, content: Content) -> Self {
        let channel = match identifier {
            Identifier::Email(_) => Channel::Email,
            Identifier::Phone(_) => Channel::Sms,
        };
        Self {
            channel,
            to: identifier.as_str().into(),
            locale,
            contract: contract.into(),
            content,
        }
    }

    /// Seals the notice for the outbox.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn seal(&self, sealer: &Sealer, entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        let plain = serde_json::to_vec(self).map_err(|_| SealError::Unsealable)?;
        sealer.seal(b"notice", &plain, entropy)
    }

    /// Opens a notice from the outbox.
    ///
    /// # Errors
    /// Where it was sealed under another key, or damaged.
    pub fn open(sealer: &Sealer, sealed: &[u8]) -> Result<Self, SealError> {
        let plain = sealer.open(b"notice", sealed)?;
        serde_json::from_slice(&plain).map_err(|_| SealError::Unsealable)
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Notice({} by {:?} through {})",
            self.content.name(),
            self.channel,
            self.contract
        )
    }
}
