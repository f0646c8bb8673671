//! Every contract that comes with daemun, against daemun: a difference is a fault of one of them.

use super::*;
use crate::harness::Start;

/// Every contract there is, by name.
fn names() -> Vec<&'static str> {
    let builtin = daemun_contract::builtin().iter();
    builtin.map(|(name, _)| *name).collect()
}

#[tokio::test]
async fn daemun_keeps_every_contract_with_people_who_sign_up() {
    let daemun = Daemun::start().await;
    for name in names() {
        let ran = verify(name, &daemun.url(""), &["--sign-up"]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(", 0 differ, "), "{}", ran.stdout);
    }
}

#[tokio::test]
async fn daemun_keeps_every_contract_with_a_test_account() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--email", EMAIL]);
    let other = ["account", "create", "--phone", PHONE, "--nickname", "phone"];
    let other = [&other[..], &["--verified", "--password-stdin"]].concat();
    daemun.run_with(&other, PASSWORD).expect(0);
    for name in names() {
        let address = if name == "phone-pair" { PHONE } else { EMAIL };
        let ran = verify_as(address, name, &daemun.url(""));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let logged_in = lines(&ran, "ok")
            .iter()
            .any(|line| line.contains("revoked"));
        assert!(logged_in, "{}", ran.stdout);
        assert!(!ran.stdout.contains("made accounts"), "{}", ran.stdout);
    }
}

#[tokio::test]
async fn daemun_keeps_the_native_contract_in_its_other_language() {
    let daemun = Daemun::start().await;
    let ran = verify("native", &daemun.url(""), &["--sign-up", "--locale", "ko"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn daemun_keeps_a_contract_of_a_teams_own_in_both_its_languages() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/sixth/ours.toml"
    );
    let daemun = Start::development().contract(file.as_ref()).go().await;
    for locale in ["ko", "en"] {
        let ran = verify(file, &daemun.url(""), &["--sign-up", "--locale", locale]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    }
}

#[tokio::test]
async fn what_is_verified_of_a_contract_and_what_is_not_and_why() {
    let daemun = Daemun::start().await;
    let ran = verify("email-cookie", &daemun.url(""), &["--sign-up"]);
    insta::assert_snapshot!("email-cookie", redacted(&ran));
}
