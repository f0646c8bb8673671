//! A node dies, the database dies, clocks differ.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::cluster::{
    Cluster, EMAIL, PASSWORD, Sessions, log_in, log_out, long_or, me, refresh, until,
};
use crate::harness::Daemun;

super::with_each_store! {
    3 f03_what_a_killed_node_acknowledged_holds_at_the_others
    2 f07_postgres_dies_mid_refresh_and_comes_back
    2 f05_a_restarted_cluster_replays_as_before
}

/// A chain of refreshes at one node until it is gone; the last token that was given.
async fn chain(
    node: Arc<Daemun>,
    mut token: Value,
    stop: Arc<AtomicBool>,
    last: Arc<Mutex<Value>>,
) {
    while !stop.load(Ordering::Acquire) {
        let body = json!({ "refresh_token": token });
        let sent = node
            .request(reqwest::Method::POST, "/v1/session/refresh")
            .json(&body);
        let Ok(answer) = sent.send().await else {
            return;
        };
        if answer.status() != 200 {
            return;
        }
        let Ok(answer) = answer.json::<Value>().await else {
            return;
        };
        token = answer["refresh_token"].clone();
        *last.lock().unwrap() = token.clone();
    }
}

/// A task that refreshes until told to stop or refused, and the last token that was given to it.
pub type Chain = (JoinHandle<()>, Arc<Mutex<Value>>);

/// Sixteen sessions that are refreshed one after another, at these nodes in turn.
pub async fn chains(nodes: &[Arc<Daemun>], stop: &Arc<AtomicBool>) -> Vec<Chain> {
    let mut chains = Vec::new();
    for node in nodes.iter().cycle().take(16) {
        let token = log_in(&nodes[0], EMAIL).await["refresh_token"].clone();
        let last = Arc::new(Mutex::new(token.clone()));
        let work = chain(node.clone(), token, stop.clone(), last.clone());
        chains.push((tokio::spawn(work), last));
    }
    chains
}

/// The last tokens, once all have stopped.
pub async fn last_of(chains: Vec<Chain>) -> Vec<Value> {
    let mut tokens = Vec::new();
    for (work, last) in chains {
        work.await.unwrap();
        tokens.push(last.lock().unwrap().clone());
    }
    tokens
}

/// SIGKILL under load: what was read whole by a client is good at every other node, and what was
/// revoked stays so.
async fn f03_what_a_killed_node_acknowledged_holds_at_the_others(cluster: Cluster) {
    cluster.account(EMAIL);
    for _ in 0..long_or(20, 3) {
        let victim = Arc::new(cluster.add_node_apart().await);
        let stop = Arc::new(AtomicBool::new(false));
        let chains = chains(std::slice::from_ref(&victim), &stop).await;
        let ended = log_in(&victim, EMAIL).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        log_out(&victim, &ended).await.expect(204);
        victim.signal("KILL");
        for token in last_of(chains).await {
            for node in &cluster.nodes[..2] {
                refresh(node, &token).await.expect(200);
            }
        }
        for node in &cluster.nodes {
            assert_eq!(me(node, &ended).await, 401, "a revocation was lost");
            refresh(node, &ended["refresh_token"]).await.expect(401);
        }
    }
}

/// 503 meanwhile, nothing acknowledged is lost, and the same token works once it is back.
async fn f07_postgres_dies_mid_refresh_and_comes_back(mut cluster: Cluster) {
    cluster.account(EMAIL);
    let stop = Arc::new(AtomicBool::new(false));
    let nodes: Vec<Arc<Daemun>> = cluster.nodes.drain(..).map(Arc::new).collect();
    let ended = log_in(&nodes[0], EMAIL).await;
    log_out(&nodes[0], &ended).await.expect(204);
    let chains = chains(&nodes, &stop).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.postgres.kill();
    let in_postgres = cluster.redis.is_none();
    if !in_postgres {
        stop.store(true, Ordering::Release);
    }
    let tokens = last_of(chains).await;
    for node in &nodes {
        let login = json!({ "email": EMAIL, "password": PASSWORD });
        let refused = node.post("/v1/session", login).await.expect(503);
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        if in_postgres {
            refresh(node, &tokens[0]).await.expect(503);
        }
        assert_ne!(me(node, &ended).await, 200, "denied, never let in");
        assert_eq!(node.get("/readyz").await.status, 503);
    }
    cluster.postgres.start_again();
    for node in &nodes {
        until("ready again", async || {
            node.get("/readyz").await.status == 200
        })
        .await;
    }
    for (n, token) in tokens.iter().enumerate() {
        refresh(&nodes[(n + 1) % 2], token).await.expect(200);
    }
    let tokens = log_in(&nodes[0], EMAIL).await;
    log_out(&nodes[1], &tokens).await.expect(204);
    until("news travels again", async || {
        me(&nodes[0], &tokens).await == 401
    })
    .await;
}

/// Another node may have ended anything: one that cannot read the log lets nobody in after a while,
/// though all that the request needs is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s88_a_node_that_cannot_read_the_log_denies_after_15_seconds() {
    let Some(mut cluster) = Cluster::start(1, Sessions::InRedis).await else {
        return;
    };
    cluster.account(EMAIL);
    let tokens = log_in(&cluster.nodes[0], EMAIL).await;
    assert_eq!(me(&cluster.nodes[0], &tokens).await, 200);
    cluster.redis.as_mut().unwrap().kill();
    let begun = Instant::now();
    while me(&cluster.nodes[0], &tokens).await == 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(25),
            "it still lets in"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        begun.elapsed() > Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(me(&cluster.nodes[0], &tokens).await, 503, "never 401");
    cluster.redis.as_mut().unwrap().start_again();
    let node = &cluster.nodes[0];
    until("it lets in again", async || me(node, &tokens).await == 200).await;
}

/// Rotate, restart everything, replay: the same verdicts as if nothing had happened.
async fn f05_a_restarted_cluster_replays_as_before(mut cluster: Cluster) {
    cluster.account(EMAIL);
    let first = log_in(&cluster.nodes[0], EMAIL).await;
    let second: Value = refresh(&cluster.nodes[1], &first["refresh_token"])
        .await
        .expect(200)
        .json();
    for node in cluster.nodes.drain(..) {
        assert_eq!(node.stop().await.code(), Some(0));
    }
    cluster.postgres.kill();
    cluster.postgres.start_again();
    if let Some(redis) = &mut cluster.redis {
        redis.kill();
        redis.start_again();
    }
    cluster.add_node().await;
    let node = &cluster.nodes[0];
    let replayed: Value = refresh(node, &first["refresh_token"])
        .await
        .expect(200)
        .json();
    assert_eq!(
        replayed["refresh_token"], second["refresh_token"],
        "the same successor"
    );
    let third: Value = refresh(node, &second["refresh_token"])
        .await
        .expect(200)
        .json();
    refresh(node, &third["refresh_token"]).await.expect(200);
}

/// Nodes whose clocks differ by a minute: nobody who is honest is logged out, nothing used revives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f08_nodes_whose_clocks_are_apart_are_still_one_server() {
    for sessions in [Sessions::InPostgres, Sessions::InRedis] {
        let Some(mut cluster) = Cluster::without_nodes(sessions) else {
            return;
        };
        let clocks = TempClock::compile();
        // The one behind first: Redis takes what began before its log for lost.
        for seconds in [-30, 0, 30] {
            let start = cluster.node();
            let start = start.with("LD_PRELOAD", clocks.path());
            let node = start.with("SHIFT_SECONDS", &seconds.to_string()).go().await;
            cluster.nodes.push(node);
        }
        cluster.account(EMAIL);
        let (behind, ahead) = (&cluster.nodes[0], &cluster.nodes[2]);
        let mut tokens = log_in(behind, EMAIL).await;
        let first = tokens.clone();
        for turn in 0..12 {
            let node = &cluster.nodes[turn % 3];
            assert_eq!(me(node, &tokens).await, 200, "{sessions:?} turn {turn}");
            tokens = refresh(node, &tokens["refresh_token"])
                .await
                .expect(200)
                .json();
        }
        assert_ne!(
            refresh(ahead, &first["refresh_token"]).await.status,
            200,
            "it is used"
        );
        for (began, ended) in [(ahead, behind), (behind, ahead)] {
            let tokens = log_in(began, EMAIL).await;
            log_out(ended, &tokens).await.expect(204);
            for node in &cluster.nodes {
                until("refused", async || me(node, &tokens).await == 401).await;
                refresh(node, &tokens["refresh_token"]).await.expect(401);
            }
        }
        // Everywhere: a session that a clock ahead began is not out of reach of one behind.
        let tokens = log_in(ahead, EMAIL).await;
        let token = tokens["access_token"].as_str().unwrap();
        let request = behind
            .request(reqwest::Method::DELETE, "/v1/sessions")
            .bearer_auth(token);
        crate::harness::send(request).await.expect(204);
        for node in &cluster.nodes {
            until("refused", async || me(node, &tokens).await == 401).await;
            refresh(node, &tokens["refresh_token"]).await.expect(401);
        }
    }
}

/// A library that shifts the time of day of whatever it is loaded into.
struct TempClock {
    _folder: tempfile::TempDir,
    preloaded: PathBuf,
}

const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    const char *shift = getenv("SHIFT_SECONDS");
    if (result == 0 && clock == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
    return result;
}
"#;

impl TempClock {
    fn compile() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let library = folder.path().join("clock.so");
        let source = folder.path().join("clock.c");
        std::fs::write(&source, CLOCK).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([Path::new(&library), Path::new(&source)])
            .arg("-ldl")
            .status();
        assert!(
            compiled.is_ok_and(|status| status.success()),
            "a C compiler is needed"
        );
        Self {
            _folder: folder,
            preloaded: library,
        }
    }

    fn path(&self) -> &str {
        self.preloaded.to_str().unwrap()
    }
}
