//! PostgreSQL's primary is lost and a standby takes its place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use daemun_test_servers::{Replicated, Replication};
use serde_json::Value;

use super::{
    cluster::{Cluster, EMAIL, Sessions, log_in, log_out, me, refresh, until},
    faults::{chains, last_of},
    stream::key,
};
use crate::{harness::Daemun, stream::Verifier};

async fn cluster(replication: Replication, sessions: Sessions) -> Option<Cluster<Replicated>> {
    let postgres = Replicated::start(replication)?;
    let url = postgres.url();
    let mut cluster = Cluster::over(postgres, url, sessions)?;
    for _ in 0..2 {
        cluster.add_node().await;
    }
    cluster.account(EMAIL);
    Some(cluster)
}

async fn until_ready(nodes: &[Arc<Daemun>]) {
    for node in nodes {
        until("ready", async || node.get("/readyz").await.status == 200).await;
    }
}

/// Under load: what was acknowledged holds, and the nodes go on by themselves.
async fn nothing_is_lost(sessions: Sessions) {
    let Some(mut cluster) = cluster(Replication::Synchronous, sessions).await else {
        return;
    };
    let key = key(&cluster);
    let nodes: Vec<Arc<Daemun>> = cluster.nodes.drain(..).map(Arc::new).collect();
    let mut verifier = Verifier::connect(&nodes[0], &key, None).await;
    verifier.until_ready().await;
    let ended = log_in(&nodes[0], EMAIL).await;
    log_out(&nodes[0], &ended).await.expect(204);
    let stop = Arc::new(AtomicBool::new(false));
    let chains = chains(&nodes, &stop).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.postgres.primary.kill();
    // Where sessions are elsewhere, refreshes do not notice.
    stop.store(sessions == Sessions::InRedis, Ordering::Release);
    let tokens = last_of(chains).await;
    cluster.postgres.promote();
    let promoted = Instant::now();
    until_ready(&nodes).await;
    eprintln!("ready {:?} after the promotion", promoted.elapsed());
    for (n, token) in tokens.iter().enumerate() {
        refresh(&nodes[(n + 1) % 2], token).await.expect(200);
    }
    for node in &nodes {
        assert_eq!(me(node, &ended).await, 401, "a revocation was lost");
        refresh(node, &ended["refresh_token"]).await.expect(401);
    }
    let tokens = log_in(&nodes[0], EMAIL).await;
    log_out(&nodes[1], &tokens).await.expect(204);
    until("news travels again", async || {
        me(&nodes[0], &tokens).await == 401
    })
    .await;
    if sessions == Sessions::InPostgres {
        // Another server, another log: nobody believes that it goes on where the other stopped.
        while verifier.next().await.expect("an event").name != "reset" {}
        let (told, _) = verifier.until_ready().await;
        assert!(!told.is_empty(), "all that is in force");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_synchronous_standby_takes_over_and_nothing_is_lost() {
    nothing_is_lost(Sessions::InPostgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_accounts_move_to_a_standby_and_sessions_in_redis_do_not_notice() {
    nothing_is_lost(Sessions::InRedis).await;
}

/// A standby that was behind: who refreshed meanwhile is not logged out, who logged in is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_a_standby_that_was_behind_logs_out_only_whom_it_never_heard_of() {
    let Some(mut cluster) = cluster(Replication::Asynchronous, Sessions::InPostgres).await else {
        return;
    };
    let nodes: Vec<Arc<Daemun>> = cluster.nodes.drain(..).map(Arc::new).collect();
    let mut refreshed: Value = log_in(&nodes[0], EMAIL).await;
    let mut ended = Vec::new();
    // More than are ended once more at a time.
    for _ in 0..60 {
        ended.push(log_in(&nodes[0], EMAIL).await);
    }
    cluster.postgres.until_even();
    cluster.postgres.part();
    for turn in 0..3 {
        let answer = refresh(&nodes[turn % 2], &refreshed["refresh_token"]).await;
        refreshed = answer.expect(200).json();
    }
    let opened = log_in(&nodes[1], EMAIL).await;
    for tokens in &ended {
        log_out(&nodes[0], tokens).await.expect(204);
    }
    let last = &ended[ended.len() - 1];
    until("the other node knows", async || {
        me(&nodes[1], last).await == 401
    })
    .await;

    cluster.postgres.primary.kill();
    cluster.postgres.promote();
    until_ready(&nodes).await;
    let answer = refresh(&nodes[0], &refreshed["refresh_token"]).await;
    let onward: Value = answer.expect(200).json();
    refresh(&nodes[1], &onward["refresh_token"])
        .await
        .expect(200);
    refresh(&nodes[0], &opened["refresh_token"])
        .await
        .expect(401);
    // The database forgot that this one ended; nodes that knew it still do, and tell it.
    for (n, tokens) in ended.iter().enumerate() {
        let node = &nodes[n % 2];
        assert_eq!(me(node, tokens).await, 401, "a revocation was forgotten");
        until("ended once more", async || {
            refresh(node, &tokens["refresh_token"]).await.status == 401
        })
        .await;
    }
}
