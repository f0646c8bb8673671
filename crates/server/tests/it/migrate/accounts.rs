//! Users that Django made, taken over: once, again, and after they changed there.

use serde_json::json;

use super::{
    OTHER_PASSWORD, PASSWORD, django::Django, figures, id_of, import, imported, log_in, shown,
};
use crate::harness::Daemun;

#[tokio::test]
async fn s66_users_of_django_log_in_with_their_passwords_and_keep_their_ids() {
    let daemun = Daemun::start().await;
    let mut django = Django::beside(&daemun);
    django.user(7, "Mina@example.com", PASSWORD);
    django.create(
        &json!({ "id": 4_711, "username": "jun", "email": "jun@example.com",
                          "password": PASSWORD, "staff": true }),
    );
    django.create(
        &json!({ "id": 12, "username": "no", "email": "no@example.com",
                          "password": null }),
    );

    let dry = import(&daemun, &django.source()).expect(0).json();
    assert_eq!(dry["applied"], false);
    assert_eq!(figures(&dry["accounts"]), [3, 0, 0, 0]);
    daemun.run(&["account", "show", "7"]).expect(3);

    assert_eq!(figures(&imported(&daemun, &django.source())), [3, 0, 0, 0]);
    assert_eq!(id_of(&daemun, "mina@example.com", PASSWORD).await, "7");
    log_in(&daemun, "mina@example.com", OTHER_PASSWORD)
        .await
        .expect(401);
    log_in(&daemun, "jun@example.com", PASSWORD)
        .await
        .expect(200);
    for password in ["", "!", PASSWORD] {
        let refused = log_in(&daemun, "no@example.com", password).await.status;
        assert!(
            refused == 401 || refused == 422 || refused == 400,
            "{refused}"
        );
    }

    let made = [
        "account",
        "create",
        "--email",
        "new@example.com",
        "--password-stdin",
        "--json",
    ];
    let made = daemun.run_with(&made, PASSWORD).expect(0).json();
    assert_eq!(made["id"], 4_712, "ids go on after the highest");
}

#[tokio::test]
async fn an_import_can_be_repeated_until_the_day_of_the_move() {
    let daemun = Daemun::start().await;
    let mut django = Django::beside(&daemun);
    django.user(1, "a@example.com", PASSWORD);
    django.user(2, "b@example.com", PASSWORD);
    django.user(3, "c@example.com", PASSWORD);
    assert_eq!(figures(&imported(&daemun, &django.source())), [3, 0, 0, 0]);
    // The hash is made anew here, with Argon2id.
    log_in(&daemun, "a@example.com", PASSWORD).await.expect(200);
    let upgraded = stored_hash(&daemun, 1);
    assert!(upgraded.starts_with("$argon2id$"), "{upgraded}");
    assert_eq!(figures(&imported(&daemun, &django.source())), [0, 0, 3, 0]);

    django.change(&json!({ "id": 1, "email": "moved@example.com" }));
    django.change(&json!({ "id": 2, "password": OTHER_PASSWORD }));
    django.user(4, "d@example.com", PASSWORD);
    let dry = import(&daemun, &django.source()).expect(0).json();
    assert_eq!(figures(&dry["accounts"]), [1, 2, 1, 0]);
    assert_eq!(figures(&imported(&daemun, &django.source())), [1, 2, 1, 0]);

    assert_eq!(stored_hash(&daemun, 1), upgraded, "the old hash came back");
    log_in(&daemun, "moved@example.com", PASSWORD)
        .await
        .expect(200);
    log_in(&daemun, "b@example.com", PASSWORD).await.expect(401);
    log_in(&daemun, "b@example.com", OTHER_PASSWORD)
        .await
        .expect(200);
    log_in(&daemun, "d@example.com", PASSWORD).await.expect(200);

    let database = rusqlite::Connection::open(daemun.data().join("daemun.db")).unwrap();
    let entries = "SELECT count(*) FROM audit WHERE kind = 'accounts_imported'";
    let entries: i64 = database.query_row(entries, [], |row| row.get(0)).unwrap();
    assert_eq!(entries, 3, "one for an import, none for a dry run");
}

#[tokio::test]
async fn s33_who_is_shut_out_on_either_side_is_shut_out() {
    let daemun = Daemun::start().await;
    let mut django = Django::beside(&daemun);
    django.user(1, "there@example.com", PASSWORD);
    django.user(2, "here@example.com", PASSWORD);
    imported(&daemun, &django.source());
    let login = log_in(&daemun, "there@example.com", PASSWORD)
        .await
        .expect(200);
    let token = login.json()["access_token"].as_str().unwrap().to_owned();
    daemun.get_as(&token, "/v1/accounts/me").await.expect(200);

    daemun.run(&["account", "suspend", "2"]).expect(0);
    django.change(&json!({ "id": 1, "is_active": false }));
    django.change(&json!({ "id": 2, "first_name": "x", "username": "renamed" }));

    let undecided = import(&daemun, &[&django.source()[..], &["--apply"]].concat());
    assert!(
        undecided.expect(2).error()["mend"]
            .as_str()
            .unwrap()
            .contains("--inactive")
    );
    let decided = [&django.source()[..], &["--inactive", "suspended"]].concat();
    assert_eq!(figures(&imported(&daemun, &decided)), [0, 2, 0, 0]);
    // The server was told before the command ended: no waiting here.
    daemun.get_as(&token, "/v1/accounts/me").await.expect(403);
    assert_eq!(shown(&daemun, "1")["status"], "suspended");
    assert_eq!(
        shown(&daemun, "2")["status"],
        "suspended",
        "undone by an import"
    );
    assert_eq!(shown(&daemun, "2")["nickname"], "renamed");
}

#[tokio::test]
async fn s86_what_is_in_the_way_is_reported_by_id_and_field_alone() {
    let daemun = Daemun::start().await;
    let ours = [
        "account",
        "create",
        "--email",
        "taken@example.com",
        "--verified",
        "--password-stdin",
    ];
    daemun.run_with(&ours, PASSWORD).expect(0);
    let mut django = Django::beside(&daemun);
    django.user(1, "one@example.com", PASSWORD);
    django.user(2, "Taken@example.com", PASSWORD);
    django.user(3, "three@example.com", PASSWORD);
    django.user(4, "THREE@example.com", PASSWORD);
    django.user(5, "five at example.com", PASSWORD);
    django.create(
        &json!({ "id": 6, "username": "six", "email": "six@example.com",
                          "password": PASSWORD, "active": false }),
    );
    let report = daemun.folder().join("report.jsonl");
    let arguments = [
        &django.source()[..],
        &["--report", report.to_str().unwrap()],
    ]
    .concat();
    let dry = import(&daemun, &arguments).expect(0).json();
    assert_eq!(figures(&dry["accounts"]), [1, 0, 0, 5]);
    assert_eq!(dry["accounts"]["undecided"], 1);

    let text = std::fs::read_to_string(&report).unwrap();
    assert!(!text.contains('@') && !text.contains("pbkdf2"), "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut said: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {}",
                line["id"], line["field"], line["reason"], line["other"]
            )
        })
        .collect();
    said.sort();
    assert_eq!(
        said,
        [
            "1 \"id\" \"not_imported\" null",
            "2 \"email\" \"taken\" 1",
            "4 \"email\" \"duplicate\" 3",
            "5 \"email\" \"unreadable\" null",
            "6 \"active\" \"undecided\" null",
        ]
    );
    let decided = [&arguments[..], &["--inactive", "unverified"]].concat();
    assert_eq!(figures(&imported(&daemun, &decided)), [2, 0, 0, 4]);
    assert_eq!(shown(&daemun, "6")["status"], "unverified");
    log_in(&daemun, "three@example.com", PASSWORD)
        .await
        .expect(200);
    let ours = id_of(&daemun, "taken@example.com", PASSWORD).await;
    assert_eq!(ours, "1", "an account of ours was taken");
}

#[tokio::test]
async fn s86_an_inspection_tells_tables_columns_and_makes_and_no_values() {
    let daemun = Daemun::start().await;
    let mut django = Django::beside(&daemun);
    django.user(7, "mina@example.com", PASSWORD);
    let inspect = [&["migrate", "inspect"][..], &django.source(), &["--json"]].concat();
    let ran = crate::harness::run(&inspect, &[], "").expect(0);
    assert!(
        !ran.stdout.contains("mina") && !ran.stdout.contains("$1000$"),
        "{ran:?}"
    );
    let found = ran.json();
    assert_eq!(found["tables"][0]["table"], "auth_user");
    assert_eq!(found["hashes_of_sample"]["Django pbkdf2_sha256"], 1);
    assert_eq!(found["unmapped"], json!(["last_name", "first_name"]));
    assert_eq!(found["missing"], json!(null));
    let missing = [
        &["migrate", "inspect", "--table", "nothing"][..],
        &django.source(),
    ]
    .concat();
    crate::harness::run(&missing, &[], "").expect(3);
}

fn stored_hash(daemun: &Daemun, id: i64) -> String {
    let database = rusqlite::Connection::open(daemun.data().join("daemun.db")).unwrap();
    let hash = "SELECT password_hash FROM accounts WHERE id = ?1";
    database.query_row(hash, [id], |row| row.get(0)).unwrap()
}
