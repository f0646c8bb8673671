//! Opening a store, what its server promises, and what nobody is told.

use std::time::{Duration, Instant};

use daemun_engine::apart::SessionsApart;
use daemun_store_redis::{OpenError, Options, RedisStore};
use daemun_test_servers::Redis;

use crate::world::{self, now, put, session};

async fn refused(url: &str) -> OpenError {
    let opened = RedisStore::open(url, Options::default()).await;
    opened.err().unwrap_or_else(|| panic!("it opens"))
}

#[tokio::test]
async fn no_password_is_in_an_error_or_in_what_debug_shows() {
    let Some(redis) = Redis::start() else { return };
    let url = redis.url().replace("a-password", "another-secret");
    let nowhere = "redis+unix:///nowhere/socket?pass=another-secret";
    let addresses = [
        url.as_str(),
        nowhere,
        "redis://:another-secret@127.0.0.1:1/0",
        "rediss://user:another-secret@127.0.0.1:1",
        "redis://user:another-secret@127.0.0.1:port",
        "redis://user:another-secret@127.0.0.1/another-secret",
        "redis://user:another-secret@",
        "another-secret",
        "http://user:another-secret@127.0.0.1",
        "redis+unix:///nowhere?pass=another-secret&db=another-secret",
    ];
    for address in addresses {
        let error = refused(address).await;
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("another-secret"), "{shown}");
    }
    let store = world::open(&redis).await;
    let shown = format!("{store:?} {:?}", store.promises().await);
    assert!(!shown.contains("a-password"), "{shown}");
    redis.ask(&["CONFIG", "SET", "requirepass", "changed"]);
    redis.ask(&["DEL", "x"]);
}

/// A server that does not know a command says what followed it, and what follows the first one is the password.
#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_is_not_quoted() {
    let without = &["--appendonly", "no", "--rename-command", "HELLO", ""];
    let Some(redis) = Redis::start_with(without) else {
        return;
    };
    let error = refused(&redis.url()).await;
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("it answers ERR"), "{shown}");
    assert!(!shown.contains("a-password"), "{shown}");
}

#[tokio::test]
async fn what_is_no_address_and_no_prefix_is_said() {
    let error = refused("http://127.0.0.1").await;
    assert!(matches!(error, OpenError::Address { .. }), "{error}");
    assert!(error.to_string().contains("redis+unix:///"));
    for prefix in ["", "a b", "{a}", "a:b", &"a".repeat(33)] {
        let options = Options {
            prefix: prefix.into(),
            ..Options::default()
        };
        let opened = RedisStore::open("redis://127.0.0.1:1", options).await;
        assert!(matches!(opened, Err(OpenError::Prefix)), "{prefix}");
    }
}

#[tokio::test]
async fn a_cluster_is_refused() {
    let cluster = &["--appendonly", "no", "--cluster-enabled", "yes"];
    let Some(redis) = Redis::start_with(cluster) else {
        return;
    };
    let error = refused(&redis.url()).await;
    assert!(matches!(error, OpenError::Cluster { .. }), "{error}");
    assert!(error.to_string().contains("cluster-enabled no"));
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let Some(redis) = Redis::start() else { return };
    redis.stall();
    let began = Instant::now();
    let error = refused(&redis.url()).await;
    redis.go_on();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn installations_with_other_prefixes_share_a_server() {
    let Some(redis) = Redis::start() else { return };
    let of = async |prefix: &str| {
        let options = Options {
            prefix: prefix.into(),
            ..Options::default()
        };
        RedisStore::open(&redis.url(), options).await.unwrap()
    };
    let (one, other) = (of("one").await, of("one.more").await);
    put(&one, &session(1)).await;
    assert_eq!(other.session(session(1).id).await.unwrap(), None);
    assert_eq!(other.sessions(None, 9).await.unwrap(), []);
    assert_eq!(other.purge(now(), now()).await.unwrap(), 0);
}

/// After a restart, or where somebody cleans up, Redis does not have the scripts.
#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    let Some(redis) = Redis::start() else { return };
    let store = world::open(&redis).await;
    put(&store, &session(1)).await;
    redis.ask(&["SCRIPT", "FLUSH"]);
    put(&store, &session(2)).await;
    assert_eq!(store.sessions(None, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_says_what_it_promises() {
    let Some(durable) = Redis::durable() else {
        return;
    };
    let promises = world::open(&durable).await.promises().await.unwrap();
    assert_eq!(promises.problems(), [""; 0]);
    assert!(promises.appendonly);
    assert_eq!(promises.appendfsync.as_deref(), Some("always"));
    assert_eq!(promises.save.as_deref(), Some(""));
    assert_eq!((&*promises.role, promises.replicas), ("master", 0));
    assert_eq!(promises.min_replicas_to_write, Some(0));
    assert!(promises.version.starts_with(|c: char| c.is_ascii_digit()));

    let lossy = &["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"];
    let Some(lossy) = Redis::start_with(lossy) else {
        return;
    };
    let promises = world::open(&lossy).await.promises().await.unwrap();
    let problems = promises.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("noeviction"));
    assert!(!promises.appendonly);

    durable.ask(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let promises = world::open(&durable).await.promises().await.unwrap();
    assert_eq!(promises.appendfsync.as_deref(), Some("everysec"));
    assert_eq!(
        promises.problems(),
        [""; 0],
        "a choice, and not a wrong one"
    );
}
