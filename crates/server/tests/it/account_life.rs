//! Accounts that are suspended, given up, brought back and erased, as every contract tells it.

use std::{
    fs,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin::Api,
    harness::{Answer, Daemun, send},
    service_keys::{files, holds},
    wire::people::{
        EMAIL, Guards, PASSWORD, PHONE, Pair, account, email_cookie, native, phone_pair, refresh,
        refresh_cookie, refresh_native,
    },
};

/// The same people logged in through every contract that has accounts.
struct Logins {
    by_mail: Pair,
    by_cookie: Pair,
    by_phone: Pair,
    by_code: Pair,
}

impl Logins {
    async fn open(daemun: &Daemun) -> Self {
        Self {
            by_mail: native(daemun, EMAIL).await,
            by_cookie: email_cookie(daemun, EMAIL).await,
            by_phone: phone_pair(daemun, PHONE).await,
            by_code: result_code(daemun).await,
        }
    }

    async fn guards(&self, daemun: &Daemun) -> [u16; 4] {
        [
            Guards::native(daemun, &self.by_mail.access).await,
            Guards::email_cookie(daemun, &self.by_cookie.access).await,
            Guards::phone_pair(daemun, &self.by_phone.access).await,
            code(&daemun.get_as(&self.by_code.access, "/auth/me").await),
        ]
    }

    async fn refreshes(&self, daemun: &Daemun) -> [u16; 4] {
        [
            refresh_native(daemun, &self.by_mail.refresh).await.status,
            refresh_cookie(daemun, &self.by_cookie.refresh).await.status,
            refresh(daemun, &self.by_phone.refresh).await.status,
            code(&refresh_result_code(daemun, &self.by_code.refresh).await),
        ]
    }
}

/// Logs in through `result-code`: the access token comes with the first refresh.
async fn result_code(daemun: &Daemun) -> Pair {
    let login = json!({ "webMail": EMAIL, "password": PASSWORD });
    let answer = daemun.post("/auth/login", login).await.expect(200);
    let refreshed = refresh_result_code(daemun, &cookie(&answer)).await;
    let access = refreshed.json()["responseData"]["accessToken"].clone();
    Pair {
        access: access.as_str().unwrap().to_owned(),
        refresh: cookie(&refreshed),
    }
}

async fn refresh_result_code(daemun: &Daemun, token: &str) -> Answer {
    let request = daemun
        .request(Method::POST, "/auth/refresh")
        .header("cookie", format!("refreshToken={token}"))
        .json(&json!({}));
    send(request).await
}

fn cookie(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    set.split([';', '=']).nth(1).unwrap().to_owned()
}

/// What `result-code` says instead of a status.
fn code(answer: &Answer) -> u16 {
    let code = answer.json()["resultCode"].as_u64();
    code.unwrap().try_into().unwrap()
}

async fn two_people() -> (Daemun, Api, Logins) {
    let daemun = Daemun::start().await;
    assert_eq!(account(&daemun, EMAIL, "mail"), 1);
    assert_eq!(account(&daemun, PHONE, "phone"), 2);
    let api = Api::of(&daemun);
    let logins = Logins::open(&daemun).await;
    assert_eq!(logins.guards(&daemun).await, [200; 4]);
    (daemun, api, logins)
}

/// What the contracts say to a refresh token of a session that was ended.
const REVOKED: [u16; 4] = [401, 401, 401, 4];

async fn act(daemun: &Daemun, api: &Api, act: &str, body: Value) {
    for id in [1, 2] {
        let path = format!("accounts/{id}/{act}");
        api.post(daemun, &path, body.clone()).await.expect(200);
    }
}

#[tokio::test]
async fn s33_whom_a_service_suspends_is_out_of_every_contract_at_the_next_request() {
    let (daemun, api, logins) = two_people().await;
    act(&daemun, &api, "suspend", json!({ "reason": "spam" })).await;
    assert_eq!(logins.guards(&daemun).await, [403, 401, 401, 401]);
    assert_eq!(logins.refreshes(&daemun).await, [403, 401, 401, 401]);

    act(&daemun, &api, "restore", json!({})).await;
    assert_eq!(logins.guards(&daemun).await, [401; 4], "dead is dead");
    assert_eq!(logins.refreshes(&daemun).await, REVOKED);
    let again = Logins::open(&daemun).await;
    assert_eq!(again.guards(&daemun).await, [200; 4]);
    assert_eq!(again.refreshes(&daemun).await, [200; 4]);
}

#[tokio::test]
async fn s33_a_suspension_ends_by_itself_and_its_sessions_stay_dead() {
    let (daemun, _, logins) = two_people().await;
    for id in ["1", "2"] {
        let suspend = [
            "account", "suspend", id, "--until", "2s", "--reason", "noise",
        ];
        daemun.run(&suspend).expect(0);
    }
    let begun = Instant::now();
    assert_eq!(logins.guards(&daemun).await, [403, 401, 401, 401]);
    let shown = daemun.run(&["account", "show", "1"]).expect(0).stdout;
    assert!(
        shown.contains("until") && shown.contains("noise"),
        "{shown}"
    );
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    while daemun.post("/v1/session", login.clone()).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "too soon");
    assert_eq!(logins.guards(&daemun).await, [401; 4]);
    assert_eq!(logins.refreshes(&daemun).await, REVOKED);
}

#[tokio::test]
async fn s33_who_gives_up_is_out_and_can_come_back_within_the_grace() {
    let (daemun, api, logins) = two_people().await;
    act(&daemun, &api, "withdraw", json!({ "grace": "7d" })).await;
    let refused = logins.guards(&daemun).await;
    assert!(refused.iter().all(|status| *status >= 400), "{refused:?}");
    let refused = logins.refreshes(&daemun).await;
    assert!(refused.iter().all(|status| *status >= 400), "{refused:?}");
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    assert_ne!(daemun.post("/v1/session", login).await.status, 200);
    let shown = daemun
        .run(&["account", "show", "1", "--json"])
        .expect(0)
        .json();
    assert_eq!(shown["status"], "withdrawn");
    assert!(
        shown["erase_at"].is_string() && shown["erased"] == false,
        "{shown}"
    );

    let back = daemun
        .run(&["account", "restore", "1", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&back["status"], &back["erase_at"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(Guards::native(&daemun, &logins.by_mail.access).await, 401);
    let again = native(&daemun, EMAIL).await;
    assert_eq!(Guards::native(&daemun, &again.access).await, 200);
}

/// What was personal about an erased account stands nowhere in the data any more: neither in the
/// database nor in its log, while the server runs.
#[tokio::test]
async fn what_was_erased_is_in_no_file() {
    let daemun = Daemun::start().await;
    // Neighbours, so that pages split and rows move.
    let neighbours = (0..60).map(|n| format!("neighbour{n}@example.com"));
    let neighbours: Vec<String> = neighbours.collect();
    let api = Api::of(&daemun);
    let mut canary = 0;
    for (n, address) in neighbours.iter().enumerate() {
        if n == 30 {
            let made = json!({
                "email": "Canary@example.com", "password": PASSWORD, "nickname": "canarynick",
                "verified": true,
            });
            let made = api.post(&daemun, "accounts", made).await.expect(201).json();
            canary = made["id"].as_i64().unwrap();
            let again = json!({ "email": "canary@example.com", "password": PASSWORD });
            let sign_up = daemun.post("/v1/accounts", again).await;
            assert!(sign_up.status < 300, "{sign_up:?}");
            for _ in 0..3 {
                log_in_as(&daemun, "canary@example.com", "canaryagent/1.0").await;
            }
        }
        let sign_up = json!({ "email": address, "password": PASSWORD });
        let made = daemun.post("/v1/accounts", sign_up).await;
        assert!(made.status < 300, "{made:?}");
    }
    let role = format!("accounts/{canary}/roles/canaryrole");
    api.put(&daemun, &role).await.expect(200);
    let path = format!("accounts/{canary}/suspend");
    let reason = json!({ "reason": "canaryreason" });
    api.post(&daemun, &path, reason).await.expect(200);
    let words = [
        "Canary@example.com",
        "canary@example.com",
        "canarynick",
        "canaryagent",
        "canaryreason",
    ];
    for word in words {
        assert!(anywhere(&daemun, word), "{word} should be there before");
    }

    let withdraw = ["account", "withdraw", &canary.to_string(), "--now"];
    daemun.run(&withdraw).expect(1);
    let yes = [&withdraw[..], &["--yes", "--json"]].concat();
    let left = daemun.run(&yes).expect(0).json();
    assert_eq!(left["erased"], true, "{left}");
    assert_eq!(left["id"], canary);
    for name in ["email", "phone", "nickname", "reason", "last_login_at"] {
        assert_eq!(left[name], Value::Null, "{name}");
    }

    let begun = Instant::now();
    while let Some(word) = words.iter().find(|word| anywhere(&daemun, word)) {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{word} is still there"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    daemun
        .run(&["account", "restore", &canary.to_string()])
        .expect(4);
    let trail = format!("audit?account={canary}");
    let trail = api.get(&daemun, &trail).await.expect(200).json();
    let events = trail["events"].as_array().unwrap();
    assert_eq!(events[0]["kind"], "account_erased");
    assert!(
        events.iter().all(|event| event["network"].is_null()),
        "{trail}"
    );
    // The address is free, the number is not.
    let again = json!({ "email": "canary@example.com", "password": PASSWORD, "verified": true });
    let again = api
        .post(&daemun, "accounts", again)
        .await
        .expect(201)
        .json();
    assert!(again["id"].as_i64().unwrap() > canary);
}

#[tokio::test]
async fn the_server_erases_what_is_due_by_itself() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let withdraw = ["account", "withdraw", EMAIL, "--grace", "1s", "--json"];
    let left = daemun.run(&withdraw).expect(0).json();
    assert_eq!(
        (&left["erased"], &left["email"]),
        (&json!(false), &json!(EMAIL))
    );
    // It looks when it starts, and every minute.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let daemun = daemun.killed().go().await;
    let begun = Instant::now();
    let erased = || {
        daemun
            .run(&["account", "show", "1", "--json"])
            .expect(0)
            .json()
    };
    while erased()["erased"] != true {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(erased()["email"], Value::Null);
    daemun.run(&["account", "show", EMAIL]).expect(3);
}

#[tokio::test]
async fn roles_are_given_and_taken_and_audited() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let add = ["account", "role", "add", EMAIL, "admin", "--json"];
    let given = daemun.run(&add).expect(0).json();
    assert_eq!(given["roles"], json!(["admin"]));
    let shown = daemun.run(&["account", "show", "1"]).expect(0).stdout;
    assert!(
        shown.contains("roles") && shown.contains("admin"),
        "{shown}"
    );
    let remove = ["account", "role", "remove", "1", "admin", "--json"];
    assert_eq!(daemun.run(&remove).expect(0).json()["roles"], json!([]));
    daemun
        .run(&["account", "role", "add", "1", "a role"])
        .expect(2);
    daemun
        .run(&["account", "role", "add", "9", "admin"])
        .expect(3);
}

async fn log_in_as(daemun: &Daemun, email: &str, agent: &str) {
    let login = json!({ "email": email, "password": PASSWORD });
    let request = daemun.request(Method::POST, "/v1/session").json(&login);
    send(request.header("user-agent", agent)).await.expect(200);
}

fn anywhere(daemun: &Daemun, word: &str) -> bool {
    let files = files(daemun.data()).into_iter();
    let mut databases = files.filter(|path| path.to_string_lossy().contains("daemun.db"));
    databases.any(|path| holds(&fs::read(path).unwrap_or_default(), word))
}
