//! Sessions: put in, rotated, listed, ended.

use std::time::Duration;

use async_trait::async_trait;
use daemun_engine::{
    apart::{CutOff, End, Put, SessionsApart, Whose},
    changes::Change,
    ids::{AccountId, SessionId},
    ports::{Rotated, Rotation, StoreError, Stored},
    revocation::{Revocation, RevokedThing},
    session::{RevokeReason, Revoked, Session, Subject, Verdict},
    time::Timestamp,
};
use redis::Value;

use crate::{
    RedisStore, answer, log,
    lookup::{CHUNK, DAY, ids},
    pack::{self, Thing},
    scripts,
};

/// How long after its end a session's keys expire by themselves, if nobody deletes them before.
const BACKSTOP: Duration = Duration::from_secs(31 * 86_400);
/// How often a token is judged anew because its session ended in between.
const TURNS: u32 = 3;

#[async_trait]
impl SessionsApart for RedisStore {
    async fn put(&self, put: Put<'_>) -> Stored<Option<Vec<Revocation>>> {
        let session = put.session;
        let id = session.id.to_string();
        let millis = session.id.created_millis();
        let (score, day) = (millis.to_string(), (millis / DAY).to_string());
        let keys = [
            self.session_key(session.id),
            self.owner_key(&session.subject, &session.contract),
            self.key(b"d:", day.as_bytes()),
            self.key(b"days", b""),
        ];
        let now = session.created_at;
        let ending = put
            .replaces
            .map(|ending| (end_of(ending), entry_of(ending)));
        let (end, entry) = ending.unwrap_or_default();
        let value = pack::session(session, put.kept_until);
        let lifetime = lifetime(&put).to_string();
        // A caller's are listed by name and contract already, whatever kind it is said to be.
        let common = match session.subject {
            Subject::Account(_) => pack::identity(&session.subject, &session.contract),
            Subject::Caller(_) => Vec::new(),
        };
        let sessions = self.key(b"s:{", b"");
        let args: [&[u8]; 9] = [
            &end,
            &entry,
            id.as_bytes(),
            &value,
            lifetime.as_bytes(),
            score.as_bytes(),
            day.as_bytes(),
            &sessions,
            &common,
        ];
        let keys = keys.each_ref().map(Vec::as_slice);
        // What is lost began before this session, which begins just now.
        let lost = now - Duration::from_millis(1);
        let script = &scripts::PUT;
        match self.run_logging(script, now, lost, &keys, &args).await? {
            Value::Nil => Ok(None),
            answered => replaced(answered, put.replaces).map(Some),
        }
    }

    async fn rotate(&self, rotation: &Rotation) -> Stored<Rotated> {
        let key = self.session_key(rotation.session);
        let presented = pack::presented(rotation);
        let identity = pack::identity(&rotation.subject, &rotation.contract);
        for _ in 0..TURNS {
            let args: [&[u8]; 2] = [&presented, &identity];
            let judged = self.link().run(&scripts::ROTATE, &[&key], &args).await?;
            let mut parts = answer::array(judged)?.into_iter();
            let code = parts.next().as_ref().map(answer::count);
            let code = code.unwrap_or_else(|| Err(answer::nonsense()))?;
            let value = parts.next().map(answer::bytes).transpose()?;
            let session = || self.read(rotation.session, value.as_deref().unwrap_or_default());
            let verdict = match code {
                0 => return Ok(Rotated::Unknown),
                1 => return Ok(Rotated::Contradicts),
                2 => Verdict::Rotated,
                3 => Verdict::Replayed,
                4 => Verdict::Recovered,
                5 => Verdict::RolledForward,
                6 => match self.end_reused(rotation).await? {
                    Some(reused) => return Ok(reused),
                    // Ended or deleted meanwhile: it is judged again, as what it is now.
                    None => continue,
                },
                7 => {
                    let session = session()?;
                    let revoked = session.revoked.ok_or_else(|| answer::corrupt(&key))?;
                    Verdict::Revoked(revoked.reason)
                }
                8 => Verdict::Expired,
                9 => return Err(answer::corrupt(&key)),
                _ => return Err(answer::nonsense()),
            };
            return Ok(Rotated::Judged {
                verdict,
                session: Box::new(session()?),
                revocation: None,
            });
        }
        let why = "a session changes faster than it can be judged";
        Err(StoreError::Unavailable(why.into()))
    }

    async fn session(&self, id: SessionId) -> Stored<Option<Session>> {
        let mut command = redis::cmd("GET");
        command.arg(self.session_key(id));
        match self.link().ask(&command).await? {
            Value::Nil => Ok(None),
            value => self.read(id, &answer::bytes(value)?).map(Some),
        }
    }

    async fn live(&self, whose: Whose<'_>, now: Timestamp) -> Stored<Vec<Session>> {
        let mut command = redis::cmd("ZREVRANGE");
        let key = match whose {
            Whose::Account(id) => self.account_key(id),
            Whose::Caller { contract, name } => self.caller_key(contract, name),
        };
        command.arg(key).arg(0).arg(-1);
        let ids = ids(self.link().ask(&command).await?)?;
        let mut live = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let found = self.values(chunk).await?;
            live.extend(found.into_iter().filter(|session| session.is_live(now)));
        }
        Ok(live)
    }

    async fn sessions(&self, after: Option<SessionId>, limit: u32) -> Stored<Vec<Session>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut after = after;
        let mut page = Vec::new();
        while page.len() < limit {
            let wanted = (limit - page.len()).min(CHUNK);
            let Some(ids) = self.next_ids(after, wanted).await? else {
                break;
            };
            after = ids.last().copied();
            page.extend(self.values(&ids).await?);
        }
        Ok(page)
    }

    async fn end(&self, id: SessionId, ending: End) -> Stored<Option<Revocation>> {
        let ended = self.end_one(id, ending, true).await?;
        Ok(ended.map(|(revocation, _)| revocation))
    }

    async fn cut_off(&self, cut_off: CutOff, ending: End) -> Stored<Option<Revocation>> {
        let CutOff {
            account, before, ..
        } = cut_off;
        let account_text = account.to_string();
        let keys = [
            self.account_key(account),
            self.key(b"cut:", account_text.as_bytes()),
        ];
        let thing = Thing::AccountBefore(account, before);
        let entry = pack::entry(thing, ending.reason, ending.until);
        let remembered = ending.until.since(ending.now) + BACKSTOP;
        let args = [
            before.unix_micros().to_string(),
            before.unix_millis().to_string(),
            u8::from(cut_off.again).to_string(),
            millis(remembered).to_string(),
        ];
        let [micros, before_millis, again, keep] = args.each_ref().map(String::as_bytes);
        let (end, sessions) = (end_of(ending), self.key(b"s:{", b""));
        let args: [&[u8]; 7] = [&end, &entry, micros, before_millis, again, keep, &sessions];
        let keys = keys.each_ref().map(Vec::as_slice);
        let script = &scripts::CUT_OFF;
        let added = self.run_logging(script, ending.now, ending.now, &keys, &args);
        match added.await? {
            Value::Nil => Ok(None),
            seq => Ok(Some(Revocation {
                seq: answer::number(answer::bytes(seq)?)?,
                thing: RevokedThing::AccountBefore(account, before),
                reason: ending.reason,
                until: ending.until,
            })),
        }
    }

    async fn log_page(
        &self,
        seq: u64,
        now: Timestamp,
        horizon: Duration,
        limit: u32,
    ) -> Stored<Vec<Revocation>> {
        self.learn_horizon(horizon);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.page(seq, now, limit).await
    }

    async fn log_name(&self) -> Stored<Option<Box<str>>> {
        self.name_of_log().await.map(Some)
    }

    async fn told(&self) -> Stored<Option<Timestamp>> {
        let mut command = redis::cmd("HGET");
        command.arg(self.key(b"log:known", b"")).arg("told");
        match self.link().ask(&command).await? {
            Value::Nil => Ok(None),
            value => {
                let micros = answer::number(answer::bytes(value)?)?;
                Ok(Some(Timestamp::from_unix_micros(micros)))
            }
        }
    }

    async fn set_told(&self, until: Timestamp) -> Stored<()> {
        let mut command = redis::cmd("HSET");
        command
            .arg(self.key(b"log:known", b""))
            .arg("told")
            .arg(until.unix_micros().max(0));
        self.link().ask(&command).await.map(drop)
    }

    async fn forget(&self, account: AccountId) -> Stored<u64> {
        let (listed, days) = (self.account_key(account), self.key(b"days", b""));
        let (sessions, day) = (self.key(b"s:{", b""), self.key(b"d:", b""));
        let most = CHUNK.to_string();
        let args: [&[u8]; 3] = [most.as_bytes(), &sessions, &day];
        let keys: [&[u8]; 2] = [&listed, &days];
        let forgotten = self.link().run(&scripts::FORGET, &keys, &args).await?;
        answer::count(&forgotten)
    }

    async fn purge(&self, now: Timestamp, before: Timestamp) -> Stored<u64> {
        let sessions = self.purge_sessions(now, before).await?;
        Ok(sessions + self.purge_log(now).await?)
    }

    async fn changes(&self) -> Stored<Vec<Change>> {
        self.link().news.next().await
    }

    async fn ping(&self) -> Stored<()> {
        // A write, for a store that reads and cannot write is of no use.
        let mut command = redis::cmd("SET");
        command.arg(self.key(b"ping", b"")).arg(1).arg("EX").arg(60);
        self.link().ask(&command).await.map(drop)
    }
}

impl RedisStore {
    /// Ends a session whose old token was used again; `None` where it was ended or deleted in between.
    async fn end_reused(&self, rotation: &Rotation) -> Stored<Option<Rotated>> {
        let at = rotation.presented.at;
        let ending = End {
            reason: RevokeReason::Reused,
            now: at,
            until: at + rotation.horizon,
        };
        let ended = self.end_one(rotation.session, ending, false).await?;
        Ok(ended.map(|(revocation, session)| Rotated::Judged {
            verdict: Verdict::Reused,
            session: Box::new(session),
            revocation: Some(revocation),
        }))
    }

    /// Ends a session that was not ended before, and, where `only_live`, has not run out either.
    async fn end_one(
        &self,
        id: SessionId,
        ending: End,
        only_live: bool,
    ) -> Stored<Option<(Revocation, Session)>> {
        let (key, text) = (self.session_key(id), id.to_string());
        let (end, entry) = (end_of(ending), entry_of(ending));
        let only_live: &[u8] = if only_live { b"1" } else { b"0" };
        let args: [&[u8]; 4] = [&end, &entry, text.as_bytes(), only_live];
        let script = &scripts::END;
        let keys: [&[u8]; 1] = [&key];
        let ended = self.run_logging(script, ending.now, ending.now, &keys, &args);
        let parts = match ended.await? {
            Value::Nil => return Ok(None),
            answered => answer::strings(answered)?,
        };
        let Ok([seq, value]) = <[Vec<u8>; 2]>::try_from(parts) else {
            return Err(answer::corrupt(&key));
        };
        let revocation = log::of_session(answer::number(seq)?, id, ending.reason, ending.until);
        Ok(Some((revocation, self.read(id, &value)?)))
    }
}

/// The entries of what was replaced: number, id, number, id …
fn replaced(answered: Value, ending: Option<End>) -> Stored<Vec<Revocation>> {
    let mut parts = answer::strings(answered)?.into_iter();
    let mut replaced = Vec::new();
    while let (Some(seq), Some(id), Some(ending)) = (parts.next(), parts.next(), ending) {
        let (seq, id) = (answer::number(seq)?, answer::number(id)?);
        replaced.push(log::of_session(seq, id, ending.reason, ending.until));
    }
    Ok(replaced)
}

fn end_of(ending: End) -> Vec<u8> {
    let revoked = Revoked {
        at: ending.now,
        reason: ending.reason,
    };
    pack::end(revoked).to_vec()
}

fn entry_of(ending: End) -> Vec<u8> {
    pack::entry(Thing::Session, ending.reason, ending.until)
}

/// For how many milliseconds a session's keys live at most.
fn lifetime(put: &Put<'_>) -> u128 {
    let expires_at = put.session.expires_at;
    let end = put
        .kept_until
        .map_or(expires_at, |kept| kept.max(expires_at));
    millis(end.since(put.session.created_at) + BACKSTOP)
}

fn millis(span: Duration) -> u128 {
    span.as_millis().clamp(1, answer::LONGEST_MILLIS)
}
