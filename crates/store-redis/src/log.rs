//! The log of revocations: a sorted set of packed entries under rising numbers.
//!
//! Numbers are microseconds of the caller's time, or one more than the last where that is higher. So they go on rising after
//! the data was lost or an older copy of it took its place. The log's name says which run of the server holds it: after a
//! restart or where a replica took over it is another, and whoever follows the log reads it from its beginning, for something
//! of it may be gone.

use std::{sync::atomic::Ordering, time::Duration};

use daemun_engine::{
    ids::SessionId,
    ports::{StoreError, Stored},
    revocation::{Revocation, RevokedThing},
    session::RevokeReason,
    time::Timestamp,
};
use redis::Value;

use crate::{
    RedisStore, answer,
    pack::{self, Thing},
    scripts::{self, Script},
};

/// How many entries are read at once.
const PAGE: u32 = 1_000;
/// For how long a log that begins anew says so where nobody ever told how long tokens live.
const A_DAY: Duration = Duration::from_secs(86_400);
/// The latest time that is a number of the log, in microseconds (the year 2112): doubles hold it and what follows.
const LATEST: i64 = 1 << 52;

impl RedisStore {
    /// Runs a script that may add to the log. `keys` and `args` follow what all of those have in common.
    pub(crate) async fn run_logging(
        &self,
        script: &Script,
        now: Timestamp,
        lost_before: Timestamp,
        keys: &[&[u8]],
        args: &[&[u8]],
    ) -> Stored<Value> {
        let (log, known) = (self.key(b"log", b""), self.key(b"log:known", b""));
        let number = now.unix_micros().clamp(0, LATEST).to_string();
        let until = now + self.horizon();
        let lost = Thing::EverythingBefore(lost_before);
        let lost = pack::entry(lost, RevokeReason::Lost, until);
        let (name, channel) = (random_name()?, &log);
        let common_keys: [&[u8]; 2] = [&log, &known];
        let common_args: [&[u8]; 4] = [number.as_bytes(), &lost, name.as_bytes(), channel];
        let keys = [&common_keys[..], keys].concat();
        let args = [&common_args[..], args].concat();
        self.link().run(script, &keys, &args).await
    }

    pub(crate) async fn page(
        &self,
        mut seq: u64,
        now: Timestamp,
        limit: usize,
    ) -> Stored<Vec<Revocation>> {
        let mut page = Vec::new();
        loop {
            let args = [seq.to_string(), PAGE.to_string()];
            let args = args.each_ref().map(String::as_bytes);
            let script = &scripts::LOG_PAGE;
            let read = self.run_logging(script, now, now, &[], &args).await?;
            let read = answer::strings(read)?;
            let is_last = read.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            for entry in read {
                let entry = pack::read_entry(&entry);
                let entry = entry.ok_or_else(|| answer::corrupt(&self.key(b"log", b"")))?;
                seq = entry.seq;
                if entry.until > now && page.len() < limit {
                    page.push(entry);
                }
            }
            if is_last || page.len() >= limit {
                return Ok(page);
            }
        }
    }

    pub(crate) async fn name_of_log(&self) -> Stored<Box<str>> {
        let known = self.key(b"log:known", b"");
        let name = random_name()?;
        let script = &scripts::LOG_NAME;
        let named = self
            .link()
            .run(script, &[&known], &[name.as_bytes()])
            .await?;
        let named = answer::text(answer::bytes(named)?)?;
        let run = self.link().run_of_server()?;
        Ok(format!("{named}-{run}").into())
    }

    /// How long revocations are kept, as far as is known. Longer does no harm: what began before a loss is lost.
    fn horizon(&self) -> Duration {
        match self.inner.horizon.load(Ordering::Acquire) {
            0 => A_DAY,
            micros => Duration::from_micros(micros),
        }
    }

    pub(crate) fn learn_horizon(&self, horizon: Duration) {
        let micros = u64::try_from(horizon.as_micros()).unwrap_or(u64::MAX);
        self.inner.horizon.fetch_max(micros, Ordering::AcqRel);
    }
}

/// What a log is called that begins now: another each time, so that no place in a lost one is taken for one in it.
fn random_name() -> Stored<String> {
    let mut random = [0; 8];
    let filled = aws_lc_rs::rand::fill(&mut random);
    filled.map_err(|_| StoreError::Unavailable("the system gives no random bytes".into()))?;
    Ok(format!("{:016x}", u64::from_be_bytes(random)))
}

/// The entry of a session's end.
pub(crate) fn of_session(
    seq: u64,
    id: SessionId,
    reason: RevokeReason,
    until: Timestamp,
) -> Revocation {
    Revocation {
        seq,
        thing: RevokedThing::Session(id),
        reason,
        until,
    }
}
