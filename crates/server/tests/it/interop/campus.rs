//! The same requests to a real back end of Django REST framework 3.14, as the document of
//! `campus-account` has it, and to daemun: status, headers and body are compared byte for byte but
//! for tokens and times, and where they are not the same, the row says why. What each of the two
//! answered there is in the snapshot.

use reqwest::{Client, Method, header};
use serde_json::{Value, json};

use super::{
    PASSWORD, SECRET,
    peer::{Frameworks, Peer},
    with_the_teams_secret,
};
use crate::harness::{Answer, send};

/// What is sent: JSON after a `POST`, or as the method says; who asks; the cookie.
#[derive(Clone, Copy)]
struct Asked {
    request: &'static str,
    body: &'static str,
    authorization: Option<&'static str>,
    cookie: Option<&'static str>,
}

/// A name, a request, and why its answers differ, where they do.
struct Row(&'static str, Asked, Option<&'static str>);

const fn post(path: &'static str, body: &'static str) -> Asked {
    Asked {
        request: path,
        body,
        authorization: None,
        cookie: None,
    }
}

const fn register(body: &'static str) -> Asked {
    post("POST /account/register/", body)
}

const fn login(body: &'static str) -> Asked {
    post("POST /account/login/", body)
}

const fn refresh(cookie: Option<&'static str>) -> Asked {
    Asked {
        cookie,
        ..post("POST /account/token-refresh/", "{}")
    }
}

const fn logout(cookie: Option<&'static str>) -> Asked {
    Asked {
        cookie,
        ..post("POST /account/logout/", "{}")
    }
}

const fn me(authorization: Option<&'static str>) -> Asked {
    Asked {
        authorization,
        ..post("GET /account/me/", "")
    }
}

const NUMBERS: &str = "the framework takes a number for text, and half a school for a school";
const SPACES: &str = "spaces are a password to daemun, and none for a school";
const SCHOOLS: &str = "daemun does not know which schools there are";
const PASSWORDS: &str = "the framework asks nothing of a password here";
const COOKIE: &str = "daemun's cookie says SameSite and Max-Age, and last_login is of this login";
const CLEARING: &str = "a cookie that is good no longer is cleared";
const ROTATES: &str = "the refresh token rotates: its successor is in the cookie";
const DETAIL: &str = "the framework says where in the body it stopped reading";
const ENDED: &str = "logging out ends the session";
const LETTERS: &str = "to daemun an address in other letters is the same";
const KIND: &str = "the described server takes any token for a refresh token";
const ATTRIBUTES: &str = "a cookie is cleared with the attributes it was set with";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("register nothing", register("{}"), None),
    Row("register nulls", register(r#"{"email":null,"nickname":null,"school":null,"password":null}"#), None),
    Row("register blanks", register(r#"{"email":"","nickname":" ","school":"","password":""}"#), None),
    Row("register no address", register(r#"{"email":"abc","nickname":"x","school":1,"password":"<password>"}"#), None),
    Row("register lists", register(r#"{"email":[],"nickname":[],"school":[],"password":[]}"#), None),
    Row("register objects", register(r#"{"email":{},"nickname":{},"school":{},"password":{}}"#), None),
    Row("register booleans", register(r#"{"email":true,"nickname":true,"school":true,"password":true}"#), None),
    Row("register numbers", register(r#"{"email":1,"nickname":1,"school":1,"password":1}"#), Some(NUMBERS)),
    Row("register half a school", register(r#"{"email":"a","school":1.5}"#), Some(NUMBERS)),
    Row("register a school of spaces", register(r#"{"school":" "}"#), None),
    Row("register a password of spaces", register(r#"{"password":" "}"#), Some(SPACES)),
    Row("register a school by name", register(r#"{"school":"mine"}"#), None),
    Row("register no such school", register(r#"{"school":99}"#), Some(SCHOOLS)),
    Row("register school 0", register(r#"{"school":0}"#), Some(SCHOOLS)),
    Row("register a long nickname", register(r#"{"nickname":"<101>"}"#), None),
    Row("register a long address", register(r#"{"email":"<101><101><101>@example.com"}"#), None),
    Row("register a nickname with NUL", register(r#"{"nickname":"x\u0000y"}"#), None),
    Row("register a short password", register(r#"{"password":"short"}"#), Some(PASSWORDS)),
    Row("register some of each", register(r#"{"email":"zz","nickname":"","school":"q"}"#), None),
    Row("register no JSON", register("{"), Some(DETAIL)),
    Row("register nonsense", register("nonsense"), None),
    Row("register a list", register("[]"), Some(DETAIL)),
    Row("register", register(r#"{"email":"mina@example.com","nickname":"미나","school":1,"password":"<password>"}"#), None),
    Row("register again", register(r#"{"email":"mina@example.com","nickname":"미나","school":1,"password":"<password>"}"#), None),
    Row("register as admin", register(r#"{"email":"b@example.com","nickname":"b","school":"2","password":"<password>","id":77,"last_login":null}"#), None),
    Row("register the address in capitals", register(r#"{"email":"MINA@EXAMPLE.COM"}"#), Some(LETTERS)),
    Row("GET register", post("GET /account/register/", ""), None),
    Row("DELETE login", post("DELETE /account/login/", ""), None),
    Row("login nothing", login("{}"), None),
    Row("login unknown", login(r#"{"email":"nobody@example.com","password":"<password>"}"#), None),
    Row("login wrong", login(r#"{"email":"mina@example.com","password":"wrong"}"#), None),
    Row("login with a bad token", Asked { authorization: Some("Bearer abc"), ..login("{}") }, None),
    Row("login", login(r#"{"email":"mina@example.com","password":"<password>"}"#), Some(COOKIE)),
    Row("me", me(Some("Bearer <access>")), Some(COOKIE)),
    Row("me, nobody", me(None), None),
    Row("me, no token", me(Some("Bearer abc")), None),
    Row("me, one word", me(Some("Bearer")), None),
    Row("me, the refresh token", me(Some("Bearer <refresh>")), None),
    Row("me, forged", me(Some("Bearer <forged>")), None),
    Row("refresh nothing", refresh(None), Some(CLEARING)),
    Row("refresh nonsense", refresh(Some("nonsense")), Some(CLEARING)),
    Row("refresh expired", refresh(Some("<expired>")), Some(CLEARING)),
    Row("refresh forged", refresh(Some("<forged>")), Some(CLEARING)),
    Row("refresh of nobody", refresh(Some("<of_nobody>")), Some(CLEARING)),
    Row("refresh by an access token", refresh(Some("<access>")), Some(KIND)),
    Row("refresh", refresh(Some("<refresh>")), Some(ROTATES)),
    Row("refresh, suspended", refresh(Some("<suspended_refresh>")), Some(CLEARING)),
    Row("me, suspended", me(Some("Bearer <suspended_access>")), None),
    Row("login, suspended", login(r#"{"email":"b@example.com","password":"<password>"}"#), None),
    Row("logout", logout(Some("<refresh>")), Some(ATTRIBUTES)),
    Row("logout of nothing", logout(None), Some(ATTRIBUTES)),
    Row("refresh after", refresh(Some("<refresh>")), Some(ENDED)),
    Row("me after", me(Some("Bearer <access>")), Some(ENDED)),
];

#[tokio::test]
async fn campus_account_answers_as_the_back_end_of_its_document_does() {
    let Some(mut python) = Peer::running("campus_peer.py", Frameworks::Older) else {
        return;
    };
    let port = python.ask("serve", &json!({ "schools": 3 }));
    let daemun = with_the_teams_secret().go().await;
    let mut sides = [
        Side::new(format!("http://127.0.0.1:{port}")),
        Side::new(daemun.url("")),
    ];
    for side in &mut sides {
        side.mint(&mut python);
    }
    let (mut faults, mut different) = (String::new(), String::new());
    for Row(name, asked, why) in ROWS {
        if *name == "login" {
            for side in &mut sides {
                side.log_in("b@example.com", "<suspended_access>", "<suspended_refresh>")
                    .await;
                side.log_in("mina@example.com", "<access>", "<refresh>")
                    .await;
            }
        }
        if *name == "refresh, suspended" {
            python.ask("suspend", &json!({ "email": "b@example.com" }));
            daemun
                .run(&["account", "suspend", "b@example.com"])
                .expect(0);
        }
        let theirs = sides[0].ask(asked, &mut python).await;
        let ours = sides[1].ask(asked, &mut python).await;
        let both = format!("{name}\n  theirs: {theirs}\n  ours:   {ours}\n");
        match why {
            Some(why) if theirs != ours => different += &format!("{why}: {both}"),
            None if theirs == ours => {}
            _ => faults += &both,
        }
    }
    assert!(faults.is_empty(), "not as the table says:\n{faults}");
    insta::assert_snapshot!("differences-campus", different);
}

/// One of the two servers, and the tokens for it by the names that rows have for them.
struct Side {
    url: String,
    client: Client,
    named: Vec<(&'static str, String)>,
}

impl Side {
    fn new(url: String) -> Self {
        Self {
            url,
            client: Client::new(),
            named: vec![("<password>", PASSWORD.into()), ("<101>", "n".repeat(101))],
        }
    }

    fn mint(&mut self, python: &mut Peer) {
        let other = "another secret of another team, long enough";
        for (name, exp, user, key) in [
            ("<expired>", -1, 1, SECRET),
            ("<forged>", 60, 1, other),
            ("<of_nobody>", 60, 999, SECRET),
        ] {
            let claims = json!({ "token_type": "refresh", "exp": exp, "jti": "0b".repeat(16), "user_id": user });
            let token = python.text("mint", &json!({ "claims": claims, "key": key }));
            self.named.push((name, token));
        }
    }

    async fn log_in(&mut self, email: &str, access: &'static str, refresh: &'static str) {
        let body = json!({ "email": email, "password": PASSWORD });
        let request = self.client.post(format!("{}/account/login/", self.url));
        let answer = send(request.json(&body)).await.expect(200).json();
        let token = |kind: &str| answer["token"][kind].as_str().expect("a token").to_owned();
        self.named
            .extend([(access, token("access")), (refresh, token("refresh"))]);
    }

    /// Sends a request and returns what a front end sees of the answer.
    async fn ask(&self, asked: &Asked, python: &mut Peer) -> String {
        let (method, path) = asked.request.split_once(' ').expect("a method and a path");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !asked.body.is_empty() {
            let json = request.header(header::CONTENT_TYPE, "application/json");
            request = json.body(self.filled(asked.body));
        }
        if let Some(authorization) = asked.authorization {
            request = request.header(header::AUTHORIZATION, self.filled(authorization));
        }
        if let Some(cookie) = asked.cookie {
            request = request.header(header::COOKIE, format!("refresh={}", self.filled(cookie)));
        }
        seen(&send(request).await, python)
    }

    fn filled(&self, text: &str) -> String {
        let named = self.named.iter();
        named.fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }
}

fn seen(answer: &Answer, python: &mut Peer) -> String {
    let mut seen = answer.status.to_string();
    let mut headers = vec![
        header::WWW_AUTHENTICATE,
        header::CONTENT_TYPE,
        header::SET_COOKIE,
    ];
    // The frameworks send it with every answer; it means something with this one.
    headers.extend((answer.status == 405).then_some(header::ALLOW));
    for name in headers {
        for value in answer.headers.get_all(&name) {
            let value = value.to_str().expect("text");
            seen += &format!(" {name}: {};", shapes(value, &['=', ';'], python));
        }
    }
    format!("{seen} {}", shapes(&answer.text, &['"'], python))
}

/// The text with the shapes of tokens and times in their place.
fn shapes(text: &str, between: &[char], python: &mut Peer) -> String {
    let pieces = text.split_inclusive(between).map(|piece| {
        let value = piece.trim_end_matches(between);
        let end = &piece[value.len()..];
        let is_time = value.len() == 27 && value.ends_with('Z') && value.contains('T');
        match () {
            () if value.starts_with("eyJ") => {
                let shape: Value = python.ask("shape", &json!({ "token": value }));
                shape.as_str().expect("text").to_owned() + end
            }
            () if is_time => "time".to_owned() + end,
            () => piece.to_owned(),
        }
    });
    pieces.collect()
}
