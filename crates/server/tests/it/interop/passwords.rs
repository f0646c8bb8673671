//! Password hashes that Django makes: whoever gets in there gets in here, nobody else does, and the
//! first login leaves a hash of ours.

use daemun_engine::{
    account::PasswordHash,
    password::{Candidate, Hasher, HashingConfig, make_of},
};
use serde_json::json;

use super::{
    PASSWORD, account, log_in_by_phone,
    peer::{Frameworks, Peer},
};
use crate::harness::Daemun;

/// Django's classes, without the `PasswordHasher` at their end, and what their hashes are called.
const HASHERS: [(&str, &str); 6] = [
    ("PBKDF2", "Django pbkdf2_sha256"),
    ("PBKDF2SHA1", "Django pbkdf2_sha1"),
    ("Argon2", "Django argon2"),
    ("BCryptSHA256", "Django bcrypt_sha256"),
    ("BCrypt", "Django bcrypt"),
    ("Scrypt", "Django scrypt"),
];

const PHONE: &str = "01012345678";

#[tokio::test]
async fn s66_who_logged_in_to_django_logs_in_here_and_then_has_a_hash_of_ours() {
    let Some(mut django) = Peer::start(Frameworks::Current) else {
        return;
    };
    let daemun = Daemun::start().await;
    account(&daemun, ["--phone", PHONE]);
    let database = rusqlite::Connection::open(daemun.data().join("daemun.db")).unwrap();
    for (hasher, make) in HASHERS {
        let ask = json!({ "password": PASSWORD, "hasher": hasher });
        let theirs = django.text("hash_password", &ask);
        assert_eq!(make_of(&theirs), Some(make));
        let set = "UPDATE accounts SET password_hash = ?1";
        database.execute(set, [&theirs]).unwrap();

        let wrong = json!({ "phone": PHONE, "password": format!("{PASSWORD}!") });
        daemun.post("/accounts/login/", wrong).await.expect(400);
        assert_eq!(stored(&database), theirs, "a wrong password changed it");
        log_in_by_phone(&daemun, PHONE).await;
        let ours = stored(&database);
        assert!(ours.starts_with("$argon2id$v=19$"), "{make} became {ours}");
        log_in_by_phone(&daemun, PHONE).await;
        assert_eq!(stored(&database), ours, "ours was replaced");
    }
}

fn stored(database: &rusqlite::Connection) -> String {
    let hash = "SELECT password_hash FROM accounts";
    database.query_row(hash, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn s61_s62_s63_django_and_daemun_agree_on_every_password() {
    let Some(mut django) = Peer::start(Frameworks::Current) else {
        return;
    };
    let hasher = Hasher::new(HashingConfig::default()).unwrap();
    for (class, make) in HASHERS {
        for password in passwords() {
            let too_long = class == "BCrypt" && password.len() > 72;
            if too_long {
                // Django's bcrypt of today refuses to hash it.
                continue;
            }
            let ask = json!({ "password": password, "hasher": class, "cheaply": true });
            let theirs = django.text("hash_password", &ask);
            assert_eq!(make_of(&theirs), Some(make));
            for candidate in near(&password) {
                let ask = json!({ "password": candidate, "stored": theirs });
                let there = django.ask("password_matches", &ask) == json!(true);
                assert!(there || candidate != password, "{make} lets nobody in");
                let here = matches(&hasher, &candidate, &theirs).await;
                assert_eq!(here, there, "{make}: {candidate:?} for {password:?}");
            }
        }
    }
}

/// Those of various scripts, lengths and blanks; the second is decomposed, and the fourth as long as
/// bcrypt reads.
fn passwords() -> [String; 6] {
    [
        "비밀번호 열다섯 글자".to_owned(),
        "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af} caf\u{65}\u{301}".to_owned(),
        "  a horse 🐎 $between$ blanks ".to_owned(),
        "x".repeat(72),
        "x".repeat(73),
        "열두 글자가 넘는 긴 암호".repeat(10),
    ]
}

/// The password, and what one might take for it.
fn near(password: &str) -> Vec<String> {
    let mut shorter = password.to_owned();
    let last = shorter.pop().unwrap();
    vec![
        password.to_owned(),
        format!("{password} "),
        format!("{shorter}{last}{last}"),
        format!("{shorter}#"),
        password.trim_start().to_owned(),
        password.replace(' ', ""),
        shorter,
        String::new(),
    ]
    .into_iter()
    // Django's bcrypt refuses these, whatever the hash.
    .filter(|candidate| candidate.len() <= 72 || password.len() > 72)
    .collect()
}

async fn matches(hasher: &Hasher, candidate: &str, stored: &str) -> bool {
    let candidate = Candidate::parse(candidate).unwrap();
    let stored = PasswordHash::from_stored(stored);
    let checked = hasher.verify(candidate, Some(stored), [7; 16]).await;
    let checked = checked.unwrap();
    assert_eq!(checked.upgraded.is_some(), checked.matches);
    checked.matches
}
