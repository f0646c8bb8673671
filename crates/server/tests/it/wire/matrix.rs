//! One account, every action, all contracts: the engine ends each in the same outcome, and each
//! contract says so in its own words. The outcomes are read from the server's own counters, the
//! words are a snapshot.

use std::fmt::Write as _;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    call::{cookies, get, post, with_cookies},
    forge::badly_signed,
    people::{EMAIL, PASSWORD, PHONE, Pair, taken_over},
    variant::with_all_short,
};
use crate::harness::{Answer, Daemun, send};

/// How one contract is spoken to.
struct Voice {
    contract: &'static str,
    log_in: fn(&Daemun) -> RequestBuilder,
    /// The tokens in the answer to a login or a refresh; one that is not there stays as it was.
    tokens: fn(&Answer, &mut Pair),
    refresh: fn(&Daemun, &Pair) -> RequestBuilder,
    guarded: fn(&Daemun, &Pair) -> RequestBuilder,
}

fn member(answer: &Answer, pointer: &str, into: &mut String) {
    if let Some(text) = answer.json().pointer(pointer).and_then(Value::as_str) {
        text.clone_into(into);
    }
}

fn cookie(answer: &Answer, name: &str, into: &mut String) {
    if let Some(cookie) = cookies(answer).iter().find(|cookie| cookie.name == name) {
        cookie.value.clone_into(into);
    }
}

fn whole(answer: &Answer, pair: &mut Pair) {
    if let Ok(token) = serde_json::from_str::<String>(&answer.text) {
        pair.access.clone_from(&token);
        pair.refresh = token;
    }
}

const VOICES: [Voice; 6] = [
    Voice {
        contract: "native",
        log_in: |d| {
            let body = json!({ "email": EMAIL, "password": PASSWORD });
            post(d, "/short/v1/session", &body)
        },
        tokens: |answer, pair| {
            member(answer, "/access_token", &mut pair.access);
            member(answer, "/refresh_token", &mut pair.refresh);
        },
        refresh: |d, pair| {
            let body = json!({ "refresh_token": pair.refresh });
            post(d, "/short/v1/session/refresh", &body)
        },
        guarded: |d, pair| get(d, "/short/v1/accounts/me").bearer_auth(&pair.access),
    },
    Voice {
        contract: "phone-pair",
        log_in: |d| {
            let body = json!({ "phone": PHONE, "password": PASSWORD });
            post(d, "/short/accounts/login/", &body)
        },
        tokens: |answer, pair| {
            for under in ["/token", ""] {
                member(answer, &format!("{under}/access"), &mut pair.access);
                member(answer, &format!("{under}/refresh"), &mut pair.refresh);
            }
        },
        refresh: |d, pair| {
            let body = json!({ "refresh": pair.refresh });
            post(d, "/short/accounts/token_refresh/", &body)
        },
        guarded: |d, pair| get(d, "/short/accounts/me/").bearer_auth(&pair.access),
    },
    Voice {
        contract: "email-cookie",
        log_in: |d| {
            let body = json!({ "email": EMAIL, "password": PASSWORD });
            post(d, "/short/api/accounts/login/", &body)
        },
        tokens: |answer, pair| {
            cookie(answer, "access_token", &mut pair.access);
            cookie(answer, "refresh_token", &mut pair.refresh);
        },
        refresh: |d, pair| {
            let request = d.request(Method::POST, "/short/api/accounts/token/refresh/");
            with_cookies(request, &[("refresh_token", &pair.refresh)])
        },
        guarded: |d, pair| {
            let request = get(d, "/short/api/accounts/me/");
            with_cookies(request, &[("access_token", &pair.access)])
        },
    },
    Voice {
        contract: "token-server",
        log_in: |d| {
            let body = json!({ "userId": "mina", "userType": "student" });
            post(d, "/short/tokenF/create", &body)
        },
        tokens: whole,
        refresh: |d, pair| {
            let request = d.request(Method::POST, "/short/tokenF/refresh");
            request.header("x-access-token", &pair.refresh)
        },
        guarded: |d, pair| {
            let request = d.request(Method::POST, "/short/tokenF/verify");
            request.header("x-access-token", &pair.access)
        },
    },
    Voice {
        contract: "campus-account",
        log_in: |d| {
            let body = json!({ "email": EMAIL, "password": PASSWORD });
            post(d, "/short/account/login/", &body)
        },
        tokens: |answer, pair| {
            member(answer, "/token/access", &mut pair.access);
            member(answer, "/access_token", &mut pair.access);
            cookie(answer, "refresh", &mut pair.refresh);
        },
        refresh: |d, pair| {
            let request = d.request(Method::POST, "/short/account/token-refresh/");
            with_cookies(request, &[("refresh", &pair.refresh)])
        },
        guarded: |d, pair| get(d, "/short/account/me/").bearer_auth(&pair.access),
    },
    Voice {
        contract: "result-code",
        log_in: |d| {
            let body = json!({ "webMail": EMAIL, "password": PASSWORD });
            post(d, "/short/auth/login", &body)
        },
        tokens: |answer, pair| {
            member(answer, "/responseData/accessToken", &mut pair.access);
            cookie(answer, "refreshToken", &mut pair.refresh);
        },
        refresh: |d, pair| {
            let request = d.request(Method::POST, "/short/auth/refresh");
            with_cookies(request, &[("refreshToken", &pair.refresh)])
        },
        guarded: |d, pair| get(d, "/short/auth/me").bearer_auth(&pair.access),
    },
];

/// What was asked of each contract, what the engine made of it, and what was answered.
struct Matrix {
    daemun: Daemun,
    account: i64,
    transcript: String,
}

impl Matrix {
    async fn start(change: impl Fn(&str, &str) -> String) -> Self {
        let daemun = with_all_short(change).await;
        let account = 7;
        let row = json!({ "id": account, "email": EMAIL, "phone": PHONE, "nickname": "mina" });
        taken_over(&daemun, row);
        Self {
            daemun,
            account,
            transcript: String::new(),
        }
    }

    /// Sends a request, and says what the engine's outcome was.
    async fn ask(&self, contract: &str, request: RequestBuilder) -> (String, Answer) {
        let before = counted(&self.daemun, contract).await;
        let answer = send(request).await;
        let after = counted(&self.daemun, contract).await;
        let mut changed = after.iter().filter(|line| !before.contains(line));
        let line = changed.next().expect("something was counted");
        assert!(changed.next().is_none(), "one request, one outcome");
        let outcome = line
            .split("outcome=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        (outcome.expect("an outcome").to_owned(), answer)
    }

    /// Sends a request that must end in one of `outcomes`, and writes down what it was told.
    async fn expect(
        &mut self,
        voice: &Voice,
        action: &str,
        request: RequestBuilder,
        outcomes: &[&str],
    ) -> Answer {
        let contract = voice.contract;
        let (outcome, answer) = self.ask(&format!("short-{contract}"), request).await;
        assert!(
            outcomes.contains(&&*outcome),
            "{contract}, {action}: {outcome}, {answer:?}"
        );
        let body = redacted(&answer.text);
        let line = writeln!(
            self.transcript,
            "{action} | {contract} | {outcome} | {} | {body}",
            answer.status
        );
        line.expect("a line");
        answer
    }

    async fn logged_in(&mut self, voice: &Voice) -> Pair {
        let mut pair = Pair {
            access: String::new(),
            refresh: String::new(),
        };
        let answer = send((voice.log_in)(&self.daemun)).await;
        (voice.tokens)(&answer, &mut pair);
        assert!(!pair.refresh.is_empty(), "{}: {answer:?}", voice.contract);
        if pair.access.is_empty() {
            (voice.tokens)(&send((voice.refresh)(&self.daemun, &pair)).await, &mut pair);
        }
        pair
    }

    fn operator(&self, act: &[&str]) {
        let id = self.account.to_string();
        self.daemun.run(&[act, &[&id]].concat()).expect(0);
    }
}

/// The lines of the counters of one contract.
async fn counted(daemun: &Daemun, contract: &str) -> Vec<String> {
    let page = daemun.get("/metrics").await.text;
    let of_contract = format!("contract=\"{contract}\"");
    let lines = page
        .lines()
        .filter(|line| line.starts_with("daemun_requests_total"));
    lines
        .filter(|line| line.contains(&of_contract))
        .map(str::to_owned)
        .collect()
}

/// An answer's text without what differs from run to run.
fn redacted(text: &str) -> String {
    let words = text.split('"').map(|word| match word {
        token if token.starts_with("eyJ") => "TOKEN",
        time if time.len() == 19 && time.as_bytes()[13] == b':' => "TIME",
        time if time.len() >= 20 && time.ends_with('Z') && time.as_bytes()[10] == b'T' => "TIME",
        other => other,
    });
    let text = words.collect::<Vec<_>>().join("\"");
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    ["\"iat\":", "\"exp\":", "\"expires_in\":"]
        .iter()
        .fold(text, |text, name| match text.split_once(name) {
            Some((head, tail)) => format!("{head}{name}N{}", &tail[digits(tail)..]),
            None => text,
        })
}

fn strict(_: &str, text: &str) -> String {
    let rules = "grace = \"0s\"\nrecovery_gap = 0\n";
    if text.contains("recovery_gap = 0") {
        return text.replace("grace = \"30s\"", "grace = \"0s\"");
    }
    match text.contains("\n[sessions]\n") {
        true => text.replace("\n[sessions]\n", &format!("\n[sessions]\n{rules}")),
        false => format!("{text}\n[sessions]\n{rules}"),
    }
}

#[tokio::test]
async fn every_action_ends_alike_in_every_contract_each_in_its_own_words() {
    let mut matrix = Matrix::start(strict).await;
    for voice in &VOICES {
        let request = (voice.log_in)(&matrix.daemun);
        let mut pair = Pair {
            access: String::new(),
            refresh: String::new(),
        };
        let answer = matrix.expect(voice, "log in", request, &["ok"]).await;
        (voice.tokens)(&answer, &mut pair);
        let stolen = Pair { ..pair.clone() };
        let request = (voice.refresh)(&matrix.daemun, &pair);
        let answer = matrix.expect(voice, "refresh", request, &["ok"]).await;
        (voice.tokens)(&answer, &mut pair);
        let request = (voice.guarded)(&matrix.daemun, &pair);
        matrix.expect(voice, "ask who I am", request, &["ok"]).await;

        let forged = Pair {
            access: badly_signed(&pair.access),
            refresh: badly_signed(&pair.refresh),
        };
        let request = (voice.guarded)(&matrix.daemun, &forged);
        // A cookie whose signature is wrong is none.
        matrix
            .expect(
                voice,
                "forged access",
                request,
                &["invalid_token", "missing_token"],
            )
            .await;
        let request = (voice.refresh)(&matrix.daemun, &forged);
        matrix
            .expect(
                voice,
                "forged refresh",
                request,
                &["invalid_token", "missing_field"],
            )
            .await;

        let request = (voice.refresh)(&matrix.daemun, &stolen);
        matrix.expect(voice, "reuse", request, &["reused"]).await;
        let request = (voice.refresh)(&matrix.daemun, &pair);
        matrix
            .expect(voice, "refresh after reuse", request, &["revoked"])
            .await;
        let request = (voice.guarded)(&matrix.daemun, &pair);
        matrix
            .expect(voice, "access after reuse", request, &["revoked"])
            .await;
    }
    let of_accounts = || {
        VOICES
            .iter()
            .filter(|voice| voice.contract != "token-server")
    };
    for (act, undo, outcome) in [
        (&["native", "logging out everywhere"][..], None, "revoked"),
        (
            &["account", "suspend"],
            Some(&["account", "restore"][..]),
            "suspended",
        ),
        (&["account", "withdraw"], None, "withdrawn"),
    ] {
        let mut pairs = Vec::new();
        for voice in of_accounts() {
            pairs.push(matrix.logged_in(voice).await);
        }
        match act[0] {
            "native" => {
                let path = "/short/v1/sessions";
                let request = matrix.daemun.request(Method::DELETE, path);
                let request = request.bearer_auth(&pairs[0].access);
                matrix.expect(&VOICES[0], act[1], request, &["ok"]).await;
            }
            _ => matrix.operator(act),
        }
        let what = act[1];
        for (voice, pair) in of_accounts().zip(&pairs) {
            let request = (voice.guarded)(&matrix.daemun, pair);
            matrix
                .expect(voice, &format!("access after {what}"), request, &[outcome])
                .await;
            let request = (voice.refresh)(&matrix.daemun, pair);
            matrix
                .expect(voice, &format!("refresh after {what}"), request, &[outcome])
                .await;
            if outcome != "revoked" {
                let request = (voice.log_in)(&matrix.daemun);
                matrix
                    .expect(voice, &format!("log in after {what}"), request, &[outcome])
                    .await;
            }
        }
        if let Some(undo) = undo {
            matrix.operator(undo);
        }
    }
    insta::assert_snapshot!(matrix.transcript);
}

#[tokio::test]
async fn what_is_over_is_over_in_every_contract() {
    let mut matrix = Matrix::start(|_, text| {
        let mut section = "";
        let shortened = text.lines().map(|line| {
            if line.starts_with('[') {
                section = line;
            }
            match (section.split([' ', '#']).next(), line.split_once(" = ")) {
                (Some("[tokens.refresh]"), Some(("lifetime", _))) => "lifetime = \"2s\"",
                (Some("[tokens.access]" | "[tokens.sliding]"), Some(("lifetime", _))) => {
                    "lifetime = \"1s\""
                }
                _ => line,
            }
        });
        shortened.collect::<Vec<_>>().join("\n")
    })
    .await;
    let mut pairs = Vec::new();
    for voice in &VOICES {
        let mut pair = Pair {
            access: String::new(),
            refresh: String::new(),
        };
        let mut answer = send((voice.log_in)(&matrix.daemun)).await;
        (voice.tokens)(&answer, &mut pair);
        if pair.access.is_empty() {
            answer = send((voice.refresh)(&matrix.daemun, &pair)).await;
            (voice.tokens)(&answer, &mut pair);
        }
        pairs.push(pair);
    }
    // Time has to pass: that it does is what is tested.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    for (voice, pair) in VOICES.iter().zip(&pairs) {
        let request = (voice.guarded)(&matrix.daemun, pair);
        matrix
            .expect(voice, "expired access", request, &["expired"])
            .await;
        let request = (voice.refresh)(&matrix.daemun, pair);
        matrix
            .expect(voice, "expired refresh", request, &["expired"])
            .await;
    }
    insta::assert_snapshot!(matrix.transcript);
}

#[tokio::test]
async fn s19_a_token_of_one_contract_is_worth_nothing_in_another() {
    let mut matrix = Matrix::start(|_, text| text.to_owned()).await;
    let mut pairs = Vec::new();
    for voice in &VOICES {
        pairs.push(matrix.logged_in(voice).await);
    }
    for (at, voice) in VOICES.iter().enumerate() {
        for (from, other) in pairs.iter().enumerate() {
            let crossed = Pair {
                access: bare(&other.access),
                refresh: bare(&other.refresh),
            };
            let shown = match voice.contract {
                // Signed by the very secret, so that what is refused is the token.
                "email-cookie" => Pair {
                    access: signed(&matrix.daemun, "access_token", &crossed.access),
                    refresh: signed(&matrix.daemun, "refresh_token", &crossed.refresh),
                },
                _ => crossed,
            };
            for (place, request) in [
                ("guard", (voice.guarded)(&matrix.daemun, &shown)),
                ("refresh", (voice.refresh)(&matrix.daemun, &shown)),
            ] {
                let contract = format!("short-{}", voice.contract);
                let (outcome, answer) = matrix.ask(&contract, request).await;
                let origin = VOICES[from].contract;
                assert_eq!(
                    outcome == "ok",
                    at == from,
                    "a token of {origin} in the {place} of {contract}: {outcome}, {answer:?}"
                );
            }
        }
    }
}

fn bare(token: &str) -> String {
    token.split(':').next().unwrap_or_default().to_owned()
}

fn signed(daemun: &Daemun, name: &str, token: &str) -> String {
    super::forge::django(&daemun.legacy_secret(), name, token, super::forge::now())
}
