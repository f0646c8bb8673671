//! daemun's own store, opened beside or before the server: to fill it, and to ask it what no route tells.

use std::{collections::BTreeMap, time::Duration};

use daemun_engine::account::{PasswordHash, Status};
use daemun_engine::address::{Identifier, Phone};
use daemun_engine::audit::AuditKind;
use daemun_engine::ids::{AccountId, SessionId};
use daemun_engine::ports::{
    Accounts, AuditSubject, NewAccount, Opened, Origin, Registered, Sessions, Upkeep,
};
use daemun_engine::session::{Session, Subject};
use daemun_engine::time::Timestamp;
use daemun_store_sqlite::{Options, SqliteStore};
use tokio::task::JoinSet;

use crate::Result;
use crate::daemun::{self, Installation};

/// Sessions of one account.
const PER_ACCOUNT: usize = 100;
/// Operations that wait for the store's writer at once; fewer than its queue holds.
const AT_ONCE: usize = 512;

/// An installation with that many sessions of other people: copies of a real login, under ids of the last hour.
pub async fn crowded(sessions: usize) -> Result<Installation> {
    let installation = Installation::with_accounts().await?;
    let (server, _) = installation.start().await?;
    daemun::log_in(&server, 1).await?;
    server.terminate().await?;
    let store = open(&installation)?;
    let template = store
        .sessions(None, 1)
        .await?
        .pop()
        .ok_or("a login that left no session")?;
    let mut opening = JoinSet::new();
    let mut owner = register(&store, 0, template.created_at).await?;
    for nth in 0..sessions {
        if nth % PER_ACCOUNT == 0 {
            owner = register(&store, nth, template.created_at).await?;
        }
        let session = copy(&template, owner, nth);
        let store = store.clone();
        opening.spawn(async move { store.open_session(session.into()).await });
        if opening.len() >= AT_ONCE {
            settle(&mut opening).await?;
        }
    }
    settle(&mut opening).await?;
    Ok(installation)
}

/// How often the server had to honour a token that was ahead of its store: each time an acknowledged write was lost.
/// No answer shows it, for the client is not to suffer.
pub async fn rolled_forward(installation: &Installation) -> Result<usize> {
    let about = AuditSubject::Kind(AuditKind::TokenRolledForward);
    Ok(open(installation)?.audit(about, 1_000).await?.len())
}

/// When the newest login was: as near to now as need be.
pub async fn now_of(installation: &Installation) -> Result<Timestamp> {
    let newest = open(installation)?
        .sessions_of(AccountId(1), Timestamp::from_unix_seconds(0))
        .await?;
    let login = newest.first().ok_or("nobody logged in")?;
    Ok(login.created_at)
}

fn open(installation: &Installation) -> Result<SqliteStore> {
    Ok(SqliteStore::open_existing(
        &installation.database()?,
        Options::default(),
    )?)
}

async fn register(store: &SqliteStore, nth: usize, now: Timestamp) -> Result<AccountId> {
    let account = NewAccount {
        identifier: Identifier::Phone(Phone::parse(&format!("019{nth:08}"))?),
        nickname: None,
        profile: BTreeMap::new(),
        password: PasswordHash::from_stored("nobody logs in with this"),
        status: Status::Active { since: now },
        code: None,
        now,
        origin: Origin {
            contract: "".into(),
            network: None,
        },
    };
    match store.register(account).await? {
        Registered::Created(id) | Registered::IdentifierTaken(id) => Ok(id),
        Registered::NicknameTaken => Err("an account without nickname has a taken one".into()),
    }
}

fn copy(template: &Session, owner: AccountId, nth: usize) -> Session {
    let earlier = Duration::from_millis(nth as u64 % 3_600_000).as_micros();
    let at = template.created_at.unix_micros() - i64::try_from(earlier).unwrap_or(0);
    // Ten bytes that differ from session to session in every place, as random ones do.
    let [.., a, b, c, d, e, f, g, h, i, j] = (nth as u128 + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        .to_be_bytes();
    Session {
        id: SessionId::new(
            Timestamp::from_unix_micros(at),
            [a, b, c, d, e, f, g, h, i, j],
        ),
        subject: Subject::Account(owner),
        ..template.clone()
    }
}

async fn settle(opening: &mut JoinSet<daemun_engine::ports::Stored<Opened>>) -> Result<()> {
    while let Some(opened) = opening.join_next().await {
        if opened?? == Opened::Refused {
            return Err("the store refuses a session of an active account".into());
        }
    }
    Ok(())
}
