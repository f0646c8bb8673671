//! News between nodes, by `LISTEN` and `NOTIFY`, on a connection of its own.
//!
//! A notification commits with what it tells of. PostgreSQL lets transactions that notify commit one
//! after another, so only what is rare tells: never a login or a refresh.

use std::{future::poll_fn, time::Duration};

use async_trait::async_trait;
use daemun_engine::{
    changes::{Change, Changes},
    ids::AccountId,
    ports::{StoreError, Stored},
};
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};
use tokio_postgres::AsyncMessage;

use crate::{
    PostgresStore,
    address::{Address, Link},
    db::{Fault, Tx, told},
    rows::execute,
};

/// What is said about the log, the keys, the service keys, and anything at all; an account is said
/// by its number.
pub(crate) const LOG: &str = "log";
pub(crate) const KEYS: &str = "keys";
pub(crate) const SERVICE_KEYS: &str = "service-keys";
pub(crate) const EVERYTHING: &str = "everything";

/// How long nothing may be heard before the connection is asked whether it still stands.
const QUIET: Duration = Duration::from_secs(5);
/// How long it may take to answer that.
const ANSWER: Duration = Duration::from_secs(3);
/// How many notifications wait here to be taken in; more wait on the connection.
const WAITING: usize = 1_024;

/// Has all nodes know of a change once it is committed.
pub(crate) async fn tell(tx: &Tx<'_>, what: &str) -> Result<(), Fault> {
    execute(tx, "SELECT pg_notify('daemun', $1)", &[&what])
        .await
        .map(drop)
}

/// Has all nodes know that an account changed.
pub(crate) async fn tell_account(tx: &Tx<'_>, id: AccountId) -> Result<(), Fault> {
    tell(tx, &id.to_string()).await
}

/// Where news is heard.
#[derive(Default)]
pub(crate) struct News {
    listening: Mutex<Option<Listening>>,
}

/// A connection that listens.
struct Listening {
    link: Link,
    heard: mpsc::Receiver<Change>,
}

#[async_trait]
impl Changes for PostgresStore {
    async fn changes(&self) -> Stored<Vec<Change>> {
        let mut listening = self.inner.news.listening.lock().await;
        let Some(heard) = listening.as_mut() else {
            *listening = Some(listen(self.inner.db.address()).await?);
            return Ok(vec![Change::Everything]);
        };
        match next(heard).await {
            Ok(changes) => Ok(changes),
            Err(error) => {
                *listening = None;
                Err(error)
            }
        }
    }
}

/// Waits for news. To give up waiting loses nothing: what was heard waits in the channel.
async fn next(listening: &mut Listening) -> Stored<Vec<Change>> {
    let broken = || StoreError::Unavailable("the connection that hears of changes broke".into());
    loop {
        match timeout(QUIET, listening.heard.recv()).await {
            Ok(Some(first)) => {
                let mut changes = vec![first];
                while let Ok(more) = listening.heard.try_recv() {
                    if !changes.contains(&more) {
                        changes.push(more);
                    }
                }
                return Ok(changes);
            }
            Ok(None) => return Err(broken()),
            Err(_) => {
                let asked = timeout(ANSWER, listening.link.client.simple_query("SELECT 1")).await;
                asked.map_err(|_| broken())?.map_err(|_| broken())?;
            }
        }
    }
}

async fn listen(address: &Address) -> Stored<Listening> {
    let unreachable = |error: tokio_postgres::Error| StoreError::Unavailable(told(&error));
    let (tell, heard) = mpsc::channel(WAITING);
    let link = address.connect(|mut connection| async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let Some(change) = read(&message)
                && tell.send(change).await.is_err()
            {
                return;
            }
        }
    });
    let link = link.await.map_err(unreachable)?;
    let listens = link.client.batch_execute("LISTEN daemun").await;
    listens.map_err(unreachable)?;
    Ok(Listening { link, heard })
}

fn read(message: &AsyncMessage) -> Option<Change> {
    let AsyncMessage::Notification(said) = message else {
        return None;
    };
    Some(match said.payload() {
        LOG => Change::Log,
        KEYS => Change::Keys,
        SERVICE_KEYS => Change::ServiceKeys,
        payload => match payload.parse() {
            Ok(id) => Change::Account(AccountId(id)),
            Err(_) => Change::Everything,
        },
    })
}
