//! Accounts from files: a header or a JSON object a line, whoever wrote them.

use std::fmt::Write as _;

use serde_json::json;

use super::{HASH, PASSWORD, figures, id_of, imported, shown};
use crate::harness::Daemun;

#[tokio::test]
async fn a_file_of_commas_is_read_by_its_header() {
    let daemun = Daemun::start().await;
    let mut file = String::from("userId,login,passwordHash,school,banned\n");
    let _ = writeln!(file, "41,mina@example.com,{HASH},\"대문고, 서울\",0");
    let _ = writeln!(file, "42,jun@example.com,{HASH},,1");
    let path = daemun.folder().join("users.csv");
    std::fs::write(&path, file).unwrap();
    let arguments = [
        "--csv",
        path.to_str().unwrap(),
        "--map",
        "email=login",
        "--profile",
        "school=school",
    ];
    let accounts = imported(&daemun, &arguments);
    assert_eq!(figures(&accounts), [2, 0, 0, 0]);
    assert_eq!(accounts["statuses"], json!({ "active": 1, "suspended": 1 }));
    assert_eq!(id_of(&daemun, "mina@example.com", PASSWORD).await, "41");
    let database = rusqlite::Connection::open(daemun.data().join("daemun.db")).unwrap();
    let profile = "SELECT profile FROM accounts WHERE id = 41";
    let profile: String = database.query_row(profile, [], |row| row.get(0)).unwrap();
    assert_eq!(profile, r#"{"school":"대문고, 서울"}"#);
}

#[tokio::test]
async fn json_lines_come_from_standard_input() {
    let daemun = Daemun::start().await;
    let lines = [
        json!({ "id": 5, "phone": "010-1234-5678", "password": HASH, "roles": ["admin"],
                "createdAt": "2024-02-03T04:05:06Z", "kakaoId": 77 }),
        json!({ "id": 6, "phone": "+1", "password": HASH }),
        json!({ "id": 7, "phone": "01000000001", "password": "{noop}plain" }),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let arguments = ["migrate", "import", "--json", "--jsonl", "-", "--apply"];
    let accounts = daemun.run_with(&arguments, &input).expect(0).json()["accounts"].clone();
    assert_eq!(figures(&accounts), [1, 0, 0, 2]);
    assert_eq!(accounts["roles"], json!({ "admin": 1 }));
    let account = shown(&daemun, "5");
    assert_eq!(account["phone"], "01012345678");
    let login = json!({ "phone": "01012345678", "password": PASSWORD });
    let login = daemun
        .post("/accounts/login/", login)
        .await
        .expect(201)
        .json();
    assert_eq!(login["user"]["id"], 5);
    assert_eq!(login["user"]["kakao_id"], "77");
}

#[tokio::test]
async fn s86_what_is_wrong_with_a_file_is_said_with_its_row_and_none_of_its_text() {
    let daemun = Daemun::start().await;
    for (text, says) in [
        (
            "{\"id\":1,\"phone\":\"01012345678\",\"password\":\"!\"}\nsecret text\n",
            "row 2",
        ),
        ("{\"id\":1,\"email\":\"a@example.com\"}\n", "password"),
    ] {
        let arguments = ["migrate", "import", "--jsonl", "-", "--apply"];
        let ran = daemun.run_with(&arguments, text);
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(
            ran.stderr.contains(says) && !ran.stderr.contains("secret"),
            "{ran:?}"
        );
    }
    daemun.run(&["migrate", "import", "--apply"]).expect(2);
    daemun
        .run(&["migrate", "import", "--csv", "/nowhere"])
        .expect(5);
    let both = ["migrate", "import", "--csv", "a", "--jsonl", "b"];
    daemun.run(&both).expect(2);
}
