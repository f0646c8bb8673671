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
    /// Whatever began by a point in time, whoever's it is: a session store lost what it held.
    Everything {
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
    everything: Option<bool>,
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
        let before = self.before.ok_or(UnreadableEntry);
        let kinds = (self.session, self.account, self.everything, self.key);
        Ok(Some(match kinds {
            (Some(id), None, None, None) => Entry::Session {
                id: session_id(id.as_bytes()).ok_or(UnreadableEntry)?,
                until: until?,
            },
            (None, Some(id), None, None) => Entry::Account {
                id,
                before: before?,
                until: until?,
            },
            (None, None, Some(true), None) => Entry::Everything {
                before: before?,
                until: until?,
            },
            (None, None, None, Some(kid)) => Entry::Key {
                kid: kid.into(),
                until: until?,
            },
            (None, None, None, None) => return Ok(None),
            _ => return Err(UnreadableEntry),
        }))
    }
}

/// A session's id: 32 hex digits. Read on every request, so eight at a time.
#[inline]
pub(crate) fn session_id(text: impl AsRef<[u8]>) -> Option<u128> {
    let digits: &[u8; 32] = text.as_ref().try_into().ok()?;
    let mut eights = digits.as_chunks().0.iter();
    eights.try_fold(0, |id, eight| {
        let word = hex_word(u64::from_le_bytes(*eight))?;
        Some(id << 32 | u128::from(word))
    })
}

/// The value of eight hex digits, the first of them in the lowest byte.
#[inline]
fn hex_word(text: u64) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x80 * ONES;
    // The high bit of each byte that is this or more; exact where all are ASCII, and the rest is refused below.
    let reaches = |text: u64, least: u8| text.wrapping_add(ONES * u64::from(0x80 - least));
    let lower = text | (0x20 * ONES);
    let digits = reaches(text, b'0') & !reaches(text, b'9' + 1) & HIGHS;
    let letters = reaches(lower, b'a') & !reaches(lower, b'f' + 1) & HIGHS;
    if text & HIGHS != 0 || digits | letters != HIGHS {
        return None;
    }
    let values = (text & (0x0f * ONES)) + (letters >> 7) * 9;
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs << 8 | pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours << 16 | fours >> 32) as u32)
}
