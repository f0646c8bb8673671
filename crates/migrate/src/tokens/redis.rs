//! Lists kept in Redis: one key a token, walked with SCAN so that the server stays responsive.

use std::{fmt::Display, time::Duration};

use daemun_engine::{foreign::token_identity, time::Timestamp};
use redis::{Client, RedisResult, aio::MultiplexedConnection};

use super::{Entry, Shape, unverified};

/// How many keys are asked for at once.
const STEP: usize = 500;
/// How long a `jti` is remembered whose key never expires: longer than refresh tokens live.
const FOR_LONG: Duration = Duration::from_secs(400 * 86_400);

/// Why a Redis database cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("Redis cannot be read: {0}")]
pub struct RedisError(String);

/// The keys that begin with a prefix.
pub(super) struct Keys {
    connection: MultiplexedConnection,
    pattern: String,
    prefix: String,
    shape: Shape,
    now: Timestamp,
    /// Where the walk goes on; none at its end.
    cursor: Option<u64>,
}

impl Keys {
    pub(super) async fn open(
        url: &str,
        prefix: &str,
        shape: Shape,
        now: Timestamp,
    ) -> Result<Self, RedisError> {
        // The crate's words about an address that it cannot read might quote the password in it.
        let client = Client::open(url)
            .map_err(|_| RedisError("its address is none: redis://:password@host:6379/0".into()))?;
        let connection = client.get_multiplexed_async_connection().await;
        Ok(Self {
            connection: connection.map_err(failed)?,
            pattern: format!("{}*", literal(prefix)),
            prefix: prefix.into(),
            shape,
            now,
            cursor: Some(0),
        })
    }

    /// The next entries; none at the end. A key that lives while others come and go may be met
    /// twice.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Option<Entry>>>, RedisError> {
        let Some(cursor) = self.cursor else {
            return Ok(None);
        };
        let scanned: RedisResult<(u64, Vec<Vec<u8>>)> = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(&self.pattern)
            .arg("COUNT")
            .arg(STEP)
            .query_async(&mut self.connection)
            .await;
        let (next, keys) = scanned.map_err(failed)?;
        self.cursor = Some(next).filter(|next| *next != 0);
        if keys.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let entries = match self.shape {
            Shape::KeyIsToken => {
                let entry = |key: &Vec<u8>| unverified::entry(self.bare(key)?);
                keys.iter().map(entry).collect()
            }
            Shape::ValueIsToken => self.values(&keys).await?,
            Shape::KeyIsJti => self.named(&keys).await?,
        };
        Ok(Some(entries))
    }

    /// The tokens that are the keys' values; keys of other types than text have none.
    async fn values(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<Entry>>, RedisError> {
        let values: RedisResult<Vec<Option<Vec<u8>>>> = redis::cmd("MGET")
            .arg(keys)
            .query_async(&mut self.connection)
            .await;
        let entry = |value: Option<Vec<u8>>| {
            let text = String::from_utf8(value?).ok()?;
            unverified::entry(&text)
        };
        Ok(values.map_err(failed)?.into_iter().map(entry).collect())
    }

    /// The tokens whose `jti` the keys are: they are over when the keys are.
    async fn named(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<Entry>>, RedisError> {
        let mut questions = redis::pipe();
        for key in keys {
            questions.cmd("PTTL").arg(key);
        }
        let spans: RedisResult<Vec<i64>> = questions.query_async(&mut self.connection).await;
        let entry = |(key, millis): (&Vec<u8>, i64)| {
            let span = u64::try_from(millis).map_or(FOR_LONG, Duration::from_millis);
            Some(Entry {
                token: token_identity(Some(self.bare(key)?), ""),
                expires_at: self.now + span,
            })
        };
        let spans = spans.map_err(failed)?;
        Ok(keys.iter().zip(spans).map(entry).collect())
    }

    /// A key less the prefix.
    fn bare<'k>(&self, key: &'k [u8]) -> Option<&'k str> {
        let key = std::str::from_utf8(key).ok()?;
        key.strip_prefix(&self.prefix)
            .filter(|rest| !rest.is_empty())
    }
}

/// A prefix in which nothing is a wildcard.
fn literal(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len());
    for c in prefix.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

fn failed(error: impl Display) -> RedisError {
    RedisError(error.to_string())
}
