//! What one node does, all know.

use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::{Cluster, EMAIL, PASSWORD, log_in, log_out, me, refresh, until};
use crate::harness::{Daemun, send};

super::with_each_store! {
    3 nodes_that_start_at_once_make_one_installation
    3 any_node_refreshes_what_another_began
    3 s33_what_ends_at_one_node_is_refused_by_all
    3 s33_a_suspension_at_one_node_shuts_out_at_all
    3 s70_guesses_at_all_nodes_are_counted_together
    3 keys_rotate_once_for_all
    2 a_service_key_made_and_revoked_beside_one_node_counts_at_all
    2 roles_given_beside_one_node_are_known_to_all
    2 a_subject_has_one_token_whichever_node_gave_it
    1 a_node_is_added_and_drained_while_people_are_served
}

async fn jwks(node: &Daemun) -> Value {
    node.get("/.well-known/jwks.json").await.expect(200).json()
}

async fn nodes_that_start_at_once_make_one_installation(cluster: Cluster) {
    let migrations = cluster
        .postgres
        .query("SELECT count(*) - count(DISTINCT version) FROM migrations");
    assert_eq!(migrations, "0", "each migration ran once");
    let first = jwks(&cluster.nodes[0]).await;
    for node in &cluster.nodes {
        until("one set of keys", async || {
            jwks(node).await == jwks(&cluster.nodes[0]).await
        })
        .await;
        assert_eq!(node.get("/readyz").await.status, 200);
    }
    assert!(!first["keys"].as_array().unwrap().is_empty());
    let active = cluster
        .postgres
        .query("SELECT count(*) FROM keys WHERE state = 'active'");
    assert_eq!(active, "1");
}

async fn any_node_refreshes_what_another_began(cluster: Cluster) {
    cluster.account(EMAIL);
    let mut tokens = log_in(&cluster.nodes[0], EMAIL).await;
    for turn in 1..10 {
        let node = &cluster.nodes[turn % 3];
        assert_eq!(me(node, &tokens).await, 200);
        tokens = refresh(node, &tokens["refresh_token"])
            .await
            .expect(200)
            .json();
    }
}

async fn s33_what_ends_at_one_node_is_refused_by_all(cluster: Cluster) {
    cluster.account(EMAIL);
    let mut slowest = std::time::Duration::ZERO;
    for turn in 0..5 {
        let tokens = log_in(&cluster.nodes[turn % 3], EMAIL).await;
        for node in &cluster.nodes {
            assert_eq!(me(node, &tokens).await, 200);
        }
        let ending = &cluster.nodes[(turn + 1) % 3];
        log_out(ending, &tokens).await.expect(204);
        assert_eq!(me(ending, &tokens).await, 401, "at once where it was ended");
        for node in &cluster.nodes {
            let took = until("refused everywhere", async || {
                me(node, &tokens).await == 401
            })
            .await;
            slowest = slowest.max(took);
            refresh(node, &tokens["refresh_token"]).await.expect(401);
        }
    }
    eprintln!("refused at every node within {slowest:?}");
    assert!(slowest.as_secs() < 1, "{slowest:?}");
}

async fn s33_a_suspension_at_one_node_shuts_out_at_all(cluster: Cluster) {
    let id = cluster.account(EMAIL).to_string();
    let tokens = log_in(&cluster.nodes[1], EMAIL).await;
    assert_eq!(me(&cluster.nodes[2], &tokens).await, 200);
    cluster.run(0, &["account", "suspend", &id]).expect(0);
    for node in &cluster.nodes {
        until("shut out", async || me(node, &tokens).await == 403).await;
        assert_ne!(refresh(node, &tokens["refresh_token"]).await.status, 200);
        let login = json!({ "email": EMAIL, "password": PASSWORD });
        assert_ne!(node.post("/v1/session", login).await.status, 200);
    }
    cluster.run(1, &["account", "restore", &id]).expect(0);
    for node in &cluster.nodes {
        let again = log_in(node, EMAIL).await;
        until("let in again", async || me(node, &again).await == 200).await;
        assert_ne!(me(node, &tokens).await, 200, "an ended session came back");
    }
}

/// Ten failures are free, wherever they were; then even the right password has to wait, everywhere.
/// That it is right is not told: a locked account answers like a wrong password.
async fn s70_guesses_at_all_nodes_are_counted_together(cluster: Cluster) {
    cluster.account(EMAIL);
    let guess = async |node: usize| {
        let login = json!({ "email": EMAIL, "password": "not the password at all" });
        cluster.nodes[node]
            .post("/v1/session", login)
            .await
            .expect(401);
    };
    for turn in 0..9 {
        guess(turn % 3).await;
    }
    log_in(&cluster.nodes[1], EMAIL).await;
    for turn in 0..10 {
        guess(turn % 3).await;
    }
    for node in &cluster.nodes {
        let login = json!({ "email": EMAIL, "password": PASSWORD });
        node.post("/v1/session", login).await.expect(401);
    }
}

/// All of them at once.
async fn futures_of<T, F>(futures: impl Iterator<Item = F>) -> Vec<T>
where
    F: Future<Output = T>,
{
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(move |context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(std::mem::take(&mut done))
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

async fn keys_rotate_once_for_all(cluster: Cluster) {
    cluster.account(EMAIL);
    let before = log_in(&cluster.nodes[0], EMAIL).await;
    cluster.run(2, &["key", "rotate"]).expect(0);
    let newest = jwks(&cluster.nodes[2]).await;
    for node in &cluster.nodes {
        until("the same keys", async || jwks(node).await == newest).await;
    }
    for issuing in &cluster.nodes {
        let tokens = log_in(issuing, EMAIL).await;
        for node in &cluster.nodes {
            assert_eq!(me(node, &tokens).await, 200, "a new token, everywhere");
            assert_eq!(me(node, &before).await, 200, "an old token, everywhere");
        }
    }
    let active = "SELECT count(*) FROM keys WHERE state = 'active'";
    assert_eq!(cluster.postgres.query(active), "1");
}

async fn a_service_key_made_and_revoked_beside_one_node_counts_at_all(cluster: Cluster) {
    let create = [
        "service-key",
        "create",
        "--name",
        "campus",
        "--scope",
        "introspection",
        "--json",
    ];
    let made = cluster.run(0, &create).expect(0).json();
    let key = made["key"].as_str().unwrap().to_owned();
    let ask = async |node: &Daemun| {
        let request = node
            .request(Method::POST, "/v1/introspect")
            .bearer_auth(&key);
        let form = "application/x-www-form-urlencoded";
        let request = request.header("content-type", form).body("token=garbage");
        send(request).await.status
    };
    for node in &cluster.nodes {
        until("the key opens", async || ask(node).await == 200).await;
    }
    cluster
        .run(1, &["service-key", "revoke", "campus"])
        .expect(0);
    for node in &cluster.nodes {
        until("the key is worth nothing", async || ask(node).await == 401).await;
    }
}

async fn roles_given_beside_one_node_are_known_to_all(cluster: Cluster) {
    let id = cluster.account(EMAIL).to_string();
    let create = [
        "service-key",
        "create",
        "--name",
        "admin",
        "--scope",
        "admin",
        "--json",
    ];
    let key = cluster.run(0, &create).expect(0).json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/admin/accounts/{id}");
    let roles = async |node: &Daemun| {
        let shown = send(node.request(Method::GET, &path).bearer_auth(&key)).await;
        (shown.status == 200).then(|| shown.json()["roles"].clone())
    };
    for node in &cluster.nodes {
        until("it is shown", async || roles(node).await == Some(json!([]))).await;
    }
    cluster
        .run(1, &["account", "role", "add", &id, "editor"])
        .expect(0);
    for node in &cluster.nodes {
        until("the role is known", async || {
            roles(node).await == Some(json!(["editor"]))
        })
        .await;
    }
}

/// A whitelist of one: what one node gives ends what another gave.
async fn a_subject_has_one_token_whichever_node_gave_it(cluster: Cluster) {
    let create = [
        "service-key",
        "create",
        "--name",
        "back-end",
        "--scope",
        "tokens",
        "--json",
    ];
    let key = cluster.run(0, &create).expect(0).json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let issue = async |node: &Daemun| {
        let body = json!({ "userId": "7", "userType": "member" });
        let request = node
            .request(Method::POST, "/tokenF/create")
            .bearer_auth(&key);
        send(request.json(&body)).await
    };
    let verify = async |node: &Daemun, token: &str| {
        let request = node.request(Method::POST, "/tokenF/verify");
        send(request.header("x-access-token", token)).await.status
    };
    until("the key is known", async || {
        issue(&cluster.nodes[1]).await.status < 300
    })
    .await;
    let answers = futures_of((0..8).map(|turn| issue(&cluster.nodes[turn % 2]))).await;
    let mut alive = 0;
    for answer in answers {
        let token = token_in(&answer.json());
        alive += usize::from(verify(&cluster.nodes[0], &token).await == 200);
    }
    assert_eq!(alive, 1);
}

/// The one JWT in an answer, wherever it stands.
fn token_in(answer: &Value) -> String {
    match answer {
        Value::String(text) if text.matches('.').count() == 2 => text.clone(),
        Value::Object(members) => members.values().map(token_in).collect(),
        _ => String::new(),
    }
}

async fn a_node_is_added_and_drained_while_people_are_served(mut cluster: Cluster) {
    cluster.account(EMAIL);
    let tokens = log_in(&cluster.nodes[0], EMAIL).await;
    let added = cluster.add_node().await;
    assert_eq!(me(added, &tokens).await, 200);
    let tokens: Value = refresh(added, &tokens["refresh_token"])
        .await
        .expect(200)
        .json();
    let drained = cluster.nodes.remove(0);
    let other = &cluster.nodes[0];
    let serving = async {
        let mut token = tokens["refresh_token"].clone();
        for _ in 0..200 {
            let answer = refresh(other, &token).await.expect(200).json();
            token = answer["refresh_token"].clone();
        }
    };
    let (ended, ()) = tokio::join!(drained.stop(), serving);
    assert_eq!(ended.code(), Some(0));
}
