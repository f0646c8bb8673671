//! Verifiers that follow one node, and go on at another.

use serde_json::Value;

use super::cluster::{Cluster, EMAIL, log_in, log_out};
use crate::stream::Verifier;

super::with_each_store! {
    2 a_verifier_goes_on_at_another_node_where_it_was
    2 what_ends_at_one_node_is_told_by_another_within_milliseconds
}

fn key(cluster: &Cluster) -> String {
    let create = [
        "service-key",
        "create",
        "--name",
        "campus",
        "--scope",
        "revocations",
        "--json",
    ];
    let made = cluster.run(0, &create).expect(0).json();
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
    let mut slowest = std::time::Duration::ZERO;
    for _ in 0..20 {
        let tokens = log_in(&cluster.nodes[0], EMAIL).await;
        log_out(&cluster.nodes[0], &tokens).await.expect(204);
        let acknowledged = std::time::Instant::now();
        let (news, _): (Vec<Value>, String) = verifier.news().await;
        assert_eq!(news.len(), 1);
        slowest = slowest.max(acknowledged.elapsed());
    }
    eprintln!("told by the other node within {slowest:?}");
    assert!(slowest.as_millis() < 500, "{slowest:?}");
}
