//! Account, session and key commands beside a running server: what they answer, what code they end
//! with, and that the server knows.

use serde_json::json;

use crate::harness::{Daemun, run};

const PASSWORD: &str = "a few words nobody guesses";

fn create<'a>(email: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let create = [
        "account",
        "create",
        "--email",
        email,
        "--password-stdin",
        "--json",
    ];
    [&create[..], more].concat()
}

#[tokio::test]
async fn an_account_made_by_an_operator_can_log_in_at_once() {
    let daemun = Daemun::start().await;
    let arguments = create("mina@example.com", &["--verified", "--nickname", "미나"]);
    let made = daemun.run_with(&arguments, PASSWORD).expect(0).json();
    assert_eq!(made["id"], 1);
    assert_eq!(made["status"], "active");
    assert_eq!(made["email"], "mina@example.com");
    assert_eq!(made["nickname"], "미나");

    let login = json!({ "email": "mina@example.com", "password": PASSWORD });
    daemun.post("/v1/session", login).await.expect(200);

    for which in ["1", "MINA@example.com"] {
        let shown = daemun
            .run(&["account", "show", which, "--json"])
            .expect(0)
            .json();
        assert_eq!(shown["id"], 1);
        assert!(shown["last_login_at"].is_string(), "{shown}");
    }
    let list = daemun.run(&["account", "list", "--json"]).expect(0).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn exit_codes_tell_failures_apart() {
    let daemun = Daemun::start().await;
    daemun
        .run_with(&create("a@example.com", &["--nickname", "one"]), PASSWORD)
        .expect(0);

    let taken = daemun
        .run_with(&create("A@Example.com", &[]), PASSWORD)
        .expect(4)
        .error();
    assert_eq!(taken["code"], "conflict");
    assert_eq!(taken["account"], 1);
    daemun
        .run_with(&create("b@example.com", &["--nickname", "one"]), PASSWORD)
        .expect(4);

    let weak = daemun
        .run_with(&create("b@example.com", &[]), "short")
        .expect(1)
        .error();
    assert_eq!(weak["reason"], "too_short");
    assert!(weak["mend"].is_string());

    daemun
        .run_with(&create("not an address", &[]), PASSWORD)
        .expect(2);
    daemun.run_with(&create("b@example.com", &[]), "").expect(2);
    daemun
        .run(&["account", "create", "--password-stdin"])
        .expect(2);
    daemun.run(&["session", "revoke"]).expect(2);
    daemun
        .run(&["session", "revoke", "neither-hex-nor-uuid"])
        .expect(2);

    let gone = daemun
        .run(&["account", "show", "99", "--json"])
        .expect(3)
        .error();
    assert_eq!(gone["code"], "not_found");
    daemun
        .run(&["account", "show", "nobody@example.com"])
        .expect(3);
    daemun.run(&["session", "why", &"0".repeat(32)]).expect(3);
    daemun
        .run(&["session", "revoke", "--account", "99"])
        .expect(3);

    let missing = daemun.folder().join("missing");
    let missing = missing.to_str().unwrap();
    run(&["account", "list", "--data", missing], &[], "").expect(5);
    assert!(
        !std::path::Path::new(missing).exists(),
        "a question made a directory"
    );
}

#[tokio::test]
async fn accounts_can_be_made_before_a_server_first_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = ["--data", data.to_str().unwrap()];
    let arguments = [create("a@example.com", &["--verified"]), data.to_vec()].concat();
    run(&arguments, &[], PASSWORD).expect(0);
    let list = run(
        &[&["account", "list", "--json"][..], &data].concat(),
        &[],
        "",
    )
    .expect(0);
    assert_eq!(list.json()[0]["email"], "a@example.com");
}

#[tokio::test]
async fn the_key_that_signs_next_is_rotated_in_and_the_server_publishes_it() {
    let daemun = Daemun::start().await;
    let kids = |jwks: serde_json::Value| -> Vec<String> {
        let keys = jwks["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let keys = daemun.run(&["key", "list", "--json"]).expect(0).json();
    let active = |keys: &serde_json::Value| {
        let keys = keys.as_array().unwrap().clone();
        let found = keys
            .into_iter()
            .find(|key| key["state"] == "active")
            .unwrap();
        found["kid"].as_str().unwrap().to_owned()
    };
    let before = active(&keys);
    let rotated = daemun.run(&["key", "rotate", "--json"]).expect(0).json();
    let after = active(&rotated);
    assert_ne!(before, after);
    // The server was told before the command ended: no waiting here.
    let published = kids(daemun.get("/.well-known/jwks.json").await.json());
    assert!(
        published.contains(&before) && published.contains(&after),
        "{published:?}"
    );
}

#[tokio::test]
async fn a_directory_of_production_wants_its_configuration() {
    let daemun = Daemun::start().await;
    let data = daemun.data().to_owned();
    let start = daemun.killed();
    std::fs::rename(data.join("master.key"), data.join("elsewhere")).unwrap();
    let ran = run(
        &["account", "list", "--data", data.to_str().unwrap()],
        &[],
        "",
    )
    .expect(1);
    assert!(ran.stderr.contains("--config FILE"), "{ran:?}");
    assert!(
        !data.join("master.key").exists(),
        "a new key was made over old data"
    );
    drop(start);
}

#[tokio::test]
async fn a_command_goes_by_what_is_said_before_what_is_around() {
    let daemun = Daemun::start().await;
    daemun
        .run_with(&create("mina@example.com", &[]), PASSWORD)
        .expect(0);
    let nowhere = daemun.folder().join("nowhere.toml");
    let file = nowhere.to_str().unwrap();
    let data = daemun.data().to_str().unwrap();
    let named = [("DAEMUN_CONFIG", file)];
    let described = [("DAEMUN_PUBLIC_URL", "https://login.example.com")];
    let list = ["account", "list"];
    for around in [named, described] {
        let said = run(&[&list[..], &["--data", data]].concat(), &around, "");
        assert!(said.expect(0).stdout.contains("mina@example.com"));
    }
    let ran = run(&list, &named, "").expect(1);
    assert!(ran.stderr.contains(file), "{ran:?}");
    let ran = run(&list, &described, "").expect(1);
    assert!(ran.stderr.contains("there is no master key"), "{ran:?}");
    let ran = run(&list, &[("DAEMUN_DATA", data)], "").expect(0);
    assert!(ran.stdout.contains("mina@example.com"), "{ran:?}");
}
