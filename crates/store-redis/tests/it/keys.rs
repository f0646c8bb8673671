//! What lies in Redis: found by all its indexes, deleted with them, and refused where it cannot be.

use daemun_engine::{
    apart::{CutOff, End, Put, SessionsApart, Whose},
    ids::AccountId,
    ports::{StoreError, Stored},
    session::{RevokeReason, Session},
    time::Timestamp,
};
use daemun_store_redis::RedisStore;
use daemun_test_servers::Redis;

use crate::world::*;

#[tokio::test]
async fn f15_what_is_over_goes_with_all_that_points_to_it() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    for n in 0..500 {
        let old = session_at(n, now() + A_DAY * u32::try_from(n % 7).unwrap());
        let subject = if n % 2 == 0 {
            caller(&format!("user {n}"))
        } else {
            old.subject.clone()
        };
        put(&store, &Session { subject, ..old }).await;
    }
    let at = now() + A_DAY * 100;
    let alive = session_at(1_000, at);
    put(&store, &alive).await;
    let kept = session_at(1_001, now());
    let until = Put {
        session: &kept,
        kept_until: Some(at + MINUTE),
        replaces: None,
    };
    store.put(until).await.unwrap().unwrap();

    // Nothing was over that long ago but the entry that the log began with.
    assert_eq!(purge_all(&store, at, at - A_DAY * 99).await, 1);
    assert_eq!(purge_all(&store, at, at - A_DAY * 30).await, 500);
    assert_eq!(
        store.sessions(None, 1_000).await.unwrap(),
        [kept.clone(), alive.clone()]
    );
    let whose = Whose::Account(AccountId(7));
    assert_eq!(store.live(whose, at).await.unwrap(), [alive]);
    assert_eq!(purge_all(&store, at + A_DAY, at).await, 1);
    assert_eq!(store.session(kept.id).await.unwrap(), None);
    let mut left: Vec<String> = redis
        .ask(&["KEYS", "*"])
        .lines()
        .map(String::from)
        .collect();
    left.sort();
    let kinds: Vec<_> = left.iter().map(|key| &key[..9]).collect();
    let expected = [
        "daemun:a:",
        "daemun:d:",
        "daemun:da",
        "daemun:lo",
        "daemun:s:",
    ];
    assert_eq!(kinds, expected, "{left:?}");
}

#[tokio::test]
async fn f15_a_purge_ends_however_many_sessions_there_are() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    for n in 0..1_200 {
        put(&store, &session(n)).await;
    }
    let at = now() + A_DAY * 2;
    let mut calls = 0;
    while store.purge(at, at).await.unwrap() > 0 {
        calls += 1;
        assert!(calls < 20);
    }
    assert!(calls > 2, "in steps");
    assert_eq!(store.sessions(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn of_an_account_that_is_forgotten_no_session_is_left() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    for n in 0..450 {
        put(
            &store,
            &session_at(n, now() + A_DAY * u32::try_from(n % 3).unwrap()),
        )
        .await;
    }
    let subject = caller("7");
    let other = Session {
        subject,
        ..session(1_000)
    };
    put(&store, &other).await;
    let mut forgotten = Vec::new();
    loop {
        match store.forget(AccountId(7)).await.unwrap() {
            0 => break,
            some => forgotten.push(some),
        }
    }
    assert_eq!(forgotten, [200, 200, 50]);
    assert_eq!(store.sessions(None, 1_000).await.unwrap(), [other]);
    assert_eq!(redis.ask(&["KEYS", "daemun:a:*"]), "");
    assert_eq!(redis.ask(&["ZCARD", "daemun:days"]), "1");
}

/// Redis may have let a session's key expire that nobody purged.
#[tokio::test]
async fn what_points_to_nothing_is_passed_over() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    for n in 0..450 {
        put(&store, &session(n)).await;
        if n % 225 != 224 {
            redis.ask(&["DEL", &key_of(&session(n))]);
        }
    }
    let there = [session(224), session(449)];
    assert_eq!(store.sessions(None, 2).await.unwrap(), there);
    assert_eq!(
        store.sessions(Some(there[0].id), 5).await.unwrap(),
        [there[1].clone()]
    );
    let live = store
        .live(Whose::Account(AccountId(7)), now())
        .await
        .unwrap();
    assert_eq!(live, [there[1].clone(), there[0].clone()]);
    purge_all(&store, now(), now()).await;
    assert_eq!(redis.ask(&["ZCARD", "daemun:d:20717"]), "2");
}

#[tokio::test]
async fn all_keys_of_a_session_go_by_themselves_in_the_end() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    put(&store, &session(1)).await;
    let forever = Session {
        expires_at: Timestamp::from_unix_micros(i64::MAX),
        subject: caller("somebody"),
        ..session(2)
    };
    put(&store, &forever).await;
    assert_eq!(
        store.session(forever.id).await.unwrap(),
        Some(forever.clone())
    );
    present(&store, &session(1), 1).await;
    let lives = |key: &str| redis.ask(&["TTL", key]).parse::<i64>().unwrap();
    let days = 61 * 86_400;
    assert!((days - 100..=days).contains(&lives(&key_of(&session(1)))));
    assert!((days - 100..=days).contains(&lives("daemun:a:7")));
    assert!(lives(&key_of(&forever)) > days);
    assert!(lives("daemun:d:20717") > days, "as long as the longest");
}

/// SECURITY S6: what cannot be read opens nothing and keeps nobody from ending what can.
#[tokio::test]
async fn f06_a_value_that_cannot_be_is_named_and_opens_nothing() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let (good, bad) = (session(1), session(2));
    put(&store, &good).await;
    put(&store, &bad).await;
    let whole = redis
        .ask(&["STRLEN", &key_of(&bad)])
        .parse::<usize>()
        .unwrap();
    let spoil = |at: &str, with: &str| redis.ask(&["SETRANGE", &key_of(&bad), at, with]);
    spoil("115", "\u{7f}");
    corrupt(store.session(bad.id).await, &bad);
    spoil("0", "x");
    corrupt(store.session(bad.id).await, &bad);
    for value in ["", "x", "\u{1}", &"\u{1}".repeat(whole)] {
        redis.ask(&["SET", &key_of(&bad), value]);
        let rotated = store.rotate(&presented(&bad, 1)).await;
        match rotated {
            Ok(rotated) => assert!(!format!("{rotated:?}").contains("Judged"), "{rotated:?}"),
            rotated => corrupt(rotated, &bad),
        }
    }
    redis.ask(&["SET", &key_of(&bad), "x"]);
    corrupt(store.end(bad.id, end_at(now())).await, &bad);
    let cut_off = CutOff {
        account: AccountId(7),
        before: now(),
        again: false,
    };
    store
        .cut_off(cut_off, end_at(now()))
        .await
        .unwrap()
        .unwrap();
    let ended = store.session(good.id).await.unwrap().unwrap();
    assert_eq!(ended.revoked.unwrap().reason, RevokeReason::LoggedOut);
    purge_all(&store, now() + A_DAY * 90, now() + A_DAY * 60).await;
    assert_eq!(store.session(good.id).await.unwrap(), None);
}

/// A subject's other sessions of another contract, and other subjects', stay.
#[tokio::test]
async fn a_session_replaces_its_like_and_nothing_else() {
    let Some(redis) = Redis::start() else { return };
    let store = open(&redis).await;
    let another = |n, contract: &str, subject| Session {
        contract: contract.into(),
        subject,
        ..session(n)
    };
    let stay = [
        another(1, "email-cookie", session(0).subject),
        another(2, "phone-pair", caller("7")),
        another(3, "phone-pairx", caller("y")),
    ];
    let like = [session(4), another(5, "phone-pair", caller("xy"))];
    for other in stay.iter().chain(&like) {
        put(&store, other).await;
    }
    let replacing = async |session: &Session| {
        let replaces = Some(End {
            reason: RevokeReason::Replaced,
            ..end_at(now())
        });
        let put = Put {
            session,
            kept_until: None,
            replaces,
        };
        store.put(put).await.unwrap().unwrap().len()
    };
    assert_eq!(replacing(&session(6)).await, 1);
    assert_eq!(replacing(&another(7, "phone-pair", caller("xy"))).await, 1);
    assert_eq!(
        replacing(&another(8, "phone-pair", caller("nobody"))).await,
        0
    );
    for other in stay {
        assert_eq!(store.session(other.id).await.unwrap(), Some(other));
    }
    for other in like {
        let revoked = store.session(other.id).await.unwrap().unwrap().revoked;
        assert_eq!(revoked.unwrap().reason, RevokeReason::Replaced);
    }
}

fn key_of(session: &Session) -> String {
    format!("daemun:s:{{{}}}", session.id)
}

fn corrupt<T: std::fmt::Debug>(answer: Stored<T>, session: &Session) {
    match answer {
        Err(StoreError::Corrupt(what)) => assert!(what.contains(&key_of(session)), "{what}"),
        other => panic!("not corrupt: {other:?}"),
    }
}

async fn purge_all(store: &RedisStore, at: Timestamp, before: Timestamp) -> u64 {
    let mut all = 0;
    loop {
        match store.purge(at, before).await.unwrap() {
            0 => return all,
            some => all += some,
        }
    }
}
