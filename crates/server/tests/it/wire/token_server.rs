//! `token-server`: every line of its table, and what its callers live through.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{assert_sound, expect_each, header, multipart, post, post_as},
    forge::{HS256, badly_signed, claims, forge, header as token_header, now, payload},
    variant::with_short,
};
use crate::harness::{Answer, Daemun, send};

const REQUIRED: &str = r#"{"error":"token is required!"}"#;
const EXPIRED: &str = r#"{"error":"TokenExpiredError : 토큰이 만료되었습니다."}"#;
const MALFORMED: &str = r#"{"error":"JsonWebTokenError : 토큰이 유효하지 않습니다."}"#;
const NOT_THE_ONE: &str = r#"{"error":"토큰이 서로 일치 하지 않습니다."}"#;

async fn create(daemun: &Daemun, id: &str) -> String {
    let body = json!({ "userId": id, "userType": "student" });
    token(&daemun.post("/tokenF/create", body).await.expect(200))
}

/// The token that is the whole of an answer.
#[track_caller]
fn token(answer: &Answer) -> String {
    assert_sound(answer, "application/json", "a token");
    let token: String = serde_json::from_str(&answer.text).expect("a JSON string");
    assert!(token.starts_with("eyJ"), "{}", answer.text);
    token
}

fn with(daemun: &Daemun, path: &str, token: &str) -> RequestBuilder {
    let request = daemun.request(Method::POST, path);
    request.header("x-access-token", token)
}

fn refresh(daemun: &Daemun, token: &str) -> RequestBuilder {
    with(daemun, "/tokenF/refresh", token)
}

fn verify(daemun: &Daemun, token: &str) -> RequestBuilder {
    with(daemun, "/tokenF/verify", token)
}

#[tokio::test]
async fn a_caller_lives_with_one_token_that_slides() {
    let daemun = Daemun::start().await;
    let first = create(&daemun, "hong").await;
    assert_eq!(token_header(&first), r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = payload(&first);
    assert!(
        text.starts_with(r#"{"userId":"hong","userType":"student","iat":"#),
        "{text}"
    );
    let all = claims(&first);
    let names: Vec<&String> = all.keys().collect();
    assert_eq!(
        names,
        ["userId", "userType", "iat", "exp", "sid", "gen", "ctr"]
    );
    let (issued, expires) = (all["iat"].as_i64().unwrap(), all["exp"].as_i64().unwrap());
    assert_eq!(expires - issued, 7_200);
    let who = format!(r#"{{"userId":"hong","userType":"student","iat":{issued},"exp":{expires}}}"#);
    expect_each([("verify", verify(&daemun, &first), 200, &*who)]).await;

    let second = token(&send(refresh(&daemun, &first)).await.expect(200));
    assert!(second != first, "a refresh gives another token");
    for again in [&first, &first] {
        let replayed = token(&send(refresh(&daemun, again)).await.expect(200));
        assert!(replayed == second, "within the grace, the same new token");
    }
    // From any machine: back ends present the token for their users.
    let elsewhere = refresh(&daemun, &first).header("user-agent", "another back end");
    assert!(token(&send(elsewhere).await.expect(200)) == second);

    for (method, nth) in [(Method::POST, 1), (Method::DELETE, 2)] {
        let body = json!({ "userId": "hong" });
        let delete = daemun.request(method, "/tokenF/delete").json(&body);
        expect_each([("delete", delete, 200, r#""ok""#)]).await;
        expect_each([
            ("refresh", refresh(&daemun, &second), 401, NOT_THE_ONE),
            ("verify", verify(&daemun, &second), 401, NOT_THE_ONE),
        ])
        .await;
        assert!(nth <= 2);
    }
}

#[tokio::test]
async fn a_new_token_ends_the_one_before_and_no_other() {
    let daemun = Daemun::start().await;
    let other = create(&daemun, "kim").await;
    let first = create(&daemun, "hong").await;
    let second = create(&daemun, "hong").await;
    expect_each([
        ("before", refresh(&daemun, &first), 401, NOT_THE_ONE),
        ("before", verify(&daemun, &first), 401, NOT_THE_ONE),
    ])
    .await;
    send(verify(&daemun, &second)).await.expect(200);
    send(refresh(&daemun, &other)).await.expect(200);
}

#[tokio::test]
async fn many_calls_at_once_get_one_new_token() {
    let daemun = Daemun::start().await;
    let mut current = create(&daemun, "hong").await;
    for _ in 0..5 {
        let calls = (0..32).map(|_| send(refresh(&daemun, &current)));
        let answers = futures(calls).await;
        let mut tokens: Vec<String> = answers.iter().map(|a| token(a)).collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 1);
        current = tokens.remove(0);
    }
}

async fn futures(
    calls: impl Iterator<Item = impl Future<Output = Answer> + Send + 'static>,
) -> Vec<Answer> {
    let mut set = tokio::task::JoinSet::new();
    for call in calls {
        set.spawn(call);
    }
    set.join_all().await
}

#[tokio::test]
async fn after_the_grace_a_replaced_token_is_not_the_one_on_the_list() {
    let daemun = with_short("token-server", &[("grace = \"30s\"", "grace = \"1s\"")]).await;
    let body = json!({ "userId": "hong", "userType": "student" });
    let first = token(&daemun.post("/short/tokenF/create", body).await.expect(200));
    let path = "/short/tokenF/refresh";
    let second = token(&send(with(&daemun, path, &first)).await.expect(200));
    wait_until_refused(|| with(&daemun, "/short/tokenF/verify", &first)).await;
    // A look does no harm, using it does: somebody has a copy of a token that was replaced.
    send(with(&daemun, "/short/tokenF/verify", &second))
        .await
        .expect(200);
    expect_each([("reused", with(&daemun, path, &first), 401, NOT_THE_ONE)]).await;
    expect_each([("its heir", with(&daemun, path, &second), 401, NOT_THE_ONE)]).await;
}

async fn wait_until_refused(request: impl Fn() -> RequestBuilder) {
    for _ in 0..100 {
        if send(request()).await.status == 401 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never refused");
}

#[tokio::test]
async fn every_way_a_token_is_no_good() {
    let daemun = Daemun::start().await;
    let secret = daemun.legacy_secret();
    let good = create(&daemun, "hong").await;
    let bare = |path: &str| daemun.request(Method::POST, path);
    let mut old = claims(&good);
    old.insert("exp".into(), Value::from(now() - 1));
    let expired = forge(&secret, HS256, serde_json::to_vec(&old).unwrap());
    let foreign =
        json!({ "userId": "hong", "userType": "student", "iat": now(), "exp": now() + 60 });
    let foreign = forge(&secret, HS256, foreign.to_string());
    for path in ["/tokenF/refresh", "/tokenF/verify/"] {
        expect_each([
            ("none", bare(path), 999, REQUIRED),
            ("empty", with(&daemun, path, ""), 999, REQUIRED),
            ("null", with(&daemun, path, "null"), 999, REQUIRED),
            ("expired", with(&daemun, path, &expired), 998, EXPIRED),
            ("malformed", with(&daemun, path, "nonsense"), 401, MALFORMED),
            (
                "forged",
                with(&daemun, path, &badly_signed(&good)),
                401,
                MALFORMED,
            ),
            ("unlisted", with(&daemun, path, &foreign), 401, NOT_THE_ONE),
        ])
        .await;
    }
    // s36: none of that did any harm.
    send(refresh(&daemun, &good)).await.expect(200);
}

#[tokio::test]
async fn what_is_missing_or_of_the_wrong_type_is_named() {
    let daemun = Daemun::start().await;
    let missing =
        |key: &str| format!(r#"{{"error":"token error , Incorrect target key : {key}","req":""}}"#);
    let wrong = |key: &str, req: &str| {
        format!(r#"{{"error":"token error , Incorrect target key : {key}","req":"{req}"}}"#)
    };
    let create = |body: Value| post(&daemun, "/tokenF/create", &body);
    let long = "x".repeat(201);
    let long_list = json!({ "userId": vec![1; 100], "userType": "t" });
    let shown: String = long_list["userId"].to_string().chars().take(100).collect();
    expect_each([
        ("both", create(json!({})), 400, &*missing("userId")),
        (
            "first",
            create(json!({ "userType": "t" })),
            400,
            &missing("userId"),
        ),
        (
            "second",
            create(json!({ "userId": "u" })),
            400,
            &missing("userType"),
        ),
        (
            "null",
            create(json!({ "userId": null, "userType": "t" })),
            400,
            &missing("userId"),
        ),
        (
            "blank",
            create(json!({ "userId": "", "userType": "t" })),
            400,
            &missing("userId"),
        ),
        (
            "number",
            create(json!({ "userId": 5, "userType": "t" })),
            400,
            &wrong("userId", "5"),
        ),
        ("list", create(long_list), 400, &wrong("userId", &shown)),
        (
            "long",
            create(json!({ "userId": long, "userType": "t" })),
            400,
            &missing("userId"),
        ),
        (
            "delete",
            post(&daemun, "/tokenF/delete", &json!({})),
            400,
            &missing("userId"),
        ),
    ])
    .await;
    let form = post_as(
        &daemun,
        "/tokenF/create",
        "application/x-www-form-urlencoded",
        "userId=%ED%99%8D&userType=t",
    );
    assert_eq!(
        claims(&token(&send(form).await.expect(200)))["userId"],
        "홍"
    );
    let (kind, body) = multipart(&[("userId", "u"), ("userType", "t")]);
    let form = post_as(&daemun, "/tokenF/create", &kind, body);
    send(form).await.expect(200);
    let get = send(daemun.request(Method::GET, "/tokenF/create")).await;
    assert_eq!(
        (get.status, header(&get, "allow")),
        (405, Some("POST, OPTIONS"))
    );
    assert_eq!(get.text, r#"{"error":"token error , Method not allowed"}"#);
}
