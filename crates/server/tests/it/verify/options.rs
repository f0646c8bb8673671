//! What can be said on the command line.

use serde_json::json;

use super::*;
use crate::harness::Start;

#[tokio::test]
async fn a_server_that_is_not_there_is_told_apart_by_the_exit_code() {
    // The port is free again as soon as the listener is gone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = verify("native", &url, &["--json"]);
    assert_eq!(ran.expect(5).error()["code"], "unreachable");
}

#[tokio::test]
async fn what_is_no_url_no_route_no_header_and_no_language_is_said_to_be_none() {
    for more in [
        &["--only", "POST /nowhere"][..],
        &["--header", "no header"],
        &["--locale", "fr"],
        &["--sign-up=no-hole@example.com"],
        &["--account", EMAIL],
    ] {
        verify("native", "http://127.0.0.1:9", more).expect(2);
    }
    verify("native", "127.0.0.1:9", &[]).expect(2);
    verify("nativ", "http://127.0.0.1:9", &[]).expect(3);
}

#[tokio::test]
async fn only_what_was_asked_for_is_verified() {
    let daemun = Daemun::start().await;
    let only = ["--only", "log_in", "--only", "missing_field", "--json"];
    let report = verify("phone-pair", &daemun.url(""), &only)
        .expect(0)
        .json();
    let cases: Vec<_> = report["cases"].as_array().unwrap().iter().collect();
    assert_eq!(cases.len(), 2, "{report}");
    for case in cases {
        assert_eq!(case["route"], "POST /accounts/login/");
        assert_eq!(case["agrees"], true);
    }
    // The other of the two asks for a path of its own.
    let only = [
        "--only",
        "/acconts/token_refresh",
        "--only",
        "invalid_token",
    ];
    let ran = verify("phone-pair", &daemun.url(""), &only).expect(0);
    assert_eq!(lines(&ran, "ok").len(), 1, "{ran:?}");
}

#[tokio::test]
async fn without_an_account_what_needs_none_is_verified_and_the_rest_is_listed() {
    let daemun = Daemun::start().await;
    let ran = verify("native", &daemun.url(""), &[]).expect(0);
    assert!(
        ran.stdout
            .contains("there is no test account: --account, or --sign-up"),
        "{ran:?}"
    );
    let ok = lines(&ran, "ok");
    assert!(
        ok.iter()
            .any(|line| line.ends_with("→ guard: missing_token")),
        "{ran:?}"
    );
    assert!(
        !ok.iter()
            .any(|line| line.ends_with("POST /v1/session → ok")),
        "{ran:?}"
    );
    assert_eq!(
        daemun.run(&["account", "list", "--json"]).expect(0).json(),
        json!([])
    );
}

#[tokio::test]
async fn codes_come_from_a_command_of_the_teams_where_there_is_one() {
    let daemun = Daemun::start().await;
    let outbox = daemun.url("/dev/outbox/latest?to=");
    // What a team would write: whatever finds the code that was sent.
    let command = format!(
        "for i in 1 2 3 4 5 6 7 8 9; do curl -sf '{outbox}'{{address}} && break; sleep 0.2; done \
         | grep -o '[0-9]\\{{6\\}}' | head -1"
    );
    let more = [
        "--sign-up",
        "--code-command",
        &command,
        "--only",
        "verify_code",
    ];
    let ran = verify("native", &daemun.url(""), &more).expect(0);
    assert!(
        lines(&ran, "ok").contains(&"ok      POST /v1/accounts/verify → ok"),
        "{ran:?}"
    );

    let more = [
        "--sign-up",
        "--code-command",
        "exit 1",
        "--only",
        "verify_code",
        "--only",
        "ok",
    ];
    let ran = verify("native", &daemun.url(""), &more).expect(0);
    assert!(
        ran.stdout.contains("ok (the code command failed: "),
        "{ran:?}"
    );
}

#[tokio::test]
async fn no_session_is_left_behind() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--phone", PHONE]);
    verify_as(PHONE, "phone-pair", &daemun.url("")).expect(0);
    let live = ["session", "list", "--account", PHONE, "--json"];
    assert_eq!(daemun.run(&live).expect(0).json(), json!([]));
    let all = daemun.run(&["session", "list", "--json"]).expect(0).json();
    assert!(all.as_array().unwrap().len() > 5, "{all}");
}

#[tokio::test]
async fn it_makes_accounts_after_the_pattern_and_says_which() {
    let daemun = Daemun::start().await;
    let more = ["--sign-up=qa+{}@example.com", "--only", "sign_up"];
    let ran = verify("native", &daemun.url(""), &more).expect(0);
    let made = lines(&ran, "made accounts: qa+");
    assert_eq!(made.len(), 1, "{ran:?}");
    let listed = daemun.run(&["account", "list", "--json"]).expect(0).json();
    for account in listed.as_array().unwrap() {
        let address = account["email"].as_str().unwrap();
        assert!(made[0].contains(address), "{address} is not in {}", made[0]);
    }
}

#[tokio::test]
async fn a_password_that_is_wrong_makes_no_session_and_is_sent_few_times() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--email", EMAIL]);
    let account = ["--account", EMAIL, "--password-stdin"];
    let ran = verify_with(
        "email-cookie",
        &daemun.url(""),
        &account,
        "not the password",
    );
    let ran = ran.expect(1);
    assert!(!ran.stdout.contains("not the password"), "{ran:?}");
    assert!(
        ran.stdout
            .contains("no session could be had: POST /api/accounts/login/ answered 403"),
        "{ran:?}"
    );
    // Ten in a row are free: the account is not locked.
    let ran = verify_as(EMAIL, "email-cookie", &daemun.url(""));
    ran.expect(0);
}

#[tokio::test]
async fn trusted_callers_show_their_key_and_others_are_turned_away() {
    let folder = tempfile::TempDir::new().unwrap();
    let builtin = daemun_contract::builtin().iter();
    let (_, source) = builtin
        .clone()
        .find(|(name, _)| *name == "token-server")
        .unwrap();
    // Such a contract beside the one it is made of, for callers with a key alone.
    let source = source
        .replace("name = \"token-server\"", "name = \"callers\"")
        .replace("/tokenF/", "/callers/")
        .replace("loopback = \"in_dev\"", "loopback = \"never\"");
    let file = folder.path().join("callers.toml");
    std::fs::write(&file, source).unwrap();
    let daemun = Start::development().contract(&file).go().await;
    let file = file.to_str().unwrap();

    let ran = verify(file, &daemun.url(""), &[]).expect(0);
    let trusted = "it is done for trusted callers alone: --service-key";
    assert!(ran.stdout.contains(trusted), "{ran:?}");
    let turned_away = "ok      POST /callers/create → untrusted_caller";
    assert!(lines(&ran, "ok").contains(&turned_away), "{ran:?}");

    let create = [
        "service-key",
        "create",
        "--name",
        "verify",
        "--scope",
        "tokens",
        "--json",
    ];
    let made = daemun.run(&create).expect(0).json();
    let key = made["key"].as_str().expect("a key");
    let path = folder.path().join("key");
    std::fs::write(&path, key).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let ran = verify(
        file,
        &daemun.url(""),
        &["--service-key", path.to_str().unwrap()],
    );
    let ran = ran.expect(0);
    assert!(
        !ran.stdout.contains(trusted) && !ran.stdout.contains(key),
        "{ran:?}"
    );
    assert!(
        lines(&ran, "ok").contains(&"ok      POST /callers/verify → ok"),
        "{ran:?}"
    );
}

#[test]
fn the_help_says_what_it_does_to_a_server() {
    let ran = run(&["contract", "verify", "--help"], &[], "").expect(0);
    assert!(
        ran.stdout.contains("ends the sessions it opened"),
        "{BINARY}: {ran:?}"
    );
}
