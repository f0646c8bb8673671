//! One token at many nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cluster::{Cluster, EMAIL, log_in, long_or, refresh};

const CALLERS: usize = 64;

super::with_each_store! {
    3 s28_f01_many_with_one_token_at_three_nodes_get_one_successor
}

async fn s28_f01_many_with_one_token_at_three_nodes_get_one_successor(cluster: Cluster) {
    cluster.account(EMAIL);
    let mut token = log_in(&cluster.nodes[0], EMAIL).await["refresh_token"].clone();
    let cluster = std::sync::Arc::new(cluster);
    for round in 0..long_or(1_000, 30) {
        let mut calls = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            let (cluster, token) = (cluster.clone(), token.clone());
            calls.spawn(async move {
                let answer = refresh(&cluster.nodes[caller % 3], &token).await;
                assert_eq!(answer.status, 200, "round {round}: {answer:?}");
                answer.json()["refresh_token"].to_string()
            });
        }
        let successors: BTreeSet<String> = calls.join_all().await.into_iter().collect();
        assert_eq!(successors.len(), 1, "round {round}");
        let successor = successors.first().unwrap();
        token = serde_json::from_str::<Value>(successor).unwrap();
    }
}
