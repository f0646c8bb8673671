//! What a former back end knew of its refresh tokens: lists of good ones, lists of dead ones. Of a
//! token only a hash of its identity is kept, and when it expires.

mod redis;
mod unverified;

use std::{fmt, sync::Arc};

use daemun_engine::{
    foreign::{ForeignId, token_identity},
    import::{ForeignToken, Import, Known},
    time::Timestamp,
};

use crate::{
    accounts::ImportError,
    instant,
    row::Column,
    source::{Query, Reading, Source},
};

pub use redis::RedisError;

/// The tables of SimpleJWT's `token_blacklist`.
const BLACKLIST: &str = "SELECT o.jti, o.expires_at
      FROM token_blacklist_blacklistedtoken b
      JOIN token_blacklist_outstandingtoken o ON o.id = b.token_id";

/// A list of tokens.
#[derive(Clone, Debug)]
pub struct TokenList {
    /// Where it lies.
    pub place: Place,
    /// What being on it means.
    pub state: Known,
    /// The contract whose tokens these are.
    pub contract: Box<str>,
}

/// Where a list of tokens lies.
#[derive(Clone)]
pub enum Place {
    /// SimpleJWT's blacklist, in the same database as the accounts.
    SimpleJwt(Source),
    /// Keys of a Redis database.
    Redis {
        /// How to connect: may hold a password, and is never shown.
        url: String,
        /// What the keys begin with.
        prefix: String,
        /// Where in a key and its value the token is.
        shape: Shape,
    },
}

/// Where in a key and its value a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The key, less the prefix, is the token.
    KeyIsToken,
    /// The value is the token.
    ValueIsToken,
    /// The key, less the prefix, is the token's `jti`.
    KeyIsJti,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SimpleJwt(source) => write!(f, "SimpleJwt({source:?})"),
            Self::Redis { prefix, shape, .. } => write!(f, "Redis({prefix:?}, {shape:?})"),
        }
    }
}

/// What came of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenTally {
    /// Entries read.
    pub read: u64,
    /// Entries that are tokens that could still be presented.
    pub living: u64,
    /// Entries whose token is over anyway.
    pub expired: u64,
    /// Entries that are no tokens, or do not say when they expire.
    pub unreadable: u64,
    /// Tokens of which something new was learned.
    pub changed: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// A token on a list.
pub(crate) struct Entry {
    pub(crate) token: ForeignId,
    pub(crate) expires_at: Timestamp,
}

/// Carries a list into a store, or only counts it where there is none.
///
/// # Errors
/// Why it broke off.
pub async fn carry(
    list: &TokenList,
    store: Option<Arc<dyn Import>>,
    now: Timestamp,
    is_stopped: &(dyn Fn() -> bool + Sync),
) -> Result<TokenTally, ImportError> {
    let mut entries = Entries::open(&list.place, now).await?;
    let mut tally = TokenTally::default();
    while let Some(batch) = entries.next().await? {
        tally.stopped = is_stopped();
        if tally.stopped {
            break;
        }
        let living = sift(batch, now, &mut tally);
        let tokens = living.map(|entry| ForeignToken {
            contract: list.contract.clone(),
            token: entry.token,
            state: list.state,
            expires_at: entry.expires_at,
        });
        let tokens: Vec<ForeignToken> = tokens.collect();
        tally.living += u64::try_from(tokens.len()).unwrap_or(u64::MAX);
        if let Some(store) = &store {
            tally.changed += store.import_foreign_tokens(tokens).await?;
        }
    }
    Ok(tally)
}

/// Those that could still be presented; what is no token is none of them.
fn sift(
    batch: Vec<Option<Entry>>,
    now: Timestamp,
    tally: &mut TokenTally,
) -> impl Iterator<Item = Entry> {
    let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let read = batch.len();
    let readable: Vec<Entry> = batch.into_iter().flatten().collect();
    tally.read += counted(read);
    tally.unreadable += counted(read - readable.len());
    let over = readable.iter().filter(|entry| entry.expires_at <= now);
    tally.expired += counted(over.count());
    readable
        .into_iter()
        .filter(move |entry| entry.expires_at > now)
}

/// A list, open.
enum Entries {
    Table(Box<Reading>),
    Keys(Box<redis::Keys>),
}

impl Entries {
    async fn open(place: &Place, now: Timestamp) -> Result<Self, ImportError> {
        match place {
            Place::SimpleJwt(source) => {
                let column = |name: &str| Column {
                    name: name.into(),
                    kind: "".into(),
                };
                let query = Query {
                    sql: BLACKLIST.into(),
                    columns: vec![column("jti"), column("expires_at")],
                };
                let no_database = || ImportError::Broken("a file has no blacklist".into());
                let reading = source.query(query).await.ok_or_else(no_database)??;
                Ok(Self::Table(Box::new(reading)))
            }
            Place::Redis { url, prefix, shape } => {
                let keys = redis::Keys::open(url, prefix, *shape, now).await?;
                Ok(Self::Keys(Box::new(keys)))
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<Option<Entry>>>, ImportError> {
        match self {
            Self::Keys(keys) => Ok(keys.next().await?),
            Self::Table(reading) => {
                let rows = reading.next().await?;
                let entry = |row: &crate::row::Row| {
                    Some(Entry {
                        token: token_identity(Some(&row.cell(0).text()?), ""),
                        expires_at: instant::of(row.cell(1))?,
                    })
                };
                Ok(rows.map(|rows| rows.iter().map(entry).collect()))
            }
        }
    }
}
