//! What the doctor says of stores, and what a server refuses of them.

use std::{fs, sync::Arc};

use daemun_test_servers::{Postgres, Redis};
use tempfile::TempDir;

use super::cluster::{CONFIG, SECRETS};
use crate::harness::{Ran, run};

const PASSWORD: &str = "a-password";

pub fn doctor(stores: &[(&str, &str)]) -> Ran {
    command(&["doctor"], stores)
}

fn command(words: &[&str], stores: &[(&str, &str)]) -> Ran {
    let folder = Arc::new(TempDir::new().unwrap());
    let config = folder.path().join("daemun.toml");
    fs::write(&config, CONFIG).unwrap();
    let words = [words, &["--config", config.to_str().unwrap()]].concat();
    let ran = run(&words, &[&SECRETS, stores].concat(), "");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!said.contains(PASSWORD), "a password was printed: {said}");
    ran
}

#[tokio::test]
async fn the_doctor_says_what_postgres_promises() {
    let Some(postgres) = Postgres::durable() else {
        return;
    };
    let url = postgres.url();
    let said = doctor(&[("DAEMUN_STORE_ACCOUNTS", &url)]).expect(0).stdout;
    assert!(said.contains("the database is empty"), "{said}");
    postgres.execute("CREATE TABLE migrations (day text)");
    let said = doctor(&[("DAEMUN_STORE_ACCOUNTS", &url)]).expect(1).stderr;
    assert!(said.contains("give daemun a database of its own"), "{said}");
}

#[tokio::test]
async fn the_doctor_objects_to_a_database_that_forgets() {
    let Some(cluster) = super::cluster::Cluster::start(1, super::cluster::Sessions::InRedis).await
    else {
        return;
    };
    let (postgres, redis) = (cluster.postgres.url(), cluster.redis.as_ref().unwrap());
    let stores = [
        ("DAEMUN_STORE_ACCOUNTS", &*postgres),
        ("DAEMUN_STORE_SESSIONS", &*redis.url()),
    ];
    let said = doctor(&stores).expect(1).stderr;
    assert!(said.contains("fsync or full_page_writes is off"), "{said}");
    assert!(
        said.contains("are on disk before they are answered"),
        "{said}"
    );
    redis.ask(&["CONFIG", "SET", "appendfsync", "everysec"]);
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let said = doctor(&stores).expect(1).stderr;
    assert!(said.contains("up to a second of them is lost"), "{said}");
    assert!(said.contains("noeviction"), "{said}");
}

#[tokio::test]
async fn stores_that_cannot_be_are_refused_before_anything_starts() {
    let wrong = doctor(&[
        ("DAEMUN_STORE_ACCOUNTS", "mysql://u:a-password@h/d"),
        ("DAEMUN_STORE_SESSIONS", "memcached://a-password@h"),
        ("DAEMUN_STORE_LIMITS", "everywhere"),
    ]);
    let said = wrong.expect(1).stderr;
    for setting in ["store.accounts", "store.sessions", "store.limits"] {
        assert!(said.contains(setting), "{setting}: {said}");
    }
    let nobody = "postgres://u:a-password@127.0.0.1:1/d";
    for words in [&["doctor"][..], &["account", "list"], &["serve"]] {
        let ran = command(words, &[("DAEMUN_STORE_ACCOUNTS", nobody)]);
        assert!([1, 5].contains(&ran.code), "{ran:?}");
        assert!(ran.stderr.contains("cannot be"), "{ran:?}");
    }
    let Some(redis) = Redis::start() else { return };
    let url = redis.url().replace("a-password", "another-password");
    let ran = command(&["doctor"], &[("DAEMUN_STORE_SESSIONS", &url)]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!ran.stderr.contains("another-password"), "{ran:?}");
}
