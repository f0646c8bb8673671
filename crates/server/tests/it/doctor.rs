//! `daemun doctor` and what `daemun serve` refuses.

use std::{fs, sync::Arc};

use tempfile::TempDir;

use crate::harness::{Daemun, Start, run};

const UNSAFE: &str = r#"
public_url = "http://login.example.com"
data = "data"
contracts = ["native", "email-cookie"]
allowed_origins = ["*"]
outbox = true

[secrets]
master_file = "dev/master.key"
legacy_file = "dev/legacy.secret"
"#;

/// A configuration that was copied together from a developer's machine.
async fn from_development() -> (Daemun, String) {
    let daemun = Daemun::start().await;
    let config = daemun.folder().join("daemun.toml");
    fs::write(&config, UNSAFE.replace("dev/", "data/")).unwrap();
    let config = config.to_str().unwrap().to_owned();
    (daemun, config)
}

fn shortened(text: &str, daemun: &Daemun) -> String {
    text.replace(&daemun.folder().display().to_string(), "…")
}

#[tokio::test]
async fn the_doctor_lists_and_explains_all_problems_at_once() {
    let (daemun, config) = from_development().await;
    let ran = run(&["doctor", "--config", &config], &[], "").expect(1);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(shortened(&ran.stderr, &daemun));

    let json = run(&["doctor", "--config", &config, "--json"], &[], "")
        .expect(1)
        .error();
    let problems = json["problems"].as_array().unwrap();
    assert!(problems.len() >= 7, "{problems:?}");
    assert!(problems.iter().all(|problem| {
        problem["mend"]
            .as_str()
            .is_some_and(|mend| !mend.is_empty())
    }));
}

#[tokio::test]
async fn production_refuses_what_the_doctor_finds() {
    let (daemun, config) = from_development().await;
    let ran = run(&["serve", "--config", &config], &[], "").expect(1);
    insta::assert_snapshot!(shortened(&ran.stderr, &daemun));
    let secret = daemun.legacy_secret();
    assert!(!ran.stderr.contains(&secret), "a secret was printed");
}

/// A sound production configuration, and its folder.
pub fn sound() -> (Arc<TempDir>, std::path::PathBuf) {
    let folder = Arc::new(TempDir::new().unwrap());
    let config = folder.path().join("daemun.toml");
    let key = "6f1d0c7be2a94853d1f02b9c47a6e58f3b07c9d2e4816a5f90bc3d7e21f8a604";
    let text = format!(
        "public_url = 'https://login.example.com'\ndata = 'data'\ntrusted_proxies = ['127.0.0.1']\n\
         [secrets]\nmaster = '{key}'\n[sms]\noff = true\n[smtp]\noff = true\n"
    );
    fs::write(&config, text).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    (folder, config)
}

#[tokio::test]
async fn production_starts_on_a_sound_configuration_and_shows_no_outbox() {
    let (folder, config) = sound();
    let path = config.to_str().unwrap();
    let ran = run(&["doctor", "--config", path], &[], "").expect(0);
    assert!(
        ran.stdout.starts_with("daemun serve would start"),
        "{ran:?}"
    );

    let daemun = Start::production(folder, &config).go().await;
    assert!(
        daemun
            .screen
            .contains("daemun serves https://login.example.com on http://127.0.0.1:")
    );
    daemun.get("/outbox").await.expect(404);
    daemun
        .get("/dev/outbox/latest?to=a@example.com")
        .await
        .expect(404);

    let create = [
        "account",
        "create",
        "--email",
        "a@example.com",
        "--verified",
        "--password-stdin",
    ];
    let create = [&create[..], &["--config", path]].concat();
    run(&create, &[], "a few words nobody guesses").expect(0);
    let login =
        serde_json::json!({ "email": "a@example.com", "password": "a few words nobody guesses" });
    let answer = daemun.post("/v1/session", login).await.expect(200);
    let log = daemun.log();
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert!(
        !log.contains(&token) && !log.contains("nobody guesses"),
        "{log}"
    );
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a log line is JSON");
        assert!(line["level"].is_string(), "{line}");
    }
    assert_eq!(daemun.stop().await.code(), Some(0));
}

#[test]
fn variables_go_before_the_file() {
    let (_folder, config) = sound();
    let path = config.to_str().unwrap();
    run(&["doctor", "--config", path], &[], "").expect(0);
    let over = [("DAEMUN_PUBLIC_URL", "http://login.example.com")];
    let ran = run(&["doctor", "--config", path], &over, "").expect(1);
    assert!(
        ran.stderr
            .contains("DAEMUN_PUBLIC_URL: public_url must begin with https://"),
        "{ran:?}"
    );
    let ran = run(
        &["doctor", "--config", path],
        &[("DAEMUN_PUBLIK_URL", "x")],
        "",
    )
    .expect(1);
    assert!(ran.stderr.contains("mend: DAEMUN_PUBLIC_URL"), "{ran:?}");
    let by_variable = [("DAEMUN_CONFIG", path)];
    run(&["doctor"], &by_variable, "").expect(0);
}
