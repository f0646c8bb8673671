//! A server's life: what it says, who else may serve, and how it ends.

use std::{fs, io::Write, net::TcpStream, os::unix::fs::PermissionsExt};

use crate::harness::{Daemun, Start, run};

#[tokio::test]
async fn development_says_where_everything_is() {
    let daemun = Daemun::start().await;
    for place in [
        "/docs/native",
        "/docs/phone-pair",
        "/docs/email-cookie",
        "/outbox",
        "/.well-known/jwks.json",
        "/readyz",
    ] {
        assert!(
            daemun.screen.contains(&daemun.url(place)),
            "{place} is not in {}",
            daemun.screen
        );
        daemun.get(place).await.expect(200);
    }
    assert!(daemun.screen.contains(daemun.data().to_str().unwrap()));
    assert!(daemun.screen.contains("curl "));
}

#[tokio::test]
async fn the_first_thing_to_try_works_as_it_is_printed() {
    let daemun = Daemun::start().await;
    let at = daemun.screen.find("curl ").unwrap();
    let command = daemun.screen[at..].split("\n\n").next().unwrap();
    let ran = std::process::Command::new("sh")
        .args(["-c", &format!("{command} -sSf")])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let letter = daemun.letter_to("mina@example.com").await;
    assert!(
        letter["text"]
            .as_str()
            .unwrap()
            .contains(|c: char| c.is_ascii_digit()),
        "{letter}"
    );
}

#[tokio::test]
async fn what_development_makes_is_private_and_marked() {
    let daemun = Daemun::start().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(daemun.data()), 0o700);
    for name in [
        "master.key",
        "legacy.secret",
        "daemun.db",
        "control.sock",
        "lock",
    ] {
        assert_eq!(mode(&daemun.data().join(name)), 0o600, "{name}");
    }
    assert!(daemun.legacy_secret().starts_with("daemun-dev-"));
}

#[tokio::test]
async fn a_legacy_secret_that_is_given_is_not_made() {
    let daemun = Start::development()
        .with("DAEMUN_LEGACY_SECRET", &"k".repeat(64))
        .go()
        .await;
    assert!(!daemun.data().join("legacy.secret").exists());
}

#[tokio::test]
async fn only_one_server_runs_on_a_data_directory() {
    let daemun = Daemun::start().await;
    let data = daemun.data().to_str().unwrap();
    let ran = run(&["dev", "--port", "0", "--data", data], &[], "").expect(4);
    assert!(
        ran.stderr.contains(&format!("process {}", daemun.pid())),
        "{ran:?}"
    );
    daemun.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let daemun = Daemun::start().await;
    let port = daemun.url("").rsplit(':').next().unwrap().to_owned();
    let data = daemun.folder().join("other");
    let ran = run(
        &["dev", "--port", &port, "--data", data.to_str().unwrap()],
        &[],
        "",
    )
    .expect(4);
    assert!(
        ran.stderr.contains(&format!("port {port}")) && ran.stderr.contains("--port 0"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn f13_asked_to_end_it_ends_well() {
    for signal in ["TERM", "INT"] {
        let mut daemun = Daemun::start().await;
        let data = daemun.data().to_owned();
        daemun.signal(signal);
        assert_eq!(daemun.ended().await.code(), Some(0), "{signal}");
        assert!(
            !data.join("daemun.db-wal").exists(),
            "the database was not closed"
        );
    }
}

#[tokio::test]
async fn asked_twice_it_ends_at_once() {
    let mut daemun = Daemun::start().await;
    // A request under way, that is never finished.
    let mut stream = TcpStream::connect(daemun.url("").trim_start_matches("http://")).unwrap();
    stream.write_all(b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{").unwrap();
    daemun.get("/healthz").await.expect(200);
    daemun.signal("TERM");
    while !daemun.log().contains("asked to end") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // What comes within half a second may be an echo of the first.
    let status = loop {
        if let Some(status) = daemun.ended_yet() {
            break status;
        }
        daemun.signal("TERM");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(status.code(), Some(130));
}

#[tokio::test]
async fn data_outlives_the_server() {
    let daemun = Daemun::start().await;
    let create = [
        "account",
        "create",
        "--email",
        "a@example.com",
        "--verified",
        "--password-stdin",
    ];
    daemun
        .run_with(&create, "a few words nobody guesses")
        .expect(0);
    let keys = daemun.get("/.well-known/jwks.json").await.text;
    let daemun = daemun.killed().go().await;
    assert_eq!(daemun.get("/.well-known/jwks.json").await.text, keys);
    let login =
        serde_json::json!({ "email": "a@example.com", "password": "a few words nobody guesses" });
    daemun.post("/v1/session", login).await.expect(200);
}

#[tokio::test]
async fn a_contract_of_the_team_is_mounted_beside_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ours.toml");
    let native = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../contracts/native.toml"
    ));
    let ours = native
        .unwrap()
        .replace("name = \"native\"", "name = \"ours\"")
        .replace("\"/v1/", "\"/ours/");
    fs::write(&file, ours).unwrap();
    let daemun = Start::development().contract(&file).go().await;
    assert!(
        daemun.screen.contains(&daemun.url("/docs/ours")),
        "{}",
        daemun.screen
    );
    daemun.get("/ours/session").await.expect(200);
    daemun.get("/v1/session").await.expect(200);
}

#[tokio::test]
async fn an_answer_bears_the_request_id_that_the_log_has() {
    let daemun = Start::development().with("DAEMUN_LOG", "debug").go().await;
    let answer = daemun.get("/v1/session").await.expect(200);
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let log = daemun.log();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["contract"], "native", "{line}");
    assert_eq!(line["operation"], "probe", "{line}");
}

#[tokio::test]
async fn a_faulty_contract_keeps_the_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ours.toml");
    fs::write(&file, "[contract]\nname = 3\n").unwrap();
    let data = folder.path().join("data");
    let arguments = [
        "dev",
        "--port",
        "0",
        "--data",
        data.to_str().unwrap(),
        "--contract",
        file.to_str().unwrap(),
    ];
    let ran = run(&arguments, &[], "").expect(1);
    assert!(ran.stderr.contains("ours.toml:2"), "{ran:?}");
    assert!(
        !data.exists(),
        "a data directory was made for a server that never was"
    );
}

#[test]
fn the_python_that_tests_use_has_what_they_need() {
    let versions = crate::python::run(
        "import django, jwt, rest_framework, rest_framework_simplejwt as s, aiosmtpd; print(django.VERSION[:2], s.__version__)",
        &[],
    );
    assert_eq!(versions.trim(), "(5, 2) 5.2.2");
}
