//! What the events mean: a state that takes one event after another, with no stream around it.

use std::{fmt, sync::Arc};

use serde::Deserialize;

use super::sse::Event;
use crate::{RevocationSet, revocations::Entry};

/// A place in the log of revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    epoch: Box<str>,
    seq: u64,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.rsplit_once('.')?;
        let plain = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_graphic());
        Some(Self {
            epoch: plain.then(|| epoch.into())?,
            seq: seq.parse().ok()?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// Follows the log, from event to event and from connection to connection.
pub(crate) struct Follower {
    set: Arc<RevocationSet>,
    /// Where to go on after a break; none before the first snapshot is complete.
    cursor: Option<Cursor>,
    /// The epoch of the snapshot that is being received. It outlives a break: what came of it is kept.
    snapshot: Option<Box<str>>,
    /// Whether this connection has told everything up to now.
    is_live: bool,
    /// Whether this connection began its snapshot.
    was_reset: bool,
}

/// What an event brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing that matters yet.
    None,
    /// The set is known to be complete at this moment.
    Current,
    /// So it is, and there is something to acknowledge.
    Applied,
}

/// The stream does not keep to its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Astray {
    #[error("an event has no place in the log, or one of another epoch")]
    Place,
    #[error("an event goes back in the log")]
    Backwards,
    #[error("an event that should follow a reset came without one")]
    NoReset,
    #[error("an event's data is unreadable")]
    Data,
}

#[derive(Deserialize)]
struct Reset {
    epoch: Box<str>,
}

impl Follower {
    pub(crate) fn new(set: Arc<RevocationSet>) -> Self {
        Self {
            set,
            cursor: None,
            snapshot: None,
            is_live: false,
            was_reset: false,
        }
    }

    /// Where the next connection goes on.
    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// A new connection begins.
    pub(crate) fn connected(&mut self) {
        self.is_live = false;
        self.was_reset = false;
    }

    /// What is known of the log is not what the server knows: the next connection begins anew.
    pub(crate) fn start_over(&mut self) {
        self.cursor = None;
    }

    pub(crate) fn take(&mut self, event: &Event) -> Result<News, Astray> {
        match event.name.as_str() {
            "reset" => self.reset(event),
            "entries" => self.entries(event),
            "ready" => self.ready(event),
            "heartbeat" => self.heartbeat(event),
            // What later versions may say.
            _ => Ok(News::None),
        }
    }

    fn reset(&mut self, event: &Event) -> Result<News, Astray> {
        let Reset { epoch } = serde_json::from_str(&event.data).map_err(|_| Astray::Data)?;
        // A snapshot that broke off is taken up by the next: beginning twice would take its entries for old ones.
        if self.snapshot.replace(epoch).is_none() {
            self.set.begin_snapshot();
        }
        self.cursor = None;
        self.is_live = false;
        self.was_reset = true;
        Ok(News::None)
    }

    fn entries(&mut self, event: &Event) -> Result<News, Astray> {
        let at = self.place(event)?;
        let entries = Entry::read_list(&event.data).map_err(|_| Astray::Data)?;
        self.set.apply(&entries);
        if self.was_reset && !self.is_live {
            return Ok(News::None);
        }
        self.cursor = Some(at);
        Ok(if self.is_live {
            News::Applied
        } else {
            News::None
        })
    }

    fn ready(&mut self, event: &Event) -> Result<News, Astray> {
        let at = self.place(event)?;
        if self.was_reset && self.snapshot.take().is_some() {
            self.set.complete_snapshot();
        }
        self.cursor = Some(at);
        self.is_live = true;
        Ok(News::Applied)
    }

    fn heartbeat(&mut self, event: &Event) -> Result<News, Astray> {
        if !self.is_live {
            return Ok(News::None);
        }
        self.cursor = Some(self.place(event)?);
        Ok(News::Current)
    }

    /// Where in the log an event stands. After a reset that is its epoch, otherwise the cursor's, and never before it.
    fn place(&self, event: &Event) -> Result<Cursor, Astray> {
        let at = event
            .id
            .as_deref()
            .and_then(Cursor::parse)
            .ok_or(Astray::Place)?;
        match (&self.cursor, &self.snapshot) {
            (Some(cursor), _) if cursor.epoch != at.epoch => Err(Astray::Place),
            (Some(cursor), _) if cursor.seq > at.seq => Err(Astray::Backwards),
            (Some(_), _) => Ok(at),
            (None, Some(epoch)) if self.was_reset && *epoch == at.epoch => Ok(at),
            (None, Some(_)) if self.was_reset => Err(Astray::Place),
            (None, _) => Err(Astray::NoReset),
        }
    }
}

#[cfg(test)]
mod tests;
