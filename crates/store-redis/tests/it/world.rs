//! Sessions, and a clock that stands still.

use std::time::Duration;

use daemun_engine::{
    apart::{End, Put, SessionsApart},
    client::{ClientPrint, Network},
    ids::{AccountId, SessionId},
    ports::{Rotated, Rotation},
    session::{
        Burst, CallerSubject, Presented, RevokeReason, RotationPolicy, Session, Subject, Verdict,
    },
    time::Timestamp,
};
use daemun_store_redis::{Options, RedisStore};
use daemun_test_servers::Redis;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const A_DAY: Duration = Duration::from_secs(86_400);
pub(crate) const HORIZON: Duration = Duration::from_secs(600);
pub(crate) const HERE: ClientPrint = ClientPrint([1; 8]);

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

pub(crate) async fn open(redis: &Redis) -> RedisStore {
    let options = Options::default();
    RedisStore::open(&redis.url(), options).await.unwrap()
}

/// The `n`th session, of an account, begun at `at`.
pub(crate) fn session_at(n: u64, at: Timestamp) -> Session {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    Session {
        id: SessionId::new(at, random),
        subject: Subject::Account(AccountId(7)),
        contract: "phone-pair".into(),
        generation: 1,
        rotated_at: at,
        rotated_by: HERE,
        burst: Burst::beginning(1, at),
        recovered: None,
        created_at: at,
        idle: A_DAY,
        expires_at: at + A_DAY * 30,
        revoked: None,
        user_agent: "a browser".into(),
        network: "192.0.2.0/24".into(),
    }
}

pub(crate) fn session(n: u64) -> Session {
    session_at(n, now())
}

pub(crate) fn caller(name: &str) -> Subject {
    Subject::Caller(CallerSubject::new(name, "user"))
}

pub(crate) async fn put(store: &RedisStore, session: &Session) {
    let put = Put {
        session,
        kept_until: None,
        replaces: None,
    };
    assert_eq!(store.put(put).await.unwrap(), Some(Vec::new()));
}

pub(crate) fn end_at(now: Timestamp) -> End {
    End {
        reason: RevokeReason::LoggedOut,
        now,
        until: now + HORIZON,
    }
}

/// The token of that generation, presented a minute later for each.
pub(crate) fn presented(session: &Session, generation: u64) -> Rotation {
    let later = MINUTE * u32::try_from(generation).unwrap();
    Rotation {
        session: session.id,
        subject: session.subject.clone(),
        contract: session.contract.clone(),
        presented: Presented {
            generation,
            by: HERE,
            at: session.created_at + later,
        },
        network: Network::of([192, 0, 2, 1].into()),
        policy: RotationPolicy::default(),
        horizon: HORIZON,
    }
}

pub(crate) async fn present(store: &RedisStore, session: &Session, generation: u64) -> Verdict {
    verdict(store.rotate(&presented(session, generation)).await.unwrap())
}

pub(crate) fn verdict(rotated: Rotated) -> Verdict {
    match rotated {
        Rotated::Judged { verdict, .. } => verdict,
        other => panic!("not judged: {other:?}"),
    }
}
