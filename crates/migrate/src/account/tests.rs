use super::*;
use crate::row::Column;

const HASH: &str = "pbkdf2_sha256$720000$abcdefghijkl$dGhpcnR5LXR3by1ieXRlcy1vZi1hLWRpZ2VzdC4uLi4=";

fn reader(names: &str) -> Reader {
    let column = |name: &str| Column {
        name: name.into(),
        kind: "".into(),
    };
    let columns: Vec<Column> = names.split(' ').map(column).collect();
    Reader {
        mapping: Mapping::guess(&columns, &[], &[]).unwrap(),
        inactive: None,
        no_password_ok: false,
    }
}

fn row(cells: Vec<Value>) -> Row {
    Row {
        number: 3,
        cells: cells.into_iter().map(Cell::from_json).collect(),
    }
}

fn read(names: &str, cells: Vec<Value>) -> Result<ImportedAccount, (String, Reason)> {
    let read = reader(names).read(&row(cells));
    let account = read.map(|readable| readable.account);
    account.map_err(|unreadable| (unreadable.remark.field, unreadable.remark.reason))
}

fn refused(names: &str, cells: Vec<Value>) -> (String, Reason) {
    read(names, cells).unwrap_err()
}

#[test]
fn a_row_of_django_is_an_account() {
    let names = "id password email is_staff is_active date_joined last_login kakao_id nickname";
    let account = read(
        names,
        vec![
            json!(7),
            json!(HASH),
            json!("Mina@example.com"),
            json!(1),
            json!(1),
            json!("2024-01-02 03:04:05.678"),
            json!(null),
            json!(4711),
            json!("미나"),
        ],
    );
    let account = account.unwrap();
    assert_eq!(account.id, AccountId(7));
    assert_eq!(account.email.unwrap().as_str(), "Mina@example.com");
    assert_eq!(account.roles, [Box::<str>::from("admin")]);
    assert_eq!(account.status, ImportedStatus::Active);
    assert_eq!(account.linked["kakao"].as_ref(), "4711");
    assert_eq!(account.nickname.as_deref(), Some("미나"));
    assert_eq!(account.password.as_stored(), HASH);
    assert_eq!(account.last_login_at, None);
}

#[test]
fn what_stands_in_the_way_is_named_by_its_field() {
    let names = "id password email";
    let row = |id: Value, password: Value, email: Value| refused(names, vec![id, password, email]);
    let mail = json!("a@example.com");
    let field = |name: &str, reason| (name.to_owned(), reason);
    for id in [json!(0), json!(-1), json!(1_i64 << 53), json!("seven")] {
        let expected = field("id", Reason::OutOfRange);
        assert_eq!(row(id, json!(HASH), mail.clone()), expected);
    }
    let missing = row(json!(""), json!(HASH), mail.clone());
    assert_eq!(missing, field("id", Reason::Missing));
    let unreadable = row(json!(1), json!(HASH), json!("mina"));
    assert_eq!(unreadable, field("email", Reason::Unreadable));
    let nowhere = row(json!(1), json!(HASH), json!(" "));
    assert_eq!(nowhere, field("email", Reason::Missing));
    let md5 = row(json!(1), json!("md5$salt$abc"), mail);
    assert_eq!(md5, field("password", Reason::Unverifiable));
}

#[test]
fn an_account_without_a_password_stays_one() {
    for hash in [json!("!unusable"), json!(""), json!(null)] {
        let account = read(
            "id password email",
            vec![json!(1), hash, json!("a@example.com")],
        );
        assert_eq!(account.unwrap().password.as_stored(), NO_PASSWORD);
    }
    let reader = Reader {
        no_password_ok: true,
        ..reader("id password email")
    };
    let row = row(vec![
        json!(1),
        json!("md5$salt$abc"),
        json!("a@example.com"),
    ]);
    let Ok(readable) = reader.read(&row) else {
        panic!("it was refused");
    };
    assert_eq!(readable.account.password.as_stored(), NO_PASSWORD);
    assert_eq!(readable.remarks[0].reason, Reason::NoPassword);
}

#[test]
fn what_inactive_means_must_be_said() {
    let cells = || vec![json!(1), json!(HASH), json!("a@example.com"), json!(false)];
    let names = "id password email is_active";
    assert_eq!(
        refused(names, cells()),
        ("active".into(), Reason::Undecided)
    );
    for (inactive, status) in [
        (Inactive::Unverified, ImportedStatus::Unverified),
        (Inactive::Suspended, ImportedStatus::Suspended),
    ] {
        let reader = Reader {
            inactive: Some(inactive),
            ..reader(names)
        };
        let readable = reader.read(&row(cells())).ok().unwrap();
        assert_eq!(readable.account.status, status);
        assert!(reader.is_inactive(&row(cells())));
    }
}

#[test]
fn the_gravest_of_several_marks_counts() {
    let names = "id password email is_verified is_banned deleted_at";
    let status = |verified: Value, banned: Value, deleted: Value| {
        let cells = vec![
            json!(1),
            json!(HASH),
            json!("a@example.com"),
            verified,
            banned,
            deleted,
        ];
        read(names, cells).unwrap().status
    };
    let at = || json!("2024-01-02 03:04:05");
    assert_eq!(
        status(json!(1), json!(0), json!(null)),
        ImportedStatus::Active
    );
    assert_eq!(
        status(json!(0), json!(0), json!(null)),
        ImportedStatus::Unverified
    );
    assert_eq!(
        status(json!(0), json!(1), json!(null)),
        ImportedStatus::Suspended
    );
    assert_eq!(status(json!(1), json!(1), at()), ImportedStatus::Withdrawn);
}

#[test]
fn a_nickname_that_is_none_costs_nobody_the_account() {
    let cells = vec![
        json!(1),
        json!(HASH),
        json!("a@example.com"),
        json!("x".repeat(51)),
    ];
    let readable = reader("id password email nickname").read(&row(cells));
    let readable = readable.ok().unwrap();
    assert_eq!(readable.account.nickname, None);
    assert_eq!(readable.remarks[0].reason, Reason::NoNickname);
}

#[test]
fn only_what_changed_changes_a_digest() {
    let names = "id password email last_login";
    let account = |hash: &str, email: &str, login: Value| {
        read(names, vec![json!(1), json!(hash), json!(email), login]).unwrap()
    };
    let first = account(HASH, "a@example.com", json!(null));
    let logged_in = account(HASH, "a@example.com", json!("2024-01-02 03:04:05"));
    assert_eq!(first.row_digest, logged_in.row_digest);
    let moved = account(HASH, "b@example.com", json!(null));
    assert_ne!(first.row_digest, moved.row_digest);
    assert_eq!(first.password_digest, moved.password_digest);
    let changed = account("!", "a@example.com", json!(null));
    assert_eq!(first.row_digest, changed.row_digest);
    assert_ne!(first.password_digest, changed.password_digest);
}

#[test]
fn a_report_holds_nothing_of_what_stands_in_a_row() {
    let cells = vec![json!(5), json!(HASH), json!("secret person")];
    let unreadable = reader("id password email").read(&row(cells)).err().unwrap();
    let line = unreadable.remark.to_json().to_string();
    assert!(
        !line.contains("secret") && !line.contains("pbkdf2"),
        "{line}"
    );
    assert_eq!(unreadable.remark.to_string(), "id 5: email cannot be read");
}
