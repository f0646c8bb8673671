//! Accounts in one store, sessions in another.
//!
//! Two stores share no transaction, so [`Apart`] orders what it asks of them such that stopping
//! anywhere harms nobody. An account's fate is decided where accounts are, and that store's log of
//! revocations is a list of what the other still has to be told: whoever reads the log first carries
//! over what is new in it. A session counts from when its store has it, and is looked at once more
//! after that, so that a suspension at the same moment wins. What is to be audited is, before it is
//! answered; a store that fails there fails the operation.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    audit::{AuditEvent, AuditKind},
    changes::{Change, Changes},
    ids::{AccountId, SessionId},
    ports::{Origin, Revoke, RevokeTarget, Rotated, Rotation, Store, Stored},
    revocation::{Revocation, RevokedThing},
    session::{RevokeReason, Session},
    time::Timestamp,
};

mod accounts;
mod sessions;

/// Sessions, in a store that knows no accounts. Each method is one atomic step.
#[async_trait]
pub trait SessionsApart: Send + Sync {
    /// Puts a session in, and returns what ended for it; `None` where one of its id is there already,
    /// and then nothing was written.
    async fn put(&self, put: Put<'_>) -> Stored<Option<Vec<Revocation>>>;

    /// As [`Sessions::rotate`](crate::ports::Sessions::rotate), the log included; what is to be
    /// audited is the caller's to write.
    async fn rotate(&self, rotation: &Rotation) -> Stored<Rotated>;

    /// The session of that id, live or not.
    async fn session(&self, id: SessionId) -> Stored<Option<Session>>;

    /// The live sessions of somebody, newest first.
    async fn live(&self, whose: Whose<'_>, now: Timestamp) -> Stored<Vec<Session>>;

    /// Sessions of everybody in order of id, after `after`, at most `limit`.
    async fn sessions(&self, after: Option<SessionId>, limit: u32) -> Stored<Vec<Session>>;

    /// Ends a session and adds that to the log; `None` where it is over or none.
    async fn end(&self, id: SessionId, ending: End) -> Stored<Option<Revocation>>;

    /// Adds to the log that whatever was issued to an account before then is worth nothing, and ends
    /// its sessions that began by then, to the millisecond of their ids; they need no entries of
    /// their own. Returns what was added.
    async fn cut_off(&self, cut_off: CutOff, ending: End) -> Stored<Option<Revocation>>;

    /// The revocations after `seq` that are in force, in order, at most `limit`. A log that was lost
    /// begins anew with [`RevokedThing::EverythingBefore`] `now`, kept for `horizon`, and under
    /// numbers higher than any before.
    async fn log_page(
        &self,
        seq: u64,
        now: Timestamp,
        horizon: Duration,
        limit: u32,
    ) -> Stored<Vec<Revocation>>;

    /// As [`Sessions::log_name`](crate::ports::Sessions::log_name).
    async fn log_name(&self) -> Stored<Option<Box<str>>>;

    /// Up to when it is known to have been told of every cut-off; `None` where it never was. Kept
    /// with the sessions: an older copy of them has an older one.
    async fn told(&self) -> Stored<Option<Timestamp>>;

    /// Says up to when it has been told.
    async fn set_told(&self, until: Timestamp) -> Stored<()>;

    /// Deletes some of an account's sessions, and returns how many; 0 where none is left.
    async fn forget(&self, account: AccountId) -> Stored<u64>;

    /// Deletes some sessions that were over before `before` (and were to be kept until before `now`),
    /// and revocations that no living token can concern; how many. Call again while that is not 0.
    async fn purge(&self, now: Timestamp, before: Timestamp) -> Stored<u64>;

    /// Waits until the log may have grown by another's doing; see [`Changes::changes`].
    async fn changes(&self) -> Stored<Vec<Change>>;

    /// A cheap question that shows whether the store answers.
    async fn ping(&self) -> Stored<()>;
}

/// A session to be put in.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// The session.
    pub session: &'a Session,
    /// Until when it is kept, where that is later than its own end.
    pub kept_until: Option<Timestamp>,
    /// Where given, the subject's other live sessions of the same contract end with it.
    pub replaces: Option<End>,
}

/// An account's cut-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// Whose.
    pub account: AccountId,
    /// What was issued up to then is worth nothing.
    pub before: Timestamp,
    /// Whether the log is to tell of it even where it did before.
    pub again: bool,
}

/// Whose sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// An account's.
    Account(AccountId),
    /// Those of a subject that the callers of a contract name.
    Caller {
        /// The contract.
        contract: &'a str,
        /// The subject's name.
        name: &'a str,
    },
}

/// Why and when something ends.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Why.
    pub reason: RevokeReason,
    /// When.
    pub now: Timestamp,
    /// Until when the log tells of it.
    pub until: Timestamp,
}

impl End {
    fn of(revoke: &Revoke) -> Self {
        Self {
            reason: revoke.reason,
            now: revoke.now,
            until: revoke.now + revoke.horizon,
        }
    }

    fn audit(
        &self,
        kind: AuditKind,
        account: Option<AccountId>,
        session: Option<SessionId>,
        origin: &Origin,
    ) -> AuditEvent {
        AuditEvent {
            at: self.now,
            kind,
            contract: origin.contract.clone(),
            account,
            session,
            network: origin.network.clone(),
            detail: Some(self.reason.name().into()),
        }
    }
}

/// A store of accounts and all else, and a store of sessions, as one.
pub struct Apart {
    accounts: Arc<dyn Store>,
    sessions: Arc<dyn SessionsApart>,
    carried: Mutex<Carried>,
    /// How long revocations are kept, in microseconds, as far as is known.
    horizon: AtomicU64,
}

/// Up to where the accounts' log has been carried over, and which into which: one under another name may lack what was carried,
/// or have other things under its numbers.
#[derive(Default)]
struct Carried {
    logs: [Option<Box<str>>; 2],
    seq: u64,
    /// When the sessions' store was last told that it has been told everything.
    told: Option<Timestamp>,
}

/// How often the sessions' store is told that it has been told everything.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// How much earlier than that a cut-off may bear: clocks are apart, and commits take their time.
const TOLD_WITHIN: Duration = Duration::from_secs(300);
/// How many accounts are read at once to catch up.
const PAGE: u32 = 1_000;

impl Apart {
    /// Puts them together. `accounts` must hold no sessions of its own.
    #[must_use]
    pub fn new(accounts: Arc<dyn Store>, sessions: Arc<dyn SessionsApart>) -> Self {
        Self {
            accounts,
            sessions,
            carried: Mutex::default(),
            horizon: AtomicU64::new(0),
        }
    }

    /// Tells the sessions' store what the accounts' log has that it may not have been told: what was
    /// decided and then broken off.
    async fn carry_over(&self, now: Timestamp) -> Stored<()> {
        let logs = [
            self.accounts.log_name().await?,
            self.sessions.log_name().await?,
        ];
        let known = {
            let carried = self.carried();
            (carried.logs == logs).then_some((carried.seq, carried.told))
        };
        if known.is_none() {
            self.catch_up(now).await?;
        }
        let (after, told) = known.unwrap_or_default();
        let news = self.accounts.revocations_after(after, now).await?;
        for entry in &news {
            self.carry(entry, now).await?;
        }
        let is_to_be_told = told.is_none_or(|told| now.since(told) >= TELL_EVERY);
        if is_to_be_told {
            self.sessions.set_told(now).await?;
        }
        let mut carried = self.carried();
        if carried.logs != logs {
            *carried = Carried {
                logs,
                ..Carried::default()
            };
        }
        if let Some(last) = news.last() {
            carried.seq = carried.seq.max(last.seq);
        }
        if is_to_be_told {
            carried.told = Some(now);
        }
        Ok(())
    }

    /// The accounts' log tells of a cut-off for as long as an access token lives. Sessions as they
    /// were before that, from a backup or a replica long behind, are told by the accounts themselves.
    async fn catch_up(&self, now: Timestamp) -> Stored<()> {
        let Some(told) = self.sessions.told().await? else {
            return Ok(());
        };
        let horizon = Duration::from_micros(self.horizon.load(Ordering::Acquire));
        let mut place = (told - TOLD_WITHIN, AccountId(i64::MIN));
        loop {
            let page = self.accounts.accounts_by_cut_off(place, PAGE).await?;
            for account in &page {
                let Some(before) = account.not_before else {
                    continue;
                };
                let cut_off = CutOff {
                    account: account.id,
                    before,
                    again: false,
                };
                let ending = End {
                    reason: account.status.why_sessions_end(),
                    now,
                    until: now + horizon,
                };
                self.sessions.cut_off(cut_off, ending).await?;
                place = (before, account.id);
            }
            if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                return Ok(());
            }
        }
    }

    fn carried(&self) -> MutexGuard<'_, Carried> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry(&self, entry: &Revocation, now: Timestamp) -> Stored<Option<Revocation>> {
        let ending = End {
            reason: entry.reason,
            now,
            until: entry.until,
        };
        match entry.thing {
            RevokedThing::AccountBefore(account, before) => {
                let cut_off = CutOff {
                    account,
                    before,
                    again: false,
                };
                self.sessions.cut_off(cut_off, ending).await
            }
            RevokedThing::Session(id) => self.sessions.end(id, ending).await,
            RevokedThing::EverythingBefore(_) => Ok(None),
        }
    }

    /// What the accounts' store decided about an account just now, carried over at once. It knows of
    /// no living session, so where it saw nothing to do there may be something still. Sessions that a
    /// clock ahead of this one began are ended too, each by name.
    async fn end_account(
        &self,
        account: AccountId,
        decided: &[Revocation],
        ending: End,
        origin: &Origin,
    ) -> Stored<Vec<Revocation>> {
        let whose = Whose::Account(account);
        let mut ended = Vec::new();
        for entry in decided {
            ended.extend(self.carry(entry, ending.now).await?);
        }
        if decided.is_empty() {
            if self.sessions.live(whose, ending.now).await?.is_empty() {
                return Ok(ended);
            }
            let before = self.accounts.account(account).await?;
            let before = before.and_then(|account| account.not_before);
            let cut_off = CutOff {
                account,
                before: before.unwrap_or(ending.now),
                again: true,
            };
            ended.extend(self.sessions.cut_off(cut_off, ending).await?);
            let event = ending.audit(AuditKind::SessionsRevoked, Some(account), None, origin);
            self.accounts.record(event).await?;
        }
        for ahead in self.sessions.live(whose, ending.now).await? {
            ended.extend(self.sessions.end(ahead.id, ending).await?);
        }
        Ok(ended)
    }

    /// Ends single sessions, each audited.
    async fn end_each(
        &self,
        sessions: impl IntoIterator<Item = Session>,
        ending: End,
        origin: &Origin,
    ) -> Stored<Vec<Revocation>> {
        let mut ended = Vec::new();
        for session in sessions {
            if let Some(entry) = self.sessions.end(session.id, ending).await? {
                let account = session.subject.account();
                let kind = AuditKind::SessionRevoked;
                let event = ending.audit(kind, account, Some(session.id), origin);
                self.accounts.record(event).await?;
                ended.push(entry);
            }
        }
        Ok(ended)
    }

    async fn end_target(&self, revoke: Revoke) -> Stored<Vec<Revocation>> {
        let ending = End::of(&revoke);
        let live = |session: &Session| session.is_live(ending.now);
        match &revoke.target {
            RevokeTarget::Account(account) => {
                let decided = self.accounts.revoke(revoke.clone()).await?;
                self.end_account(*account, &decided, ending, &revoke.origin)
                    .await
            }
            RevokeTarget::Session(id) => {
                let found = self.sessions.session(*id).await?.filter(live);
                self.end_each(found, ending, &revoke.origin).await
            }
            RevokeTarget::SessionOf(account, id) => {
                let found = self.sessions.session(*id).await?.filter(live);
                let theirs = found.filter(|one| one.subject.account() == Some(*account));
                self.end_each(theirs, ending, &revoke.origin).await
            }
            RevokeTarget::Caller { contract, name } => {
                let whose = Whose::Caller { contract, name };
                let found = self.sessions.live(whose, ending.now).await?;
                self.end_each(found, ending, &revoke.origin).await
            }
        }
    }
}

#[async_trait]
impl Changes for Apart {
    async fn changes(&self) -> Stored<Vec<Change>> {
        tokio::select! {
            of_accounts = self.accounts.changes() => of_accounts,
            of_sessions = self.sessions.changes() => of_sessions,
        }
    }
}
