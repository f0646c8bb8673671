//! Moving a running installation from SQLite to PostgreSQL, and back: people stay logged in.

use std::{fs, os::unix::fs::DirBuilderExt, path::Path, sync::Arc};

use daemun_test_servers::Postgres;
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::{CONFIG, EMAIL, PASSWORD, SECRETS, log_in, log_out, me, refresh};
use crate::harness::{Daemun, Ran, Start, run};

async fn start(folder: &Arc<TempDir>, stores: &[(&str, &str)]) -> Daemun {
    let config = folder.path().join("daemun.toml");
    fs::write(&config, CONFIG).unwrap();
    let start = Start::production(Arc::clone(folder), &config);
    let settings = SECRETS.iter().chain(stores);
    settings
        .fold(start, |start, (name, value)| start.with(name, value))
        .go()
        .await
}

fn create(folder: &TempDir, address: &str) {
    let config = folder.path().join("daemun.toml");
    let config = config.to_str().unwrap();
    let create = [
        "account",
        "create",
        "--email",
        address,
        "--verified",
        "--password-stdin",
        "--config",
        config,
    ];
    run(&create, &SECRETS, PASSWORD).expect(0);
}

fn carry(from: &str, to: &str, url: &str) -> Ran {
    let words = ["migrate", "store", "--from", from, "--to", to, "--json"];
    run(&words, &[("STORE_URL", url)], "")
}

fn rows(tables: &Value, name: &str) -> u64 {
    let mut tables = tables["tables"].as_array().unwrap().iter();
    let table = tables.find(|table| table["table"] == name).unwrap();
    assert_eq!(table["same"], true, "{table}");
    table["rows"].as_u64().unwrap()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_installation_moves_to_postgres_and_back() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let url = postgres.url();
    let folder = Arc::new(TempDir::new().unwrap());
    let daemun = start(&folder, &[]).await;
    create(&folder, EMAIL);
    let (kept, ended) = (log_in(&daemun, EMAIL).await, log_in(&daemun, EMAIL).await);
    let data = text(daemun.data());

    // While it runs: all of it is carried over, and that it runs is said.
    let error = carry(&data, "env:STORE_URL", &url).expect(1).error();
    assert!(
        error["what"].as_str().unwrap().contains("still runs"),
        "{error}"
    );
    assert_eq!(rows(&error["transfer"], "sessions"), 2);

    // Nothing starts on what is half moved, and nothing is moved into what is in use.
    let half = Arc::new(TempDir::new().unwrap());
    let config = half.path().join("daemun.toml");
    fs::write(&config, CONFIG).unwrap();
    let stores = [&SECRETS[..], &[("DAEMUN_STORE_ACCOUNTS", &*url)]].concat();
    let serve = ["serve", "--config", config.to_str().unwrap()];
    let refused = run(&serve, &stores, "");
    assert!(refused.stderr.contains("being moved"), "{refused:?}");

    let kept: Value = refresh(&daemun, &kept["refresh_token"])
        .await
        .expect(200)
        .json();
    log_out(&daemun, &ended).await.expect(204);
    create(&folder, "jun@example.com");
    assert_eq!(daemun.stop().await.code(), Some(0));
    let done = carry(&data, "env:STORE_URL", &url).expect(0).json();
    assert_eq!(rows(&done, "accounts"), 2);
    let again = done["written"].as_u64().unwrap();
    assert!((1..30).contains(&again), "only what was missing: {done}");
    let error = carry(&data, "env:STORE_URL", &url).expect(4).error();
    assert!(
        error["what"].as_str().unwrap().contains("already"),
        "{error}"
    );

    let moved = start(&folder, &[("DAEMUN_STORE_ACCOUNTS", &url)]).await;
    assert_eq!(me(&moved, &kept).await, 200);
    assert_eq!(me(&moved, &ended).await, 401);
    let kept: Value = refresh(&moved, &kept["refresh_token"])
        .await
        .expect(200)
        .json();
    log_in(&moved, "jun@example.com").await;
    assert_eq!(moved.stop().await.code(), Some(0));

    // And back, to where nothing is yet.
    let home = TempDir::new().unwrap();
    let file = text(&home.path().join("daemun.db"));
    let back = carry("env:STORE_URL", &file, &url).expect(0).json();
    assert_eq!(rows(&back, "sessions"), 3);
    fs::remove_dir_all(&data).unwrap();
    fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    fs::rename(&file, Path::new(&data).join("daemun.db")).unwrap();
    let daemun = start(&folder, &[]).await;
    assert_eq!(me(&daemun, &kept).await, 200);
    refresh(&daemun, &kept["refresh_token"]).await.expect(200);
    assert_eq!(me(&daemun, &ended).await, 401);
}

#[test]
fn what_cannot_be_moved_is_refused() {
    let folder = TempDir::new().unwrap();
    let there = text(folder.path());
    let absent = carry(
        &there,
        "env:STORE_URL",
        "postgres://u:a-password@127.0.0.1:1/d",
    );
    assert_eq!(absent.expect(5).stdout, "");
    for (from, to) in [
        ("redis://h", &*there),
        (&*there, "redis://h"),
        ("env:NO_SUCH_VARIABLE", &*there),
    ] {
        carry(from, to, "").expect(2);
    }
}
