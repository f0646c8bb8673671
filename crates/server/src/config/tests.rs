//! A configuration as an operator meets it: the whole of it, sound or not.

use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;

const MASTER: &str = "6f1d0c7be2a94853d1f02b9c47a6e58f3b07c9d2e4816a5f90bc3d7e21f8a604";

/// A folder with a configuration and the secrets it names.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        desk.secret("master.key", &format!("{MASTER}\n"));
        desk.secret("legacy", &"k".repeat(64));
        desk.secret("token", "sms-token\n");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn secret(&self, name: &str, content: &str) {
        crate::data::write_private(&self.path(name), content.as_bytes()).unwrap();
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn examine(&self, config: &str, environment: &[(&str, &str)]) -> Examined {
        let file = self.path("daemun.toml");
        fs::write(&file, config).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())));
        examine(Some(&file), environment.collect(), &[]).unwrap()
    }

    /// What is wrong, without the folder's own name.
    fn problems(&self, config: &str, environment: &[(&str, &str)]) -> String {
        let examined = self.examine(config, environment);
        assert_eq!(examined.config.is_none(), !examined.problems.is_empty());
        let list = examined.problems.list(true);
        list.replace(&self.0.path().display().to_string(), "…")
    }
}

const SOUND: &str = r#"
public_url = "https://login.example.com/"
data = "data"
contracts = ["native", "phone-pair", "email-cookie"]
trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]
allowed_origins = ["https://app.example.com"]
[secrets]
master_file = "master.key"
legacy_file = "legacy"
[smtp]
host = "mail.example.com"
from = "Example <login@example.com>"
[sms]
url = "https://sms.example.com/send"
token_file = "token"
[retention]
audit = "1w"
"#;

#[test]
fn a_sound_configuration_is_read_whole() {
    let examined = Desk::new().examine(SOUND, &[("DAEMUN_LISTEN", "[::]:8443")]);
    assert_eq!(examined.problems.list(true), "");
    // What the contracts themselves have switched on is told, and nothing else.
    assert!(
        examined.notes.iter().all(|note| note.at.contains("-")),
        "{:?}",
        examined.notes
    );
    assert!(
        examined
            .notes
            .iter()
            .any(|note| note.what.contains("accept_foreign"))
    );
    let config = examined.config.unwrap();
    assert_eq!(config.installation.public_url, "https://login.example.com");
    assert_eq!(config.installation.service_name, "login.example.com");
    assert_eq!(config.installation.contracts.len(), 3);
    assert_eq!(config.listen.port(), 8443);
    assert_eq!(config.retention.audit, Duration::from_secs(7 * 86_400));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert!(config.installation.data.ends_with("data"));
}

#[test]
fn every_problem_of_an_unsafe_configuration_is_reported_at_once() {
    let desk = Desk::new();
    desk.secret("dev.key", &format!("daemun-dev-{MASTER}\n"));
    desk.secret("short", "django-insecure");
    let config = r#"
listen = "localhost:8080"
public_url = "http://login.example.com"
data = "no/such/place"
contracts = ["native", "phone-pear", "email-cookie"]
trusted_proxies = ["0.0.0.0/0", "proxy"]
allowed_origins = ["*", "http://app.example.com"]
outbox = true
log = "=loud="
[secrets]
master_file = "dev.key"
legacy_file = "short"
[smtp]
host = "mail.example.com"
tls = "none"
user = "login"
password = "hunter2"
[tls]
cert = "cert.pem"
[limits]
most_failures = 1000
[hashing]
memory_kib = 1024
[keys]
signing_age = "3 months"
"#;
    insta::assert_snapshot!(desk.problems(config, &[("DAEMUN_SMTP_PROT", "25")]));
}

#[test]
fn an_empty_configuration_says_what_is_needed() {
    insta::assert_snapshot!(Desk::new().problems("", &[]));
}

#[test]
fn secrets_that_everybody_may_read_are_refused() {
    let desk = Desk::new();
    desk.mode("master.key", 0o644);
    let said = desk.problems(SOUND, &[]);
    assert!(
        said.contains(
            "…/master.key may be read or changed by every user of this machine (mode 644)"
        ),
        "{said}"
    );
    assert!(said.contains("mend: chmod 600 …/master.key"), "{said}");

    desk.mode("master.key", 0o640);
    assert_eq!(desk.problems(SOUND, &[]), "");
    let inline = SOUND.replace(
        "master_file = \"master.key\"",
        &format!("master = \"{MASTER}\""),
    );
    let said = desk.problems(&inline, &[]);
    assert!(said.contains("daemun.toml holds a secret"), "{said}");
}

#[test]
fn the_data_of_development_is_refused() {
    let desk = Desk::new();
    fs::create_dir(desk.path("data")).unwrap();
    desk.mode("data", 0o755);
    let said = desk.problems(SOUND, &[]);
    assert!(
        said.contains("every user of this machine may enter …/data"),
        "{said}"
    );
    desk.mode("data", 0o700);
    assert_eq!(desk.problems(SOUND, &[]), "");
    desk.secret("data/master.key", "daemun-dev-");
    let said = desk.problems(SOUND, &[]);
    assert!(
        said.contains("…/data was made by development mode"),
        "{said}"
    );
}

#[test]
fn what_nobody_uses_can_be_declared_so_and_is_noted() {
    let desk = Desk::new();
    let config = SOUND.split("[sms]").next().unwrap().to_owned();
    assert!(
        desk.problems(&config, &[])
            .contains("there is no gateway for text messages")
    );
    let examined = desk.examine(&format!("{config}[sms]\noff = true\n"), &[]);
    assert_eq!(examined.problems.list(true), "");
    assert!(
        examined
            .notes
            .iter()
            .any(|note| note.what.contains("`phone-pair` would take")),
        "{:?}",
        examined.notes
    );
}

#[test]
fn a_command_needs_only_what_concerns_the_data() {
    let desk = Desk::new();
    let file = desk.path("daemun.toml");
    fs::write(
        &file,
        "data = 'data'\n[secrets]\nmaster_file = 'master.key'\n",
    )
    .unwrap();
    let installation = installation(Some(&file), Vec::new()).unwrap();
    assert_eq!(&*installation.contracts[0].name, "native");

    fs::write(&file, "data = 'data'\n").unwrap();
    let failure = super::installation(Some(&file), Vec::new()).err().unwrap();
    assert!(format!("{failure:?}").contains("there is no master key"));
}

#[test]
fn no_message_repeats_a_secret() {
    let desk = Desk::new();
    desk.secret("bad", "s3cret-but-short");
    let config = "[secrets]\nmaster = 's3cret'\nlegacy_file = 'bad'\n[smtp]\nhost='m'\npassword = 's3cret'\n[sms]\nurl='http://x'\ntoken='s3cret with spaces'\n";
    let said = desk.problems(config, &[]);
    assert!(!said.contains("s3cret"), "{said}");
}
