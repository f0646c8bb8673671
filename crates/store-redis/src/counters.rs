//! Counters that several processes share.

use async_trait::async_trait;
use daemun_engine::{
    limits::{SharedCounters, Swap, Swapped},
    ports::Stored,
};
use redis::Value;

use crate::{RedisStore, answer, scripts};

#[async_trait]
impl SharedCounters for RedisStore {
    async fn swap(&self, swap: Swap<'_>) -> Stored<Swapped> {
        let key = self.key(b"n:", swap.key);
        // Kept by Redis's own time: where a counter goes too early it forgives, and judging is another's.
        let keep = swap.keep.as_millis().clamp(1, answer::LONGEST_MILLIS);
        let keep = keep.to_string();
        let args = [
            flag(swap.expected),
            swap.expected.unwrap_or_default(),
            flag(swap.new),
            swap.new.unwrap_or_default(),
            keep.as_bytes(),
        ];
        let answered = self.link().run(&scripts::SWAP, &[&key], &args).await?;
        let mut parts = answer::array(answered)?.into_iter();
        match (parts.next(), parts.next()) {
            (Some(Value::Int(1)), _) => Ok(Swapped::Done),
            (Some(Value::Int(0)), None | Some(Value::Nil)) => Ok(Swapped::Found(None)),
            (Some(Value::Int(0)), Some(Value::BulkString(found))) => {
                Ok(Swapped::Found(Some(found)))
            }
            _ => Err(answer::nonsense()),
        }
    }
}

fn flag(value: Option<&[u8]>) -> &'static [u8] {
    if value.is_some() { b"1" } else { b"0" }
}
