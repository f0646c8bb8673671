//! `compose.yaml` without its containers: three servers with the very environment it gives them, over
//! a real PostgreSQL and a real Redis, behind a real nginx with the site it has there.

use std::{fs, sync::Arc, time::Duration};

use daemun_test_servers::{Postgres, Redis};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    cluster::{EMAIL, PASSWORD, log_in, log_out, me, refresh, until},
    stream::CREATE_KEY,
};
use crate::{
    harness::{Daemun, Ran, Start, run, send},
    nginx::Nginx,
    stream::Verifier,
};

const COMPOSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose.yaml");

/// The environment of a node as the file has it, but for what is elsewhere on this machine.
fn environment(compose: &str, here: &[(&str, String)]) -> Vec<(String, String)> {
    let pairs = compose
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(key, _)| key.starts_with("DAEMUN_"));
    let mut environment: Vec<(String, String)> = pairs
        .map(|(key, value)| (key.to_owned(), written(value)))
        .collect();
    for (key, value) in here {
        let known = environment.iter_mut().find(|(name, _)| name == key);
        known
            .unwrap_or_else(|| panic!("compose.yaml has no {key}"))
            .1 = value.clone();
    }
    environment
}

/// A value as compose has it: without quotes, a variable as its default.
fn written(value: &str) -> String {
    let value = value.trim_matches('"');
    let default = value
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|rest| rest.split_once(":-"));
    default.map_or(value, |(_, default)| default).to_owned()
}

/// The site of nginx in the file, with nodes that are found by their ports and not by Docker.
fn site(compose: &str, nodes: &[Daemun]) -> String {
    let (_, rest) = compose.split_once("    content: |\n").expect("a site");
    let lines = rest.lines().take_while(|line| line.starts_with("      "));
    let mut site = lines.collect::<Vec<_>>().join("\n").replace("$$", "$");
    let servers = nodes.iter().map(|node| {
        let address = node.url("").replace("http://", "");
        format!("server {address};")
    });
    let upstream = format!(
        "upstream nodes {{ {} }}",
        servers.collect::<Vec<_>>().join(" ")
    );
    for (line, other) in [
        ("resolver 127.0.0.11 valid=2s;", &*upstream),
        ("set $nodes daemun;", ""),
        ("http://$nodes:8080", "http://nodes"),
    ] {
        assert!(site.contains(line), "compose.yaml has no {line}");
        site = site.replace(line, other);
    }
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_several_nodes_is_one_server_behind_its_proxy() {
    let (Some(postgres), Some(redis)) = (Postgres::start(), Redis::durable()) else {
        return;
    };
    let compose = fs::read_to_string(COMPOSE).unwrap();
    let secrets = TempDir::new().unwrap();
    let secret = |name: &str, text: &str| {
        let path = secrets.path().join(name);
        fs::write(&path, text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, private).unwrap();
        path.display().to_string()
    };
    let master = secret(
        "master.key",
        "8f14e45fceea167a5a36dedd4bea2543f5b1c0d2a3e4f60718293a4b5c6d7e8f\n",
    );
    let accounts = secret("postgres.url", &postgres.url());
    let mut nodes = Vec::new();
    let mut command = Vec::new();
    for _ in 0..3 {
        let folder = Arc::new(TempDir::new().unwrap());
        let environment = environment(
            &compose,
            &[
                ("DAEMUN_LISTEN", "127.0.0.1:0".into()),
                (
                    "DAEMUN_DATA",
                    folder.path().join("data").display().to_string(),
                ),
                ("DAEMUN_TRUSTED_PROXIES", "127.0.0.1".into()),
                ("DAEMUN_MASTER_KEY_FILE", master.clone()),
                ("DAEMUN_STORE_ACCOUNTS_FILE", accounts.clone()),
                ("DAEMUN_STORE_SESSIONS", redis.url()),
            ],
        );
        let start = Start::by_environment(folder);
        let start = environment
            .iter()
            .fold(start, |start, (name, value)| start.with(name, value));
        nodes.push(start.go().await);
        command = environment;
    }
    let command = |words: &[&str], input: &str| -> Ran {
        let environment: Vec<(&str, &str)> = command
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        run(words, &environment, input)
    };
    let proxy = Nginx::start(&site(&compose, &nodes)).await;
    let mut directly = nodes;
    let mut served = directly.remove(0);
    served.through(proxy.port());

    let create = ["account", "create", "--email", EMAIL, "--verified"];
    command(&[&create[..], &["--password-stdin"]].concat(), PASSWORD).expect(0);
    let listed = command(&["node", "list", "--json"], "").expect(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");

    // Each request goes to another node.
    let mut tokens = log_in(&served, EMAIL).await;
    for _ in 0..7 {
        assert_eq!(me(&served, &tokens).await, 200);
        let answer = refresh(&served, &tokens["refresh_token"]).await;
        tokens = answer.expect(200).json();
    }
    let made = command(&CREATE_KEY, "").expect(0).json();
    let key = made["key"].as_str().unwrap();
    let mut verifier = Verifier::named(&served, key, None, "notes-1").await;
    verifier.until_ready().await;
    log_out(&served, &tokens).await.expect(204);
    let (news, place) = verifier.news().await;
    assert_eq!(news.len(), 1, "what passes the proxy passes at once");
    for node in &directly {
        until("refused", async || me(node, &tokens).await == 401).await;
    }
    let body = json!({ "verifier": "notes-1", "cursor": place });
    let confirm = served.request(Method::POST, "/v1/revocations/ack");
    let confirm = send(confirm.bearer_auth(key).json(&body)).await;
    confirm.expect(204);
    let begun = std::time::Instant::now();
    let listed = loop {
        let listed: Value = command(&["verifier", "list", "--json"], "")
            .expect(0)
            .json();
        if listed[0]["confirmed"].is_u64() {
            break listed;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{listed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (&listed[0]["name"], &listed[0]["behind"]),
        (&json!("notes-1"), &json!(0))
    );

    // Clients are told apart by what the proxy says of them, and by nothing they say themselves.
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let elsewhere =
        reqwest::Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, 2]));
    let lying = elsewhere
        .build()
        .unwrap()
        .post(served.url("/v1/session"))
        .header("x-forwarded-for", "203.0.113.9")
        .json(&login);
    let token = send(lying).await.expect(200).json()["access_token"].clone();
    let sessions = served.get_as(token.as_str().unwrap(), "/v1/sessions").await;
    let sessions = sessions.expect(200).text;
    assert!(
        sessions.contains("127.0.0.0/24") && !sessions.contains("203.0.113"),
        "{sessions}"
    );
}
