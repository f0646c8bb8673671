//! A process killed under load: what it had acknowledged is there.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use daemun_engine::{
    ids::SessionId,
    ports::{Opened, Revoke, RevokeTarget, Sessions},
    session::{RevokeReason, Verdict},
};
use daemun_store_sqlite::{Options, SqliteStore};

use crate::world::{HORIZON, now, origin, present, session};

const DATABASE: &str = "DAEMUN_TEST_CHILD_DATABASE";
const ROUNDS: usize = 20;
const ACKNOWLEDGED: usize = 300;

/// SECURITY S3: kill -9 under load, twenty times over: every acknowledged rotation and revocation
/// holds, the file is whole, and it opens again.
#[tokio::test(flavor = "multi_thread")]
async fn f03_what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    for round in 0..ROUNDS {
        let acknowledged = killed_under_load(&path);
        assert!(acknowledged.len() >= 8, "round {round} did nothing");
        let store = SqliteStore::open(&path, Options::default()).unwrap();
        for (id, last) in acknowledged {
            let after = store.session(id).await.unwrap().unwrap();
            match last {
                Last::Generation(generation) => assert!(after.generation >= generation),
                Last::Revoked => assert!(after.revoked.is_some()),
            }
        }
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

#[derive(Clone, Copy)]
enum Last {
    Generation(u64),
    Revoked,
}

/// Runs a child that works on the file, kills it once it has acknowledged enough, and returns the
/// last thing it acknowledged of each session.
fn killed_under_load(path: &Path) -> BTreeMap<SessionId, Last> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["durability::child", "--exact", "--ignored", "--nocapture"])
        .env(DATABASE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = BTreeMap::new();
    for _ in 0..ACKNOWLEDGED {
        let mut line = String::new();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "the child ended");
        acknowledged.extend(acknowledgement(&line));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    // Half a line acknowledges nothing.
    let whole = rest
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    acknowledged.extend(whole.filter_map(acknowledgement));
    acknowledged
}

fn acknowledgement(line: &str) -> Option<(SessionId, Last)> {
    let mut words = line.strip_prefix("acknowledged ")?.split_whitespace();
    let id = words.next()?.parse().ok()?;
    let last = match words.next()? {
        "revoked" => Last::Revoked,
        generation => Last::Generation(generation.parse().ok()?),
    };
    Some((id, last))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of another test"]
async fn child() {
    let Some(path) = std::env::var_os(DATABASE) else {
        println!("skipped: this is the child of another test");
        return;
    };
    let store = Arc::new(SqliteStore::open(Path::new(&path), Options::default()).unwrap());
    let workers: Vec<_> = (0..16)
        .map(|_| tokio::spawn(work(Arc::clone(&store))))
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

/// Session after session: opened, rotated some times, ended.
async fn work(store: Arc<SqliteStore>) {
    loop {
        let session = session(now());
        let opened = store.open_session(session.clone().into()).await.unwrap();
        assert_eq!(opened, Opened::Opened(Vec::new()));
        for generation in 1..8 {
            let (verdict, after) = present(&store, &session, generation, now()).await;
            assert_eq!(verdict, Verdict::Rotated);
            acknowledge(session.id, &after.generation.to_string());
        }
        let revoke = Revoke {
            target: RevokeTarget::Session(session.id),
            reason: RevokeReason::LoggedOut,
            now: now(),
            horizon: HORIZON,
            origin: origin(),
        };
        assert_eq!(store.revoke(revoke).await.unwrap().len(), 1);
        acknowledge(session.id, "revoked");
    }
}

fn acknowledge(id: SessionId, what: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "acknowledged {id} {what}");
    let _ = out.flush();
}
