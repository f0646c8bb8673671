//! Several nodes on one database: races between them, news, and a server that dies.

use std::{io::Write, process::Stdio, time::Duration};

use daemun_engine::{
    changes::{Change, Changes},
    client::{ClientPrint, Network},
    ids::SessionId,
    nodes::{Confirmed, FORGOTTEN_AFTER, Node, NodeReport, Nodes},
    ports::{Origin, Revoke, RevokeTarget, Rotated, Rotation, Sessions, StoreError, Upkeep},
    session::{
        Burst, CallerSubject, Presented, RevokeReason, RotationPolicy, Session, Subject, Verdict,
    },
    stream::ListenerView,
    time::Timestamp,
};
use daemun_store_postgres::{Options, PostgresStore};
use daemun_test_servers::Postgres;
use tokio::{task::JoinSet, time::timeout};

use crate::fresh_postgres;

const HERE: ClientPrint = ClientPrint([1; 8]);
const HORIZON: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

fn session(nth: u8) -> Session {
    Session {
        id: SessionId::new(now(), [nth; 10]),
        subject: Subject::Caller(CallerSubject::new("somebody", "user")),
        contract: "test".into(),
        generation: 1,
        rotated_at: now(),
        rotated_by: HERE,
        burst: Burst::beginning(1, now()),
        recovered: None,
        created_at: now(),
        idle: Duration::from_secs(86_400),
        expires_at: now() + Duration::from_secs(86_400 * 30),
        revoked: None,
        user_agent: "a browser\0 that says NUL".into(),
        network: "192.0.2.0/24".into(),
    }
}

async fn opened(store: &PostgresStore, nth: u8) -> Session {
    let session = session(nth);
    store.open_session(session.clone().into()).await.unwrap();
    session
}

fn presented(session: &Session, generation: u64) -> Rotation {
    Rotation {
        session: session.id,
        subject: session.subject.clone(),
        contract: session.contract.clone(),
        presented: Presented {
            generation,
            by: HERE,
            at: now() + Duration::from_secs(generation),
        },
        network: Network::of([192, 0, 2, 1].into()),
        policy: RotationPolicy::default(),
        horizon: HORIZON,
    }
}

fn revoke(target: RevokeTarget) -> Revoke {
    Revoke {
        target,
        reason: RevokeReason::LoggedOut,
        now: now(),
        horizon: HORIZON,
        origin: Origin {
            contract: "test".into(),
            network: None,
        },
    }
}

async fn another(server: &Postgres) -> PostgresStore {
    PostgresStore::open(&server.url(), Options::default())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s28_f01_three_nodes_and_64_callers_get_one_successor_a_round() {
    let (first, server) = fresh_postgres().await;
    let nodes = [first, another(&server).await, another(&server).await];
    let session = opened(&nodes[0], 1).await;
    for round in 1..=100_u64 {
        let mut calls = JoinSet::new();
        for caller in 0..64 {
            let (node, rotation) = (nodes[caller % 3].clone(), presented(&session, round));
            calls.spawn(async move { node.rotate(rotation).await.unwrap() });
        }
        let (mut rotated, mut generations) = (0, Vec::new());
        for judged in calls.join_all().await {
            let Rotated::Judged {
                verdict, session, ..
            } = judged
            else {
                panic!("not judged");
            };
            assert!(verdict.grants(), "round {round}: {verdict:?}");
            rotated += usize::from(verdict == Verdict::Rotated);
            generations.push(session.generation);
        }
        assert_eq!(rotated, 1, "round {round}");
        assert!(
            generations
                .iter()
                .all(|generation| *generation == round + 1)
        );
    }
    let kept = nodes[1].session(session.id).await.unwrap().unwrap();
    assert_eq!(&*kept.user_agent, "a browser\u{fffd} that says NUL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_of_one_node_reaches_another_and_survives_a_dead_server() {
    let (first, mut server) = fresh_postgres().await;
    let second = another(&server).await;
    let hear =
        async |store: &PostgresStore| timeout(PATIENCE, store.changes()).await.expect("news");
    assert_eq!(hear(&second).await.unwrap(), [Change::Everything]);
    let ended = opened(&first, 1).await;
    // To give up waiting loses nothing.
    let _ = timeout(Duration::from_millis(1), second.changes()).await;
    first
        .revoke(revoke(RevokeTarget::Session(ended.id)))
        .await
        .unwrap();
    assert_eq!(hear(&second).await.unwrap(), [Change::Log]);

    server.kill();
    assert!(matches!(
        hear(&second).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        hear(&second).await,
        Err(StoreError::Unavailable(_))
    ));
    server.start_again();
    assert_eq!(hear(&second).await.unwrap(), [Change::Everything]);
    let name = first.log_name().await.unwrap();
    assert_eq!(
        second.log_name().await.unwrap(),
        name,
        "a restart is no other log"
    );
    let ended = opened(&first, 2).await;
    first
        .revoke(revoke(RevokeTarget::Session(ended.id)))
        .await
        .unwrap();
    assert_eq!(hear(&second).await.unwrap(), [Change::Log]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_what_was_acknowledged_before_the_server_died_holds() {
    let (store, mut server) = fresh_postgres().await;
    let mut chains = JoinSet::new();
    for nth in 0..16 {
        let (store, session) = (store.clone(), opened(&store, nth).await);
        chains.spawn(async move {
            for generation in 1.. {
                match store.rotate(presented(&session, generation)).await {
                    Ok(Rotated::Judged {
                        verdict: Verdict::Rotated,
                        ..
                    }) => {}
                    Err(StoreError::Unavailable(_)) => return (session, generation),
                    other => panic!("{other:?}"),
                }
            }
            unreachable!()
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.kill();
    let broken = chains.join_all().await;
    assert!(store.ping().await.is_err());
    server.start_again();
    let up = async { while store.ping().await.is_err() {} };
    timeout(PATIENCE, up)
        .await
        .expect("it connects again by itself");
    let mut rotated = 0;
    for (session, unanswered) in broken {
        // The very token that got no answer: rotated now, or a retry of what was committed.
        let judged = store.rotate(presented(&session, unanswered)).await.unwrap();
        let Rotated::Judged {
            verdict, session, ..
        } = judged
        else {
            panic!("not judged");
        };
        assert!(
            matches!(verdict, Verdict::Rotated | Verdict::Replayed),
            "{verdict:?}"
        );
        assert_eq!(session.generation, unanswered + 1);
        rotated += unanswered;
    }
    assert!(rotated > 100, "it was not under load: {rotated}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s33_a_restored_copy_is_another_log() {
    let (store, server) = fresh_postgres().await;
    let name = store.log_name().await.unwrap();
    server.execute("CREATE DATABASE copy TEMPLATE template0");
    let dump = server.program("pg_dump").arg("postgres").output().unwrap();
    assert!(dump.status.success());
    let file = std::env::temp_dir().join(format!("daemun-dump-{}.sql", std::process::id()));
    std::fs::write(&file, dump.stdout).unwrap();
    let mut psql = server.program("psql");
    let restored = psql
        .args(["--quiet", "--dbname=copy", "--file"])
        .arg(&file)
        .output();
    std::fs::remove_file(&file).unwrap();
    assert!(restored.unwrap().status.success());
    let copy = server.url().replace("/postgres", "/copy");
    let copy = PostgresStore::open(&copy, Options::default())
        .await
        .unwrap();
    assert_ne!(copy.log_name().await.unwrap(), name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s88_a_stalled_database_denies_in_time() {
    let (store, server) = fresh_postgres().await;
    let session = opened(&store, 1).await;
    // Somebody holds the session's row and does not let go.
    let mut psql = server.program("psql");
    let mut child = psql
        .args(["--quiet", "--dbname=postgres", "--command"])
        .arg("BEGIN; SELECT n FROM sessions FOR UPDATE; SELECT pg_sleep(60)")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let is_held = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND wait_event = 'PgSleep'";
    let held = async {
        while server.query(is_held) != "1" {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, held).await.expect("it is held");
    let begun = std::time::Instant::now();
    let answer = store.rotate(presented(&session, 1)).await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Numbers of the log are given under one lock, which is held until they are committed: a node that
/// waits for it has none yet, however long another takes to commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f08_numbers_of_the_log_are_given_under_a_lock() {
    let (store, server) = fresh_postgres().await;
    let session = opened(&store, 1).await;
    let mut other = server.program("psql");
    let mut other = other
        .args(["--no-psqlrc", "--quiet", "--dbname=postgres"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut says = other.stdin.take().unwrap();
    let lock = 0x6461_656d_0000_0003_i64;
    writeln!(says, "BEGIN; SELECT pg_advisory_xact_lock({lock});").unwrap();
    let locks = |granted: bool| {
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = ";
        server.query(&format!("{sql}{granted}"))
    };
    while locks(true) == "0" {
        tokio::task::yield_now().await;
    }
    let revoking = {
        let (store, target) = (store.clone(), RevokeTarget::Session(session.id));
        tokio::spawn(async move { store.revoke(revoke(target)).await.unwrap() })
    };
    while locks(false) == "0" {
        assert!(!revoking.is_finished(), "it did not wait for the lock");
        tokio::task::yield_now().await;
    }
    let given = server.query("SELECT is_called FROM revocations_seq_seq");
    assert_eq!(given, "f", "a number was given before the lock");
    writeln!(says, "COMMIT;").unwrap();
    drop(says);
    assert_eq!(revoking.await.unwrap().len(), 1);
    other.wait().unwrap();
}

fn report(id: &str, name: &str, behind: u64) -> NodeReport {
    NodeReport {
        node: Node {
            id: id.into(),
            name: name.into(),
            version: "1.2.3".into(),
            since: now(),
        },
        listeners: vec![ListenerView {
            name: "notes-1".into(),
            service: "campus".into(),
            network: "192.0.2.0/24".into(),
            since: now(),
            told: 9,
            confirmed: Some(9 - behind),
            behind,
        }],
        passed_on: vec![Confirmed {
            service: "key".into(),
            name: "notes-2".into(),
            place: "log.7".into(),
        }],
    }
}

#[tokio::test]
async fn nodes_are_known_by_what_they_last_said_until_they_leave_or_are_forgotten() {
    let (store, server) = fresh_postgres().await;
    assert_eq!(store.nodes().await.unwrap(), Some(Vec::new()));
    let second = report("b", "login-1", 2);
    store.node_says(report("a", "login-2", 0)).await.unwrap();
    store.node_says(report("b", "login-1", 1)).await.unwrap();
    store.node_says(second.clone()).await.unwrap();
    let seen = store.nodes().await.unwrap().unwrap();
    let ids: Vec<&str> = seen.iter().map(|seen| &*seen.report.node.id).collect();
    assert_eq!(ids, ["b", "a"], "by name");
    assert_eq!(seen[0].report, second, "what it said last");
    assert!(seen.iter().all(|seen| seen.is_well()), "{seen:?}");

    let silent_for = |span: Duration| {
        let span = span.as_secs();
        server.execute(&format!(
            "UPDATE nodes SET said_at = now() - interval '{span} seconds' WHERE id = 'a'"
        ));
    };
    silent_for(Duration::from_secs(60));
    store.node_says(second.clone()).await.unwrap();
    let seen = store.nodes().await.unwrap().unwrap();
    assert!(!seen[1].is_well() && seen[1].silent >= Duration::from_secs(60));
    silent_for(FORGOTTEN_AFTER + Duration::from_secs(1));
    store.node_says(second).await.unwrap();
    assert_eq!(store.nodes().await.unwrap().unwrap().len(), 1);
    store.node_left("b").await.unwrap();
    store.node_left("b").await.unwrap();
    assert_eq!(store.nodes().await.unwrap(), Some(Vec::new()));
}
