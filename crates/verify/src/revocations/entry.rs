//! One revocation, as the stream tells it.

use std::borrow::Cow;

use serde::Deserialize;

/// One revocation. Times until which it is held are whole Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One session.
    Session {
        /// Its id, a UUIDv7.
        id: u128,
        /// When it may be forgotten.
        until: i64,
    },
    /// Whatever of an account began by a point in time.
    Account {
        /// Its number.
        id: i64,
        /// Unix milliseconds.
        before: i64,
        /// When it may be forgotten.
        until: i64,
    },
    /// Whatever a key signed.
    Key {
        /// Its name.
        kid: Box<str>,
        /// When it may be forgotten.
        until: i64,
    },
}

/// An entry, or a list of them, is not what the stream's description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry of the revocation stream is unreadable")]
pub struct UnreadableEntry;

#[derive(Deserialize)]
struct Written<'e> {
    #[serde(borrow)]
    entries: Vec<WrittenEntry<'e>>,
}

#[derive(Deserialize)]
struct WrittenEntry<'e> {
    #[serde(borrow)]
    session: Option<Cow<'e, str>>,
    account: Option<i64>,
    before: Option<i64>,
    #[serde(borrow)]
    key: Option<Cow<'e, str>>,
    until: Option<i64>,
}

impl Entry {
    /// Reads `{"entries":[…]}`. Kinds of entries that are not known yet are passed over.
    ///
    /// # Errors
    /// [`UnreadableEntry`] if one of a known kind lacks something: applying the rest would lose it.
    pub fn read_list(json: &str) -> Result<Vec<Self>, UnreadableEntry> {
        let list: Written<'_> = serde_json::from_str(json).map_err(|_| UnreadableEntry)?;
        let mut entries = Vec::with_capacity(list.entries.len());
        for written in list.entries {
            match written.read()? {
                Some(entry) => entries.push(entry),
                None => tracing::warn!("a kind of revocation that this version does not know"),
            }
        }
        Ok(entries)
    }
}

impl WrittenEntry<'_> {
    fn read(self) -> Result<Option<Entry>, UnreadableEntry> {
        let until = self.until.ok_or(UnreadableEntry);
        Ok(Some(match self {
            Self {
                session: Some(id),
                account: None,
                key: None,
                ..
            } => Entry::Session {
                id: session_id(&id).ok_or(UnreadableEntry)?,
                until: until?,
            },
            Self {
                session: None,
                account: Some(id),
                before,
                key: None,
                ..
            } => Entry::Account {
                id,
                before: before.ok_or(UnreadableEntry)?,
                until: until?,
            },
            Self {
                session: None,
                account: None,
                key: Some(kid),
                ..
            } => Entry::Key {
                kid: kid.into(),
                until: until?,
            },
            Self {
                session: None,
                account: None,
                key: None,
                ..
            } => return Ok(None),
            _ => return Err(UnreadableEntry),
        }))
    }
}

/// A session's id: 32 hex digits. Read on every request, so by hand: half of what the standard library takes.
pub(crate) fn session_id(text: &str) -> Option<u128> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let (mut id, mut all_hex) = (0_u128, true);
    for half in digits.as_chunks::<16>().0 {
        let mut word = 0;
        for digit in half {
            let decimal = digit.wrapping_sub(b'0');
            let letter = (digit | 0x20).wrapping_sub(b'a');
            all_hex &= decimal < 10 || letter < 6;
            let value = if decimal < 10 {
                decimal
            } else {
                letter.wrapping_add(10)
            };
            word = word << 4 | u64::from(value & 0x0f);
        }
        id = id << 64 | u128::from(word);
    }
    all_hex.then_some(id)
}
