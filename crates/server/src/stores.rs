//! Which store holds what. Without a word of configuration it is SQLite, in the data directory;
//! accounts may be in PostgreSQL instead, with everything else that must outlive a machine, and
//! sessions in Redis. Attempts at passwords and codes are counted where all nodes see them.

use std::{fmt, path::Path, sync::Arc};

use daemun_engine::{
    apart::Apart,
    limits::SharedCounters,
    ports::{Store, StoreError},
    transfer::Transfer,
};
use daemun_store_postgres::PostgresStore;
use daemun_store_redis::RedisStore;
use daemun_store_sqlite::SqliteStore;
use zeroize::Zeroizing;

/// How many connections to PostgreSQL there are where nothing is said.
pub(crate) const CONNECTIONS: usize = 16;

/// Where a server is, with its password: shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(Zeroizing<String>);

impl Url {
    /// A PostgreSQL database.
    pub(crate) fn postgres(text: &str) -> Option<Self> {
        Self::with_scheme(text, &["postgres://", "postgresql://"])
    }

    /// A Redis server.
    pub(crate) fn redis(text: &str) -> Option<Self> {
        Self::with_scheme(text, &["redis://", "rediss://", "redis+unix://", "unix://"])
    }

    fn with_scheme(text: &str, schemes: &[&str]) -> Option<Self> {
        let known = schemes.iter().any(|scheme| text.starts_with(scheme));
        known.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(…)")
    }
}

/// Where attempts are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CountedIn {
    /// In this process alone.
    #[default]
    Process,
    /// Where the accounts are.
    Accounts,
    /// Where the sessions are.
    Sessions,
}

/// What is kept where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Accounts and all else; SQLite in the data directory where absent.
    pub(crate) accounts: Option<Url>,
    /// Sessions; with the accounts where absent.
    pub(crate) sessions: Option<Url>,
    /// Attempts.
    pub(crate) limits: CountedIn,
    /// How many connections to PostgreSQL.
    pub(crate) connections: usize,
}

impl Default for Choice {
    fn default() -> Self {
        Self::of(None, None)
    }
}

impl Choice {
    /// Stores at these places; attempts are counted wherever other nodes see them.
    pub(crate) fn of(accounts: Option<Url>, sessions: Option<Url>) -> Self {
        let limits = match (&accounts, &sessions) {
            (_, Some(_)) => CountedIn::Sessions,
            (Some(_), None) => CountedIn::Accounts,
            (None, None) => CountedIn::Process,
        };
        Self {
            accounts,
            sessions,
            limits,
            connections: CONNECTIONS,
        }
    }

    /// Whether everything is in the data directory.
    pub(crate) const fn is_embedded(&self) -> bool {
        self.accounts.is_none()
    }

    pub(crate) fn postgres_options(&self) -> daemun_store_postgres::Options {
        daemun_store_postgres::Options {
            connections: self.connections,
            ..daemun_store_postgres::Options::default()
        }
    }
}

/// Whether an empty store is made and an old one brought up to date, or there must be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// As a server does.
    Make,
    /// As a command beside it does.
    Existing,
}

/// The stores, open.
pub(crate) struct Stores {
    /// Everything.
    pub(crate) store: Arc<dyn Store>,
    /// What counts attempts, where that is not this process alone.
    pub(crate) counters: Option<Arc<dyn SharedCounters>>,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Sqlite(#[from] daemun_store_sqlite::OpenError),
    #[error(transparent)]
    Postgres(#[from] daemun_store_postgres::OpenError),
    #[error(transparent)]
    Redis(#[from] daemun_store_redis::OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in it is not all there is.
    #[error(
        "an installation is being moved into this store, and not all of it is there yet: run `daemun migrate store` again until it says that both hold the same"
    )]
    BeingFilled,
}

impl Stores {
    /// Opens them. `database` is the embedded one's file.
    pub(crate) async fn open(
        choice: &Choice,
        database: &Path,
        opening: Opening,
    ) -> Result<Self, OpenError> {
        let (accounts, shared) = accounts(choice, database, opening).await?;
        let Some(url) = &choice.sessions else {
            let counters = shared.filter(|_| choice.limits == CountedIn::Accounts);
            return Ok(Self {
                store: accounts,
                counters,
            });
        };
        let redis = RedisStore::open(url.reveal(), daemun_store_redis::Options::default()).await?;
        let redis = Arc::new(redis);
        let counters = match choice.limits {
            CountedIn::Process => None,
            CountedIn::Accounts => shared,
            CountedIn::Sessions => Some(redis.clone() as Arc<dyn SharedCounters>),
        };
        Ok(Self {
            store: Arc::new(Apart::new(accounts, redis)),
            counters,
        })
    }
}

type Shared = Option<Arc<dyn SharedCounters>>;

async fn accounts(
    choice: &Choice,
    database: &Path,
    opening: Opening,
) -> Result<(Arc<dyn Store>, Shared), OpenError> {
    let Some(url) = &choice.accounts else {
        let options = daemun_store_sqlite::Options::default();
        let store = match opening {
            Opening::Make => SqliteStore::open(database, options),
            Opening::Existing => SqliteStore::open_existing(database, options),
        }?;
        refuse_half(&store).await?;
        return Ok((Arc::new(store), None));
    };
    let options = choice.postgres_options();
    let store = match opening {
        Opening::Make => PostgresStore::open(url.reveal(), options).await,
        Opening::Existing => PostgresStore::open_existing(url.reveal(), options).await,
    }?;
    refuse_half(&store).await?;
    let store = Arc::new(store);
    Ok((store.clone(), Some(store)))
}

/// A server on half an installation would not know of the other half's revocations.
async fn refuse_half(store: &dyn Transfer) -> Result<(), OpenError> {
    match store.is_being_filled().await? {
        true => Err(OpenError::BeingFilled),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_where_every_node_sees_them() {
        let postgres = || Url::postgres("postgres://u:p@h/d");
        let redis = || Url::redis("redis://:p@h");
        assert_eq!(Choice::of(None, None).limits, CountedIn::Process);
        assert_eq!(Choice::of(postgres(), None).limits, CountedIn::Accounts);
        assert_eq!(Choice::of(postgres(), redis()).limits, CountedIn::Sessions);
        assert_eq!(Choice::of(None, redis()).limits, CountedIn::Sessions);
    }

    #[test]
    fn s86_what_a_place_is_called_shows_no_password() {
        let choice = Choice::of(Url::postgres("postgres://u:hunter2@h/d"), None);
        assert!(!format!("{choice:?}").contains("hunter2"));
        assert_eq!(Url::postgres("redis://h"), None);
        assert_eq!(Url::redis("http://h"), None);
    }
}
