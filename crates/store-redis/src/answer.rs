//! Answers, taken apart.

use daemun_engine::ports::{StoreError, Stored};
use redis::Value;

/// The longest a key is told to live, in milliseconds: a hundred years.
pub(crate) const LONGEST_MILLIS: u128 = 100 * 366 * 86_400_000;

/// An answer that no script of ours gives.
pub(crate) fn nonsense() -> StoreError {
    StoreError::Corrupt("Redis answers what was not asked".into())
}

/// A key that holds what cannot be.
pub(crate) fn corrupt(key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("key {}", String::from_utf8_lossy(key)))
}

pub(crate) fn array(value: Value) -> Stored<Vec<Value>> {
    match value {
        Value::Array(parts) => Ok(parts),
        _ => Err(nonsense()),
    }
}

pub(crate) fn bytes(value: Value) -> Stored<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(nonsense()),
    }
}

pub(crate) fn strings(value: Value) -> Stored<Vec<Vec<u8>>> {
    array(value)?.into_iter().map(bytes).collect()
}

pub(crate) fn text(bytes: Vec<u8>) -> Stored<String> {
    String::from_utf8(bytes).map_err(|_| nonsense())
}

/// A number that a script told as text, so that none of its digits is lost.
pub(crate) fn number<T: std::str::FromStr>(bytes: Vec<u8>) -> Stored<T> {
    text(bytes)?.parse().map_err(|_| nonsense())
}

pub(crate) fn count(value: &Value) -> Stored<u64> {
    match value {
        Value::Int(count) => u64::try_from(*count).map_err(|_| nonsense()),
        _ => Err(nonsense()),
    }
}
