//! The suite every store passes, run by stores that are put together: accounts in SQLite, sessions in Redis.

use std::{sync::Arc, time::Duration};

use daemun_engine::{
    account::{PasswordHash, Status},
    address::{Email, Identifier},
    apart::{Apart, SessionsApart},
    client::ClientPrint,
    ids::{AccountId, SessionId},
    ports::{
        Accounts, NewAccount, Opened, Origin, Registered, Retention, Revoke, RevokeTarget,
        Sessions, StatusChange, Store, Upkeep,
    },
    revocation::RevokedThing,
    session::{Burst, RevokeReason, Session, Subject},
    time::Timestamp,
};
use daemun_store_redis::RedisStore;
use daemun_store_sqlite::SqliteStore;
use daemun_test_servers::Redis;
use tempfile::TempDir;

/// Where Redis is not installed, SQLite alone, so that the suite passes; what it says on standard error tells which it was.
async fn fresh_apart() -> (Arc<dyn Store>, (TempDir, Option<Redis>)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    let accounts = SqliteStore::open(&path, daemun_store_sqlite::Options::default()).unwrap();
    let Some(redis) = Redis::start() else {
        return (Arc::new(accounts), (folder, None));
    };
    let store = apart(accounts, &redis).await;
    (Arc::new(store), (folder, Some(redis)))
}

async fn apart(accounts: SqliteStore, redis: &Redis) -> Apart {
    let options = daemun_store_redis::Options::default();
    let sessions = RedisStore::open(&redis.url(), options).await.unwrap();
    // A log that was never there counts as lost. This one begins long before the cases do, and says nothing to them.
    let begun = sessions.log_page(0, Timestamp::EPOCH, Duration::ZERO, 1);
    assert_eq!(begun.await.unwrap().len(), 1);
    Apart::new(Arc::new(accounts), Arc::new(sessions))
}

mod sqlite_and_redis {
    daemun_engine::conformance_tests!(crate::stores::fresh_apart);
}

/// SECURITY S5, 33: sessions as they were before, from a snapshot or a replica that lagged, revive nobody who was signed out
/// since: what the accounts' store decided is carried over to them again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s33_f05_an_older_copy_of_the_sessions_revives_nobody() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    let accounts = SqliteStore::open(&path, daemun_store_sqlite::Options::default()).unwrap();
    let store = apart(accounts, &redis).await;
    store.horizon(HORIZON).await.unwrap();
    let account = registered(&store).await;
    let session = session_of(account);
    let opened = store.open_session(session.clone().into()).await.unwrap();
    assert_eq!(opened, Opened::Opened(Vec::new()));
    let saved = redis.ask(&["SAVE"]);
    assert_eq!(saved, "OK");

    let at = now() + Duration::from_secs(60);
    store.revoke(everywhere(account, at)).await.unwrap();
    store.revocations_after(0, at).await.unwrap();
    redis.kill();
    redis.start_again();
    while store.session(session.id).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let revived = store.session(session.id).await.unwrap().unwrap();
    assert!(revived.is_live(at), "the copy is from before");
    let page = store.revocations_after(0, at).await.unwrap();
    let things: Vec<_> = page.iter().map(|entry| entry.thing).collect();
    assert_eq!(things, [RevokedThing::AccountBefore(account, at)]);
    let ended = store.session(session.id).await.unwrap().unwrap();
    assert!(!ended.is_live(at));
    assert_eq!(store.revocations_after(0, at).await.unwrap(), page, "once");
}

/// The same of a copy so old that the accounts' log tells no more of what was decided since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s33_f05_a_copy_of_the_sessions_from_long_ago_revives_nobody_who_was_shut_out() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    let open = || SqliteStore::open(&path, daemun_store_sqlite::Options::default()).unwrap();
    let store = apart(open(), &redis).await;
    store.horizon(HORIZON).await.unwrap();
    store.revocations_after(0, now()).await.unwrap();
    let mut sessions = Vec::new();
    for nth in 1..=3 {
        let account = registered_as(&store, &format!("someone{nth}@example.com")).await;
        let mut session = session_of(account);
        session.id = SessionId::new(now(), [nth; 10]);
        store.open_session(session.clone().into()).await.unwrap();
        sessions.push((account, session.id));
    }
    let [left, suspended, untouched] = sessions[..] else {
        panic!("three")
    };
    assert_eq!(redis.ask(&["SAVE"]), "OK");

    let since = now() + Duration::from_secs(3_600);
    store.revoke(everywhere(left.0, since)).await.unwrap();
    let change = StatusChange {
        account: suspended.0,
        expected: None,
        status: Status::Suspended { since, until: None },
        words: None,
        reason: RevokeReason::Suspended,
        now: since,
        horizon: HORIZON,
        origin: origin(),
    };
    store.set_status(change).await.unwrap();
    let at = since + HORIZON * 2;
    while store.purge(at, &Retention::default()).await.unwrap() > 0 {}
    drop(store);
    redis.kill();
    redis.start_again();

    let options = daemun_store_redis::Options::default();
    let copy = RedisStore::open(&redis.url(), options).await.unwrap();
    let store = Apart::new(Arc::new(open()), Arc::new(copy));
    store.horizon(HORIZON).await.unwrap();
    for (_, id) in &sessions {
        let revived = store.session(*id).await.unwrap().unwrap();
        assert!(revived.is_live(at), "the copy is from before");
    }
    store.revocations_after(0, at).await.unwrap();
    let ended = async |id| {
        let session = store.session(id).await.unwrap().unwrap();
        session.revoked.map(|revoked| revoked.reason)
    };
    assert_eq!(ended(left.1).await, Some(RevokeReason::Operator));
    assert_eq!(ended(suspended.1).await, Some(RevokeReason::Suspended));
    assert_eq!(ended(untouched.1).await, None, "who did nothing stays in");
}

const HORIZON: Duration = Duration::from_secs(600);

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

fn origin() -> Origin {
    Origin {
        contract: "native".into(),
        network: None,
    }
}

fn everywhere(account: AccountId, at: Timestamp) -> Revoke {
    Revoke {
        target: RevokeTarget::Account(account),
        reason: RevokeReason::LoggedOutEverywhere,
        now: at,
        horizon: HORIZON,
        origin: origin(),
    }
}

async fn registered(store: &Apart) -> AccountId {
    registered_as(store, "someone@example.com").await
}

async fn registered_as(store: &Apart, address: &str) -> AccountId {
    let new = NewAccount {
        identifier: Identifier::Email(Email::parse(address).unwrap()),
        nickname: None,
        profile: [].into(),
        password: PasswordHash::from_stored("$argon2id$first"),
        status: Status::Active { since: now() },
        code: None,
        now: now(),
        origin: origin(),
    };
    match store.register(new).await {
        Ok(Registered::Created(id)) => id,
        other => panic!("not registered: {other:?}"),
    }
}

fn session_of(account: AccountId) -> Session {
    let at = now();
    Session {
        id: SessionId::new(at, [1; 10]),
        subject: Subject::Account(account),
        contract: "native".into(),
        generation: 1,
        rotated_at: at,
        rotated_by: ClientPrint([1; 8]),
        burst: Burst::beginning(1, at),
        recovered: None,
        created_at: at,
        idle: Duration::from_secs(86_400),
        expires_at: at + Duration::from_secs(86_400 * 30),
        revoked: None,
        user_agent: "a browser".into(),
        network: "192.0.2.0/24".into(),
    }
}
