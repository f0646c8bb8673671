//! Connections, and transactions on them.

use daemun_engine::ports::StoreError;
use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::{Row, error::SqlState, types::ToSql};

use crate::{OpenError, Options, address::Address};

/// The parameters of a statement.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How often a transaction that lost a race for locks is begun again.
pub(crate) const TRIES: usize = 4;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(tokio_postgres::Error),
    Pool(String),
    Corrupt(String),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Sql(error),
            PoolError::Timeout(_) => Self::Pool("no connection was free in time".into()),
            other => Self::Pool(other.to_string()),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Corrupt(what) => Self::Corrupt(what),
            Fault::Pool(what) => Self::Unavailable(what),
            Fault::Sql(error) => Self::Unavailable(told(&error)),
        }
    }
}

impl Fault {
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(error) => error.code(),
            Self::Pool(_) | Self::Corrupt(_) => None,
        }
    }

    /// Whether the transaction only lost a race for locks.
    pub(crate) fn may_try_again(&self) -> bool {
        self.code().is_some_and(|code| {
            *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE
        })
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }
}

/// What is told of an error: never what a row holds, which the server's own words may repeat.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => {
            let about = said.constraint().or(said.table()).unwrap_or_default();
            format!("PostgreSQL says {} {about}", said.code().code())
                .trim_end()
                .into()
        }
        // What lies beneath is the system's word: that a connection was refused, say.
        None => match std::error::Error::source(error) {
            Some(source) => format!("PostgreSQL: {error}: {source}"),
            None => format!("PostgreSQL: {error}"),
        },
    }
}

/// The connections.
#[derive(Clone)]
pub(crate) struct Db {
    pool: Pool,
    address: Address,
}

/// A connection, borrowed from the pool.
pub(crate) type Client = deadpool_postgres::Client;
/// A transaction on one.
pub(crate) type Tx<'a> = deadpool_postgres::Transaction<'a>;

impl Db {
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, OpenError> {
        let address = Address::parse(url, &options)?;
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(address.config.clone(), address.tls.clone(), manager);
        let pool = Pool::builder(manager)
            .max_size(options.connections.max(2))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.connect_timeout))
            .create_timeout(Some(options.connect_timeout))
            .recycle_timeout(Some(options.connect_timeout))
            .build()
            .map_err(|_| OpenError::Address)?;
        Ok(Self { pool, address })
    }

    /// Where the server is.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        Ok(self.pool.get().await?)
    }

    /// The rows of one statement, a transaction by itself.
    pub(crate) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Fault> {
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    /// Executes one statement, a transaction by itself; how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Fault> {
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, params).await?)
    }
}

/// Runs `$work`, an expression that is a future of `Result<_, Fault>` and uses the transaction
/// `$tx`, commits, and gives its value. Begun again where it lost a race for locks.
macro_rules! transaction {
    ($db:expr, $tx:ident, $work:expr) => {{
        let mut tries = 0;
        loop {
            let mut client = $db.client().await?;
            let $tx = client
                .transaction()
                .await
                .map_err($crate::db::Fault::from)?;
            let done: Result<_, $crate::db::Fault> = match $work.await {
                Ok(value) => match $tx.commit().await {
                    Ok(()) => Ok(value),
                    Err(error) => Err(error.into()),
                },
                Err(fault) => Err(fault),
            };
            tries += 1;
            match done {
                Err(fault) if fault.may_try_again() && tries < $crate::db::TRIES => {}
                done => break done,
            }
        }
    }};
}
pub(crate) use transaction;
