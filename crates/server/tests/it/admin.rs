//! The admin API: what operators do, for services that show a key.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Daemun, run, send},
    service_keys::key,
    wire::people::{EMAIL, PASSWORD, account, native},
};

/// The admin API as a service with a key sees it.
pub struct Api(String);

impl Api {
    /// With a key made for it.
    pub fn of(daemun: &Daemun) -> Self {
        Self(key(daemun, "office", "admin"))
    }

    pub async fn get(&self, daemun: &Daemun, path: &str) -> Answer {
        send(self.request(daemun, Method::GET, path)).await
    }

    pub async fn post(&self, daemun: &Daemun, path: &str, body: Value) -> Answer {
        send(self.request(daemun, Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, daemun: &Daemun, path: &str) -> Answer {
        send(self.request(daemun, Method::PUT, path)).await
    }

    pub async fn delete(&self, daemun: &Daemun, path: &str) -> Answer {
        send(self.request(daemun, Method::DELETE, path)).await
    }

    pub fn request(&self, daemun: &Daemun, method: Method, path: &str) -> reqwest::RequestBuilder {
        let path = format!("/v1/admin/{path}");
        daemun.request(method, &path).bearer_auth(&self.0)
    }
}

/// The code of a problem, told as RFC 9457 has it, and the field it names.
#[track_caller]
fn problem(answer: &Answer) -> (u16, String, Value) {
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.json();
    assert_eq!(told["status"], answer.status, "{told}");
    let code = told["code"].as_str().unwrap().to_owned();
    (answer.status, code, told["field"].clone())
}

#[tokio::test]
async fn nothing_but_a_key_of_its_scope_opens_the_admin_api() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let tokens = key(&daemun, "campus", "tokens");
    let session = native(&daemun, EMAIL).await;
    daemun
        .run(&["account", "role", "add", "1", "admin"])
        .expect(0);
    let paths = [
        "accounts",
        "accounts/1",
        "sessions/1",
        "audit",
        "nowhere",
        "",
    ];
    for path in paths {
        let path = format!("/v1/admin/{path}");
        for bearer in [
            None,
            Some(&*tokens),
            Some(&*session.access),
            Some("dsk_a_b"),
        ] {
            let request = daemun.request(Method::GET, &path);
            let request = bearer.into_iter().fold(request, |r, b| r.bearer_auth(b));
            let answer = send(request).await;
            assert_eq!(problem(&answer).0, 401, "{path} {bearer:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    let api = Api::of(&daemun);
    api.get(&daemun, "accounts").await.expect(200);
    daemun.run(&["service-key", "revoke", "office"]).expect(0);
    api.get(&daemun, "accounts").await.expect(401);
}

#[tokio::test]
async fn s54_no_page_reads_the_admin_api() {
    let daemun = Daemun::start().await;
    let api = Api::of(&daemun);
    let page = |method| {
        let request = api.request(&daemun, method, "accounts");
        send(request.header("origin", "http://localhost:3000"))
    };
    let read = page(Method::GET).await.expect(200);
    assert!(!read.headers.contains_key("access-control-allow-origin"));
    assert_eq!(read.headers["cache-control"], "no-store");
    let asked = page(Method::OPTIONS).await.expect(405);
    assert!(!asked.headers.contains_key("access-control-allow-origin"));
    let preflight = daemun.request(Method::OPTIONS, "/v1/admin/accounts");
    let preflight = send(preflight.header("origin", "http://localhost:3000")).await;
    assert_eq!(preflight.status, 401);
}

#[tokio::test]
async fn accounts_are_made_listed_and_found() {
    let daemun = Daemun::start().await;
    let api = Api::of(&daemun);
    for n in 1..=5 {
        let new = json!({
            "email": format!("user{n}@example.com"), "password": PASSWORD, "verified": n != 5,
        });
        let made = api.post(&daemun, "accounts", new).await.expect(201);
        assert_eq!(made.headers["location"], format!("/v1/admin/accounts/{n}"));
        let status = if n == 5 { "unverified" } else { "active" };
        assert_eq!(made.json()["status"], status);
    }
    let ids = |page: &Value| -> Vec<i64> {
        let accounts = page["accounts"].as_array().unwrap().iter();
        accounts
            .map(|account| account["id"].as_i64().unwrap())
            .collect()
    };
    let page = api
        .get(&daemun, "accounts?limit=2")
        .await
        .expect(200)
        .json();
    assert_eq!((ids(&page), &page["next"]), (vec![1, 2], &json!(2)));
    let page = api.get(&daemun, "accounts?limit=3&after=2").await.json();
    assert_eq!((ids(&page), &page["next"]), (vec![3, 4, 5], &json!(5)));
    let page = api.get(&daemun, "accounts?after=5").await.json();
    assert_eq!((ids(&page), &page["next"]), (vec![], &Value::Null));
    let found = api
        .get(&daemun, "accounts?email=USER3%40example.com")
        .await
        .json();
    assert_eq!(ids(&found), [3]);
    let nobody = api
        .get(&daemun, "accounts?phone=%2B821012345678")
        .await
        .json();
    assert_eq!(ids(&nobody), Vec::<i64>::new());
    let shown = api.get(&daemun, "accounts/3").await.expect(200).json();
    assert_eq!(shown["email"], "user3@example.com");
    let by_command = daemun
        .run(&["account", "show", "3", "--json"])
        .expect(0)
        .json();
    assert_eq!(shown, by_command, "one shape for both");
    assert!(!shown.to_string().contains("argon2"));

    let again = json!({ "email": "user3@example.com", "password": PASSWORD });
    let again = api.post(&daemun, "accounts", again).await;
    assert_eq!(problem(&again).1, "identifier_taken");
    assert_eq!((again.status, &again.json()["account"]), (409, &json!(3)));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_field() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let api = Api::of(&daemun);
    for (path, body, field) in [
        (
            "accounts",
            json!({ "email": "no", "password": PASSWORD }),
            "email",
        ),
        ("accounts", json!({ "password": PASSWORD }), "email"),
        ("accounts", json!({ "email": "b@example.com" }), "password"),
        (
            "accounts",
            json!({ "email": "b@example.com", "password": "short" }),
            "password",
        ),
        (
            "accounts",
            json!({ "email": "b@example.com", "password": 1 }),
            "password",
        ),
        (
            "accounts",
            json!({ "phone": "01012345678", "email": "b@example.com" }),
            "phone",
        ),
        (
            "accounts",
            json!({ "email": "b@example.com", "password": PASSWORD, "is_admin": true }),
            "is_admin",
        ),
        (
            "accounts/1/suspend",
            json!({ "until": "tomorrow" }),
            "until",
        ),
        (
            "accounts/1/suspend",
            json!({ "until": "2020-01-01T00:00:00Z" }),
            "until",
        ),
        ("accounts/1/suspend", json!({ "reason": "" }), "reason"),
        ("accounts/1/suspend", json!({ "reason": "a\nb" }), "reason"),
        (
            "accounts/1/suspend",
            json!({ "reason": "a".repeat(501) }),
            "reason",
        ),
        (
            "accounts/1/withdraw",
            json!({ "grace": "a month" }),
            "grace",
        ),
        ("accounts/1/withdraw", json!({ "grace": "99w9" }), "grace"),
        ("accounts/1/restore", json!({ "reason": "why" }), "reason"),
    ] {
        let answer = api.post(&daemun, path, body.clone()).await;
        let expected = (400, "invalid_field".to_owned(), json!(field));
        assert_eq!(problem(&answer), expected, "{path} {body}");
    }
    for (path, field) in [
        ("accounts?limit=201", "limit"),
        ("accounts?limit=0", "limit"),
        ("accounts?limit=1&limit=2", "limit"),
        ("accounts?after=x", "after"),
        ("accounts?email=no", "email"),
        ("accounts?everything=1", "everything"),
        ("accounts/1?verbose=1", "verbose"),
        ("audit", "account"),
    ] {
        let answer = api.get(&daemun, path).await;
        assert_eq!(problem(&answer).2, json!(field), "{path}");
    }
    for path in [
        "accounts/99",
        "accounts/x",
        "accounts/99/sessions",
        "sessions/x",
        "accounts/1/nothing",
        "sessions/0190b6c1000070008000000000000000",
        "",
        "accounts//",
    ] {
        assert_eq!(problem(&api.get(&daemun, path).await).0, 404, "{path}");
    }
    let missing = api.post(&daemun, "accounts/99/suspend", json!({})).await;
    assert_eq!(problem(&missing).0, 404);
    let wrong = api.put(&daemun, "accounts/1/suspend").await;
    assert_eq!(problem(&wrong).0, 405);
    assert_eq!(wrong.headers["allow"], "POST");
    let wrong = api.delete(&daemun, "accounts").await;
    assert_eq!(wrong.headers["allow"], "GET, POST, HEAD");

    let post = |path: &str| api.request(&daemun, Method::POST, path);
    let form = post("accounts/1/suspend").header("content-type", "text/plain");
    assert_eq!(problem(&send(form.body("{}")).await).0, 415);
    let json = |path: &str, body: String| {
        let request = post(path).header("content-type", "application/json");
        send(request.body(body))
    };
    assert_eq!(
        problem(&json("accounts/1/suspend", "{".into()).await).0,
        400
    );
    let twice = json(
        "accounts/1/suspend",
        r#"{"reason":"a","reason":"b"}"#.into(),
    )
    .await;
    assert_eq!(problem(&twice).2, "reason");
    let large = format!(r#"{{"reason":"{}"}}"#, "a".repeat(2 << 20));
    assert_eq!(problem(&json("accounts/1/suspend", large).await).0, 413);
    let active = api.get(&daemun, "accounts/1").await.json();
    assert_eq!(active["status"], "active", "none of that did anything");
}

#[tokio::test]
async fn s92_what_a_service_does_stands_under_its_name() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let api = Api::of(&daemun);
    native(&daemun, EMAIL).await;
    native(&daemun, EMAIL).await;
    let listed = api
        .get(&daemun, "accounts/1/sessions")
        .await
        .expect(200)
        .json();
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let id = sessions[0]["id"].as_str().unwrap();
    let path = format!("sessions/{id}");
    let ended = api.delete(&daemun, &path).await.expect(200).json();
    assert_eq!(ended["revoked"], 1);
    assert_eq!(api.delete(&daemun, &path).await.json()["revoked"], 0);
    let told = api.get(&daemun, &path).await.expect(200).json();
    assert!(
        told["why"]
            .as_str()
            .unwrap()
            .contains("an operator ended it"),
        "{told}"
    );
    assert_eq!(told["session"]["state"], "operator");
    let all = api.delete(&daemun, "accounts/1/sessions").await.expect(200);
    assert!(all.json()["revoked"].as_u64().unwrap() > 0);
    api.put(&daemun, "accounts/1/roles/ROLE_%ED%8E%B8%EC%A7%91")
        .await
        .expect(200);
    api.delete(&daemun, "accounts/1/roles/admin")
        .await
        .expect(200);
    api.post(&daemun, "accounts/1/suspend", json!({}))
        .await
        .expect(200);
    daemun.run(&["account", "restore", "1"]).expect(0);

    let events = api
        .get(&daemun, "audit?account=1&limit=200")
        .await
        .expect(200)
        .json();
    let events = events["events"].as_array().unwrap();
    let by = |kind: &str| -> Vec<&str> {
        let of_kind = events.iter().filter(|event| event["kind"] == kind);
        of_kind
            .map(|event| event["contract"].as_str().unwrap())
            .collect()
    };
    assert_eq!(by("status_changed"), ["", "service:office"]);
    assert_eq!(by("roles_changed"), ["service:office"]);
    assert_eq!(by("session_revoked"), ["service:office"]);
    let roles = events.iter().find(|event| event["kind"] == "roles_changed");
    assert_eq!(roles.unwrap()["detail"], "+ROLE_편집");
    let why = daemun.run(&["session", "why", id]).expect(0).stdout;
    assert!(why.contains("service:office"), "{why}");
}

#[tokio::test]
async fn what_stands_against_a_change_is_a_conflict() {
    let daemun = Daemun::start().await;
    let api = Api::of(&daemun);
    let new = json!({ "email": EMAIL, "password": PASSWORD });
    api.post(&daemun, "accounts", new).await.expect(201);
    for (act, body, code) in [
        ("suspend", json!({}), "unverified"),
        ("restore", json!({}), "unverified"),
        ("withdraw", json!({ "grace": "1d" }), "unverified"),
    ] {
        let answer = api.post(&daemun, &format!("accounts/1/{act}"), body).await;
        assert_eq!(
            (problem(&answer).0, &*problem(&answer).1),
            (409, code),
            "{act}"
        );
    }
    let erased = json!({ "grace": "0s" });
    let erased = api
        .post(&daemun, "accounts/1/withdraw", erased)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&erased["erased"], &erased["email"]),
        (&json!(true), &Value::Null)
    );
    for act in ["restore", "suspend"] {
        let answer = api
            .post(&daemun, &format!("accounts/1/{act}"), json!({}))
            .await;
        assert_eq!(
            (problem(&answer).0, &*problem(&answer).1),
            (409, "erased"),
            "{act}"
        );
    }
    let again = api.post(&daemun, "accounts/1/withdraw", json!({})).await;
    assert_eq!(again.expect(200).json()["erased"], true);
    let role = api.put(&daemun, "accounts/1/roles/admin").await;
    assert_eq!(problem(&role).1, "erased");
}

#[tokio::test]
async fn what_is_shown_is_what_the_document_says() {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    let api = Api::of(&daemun);
    native(&daemun, EMAIL).await;
    let document = daemun.get("/docs/admin/openapi.json").await.json();
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let documented = |schema: &str| {
        let schema = &document["components"]["schemas"][schema];
        let mut required: Vec<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_str().unwrap())
            .collect();
        required.sort_unstable();
        assert_eq!(
            names(&schema["properties"]),
            required,
            "all are always there"
        );
        names(&schema["properties"])
    };
    let shown = api.get(&daemun, "accounts/1").await.expect(200).json();
    assert_eq!(names(&shown), documented("Account"));
    let sessions = api.get(&daemun, "accounts/1/sessions").await.json();
    assert_eq!(names(&sessions["sessions"][0]), documented("Session"));
    let events = api.get(&daemun, "audit?account=1").await.json();
    assert_eq!(names(&events["events"][0]), documented("Event"));
}

#[tokio::test]
async fn the_document_is_served_and_no_contract_takes_its_place() {
    let daemun = Daemun::start().await;
    let document = daemun
        .get("/docs/admin/openapi.json")
        .await
        .expect(200)
        .json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/admin/accounts/{id}/withdraw"].is_object());

    let file = daemun.folder().join("ours.toml");
    let native = include_str!("../../../../contracts/native.toml");
    let ours = native.replace("post = \"/v1/session\"", "post = \"/v1/admin/session\"");
    assert_ne!(ours, native);
    std::fs::write(&file, ours).unwrap();
    let check = ["contract", "check", file.to_str().unwrap()];
    let faults = run(&check, &[], "").expect(1);
    let said = format!("{}{}", faults.stdout, faults.stderr);
    assert!(said.contains("the server's own"), "{said}");
}
