//! The file: its schema, its neighbours, its secrets.

use std::{path::Path, time::Duration};

use daemun_engine::{
    address::Identifier,
    code::{CodeAlphabet, CodePolicy, CodePurpose, PlainCode},
    notice::{Content, Notice},
    policy::Locale,
    ports::{
        Accounts, CodeAttempt, CodeRedeemed, Entropy, NewAccount, NewCode, NoEntropy, Outbox,
        OutgoingMessage, Sessions, StoreError, Upkeep,
    },
    seal::MasterKey,
};
use daemun_store_sqlite::{OpenError, Options, SqliteStore};
use rusqlite::Connection;

use crate::{
    fresh_sqlite,
    world::{beside, email, now, origin, registered, session, sign_up},
};

#[tokio::test]
async fn a_file_that_is_not_there_is_made_and_one_that_is_there_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let id = registered(&store, sign_up("someone@example.com")).await;
    drop(store);
    let schema = schema(&path);
    assert!(schema.contains("CREATE TABLE sessions"));
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    assert!(store.account(id).await.unwrap().is_some());
    drop(store);
    assert_eq!(self::schema(&path), schema);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file_or_its_log() {
    use std::os::unix::fs::PermissionsExt;
    let (store, _keep) = fresh_sqlite();
    registered(&store, sign_up("someone@example.com")).await;
    for file in [store.path().to_owned(), beside(store.path(), "-wal")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_clean_close_leaves_one_file() {
    let (store, keep) = fresh_sqlite();
    let path = store.path().to_owned();
    registered(&store, sign_up("someone@example.com")).await;
    assert!(beside(&path, "-wal").exists());
    let clone = store.clone();
    drop(store);
    clone.ping().await.unwrap();
    drop(clone);
    let names: Vec<_> = std::fs::read_dir(keep.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["t.db"]);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (path, _keep) = closed();
    change(&path, "INSERT INTO migrations VALUES (99, 'later', '')");
    for error in both(&path) {
        assert!(matches!(
            error,
            OpenError::Newer {
                found: 99,
                known: 5,
                ..
            }
        ));
        let text = error.to_string();
        assert!(text.contains("has schema 99") && text.contains("run the version that wrote it"));
    }
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let (path, _keep) = closed();
    change(
        &path,
        "UPDATE migrations SET checksum = '00' WHERE version = 1",
    );
    for error in both(&path) {
        assert!(matches!(error, OpenError::Altered { version: 1, .. }));
    }
}

#[tokio::test]
async fn another_programs_file_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    change(&path, "CREATE TABLE diary (day TEXT)");
    let before = schema(&path);
    for error in both(&path) {
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    }
    assert_eq!(schema(&path), before);
}

#[tokio::test]
async fn a_tool_neither_makes_nor_upgrades_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    let error = SqliteStore::open_existing(&path, Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Absent { .. }));
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    let error = SqliteStore::open_existing(&path, Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Older { found: 0, .. }));
}

#[tokio::test]
async fn what_another_process_commits_is_noticed_and_ones_own_is_not() {
    let (store, _keep) = fresh_sqlite();
    assert!(!store.foreign_changes().await.unwrap());
    registered(&store, sign_up("a@example.com")).await;
    assert!(!store.foreign_changes().await.unwrap(), "its own");
    // A second connection stands for a second process.
    let tool = SqliteStore::open_existing(store.path(), Options::default()).unwrap();
    assert!(!store.foreign_changes().await.unwrap(), "only opened");
    let id = registered(&tool, sign_up("b@example.com")).await;
    assert!(store.foreign_changes().await.unwrap());
    assert!(!store.foreign_changes().await.unwrap(), "told once");
    assert!(store.account(id).await.unwrap().is_some());
    drop(tool);
    registered(&store, sign_up("c@example.com")).await;
}

#[tokio::test]
async fn a_row_that_cannot_be_is_named_and_not_shown() {
    let (store, _keep) = fresh_sqlite();
    let id = registered(&store, sign_up("someone@example.com")).await;
    let session = session(now());
    store.open_session(session.clone().into()).await.unwrap();
    change(
        store.path(),
        "PRAGMA ignore_check_constraints = ON;
         UPDATE accounts SET status = 'secretly';
         UPDATE sessions SET rotated_by = x'00';",
    );
    let error = store.account(id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)));
    let text = error.to_string();
    assert!(
        text.contains(&format!("accounts.status of row {id}")),
        "{text}"
    );
    assert!(!text.contains("secretly"));
    let error = store.session(session.id).await.unwrap_err();
    assert!(error.to_string().contains("sessions.rotated_by of row"));
}

/// SECURITY 34, 78: a copy of the files, log and all, has neither code nor password in it; and the
/// content of a message that was sent is in none of them any more once the store is closed.
#[tokio::test]
async fn s34_s78_the_files_hold_no_raw_secret() {
    let (store, _keep) = fresh_sqlite();
    let path = store.path().to_owned();
    let master = MasterKey::new([7; 32]);
    let sealer = master.sealer("outbox").unwrap();
    let key = master.hmac("codes");
    let identifier = email("someone@example.com");
    let policy = policy();
    let mut next = 0;
    let code = PlainCode::draw(&policy, || -> Result<u8, ()> {
        next += 7;
        Ok(next)
    })
    .unwrap();
    let raw = code.expose().as_bytes().to_owned();
    let content = Content::ConfirmAddress {
        code: code.expose().into(),
        minutes: 60,
    };
    let notice = Notice::to(&identifier, Locale::Ko, "test", content);
    let sealed = notice.seal(&sealer, &Counting).unwrap();
    let new = NewAccount {
        code: Some({
            let (target, sealed) = (identifier.key(), sealed.clone());
            Box::new(move |account| NewCode {
                account,
                purpose: CodePurpose::ConfirmAddress,
                hash: code.hash(&key, account, CodePurpose::ConfirmAddress, &target),
                target,
                policy,
                message: OutgoingMessage {
                    sealed,
                    useless_after: now() + Duration::from_secs(3_600),
                },
                now: now(),
                origin: origin(),
            })
        }),
        ..sign_up("someone@example.com")
    };
    let id = registered(&store, new).await;
    let dump = dump(&path);
    assert!(holds(&dump, &sealed), "the message is there, sealed");
    assert!(holds(&dump, identifier.as_str().as_bytes()));
    assert!(!holds(&dump, &raw), "the code is not");

    let claimed = store.claim_messages(now(), Duration::from_secs(60), 1);
    let message = claimed.await.unwrap().remove(0);
    store.message_sent(message.id, now()).await.unwrap();
    let attempt = redeem(id, &identifier, &raw, &master);
    assert_eq!(
        store.redeem_code(attempt).await.unwrap(),
        CodeRedeemed::Proved
    );
    drop(store);
    let dump = self::dump(&path);
    assert!(!holds(&dump, &raw));
    assert!(!holds(&dump, &sealed), "the message is erased");
}

fn redeem(
    account: daemun_engine::ids::AccountId,
    identifier: &Identifier,
    raw: &[u8],
    master: &MasterKey,
) -> CodeAttempt {
    let purpose = CodePurpose::ConfirmAddress;
    let target = identifier.key();
    let code = PlainCode::presented(std::str::from_utf8(raw).unwrap());
    CodeAttempt {
        account,
        purpose,
        hash: code.hash(&master.hmac("codes"), account, purpose, &target),
        target,
        now: now(),
        origin: origin(),
    }
}

fn policy() -> CodePolicy {
    CodePolicy {
        alphabet: CodeAlphabet::UpperAlphanumeric,
        length: 16,
        lifetime: Duration::from_secs(3_600),
        tries: 5,
        resend_gap: Duration::from_secs(60),
        daily_cap: 10,
    }
}

struct Counting;

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        bytes.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        Ok(())
    }
}

fn closed() -> (std::path::PathBuf, tempfile::TempDir) {
    let (store, keep) = fresh_sqlite();
    (store.path().to_owned(), keep)
}

fn both(path: &Path) -> [OpenError; 2] {
    [
        SqliteStore::open(path, Options::default()).unwrap_err(),
        SqliteStore::open_existing(path, Options::default()).unwrap_err(),
    ]
}

fn change(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn schema(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT ifnull(sql, '') FROM sqlite_schema ORDER BY name")
        .unwrap();
    let all = statement.query_map([], |row| row.get(0)).unwrap();
    all.collect::<Result<Vec<String>, _>>().unwrap().join("\n")
}

fn dump(path: &Path) -> Vec<u8> {
    let mut all = std::fs::read(path).unwrap();
    all.extend(std::fs::read(beside(path, "-wal")).unwrap_or_default());
    all
}

fn holds(dump: &[u8], what: &[u8]) -> bool {
    dump.windows(what.len()).any(|window| window == what)
}
