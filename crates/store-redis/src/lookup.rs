//! Where sessions lie, and finding them: by id, by whose they are, and all of them in order of their ids. For the last, the
//! ids of each day are listed under a key of their own, and the days under another.

use daemun_engine::{
    ids::{AccountId, SessionId},
    ports::Stored,
    session::{Session, Subject},
};
use redis::Value;

use crate::{RedisStore, answer, pack};

/// A day, in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;
/// How many sessions are read at once.
pub(crate) const CHUNK: usize = 200;

impl RedisStore {
    /// The sessions of those ids, as far as they are there.
    pub(crate) async fn values(&self, ids: &[SessionId]) -> Stored<Vec<Session>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("MGET");
        for id in ids {
            command.arg(self.session_key(*id));
        }
        let values = answer::array(self.link().ask(&command).await?)?;
        let there = ids
            .iter()
            .zip(values)
            .filter(|(_, value)| *value != Value::Nil);
        there
            .map(|(id, value)| self.read(*id, &answer::bytes(value)?))
            .collect()
    }

    /// The next ids there are, of one day, at most `limit`; `None` at the end.
    pub(crate) async fn next_ids(
        &self,
        after: Option<SessionId>,
        limit: usize,
    ) -> Stored<Option<Vec<SessionId>>> {
        let mut from = after.map_or(0, |id| id.created_millis() / DAY);
        while let Some(day) = self.day_from(from).await? {
            let mut command = redis::cmd("ZRANGEBYLEX");
            command.arg(self.key(b"d:", day.to_string().as_bytes()));
            command.arg(beyond(after)).arg("+");
            command.arg("LIMIT").arg(0).arg(limit);
            let ids = ids(self.link().ask(&command).await?)?;
            if !ids.is_empty() {
                return Ok(Some(ids));
            }
            from = day + 1;
        }
        Ok(None)
    }

    /// The first day from `from` on that has sessions.
    pub(crate) async fn day_from(&self, from: i64) -> Stored<Option<i64>> {
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(self.key(b"days", b"")).arg(from).arg("+inf");
        command.arg("LIMIT").arg(0).arg(1);
        let days = answer::strings(self.link().ask(&command).await?)?;
        days.into_iter().next().map(answer::number).transpose()
    }

    pub(crate) fn read(&self, id: SessionId, value: &[u8]) -> Stored<Session> {
        let session = pack::read_session(id, value);
        session.ok_or_else(|| answer::corrupt(&self.session_key(id)))
    }

    /// Braces, so that all that one session is about would be in one place of a cluster.
    pub(crate) fn session_key(&self, id: SessionId) -> Vec<u8> {
        self.key(b"s:", format!("{{{id}}}").as_bytes())
    }

    pub(crate) fn owner_key(&self, subject: &Subject, contract: &str) -> Vec<u8> {
        match subject {
            Subject::Account(id) => self.account_key(*id),
            Subject::Caller(caller) => self.caller_key(contract, &caller.name),
        }
    }

    pub(crate) fn account_key(&self, id: AccountId) -> Vec<u8> {
        self.key(b"a:", id.to_string().as_bytes())
    }

    pub(crate) fn caller_key(&self, contract: &str, name: &str) -> Vec<u8> {
        let of = format!("{}:{contract}{name}", contract.len());
        self.key(b"c:", of.as_bytes())
    }
}

/// Ids, as a list has them.
pub(crate) fn ids(value: Value) -> Stored<Vec<SessionId>> {
    let ids = answer::strings(value)?;
    ids.into_iter().map(answer::number).collect()
}

/// How a range begins that has what comes after an id.
pub(crate) fn beyond(after: Option<SessionId>) -> String {
    after.map_or_else(|| "-".into(), |id| format!("({id}"))
}
