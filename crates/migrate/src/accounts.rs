//! Carrying a whole source over, or only looking at what would become of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use daemun_engine::{
    import::{AccountBatch, Import, Imported, ImportedAccount},
    ports::{Clock, Origin, StoreError, Stored, nickname_key},
};

use crate::{
    account::{Readable, Reader, row_digest},
    row::Row,
    seen::{Seen, Unique},
    source::{Reading, SourceError},
    tally::{Reason, Remark, Tally},
};

/// How often a store that is busy is asked again.
const TRIES: u32 = 5;

/// Where accounts go.
pub enum Target {
    /// Nowhere: what would become of them is looked up, where there is a store to look in.
    Preview(Option<Arc<dyn Import>>),
    /// Into a store.
    Store(Destination),
}

/// A store that accounts go into.
pub struct Destination {
    /// The store.
    pub store: Arc<dyn Import>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How long the longest access token lives.
    pub horizon: Duration,
    /// Whether somebody else writes to the store meanwhile: it is left to them half of the time.
    pub is_shared: bool,
}

/// Who watches an import.
pub trait Watch: Send {
    /// A row was not taken over as it was.
    fn remark(&mut self, remark: &Remark);
    /// A batch is done.
    fn progress(&mut self, tally: &Tally, expected: Option<u64>);
    /// Whether to stop before the next batch.
    fn is_stopped(&self) -> bool;
}

/// Why an import broke off. What it took over until then stays, and beginning again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are inactive accounts, and nobody said what that means.
    #[error("row {row} is inactive, and it is not said what that means")]
    Undecided {
        /// The first such row.
        row: u64,
    },
    /// A list of tokens in Redis.
    #[error(transparent)]
    Redis(#[from] crate::tokens::RedisError),
    /// The temporary file in which duplicates are found.
    #[error("the temporary file fails: {0}")]
    Temporary(#[from] rusqlite::Error),
    /// A task that was to do the work.
    #[error("the import broke off: {0}")]
    Broken(String),
}

/// Carries every row of a source to its target.
///
/// # Errors
/// Why it broke off.
pub async fn carry(
    reading: &mut Reading,
    reader: &Reader,
    target: &Target,
    watch: &mut dyn Watch,
) -> Result<Tally, ImportError> {
    let mut carrier = Carrier {
        reader,
        seen: Seen::new()?,
        tally: Tally::default(),
        decides: matches!(target, Target::Store(_)),
    };
    let expected = reading.expected();
    let mut under_way = None;
    while let Some(rows) = reading.next().await? {
        carrier.tally.stopped = watch.is_stopped();
        if carrier.tally.stopped {
            break;
        }
        // While one batch is being written the next is read.
        let prepared = carrier.prepare(&rows, watch);
        carrier.settle(under_way.take(), watch).await?;
        watch.progress(&carrier.tally, expected);
        under_way = Some(sent(target, prepared?).await);
    }
    carrier.settle(under_way.take(), watch).await?;
    watch.progress(&carrier.tally, expected);
    Ok(carrier.tally)
}

/// Accounts of a batch, and the rows they come from.
struct Prepared {
    rows: Vec<(u64, i64)>,
    accounts: Vec<ImportedAccount>,
}

/// A batch whose outcomes are awaited.
struct UnderWay {
    rows: Vec<(u64, i64)>,
    outcomes: tokio::task::JoinHandle<Stored<Vec<Imported>>>,
}

struct Carrier<'a> {
    reader: &'a Reader,
    seen: Seen,
    tally: Tally,
    /// Whether what is undecided must be decided first.
    decides: bool,
}

impl Carrier<'_> {
    fn prepare(&mut self, rows: &[Row], watch: &mut dyn Watch) -> Result<Prepared, ImportError> {
        let mut prepared = Prepared {
            rows: Vec::with_capacity(rows.len()),
            accounts: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            self.tally.read += 1;
            self.tally.inactive += u64::from(self.reader.is_inactive(row));
            let Some(account) = self.readable(row, watch)? else {
                continue;
            };
            *self
                .tally
                .statuses
                .entry(account.status.name())
                .or_default() += 1;
            for role in &account.roles {
                *self.tally.roles.entry(role.clone()).or_default() += 1;
            }
            prepared.rows.push((row.number, account.id.0));
            prepared.accounts.push(account);
        }
        Ok(prepared)
    }

    fn readable(
        &mut self,
        row: &Row,
        watch: &mut dyn Watch,
    ) -> Result<Option<ImportedAccount>, ImportError> {
        let mut readable = match self.reader.read(row) {
            Ok(readable) => readable,
            Err(unreadable) => {
                if self.decides && unreadable.remark.reason == Reason::Undecided {
                    return Err(ImportError::Undecided { row: row.number });
                }
                if let Some(make) = unreadable.make {
                    *self.tally.makes.entry(make).or_default() += 1;
                }
                self.remark(&unreadable.remark, watch);
                return Ok(None);
            }
        };
        *self.tally.makes.entry(readable.make).or_default() += 1;
        if let Some(remark) = self.duplicate(row, &mut readable)? {
            self.remark(&remark, watch);
            return Ok(None);
        }
        for remark in &readable.remarks {
            self.remark(remark, watch);
        }
        Ok(Some(readable.account))
    }

    /// Whether a row before has what must be one account's alone. A nickname that is another's
    /// costs nobody the account.
    fn duplicate(&self, row: &Row, readable: &mut Readable) -> Result<Option<Remark>, ImportError> {
        let account = &mut readable.account;
        let id = account.id.0;
        let remark = |field: &str, reason| Remark {
            row: row.number,
            id: Some(id),
            field: field.into(),
            reason,
        };
        let unique = [
            (Unique::Id, "id", Some(id.to_string())),
            (
                Unique::Email,
                "email",
                account.email.as_ref().map(|email| email.key()),
            ),
            (
                Unique::Phone,
                "phone",
                account.phone.as_ref().map(|phone| phone.key()),
            ),
        ];
        for (what, field, key) in unique {
            if let Some(key) = key
                && let Some(first) = self.seen.before(what, &key, id)?
            {
                return Ok(Some(remark(field, Reason::Duplicate(first))));
            }
        }
        if let Some(nickname) = &account.nickname
            && let Some(first) = self
                .seen
                .before(Unique::Nickname, &nickname_key(nickname), id)?
        {
            readable
                .remarks
                .push(remark("nickname", Reason::NicknameTwice(first)));
            account.nickname = None;
            account.row_digest = row_digest(account);
        }
        Ok(None)
    }

    async fn settle(
        &mut self,
        under_way: Option<UnderWay>,
        watch: &mut dyn Watch,
    ) -> Result<(), ImportError> {
        let Some(under_way) = under_way else {
            return Ok(());
        };
        let outcomes = under_way.outcomes.await;
        let outcomes = outcomes.map_err(|error| ImportError::Broken(error.to_string()))??;
        for ((row, id), outcome) in under_way.rows.into_iter().zip(outcomes) {
            if let Some(remark) = self.tally.outcome(row, id, outcome) {
                self.remark(&remark, watch);
            }
        }
        Ok(())
    }

    fn remark(&mut self, remark: &Remark, watch: &mut dyn Watch) {
        self.tally.remark(remark);
        watch.remark(remark);
    }
}

/// Sends a batch on its way.
async fn sent(target: &Target, prepared: Prepared) -> UnderWay {
    let Prepared { rows, accounts } = prepared;
    let outcomes = match target {
        Target::Preview(None) => {
            let all_new = vec![Imported::Created; accounts.len()];
            tokio::spawn(async { Ok(all_new) })
        }
        Target::Preview(Some(store)) => {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.preview_import(accounts).await })
        }
        Target::Store(to) => {
            let (store, clock) = (Arc::clone(&to.store), Arc::clone(&to.clock));
            let (horizon, is_shared) = (to.horizon, to.is_shared);
            tokio::spawn(async move {
                let begun = Instant::now();
                let outcomes = patiently(&*store, || AccountBatch {
                    accounts: accounts.clone(),
                    now: clock.now(),
                    horizon,
                    origin: operator(),
                })
                .await;
                if is_shared {
                    tokio::time::sleep(begun.elapsed()).await;
                }
                outcomes
            })
        }
    };
    // Lets it begin before the next batch is read, on a runtime of one thread.
    tokio::task::yield_now().await;
    UnderWay { rows, outcomes }
}

/// Tries again while others keep the store busy: nothing is done twice by that.
async fn patiently(store: &dyn Import, batch: impl Fn() -> AccountBatch) -> Stored<Vec<Imported>> {
    for _ in 1..TRIES {
        match store.import_accounts(batch()).await {
            Err(StoreError::Unavailable(_)) => {}
            done => return done,
        }
    }
    store.import_accounts(batch()).await
}

fn operator() -> Origin {
    Origin {
        contract: "".into(),
        network: None,
    }
}
