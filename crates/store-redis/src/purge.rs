//! Deleting what is over, a little at a time: a walk over all sessions in order of id, some way at each call, so that nothing
//! need be indexed that rotation rewrites.

use std::sync::{Mutex, PoisonError};

use daemun_engine::{ids::SessionId, ports::Stored, time::Timestamp};
use redis::Value;

use crate::{RedisStore, answer, lookup::beyond, scripts};

/// How many sessions one script looks at: nobody waits long for it.
const LOOK: u64 = 200;
/// How many scripts run in one call, if none finds anything.
const STEPS: u32 = 100;
/// How many of the oldest entries of the log are looked at.
const ENTRIES: u32 = 500;

/// How far the walk has got.
#[derive(Default)]
pub(crate) struct Walk(Mutex<Place>);

#[derive(Clone, Copy, Default)]
struct Place {
    day: i64,
    after: Option<SessionId>,
}

impl RedisStore {
    /// Deletes some sessions that were over before `before` and were to be kept until before `now`; how many.
    pub(crate) async fn purge_sessions(&self, now: Timestamp, before: Timestamp) -> Stored<u64> {
        let mut place = self.inner.walk.place();
        let mut deleted = 0;
        for _ in 0..STEPS {
            let Some(day) = self.day_from(place.day).await? else {
                // At the end; the next walk begins at the beginning.
                place = Place::default();
                break;
            };
            if day != place.day {
                place = Place { day, after: None };
            }
            let (count, last) = self.purge_some(place, now, before).await?;
            place.after = last;
            if last.is_none() {
                place.day = day + 1;
            }
            deleted += count;
            if deleted >= LOOK {
                break;
            }
        }
        self.inner.walk.set(place);
        Ok(deleted)
    }

    /// One step: how many were deleted, and the last one looked at; `None` at the end of the day.
    async fn purge_some(
        &self,
        place: Place,
        now: Timestamp,
        before: Timestamp,
    ) -> Stored<(u64, Option<SessionId>)> {
        let day = place.day.to_string();
        let (listed, days) = (self.key(b"d:", day.as_bytes()), self.key(b"days", b""));
        let args = [
            beyond(place.after),
            LOOK.to_string(),
            before.unix_micros().to_string(),
            now.unix_micros().to_string(),
        ];
        let [after, look, before, now] = args.each_ref().map(String::as_bytes);
        let prefix = self.key(b"", b"");
        let args: [&[u8]; 6] = [after, look, before, now, &prefix, day.as_bytes()];
        let keys: [&[u8]; 2] = [&listed, &days];
        let purged = self.link().run(&scripts::PURGE, &keys, &args).await?;
        let parts = <[Value; 3]>::try_from(answer::array(purged)?);
        let [deleted, last, looked] = parts.map_err(|_| answer::nonsense())?;
        let is_end = answer::count(&looked)? < LOOK;
        let last = if is_end {
            None
        } else {
            Some(answer::number(answer::bytes(last)?)?)
        };
        Ok((answer::count(&deleted)?, last))
    }

    /// Deletes entries of the log that are not in force any more; how many.
    pub(crate) async fn purge_log(&self, now: Timestamp) -> Stored<u64> {
        let log = self.key(b"log", b"");
        let args = [ENTRIES.to_string(), now.unix_micros().to_string()];
        let args = args.each_ref().map(String::as_bytes);
        let script = &scripts::PURGE_LOG;
        let purged = self.link().run(script, &[&log], &args).await?;
        answer::count(&purged)
    }
}

impl Walk {
    fn place(&self) -> Place {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, place: Place) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}
