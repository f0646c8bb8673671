//! Asking about tokens, and revoking them, over the wire (RFC 7662, RFC 7009).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Daemun, send},
    service_keys::key,
    wire::{
        forge::{HS256, forge, now},
        people::taken_over,
    },
};

const EMAIL: &str = "mina@example.com";
const PHONE: &str = "01012345678";
const PASSWORD: &str = "a few words nobody guesses";
const INTROSPECT: &str = "/v1/introspect";
const REVOKE: &str = "/v1/revoke";

/// A server with two accounts, and a key for the questions.
struct Asked {
    daemun: Daemun,
    key: String,
}

impl Asked {
    async fn start() -> Self {
        let daemun = Daemun::start().await;
        for address in [["--email", EMAIL], ["--phone", PHONE]] {
            let create = ["account", "create", "--verified", "--password-stdin"];
            let create = [&create[..], &address].concat();
            daemun.run_with(&create, PASSWORD).expect(0);
        }
        let key = key(&daemun, "campus", "introspection");
        Self { daemun, key }
    }

    async fn post(&self, path: &str, token: &str) -> Answer {
        let request = self.daemun.request(Method::POST, path);
        send(form(request.bearer_auth(&self.key), &[("token", token)])).await
    }

    async fn introspect(&self, token: &str) -> Value {
        self.post(INTROSPECT, token).await.expect(200).json()
    }

    /// Logs in through `native`.
    async fn native(&self) -> (String, String) {
        let login = json!({ "email": EMAIL, "password": PASSWORD });
        let tokens = self.daemun.post("/v1/session", login).await;
        pair(&tokens.expect(200).json(), "access_token", "refresh_token")
    }

    /// Logs in through `phone-pair`.
    async fn phone_pair(&self) -> (String, String) {
        let login = json!({ "phone": PHONE, "password": PASSWORD });
        let tokens = self.daemun.post("/accounts/login/", login).await;
        pair(&tokens.expect(201).json()["token"], "access", "refresh")
    }

    /// Whether a guard lets an access token in.
    async fn is_let_in(&self, token: &str, path: &str) -> bool {
        self.daemun.get_as(token, path).await.status == 200
    }
}

/// Sends fields as a form, every byte of them escaped.
fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let escape =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)));
    let kind = "application/x-www-form-urlencoded";
    let body = fields.collect::<Vec<_>>().join("&");
    request.header("content-type", kind).body(body)
}

fn pair(tokens: &Value, access: &str, refresh: &str) -> (String, String) {
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text(access), text(refresh))
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[tokio::test]
async fn a_good_token_of_any_contract_says_whose_it_is() {
    let asked = Asked::start().await;
    let (native, phone) = (asked.native().await, asked.phone_pair().await);
    for (token, contract, subject, kind) in [
        (&native.0, "native", "1", "Bearer"),
        (&native.1, "native", "1", "refresh_token"),
        (&phone.0, "phone-pair", "2", "Bearer"),
        (&phone.1, "phone-pair", "2", "refresh_token"),
    ] {
        let said = asked.introspect(token).await;
        assert_eq!(said["active"], true, "{contract} {kind}");
        assert_eq!(said["ctr"], contract);
        assert_eq!(said["sub"], subject);
        assert_eq!(said["token_type"], kind);
        assert_eq!(said["iss"], asked.daemun.url(""));
        assert_eq!(said["sid"].as_str().unwrap().len(), 32);
        assert!(said["exp"].as_i64() > said["iat"].as_i64());
    }
    let body = json!({ "userId": "u1", "userType": "student" });
    let token = asked.daemun.post("/tokenF/create", body).await.expect(200);
    let said = asked.introspect(token.json().as_str().unwrap()).await;
    assert_eq!(
        (&said["active"], &said["sub"]),
        (&json!(true), &json!("u1"))
    );
}

#[tokio::test]
async fn s43_of_what_is_not_active_nothing_else_is_said() {
    let asked = Asked::start().await;
    let (access, refresh) = asked.native().await;
    let (head, rest) = access.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{claims}.{other}{}", &signature[1..]);
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let long = "x".repeat(9_000);
    for token in [
        "", "x", "a.b.c", "a b+c%00", &forged, &unsigned, &long, &asked.key,
    ] {
        assert_eq!(asked.introspect(token).await, inactive(), "{token}");
    }
    // What was good and is over says no more.
    let log_out = asked.daemun.request(Method::DELETE, "/v1/session");
    send(log_out.bearer_auth(&access)).await;
    assert_eq!(asked.introspect(&access).await, inactive());
    assert_eq!(asked.introspect(&refresh).await, inactive());
    let (access, refresh) = asked.native().await;
    asked.daemun.run(&["account", "suspend", "1"]).expect(0);
    assert_eq!(asked.introspect(&access).await, inactive());
    assert_eq!(asked.introspect(&refresh).await, inactive());
}

#[tokio::test]
async fn introspecting_uses_nothing_up() {
    let asked = Asked::start().await;
    let (_, refresh) = asked.native().await;
    for _ in 0..12 {
        assert_eq!(asked.introspect(&refresh).await["active"], true);
    }
    let body = json!({ "refresh_token": refresh });
    asked
        .daemun
        .post("/v1/session/refresh", body)
        .await
        .expect(200);
}

#[tokio::test]
async fn s44_without_a_key_for_it_nothing_is_said_or_ended() {
    let asked = Asked::start().await;
    let (access, refresh) = asked.native().await;
    let other = key(&asked.daemun, "listener", "revocations");
    let bad = format!("{}x", asked.key);
    for path in [INTROSPECT, REVOKE] {
        for shown in [None, Some(&other), Some(&bad), Some(&access)] {
            let mut request = asked.daemun.request(Method::POST, path);
            if let Some(shown) = shown {
                request = request.bearer_auth(shown);
            }
            let answer = send(form(request, &[("token", &refresh)]))
                .await
                .expect(401);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(answer.json()["code"], "unknown_service");
        }
        let get = asked
            .daemun
            .request(Method::GET, path)
            .bearer_auth(&asked.key);
        assert_eq!(send(get).await.expect(405).headers["allow"], "POST");
    }
    assert_eq!(asked.introspect(&refresh).await["active"], true);
}

#[tokio::test]
async fn s45_a_token_in_the_url_is_refused_and_so_is_a_form_that_is_none() {
    let asked = Asked::start().await;
    let (access, _) = asked.native().await;
    for path in [INTROSPECT, REVOKE] {
        for query in ["token=", "a=b&token=", "%74oken="] {
            let url = format!("{path}?{query}{access}");
            let answer = asked.post(&url, &access).await.expect(400);
            assert_eq!(answer.json()["error"], "invalid_request", "{query}");
        }
        let ask = || {
            let request = asked.daemun.request(Method::POST, path);
            request.bearer_auth(&asked.key)
        };
        let twice = [("token", &*access), ("token", &*access)];
        send(form(ask(), &twice)).await.expect(400);
        send(form(ask(), &[("tokens", &access)])).await.expect(400);
        send(ask().json(&json!({ "token": access })))
            .await
            .expect(415);
        send(ask()).await.expect(415);
    }
    assert_eq!(asked.introspect(&access).await["active"], true);
    assert!(!asked.daemun.log().contains(&access));
}

#[tokio::test]
async fn s38_revoking_what_is_no_token_is_done_already() {
    let asked = Asked::start().await;
    let (access, refresh) = asked.native().await;
    for token in ["", "x", "a.b.c", &format!("{refresh}x"), &"x".repeat(9_000)] {
        asked.post(REVOKE, token).await.expect(200);
    }
    assert!(asked.is_let_in(&access, "/v1/accounts/me").await);
}

#[tokio::test]
async fn s39_a_revoked_refresh_token_takes_its_access_token_along_and_the_other_way_round() {
    let asked = Asked::start().await;
    let me = "/v1/accounts/me";
    let other = asked.native().await;
    for which in 0..2 {
        let (access, refresh) = asked.native().await;
        let token = if which == 0 { &refresh } else { &access };
        asked.post(REVOKE, token).await.expect(200);
        assert!(!asked.is_let_in(&access, me).await);
        assert_eq!(asked.introspect(&refresh).await, inactive());
        let body = json!({ "refresh_token": refresh });
        asked
            .daemun
            .post("/v1/session/refresh", body)
            .await
            .expect(401);
        asked.post(REVOKE, token).await.expect(200);
    }
    let (access, refresh) = asked.phone_pair().await;
    asked.post(REVOKE, &refresh).await.expect(200);
    assert!(!asked.is_let_in(&access, "/accounts/me/").await);
    assert!(asked.is_let_in(&other.0, me).await, "another session's");

    // The trail says which service it was.
    let listed = asked
        .daemun
        .run(&["session", "list", "--json"])
        .expect(0)
        .json();
    let over = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["reason"] == "logged_out");
    let id = over.unwrap()["id"].as_str().unwrap().to_owned();
    let why = asked
        .daemun
        .run(&["session", "why", &id, "--json"])
        .expect(0)
        .json();
    assert!(why["trail"].to_string().contains("service:campus"), "{why}");
}

#[tokio::test]
async fn an_old_refresh_token_still_ends_its_session() {
    let asked = Asked::start().await;
    let (_, first) = asked.native().await;
    let body = json!({ "refresh_token": first });
    let next = asked
        .daemun
        .post("/v1/session/refresh", body)
        .await
        .expect(200)
        .json();
    asked.post(REVOKE, &first).await.expect(200);
    let next = next["access_token"].as_str().unwrap();
    assert!(!asked.is_let_in(next, "/v1/accounts/me").await);
}

#[tokio::test]
async fn s41_s88_a_store_that_fails_is_a_503_and_no_answer() {
    let asked = Asked::start().await;
    let (access, refresh) = asked.native().await;
    let database = rusqlite::Connection::open(asked.daemun.data().join("daemun.db")).unwrap();
    database
        .execute_batch("ALTER TABLE sessions RENAME TO gone")
        .unwrap();
    for (path, token) in [
        (INTROSPECT, &refresh),
        (REVOKE, &refresh),
        (REVOKE, &access),
    ] {
        let answer = asked.post(path, token).await.expect(503);
        assert_eq!(answer.headers["retry-after"], "1");
    }
    database
        .execute_batch("ALTER TABLE gone RENAME TO sessions")
        .unwrap();
    assert_eq!(asked.introspect(&refresh).await["active"], true);
    asked.post(REVOKE, &refresh).await.expect(200);
    assert_eq!(asked.introspect(&access).await, inactive());
}

/// A former back end's refresh token ends as ours do; its access tokens have nothing to end.
#[tokio::test]
async fn a_former_back_ends_tokens_are_known_too() {
    let asked = Asked::start().await;
    let row = json!({ "id": 41, "phone": "01098765432" });
    let id = taken_over(&asked.daemun, row);
    let minted = |kind: &str, lives: u64| {
        let (issued, jti) = (now() - 10, format!("{kind}{lives}"));
        let claims = json!({
            "token_type": kind, "exp": issued + lives, "iat": issued, "jti": jti, "user_id": id,
        });
        forge(&asked.daemun.legacy_secret(), HS256, claims.to_string())
    };
    let (access, refresh) = (minted("access", 300), minted("refresh", 86_400));
    for (token, kind) in [(&access, "Bearer"), (&refresh, "refresh_token")] {
        let said = asked.introspect(token).await;
        assert_eq!(
            (&said["active"], &said["sub"]),
            (&json!(true), &json!("41"))
        );
        assert_eq!(
            (&said["token_type"], &said["sid"]),
            (&json!(kind), &Value::Null)
        );
    }
    let answer = asked.post(REVOKE, &access).await.expect(400);
    assert_eq!(answer.json()["error"], "unsupported_token_type");
    asked.post(REVOKE, &refresh).await.expect(200);
    assert_eq!(asked.introspect(&refresh).await, inactive());
    asked.post(REVOKE, &refresh).await.expect(200);
}
