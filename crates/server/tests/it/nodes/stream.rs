//! Verifiers that follow one node, and go on at another.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::{Cluster, EMAIL, log_in, log_out};
use crate::{harness::send, stream::Verifier};

super::with_each_store! {
    2 a_verifier_goes_on_at_another_node_where_it_was
    2 what_ends_at_one_node_is_told_by_another_within_milliseconds
    3 who_listens_and_who_lags_is_known_at_any_node
}

/// Makes a key whose owner may listen.
pub const CREATE_KEY: [&str; 7] = [
    "service-key",
    "create",
    "--name",
    "campus",
    "--scope",
    "revocations",
    "--json",
];

pub fn key<P>(cluster: &Cluster<P>) -> String {
    let made = cluster.run(0, &CREATE_KEY).expect(0).json();
    made["key"].as_str().unwrap().to_owned()
}

async fn a_verifier_goes_on_at_another_node_where_it_was(cluster: Cluster) {
    cluster.account(EMAIL);
    let key = key(&cluster);
    let [first, second] = &cluster.nodes[..] else {
        panic!("two nodes")
    };
    let mut verifier = Verifier::connect(first, &key, None).await;
    verifier.until_ready().await;
    let tokens = log_in(first, EMAIL).await;
    log_out(second, &tokens).await.expect(204);
    let (_, place) = verifier.news().await;
    drop(verifier);

    let tokens = log_in(second, EMAIL).await;
    log_out(first, &tokens).await.expect(204);
    let mut verifier = Verifier::connect(second, &key, Some(&place)).await;
    let (missed, _) = verifier.until_ready().await;
    let names: Vec<&str> = missed.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["entries"], "no reset: it is the same log");
    let entries = missed[0].data["entries"].as_array().map(Vec::len);
    assert_eq!(entries, Some(1), "what it missed and nothing else");
}

async fn what_ends_at_one_node_is_told_by_another_within_milliseconds(cluster: Cluster) {
    cluster.account(EMAIL);
    let key = key(&cluster);
    let mut verifier = Verifier::connect(&cluster.nodes[1], &key, None).await;
    verifier.until_ready().await;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let tokens = log_in(&cluster.nodes[0], EMAIL).await;
        log_out(&cluster.nodes[0], &tokens).await.expect(204);
        let acknowledged = Instant::now();
        let (news, _): (Vec<Value>, String) = verifier.news().await;
        assert_eq!(news.len(), 1);
        slowest = slowest.max(acknowledged.elapsed());
    }
    eprintln!("told by the other node within {slowest:?}");
    assert!(slowest.as_millis() < 500, "{slowest:?}");
}

/// What a verifier confirms goes through a load balancer: to whichever node.
async fn who_listens_and_who_lags_is_known_at_any_node(mut cluster: Cluster) {
    cluster.account(EMAIL);
    let key = key(&cluster);
    let mut verifier = Verifier::named(&cluster.nodes[0], &key, None, "notes-1").await;
    let mut other = Verifier::named(&cluster.nodes[1], &key, None, "notes-2").await;
    verifier.until_ready().await;
    other.until_ready().await;
    let tokens = log_in(&cluster.nodes[2], EMAIL).await;
    log_out(&cluster.nodes[2], &tokens).await.expect(204);
    let (_, place) = verifier.news().await;
    other.news().await;
    let (epoch, seq) = place.split_once('.').unwrap();
    let earlier = format!("{epoch}.{}", seq.parse::<u64>().unwrap() - 1);
    for cursor in [&earlier, &place] {
        let body = json!({ "verifier": "notes-1", "cursor": cursor });
        let confirm = cluster.nodes[2].request(Method::POST, "/v1/revocations/ack");
        send(confirm.bearer_auth(&key).json(&body))
            .await
            .expect(204);
        let confirmed = cursor.split_once('.').unwrap().1.parse::<u64>().unwrap();
        let listed = until(&cluster, "verifier", |listed| {
            listed.len() == 2 && listed[0]["confirmed"] == confirmed
        })
        .await;
        let [first, second] = &listed[..] else {
            panic!("two")
        };
        assert_eq!(
            (&first["name"], &second["name"]),
            (&json!("notes-1"), &json!("notes-2"))
        );
        assert_ne!(first["node"], second["node"]);
        assert_eq!(first["behind"], u64::from(cursor == &earlier), "{listed:?}");
        assert_eq!(second["confirmed"], Value::Null, "it confirmed nothing");
    }

    let nodes = until(&cluster, "node", |listed| listed.len() == 3).await;
    assert!(nodes.iter().all(|node| node["well"] == true), "{nodes:?}");
    assert!(
        nodes
            .iter()
            .all(|node| node["version"] == env!("CARGO_PKG_VERSION"))
    );
    let listening: u64 = nodes
        .iter()
        .filter_map(|node| node["verifiers"].as_u64())
        .sum();
    assert_eq!(listening, 2);
    drop((verifier, other));
    // One that ends is not missed; one that dies is.
    let ended = cluster.nodes.remove(2);
    ended.stop().await;
    assert_eq!(
        until(&cluster, "node", |listed| listed.len() == 2)
            .await
            .len(),
        2
    );
    let dead = cluster.nodes.remove(1).killed();
    let listed = until(&cluster, "node", |listed| {
        listed.iter().any(|node| node["well"] == false)
    })
    .await;
    assert_eq!(listed.len(), 2);
    drop(dead);
}

/// What a command at the first node lists, once it is as wanted.
async fn until(cluster: &Cluster, what: &str, is_it: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let listed = cluster.run(0, &[what, "list", "--json"]).expect(0).json();
        let mut listed: Vec<Value> = serde_json::from_value(listed).unwrap();
        listed.sort_by_key(|one| one["name"].to_string());
        if is_it(&listed) {
            return listed;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{listed:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
