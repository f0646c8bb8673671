//! The same requests to a real Django REST framework with SimpleJWT and to daemun's `phone-pair`:
//! status, headers and body are compared byte for byte, and where they are not the same, the row
//! says why. What each of the two answered there is in the snapshots.
//!
//! Both have the same secret and the same accounts, each its own tokens of two logins.

use reqwest::{Client, Method, header};
use serde_json::json;

use super::{
    PASSWORD, account,
    peer::{Frameworks, Peer},
    requests::{Compared, GUARD, LOGIN, REFRESH, Request, Row, VERIFY_AND_LOGOUT},
    with_the_teams_secret,
};
use crate::harness::{Answer, Daemun, send};

const PHONE: &str = "01000000000";
const SUSPENDED: &str = "01000000001";

#[tokio::test]
async fn phone_pair_answers_as_the_frameworks_of_its_document_do() {
    compare(Frameworks::Older).await;
}

#[tokio::test]
async fn phone_pair_answers_as_the_frameworks_of_today_but_for_their_newer_words() {
    compare(Frameworks::Current).await;
}

async fn compare(frameworks: Frameworks) {
    let Some(mut python) = Peer::start(frameworks) else {
        return;
    };
    let users = [[PHONE, PASSWORD], [SUSPENDED, PASSWORD]];
    let port = python.ask("serve", &json!({ "users": users }));
    let daemun = with_the_teams_secret().go().await;
    assert_eq!(account(&daemun, ["--phone", PHONE]), 1);
    assert_eq!(account(&daemun, ["--phone", SUSPENDED]), 2);

    let mut theirs = Side::new(format!("http://127.0.0.1:{port}"));
    let mut ours = Side::new(daemun.url(""));
    for side in [&mut theirs, &mut ours] {
        side.log_in_often().await;
        side.mint(&mut python);
    }
    suspend(&mut python, &daemun);

    let mut faults = String::new();
    let mut different = String::new();
    for (table, rows) in [
        ("guard", GUARD),
        ("login", LOGIN),
        ("refresh", REFRESH),
        ("verify and logout", VERIFY_AND_LOGOUT),
    ] {
        for Row(name, request, compared) in rows {
            let seen = [
                theirs.ask(request, &mut python).await,
                ours.ask(request, &mut python).await,
            ];
            let newer = frameworks == Frameworks::Current && *compared == Compared::NewerWords;
            let may_differ = newer || matches!(compared, Compared::Differs(_));
            let [theirs, ours] = &seen;
            if may_differ != (theirs != ours) {
                faults += &format!("{table}: {name}\n  theirs: {theirs}\n  ours:   {ours}\n");
            } else if may_differ {
                let why = if let Compared::Differs(why) = compared {
                    why
                } else {
                    "newer words"
                };
                different +=
                    &format!("{table}: {name}: {why}\n  theirs: {theirs}\n  ours:   {ours}\n");
            }
        }
    }
    assert!(faults.is_empty(), "not as the tables say:\n{faults}");
    insta::assert_snapshot!(
        format!("differences-{frameworks:?}").to_lowercase(),
        different
    );
}

fn suspend(python: &mut Peer, daemun: &Daemun) {
    python.ask("suspend", &json!({ "phone": SUSPENDED }));
    daemun.run(&["account", "suspend", SUSPENDED]).expect(0);
}

/// One of the two servers, and the tokens for it by the names that rows have for them.
struct Side {
    url: String,
    client: Client,
    tokens: Vec<(&'static str, String)>,
}

impl Side {
    fn new(url: String) -> Self {
        Self {
            url,
            client: Client::new(),
            tokens: vec![("<password>", PASSWORD.to_owned())],
        }
    }

    async fn log_in_often(&mut self) {
        for (phone, access, refresh) in [
            (PHONE, "<access>", "<refresh>"),
            (PHONE, "<other_access>", "<other_refresh>"),
            (PHONE, "<third_access>", "<third_refresh>"),
            (PHONE, "<last_access>", "<last_refresh>"),
            (SUSPENDED, "<of_suspended>", "<suspended_refresh>"),
        ] {
            let body = json!({ "phone": phone, "password": PASSWORD });
            let request = self
                .client
                .post(format!("{}/accounts/login/", self.url))
                .json(&body);
            let token = send(request).await.expect(201).json()["token"].take();
            for (name, kind) in [(access, "access"), (refresh, "refresh")] {
                self.tokens
                    .push((name, token[kind].as_str().expect("a token").to_owned()));
            }
        }
    }

    /// Tokens that no server gives.
    fn mint(&mut self, python: &mut Peer) {
        let team = super::SECRET;
        let other = "another secret of another team, long enough";
        let claims = |kind: &str, exp: i64| {
            // Each kind has an id of its own: SimpleJWT's blacklist is one of ids.
            let jti = if kind == "access" { "0a" } else { "0b" }.repeat(16);
            json!({ "token_type": kind, "exp": exp, "jti": jti, "user_id": 1 })
        };
        let without = |name: &str| {
            let mut claims = claims("access", 60);
            claims.as_object_mut().expect("claims").remove(name);
            claims
        };
        let with_user = |user: serde_json::Value| {
            let mut claims = claims("access", 60);
            claims["user_id"] = user;
            claims
        };
        for (name, claims, key, algorithm) in [
            ("<expired>", claims("access", -1), team, "HS256"),
            ("<expired_refresh>", claims("refresh", -1), team, "HS256"),
            ("<foreign_refresh>", claims("refresh", 60), team, "HS256"),
            ("<forged>", claims("access", 60), other, "HS256"),
            ("<forged_refresh>", claims("refresh", 60), other, "HS256"),
            ("<unsigned>", claims("access", 60), "", "none"),
            ("<hs512>", claims("access", 60), &team.repeat(2), "HS512"),
            ("<of_nobody>", with_user(999.into()), team, "HS256"),
            ("<user_as_text>", with_user("1".into()), team, "HS256"),
            ("<without_exp>", without("exp"), team, "HS256"),
            ("<without_jti>", without("jti"), team, "HS256"),
            ("<without_type>", without("token_type"), team, "HS256"),
            ("<without_user>", without("user_id"), team, "HS256"),
        ] {
            let mint = json!({ "claims": claims, "key": key, "algorithm": algorithm });
            self.tokens.push((name, python.text("mint", &mint)));
        }
    }

    /// Sends a request and returns what a front end sees of the answer, tokens by their shape.
    async fn ask(&self, request: &Request, python: &mut Peer) -> String {
        let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
        let mut builder = self
            .client
            .request(method, format!("{}{}", self.url, request.path));
        if let Some(authorization) = request.authorization {
            builder = builder.header(header::AUTHORIZATION, self.filled(authorization));
        }
        if !request.content_type.is_empty() {
            builder = builder.header(header::CONTENT_TYPE, request.content_type);
        }
        if !request.body.is_empty() {
            builder = builder.body(self.filled(request.body));
        }
        seen(&send(builder).await, python)
    }

    fn filled(&self, text: &str) -> String {
        let tokens = self.tokens.iter();
        tokens.fold(text.to_owned(), |text, (name, token)| {
            text.replace(name, token)
        })
    }
}

fn seen(answer: &Answer, python: &mut Peer) -> String {
    let mut seen = answer.status.to_string();
    let mut headers = vec![header::WWW_AUTHENTICATE, header::CONTENT_TYPE];
    // The frameworks send it with every answer; it means something with this one.
    headers.extend((answer.status == 405).then_some(header::ALLOW));
    for name in headers {
        if let Some(value) = answer.headers.get(&name) {
            seen += &format!(" {name}: {};", value.to_str().expect("text"));
        }
    }
    let pieces = answer.text.split('"');
    let body = pieces.map(|piece| match piece.starts_with("eyJ") {
        true => python.text("shape", &json!({ "token": piece })),
        false => piece.to_owned(),
    });
    format!("{seen} {}", body.collect::<Vec<_>>().join("\""))
}
