//! Redis loses everything, dies, or stalls, under nodes that serve.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::{
    Cluster, EMAIL, PASSWORD, Sessions, log_in, log_out, long_or, me, refresh, until,
};

async fn cluster(nodes: usize) -> Option<Cluster> {
    let cluster = Cluster::start(nodes, Sessions::InRedis).await?;
    cluster.account(EMAIL);
    Some(cluster)
}

/// Who is lost is logged out, everywhere and at once, and can log in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_an_emptied_redis_logs_everybody_out_and_lets_nobody_in() {
    let Some(mut cluster) = cluster(2).await else {
        return;
    };
    let (lost, ended) = (
        log_in(&cluster.nodes[0], EMAIL).await,
        log_in(&cluster.nodes[1], EMAIL).await,
    );
    log_out(&cluster.nodes[0], &ended).await.expect(204);
    let redis = cluster.redis.as_ref().unwrap();
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");
    for node in &cluster.nodes {
        refresh(node, &lost["refresh_token"]).await.expect(401);
        until("access is refused", async || me(node, &lost).await == 401).await;
    }
    // One that starts now has never heard of any of it.
    cluster.add_node().await;
    let newest = &cluster.nodes[2];
    for tokens in [&lost, &ended] {
        assert_eq!(me(newest, tokens).await, 401);
        refresh(newest, &tokens["refresh_token"]).await.expect(401);
    }
    // Whoever logs in within the millisecond in which the log began anew is taken for lost as well.
    let again = log_in(newest, EMAIL).await;
    for node in &cluster.nodes {
        until("who comes back is let in", async || {
            me(node, &again).await == 200
        })
        .await;
    }
    refresh(&cluster.nodes[0], &again["refresh_token"])
        .await
        .expect(200);
}

/// Denied meanwhile, and what was acknowledged is there once it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_redis_that_dies_denies_and_what_was_acknowledged_holds() {
    let Some(mut cluster) = cluster(2).await else {
        return;
    };
    let (first, ended) = (
        log_in(&cluster.nodes[0], EMAIL).await,
        log_in(&cluster.nodes[1], EMAIL).await,
    );
    let kept: Value = refresh(&cluster.nodes[1], &first["refresh_token"])
        .await
        .expect(200)
        .json();
    log_out(&cluster.nodes[0], &ended).await.expect(204);
    let other = &cluster.nodes[1];
    until("it is known everywhere", async || {
        me(other, &ended).await == 401
    })
    .await;
    cluster.redis.as_mut().unwrap().kill();
    for node in &cluster.nodes {
        let refused = refresh(node, &kept["refresh_token"]).await.expect(503);
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        let login = json!({ "email": EMAIL, "password": PASSWORD });
        node.post("/v1/session", login).await.expect(503);
        assert_eq!(node.get("/readyz").await.status, 503);
        assert_eq!(me(node, &kept).await, 200, "no store is asked for it");
        assert_eq!(me(node, &ended).await, 401);
    }
    cluster.redis.as_mut().unwrap().start_again();
    for node in &cluster.nodes {
        let took = until("ready again", async || {
            node.get("/readyz").await.status == 200
        })
        .await;
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(me(node, &ended).await, 401);
        refresh(node, &ended["refresh_token"]).await.expect(401);
    }
    let next: Value = refresh(&cluster.nodes[0], &kept["refresh_token"])
        .await
        .expect(200)
        .json();
    log_out(&cluster.nodes[0], &next).await.expect(204);
    let other = &cluster.nodes[1];
    until("news travels again", async || me(other, &next).await == 401).await;
}

/// After the first have waited nobody does, and it is used again within seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_a_redis_that_stalls_keeps_nobody_waiting() {
    let Some(cluster) = cluster(1).await else {
        return;
    };
    let node = &cluster.nodes[0];
    let tokens = log_in(node, EMAIL).await;
    let redis = cluster.redis.as_ref().unwrap();
    redis.stall();
    let begun = Instant::now();
    let mut waits = Vec::new();
    let stalled = Duration::from_secs(1) * u32::try_from(long_or(30, 4)).unwrap();
    while begun.elapsed() < stalled {
        let asked = Instant::now();
        refresh(node, &tokens["refresh_token"]).await.expect(503);
        waits.push(asked.elapsed());
    }
    redis.go_on();
    waits.sort();
    let p99 = waits[waits.len() * 99 / 100];
    eprintln!(
        "{} refused, p99 {p99:?}, longest {:?}",
        waits.len(),
        waits.last()
    );
    assert!(waits.len() > 200, "{}", waits.len());
    assert!(p99 <= Duration::from_millis(50), "{p99:?}");
    assert!(waits.last().unwrap() < &Duration::from_secs(2));
    let took = until("served again", async || {
        refresh(node, &tokens["refresh_token"]).await.status == 200
    })
    .await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}
