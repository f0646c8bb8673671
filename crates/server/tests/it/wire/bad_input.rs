//! Every route of every contract, sent everything that a request can have wrong: each answer is one
//! that its contract declares for what happened, nothing is a fault of ours, nothing secret comes
//! back. What is sent follows from the routes, so a contract that is added is tested at once.

use std::collections::BTreeMap;

use daemun_contract::{Contract, GuardMode, Route};
use daemun_engine::vocabulary::Operation;
use serde_json::{Value, json};

use super::{
    draft::{Draft, JSON},
    judge::{CANARY, Judge},
    spoilt::{Fault, faults},
};
use crate::{
    anyone::{Held, PASSWORD, Person, Shown},
    harness::{Daemun, Start},
};

#[tokio::test(flavor = "multi_thread")]
async fn f18_whatever_is_wrong_with_a_request_is_answered_as_its_contract_says() {
    let daemun = Start::development().with("DAEMUN_LOG", "debug").go().await;
    let judge = Judge::of(&daemun);
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for (nth, contract) in (0..).zip(&judge.contracts) {
        let named = Person::new(&daemun, nth * 2);
        let mut visitor = Visitor::new(&daemun, contract, &judge, nth * 2 + 1).await;
        for route in &contract.routes {
            for fault in faults(contract, route, &Draft::of(contract, route, &named)) {
                let told = visitor.send(route, &fault).await;
                match told {
                    Ok(outcome) => *seen.entry(outcome).or_insert(0) += 1,
                    Err(why) => wrong.push(why),
                }
            }
        }
    }
    println!("{} requests: {seen:?}", seen.values().sum::<u32>());
    let first: Vec<&String> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} are wrong: {first:#?}", wrong.len());
    assert_eq!(daemun.get("/readyz").await.status, 200);
    let log = daemun.log();
    for word in ["panicked", "\"ERROR\"", CANARY] {
        let shows = log.lines().find(|line| line.contains(word));
        assert_eq!(shows, None, "the log holds {word}");
    }
}

/// Who is signed in, and signs in again when a request has ended that.
struct Visitor<'t> {
    daemun: &'t Daemun,
    contract: &'t Contract,
    judge: &'t Judge,
    person: Person,
    shown: Option<Shown>,
}

impl<'t> Visitor<'t> {
    async fn new(daemun: &'t Daemun, contract: &'t Contract, judge: &'t Judge, nth: u32) -> Self {
        let person = Person::new(daemun, nth);
        let mut visitor = Self {
            daemun,
            contract,
            judge,
            person,
            shown: None,
        };
        visitor.sign_in().await;
        visitor
    }

    async fn sign_in(&mut self) {
        let held = Held::by(self.daemun, self.contract, &self.person).await;
        self.shown = held
            .shown(self.daemun, self.contract, &self.judge.log)
            .await;
    }

    /// How it was answered, or what is wrong with that.
    async fn send(&mut self, route: &Route, fault: &Fault) -> Result<String, String> {
        let mut draft = fault.draft.clone();
        if let (Some(shown), false) = (&self.shown, fault.unshown || route.guard == GuardMode::Off)
        {
            draft.show(shown);
        }
        let Some(answer) = draft.send(self.daemun).await else {
            return Ok("cannot be sent".into());
        };
        let (method, path) = (draft.method.as_str(), &draft.path);
        let judged = self.judge.judge(method, path, &answer).await;
        // It ends the session it was asked from, whatever the token it names is.
        let ended = ["ok", "invalid_token", "wrong_type", "revoked"];
        let ended = judged
            .as_ref()
            .is_ok_and(|outcome| ended.contains(&&**outcome));
        if ended && ends_sessions(route) && !fault.unshown {
            self.sign_in().await;
        }
        let as_it_must = |outcome: &str| fault.ends.is_empty() || fault.ends.contains(&outcome);
        let why = match judged {
            Ok(outcome) if as_it_must(&outcome) => return Ok(outcome),
            Ok(outcome) => format!("{outcome}, not {:?}", fault.ends),
            Err(why) => why,
        };
        Err(format!(
            "{}: {method} {path}: {}: {why}: {answer:?}",
            self.contract.name, fault.what
        ))
    }
}

fn ends_sessions(route: &Route) -> bool {
    matches!(
        route.operation,
        Operation::LogOut | Operation::LogOutEverywhere | Operation::EndSession
    )
}

/// Members that some back end somewhere believes.
fn more() -> Value {
    json!({
        "is_admin": true, "is_staff": true, "is_superuser": true, "admin": true, "role": "admin",
        "roles": ["admin"], "is_active": true, "active": true, "verified": true,
        "email_verified": true, "status": "active", "id": 77, "pk": 77, "user_id": 77, "sub": "77",
        "account": { "id": 77, "roles": ["admin"] }, "user": { "id": 77, "is_admin": true },
        "linked": { "kakao": "1" }, "kakao_id": 1, "created_at": "2000-01-01T00:00:00Z",
        "__proto__": { "is_admin": true }, "password_hash": "x", "session_id": "x", "sid": "x",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn s84_no_member_of_any_body_makes_anybody_more_than_they_are() {
    let daemun = Start::development().with("DAEMUN_LOG", "debug").go().await;
    let judge = Judge::of(&daemun);
    let accounts = || daemun.run(&["account", "list", "--json"]).expect(0).json();
    for (nth, contract) in (0..).zip(&judge.contracts) {
        let visitor = Visitor::new(&daemun, contract, &judge, nth * 2).await;
        let newcomer = Person::unknown(nth * 2 + 1);
        let before = accounts();
        for route in &contract.routes {
            let mut draft = Draft::of(contract, route, &newcomer);
            if route.operation.needs_trust() || ends_sessions(route) {
                continue;
            }
            if let (Some(shown), true) = (&visitor.shown, route.guard != GuardMode::Off) {
                draft.show(shown);
            }
            let mut body: Value = serde_json::from_slice(&draft.body).unwrap_or_else(|_| json!({}));
            for (name, value) in more().as_object().into_iter().flatten() {
                body.as_object_mut()
                    .map(|body| body.entry(name).or_insert(value.clone()));
            }
            let body = body.to_string().replace(CANARY, PASSWORD);
            let draft = draft.with_body(JSON, body);
            let answer = draft.send(&daemun).await.expect("an answer");
            let judged = judge
                .judge(draft.method.as_str(), &draft.path, &answer)
                .await;
            judged.unwrap_or_else(|why| panic!("{}: {why}: {answer:?}", draft.path));
        }
        let known = before.as_array().map_or(0, Vec::len);
        let after = accounts();
        let after = after.as_array().expect("accounts");
        assert_eq!(before.as_array().map(Vec::as_slice), Some(&after[..known]));
        for (at, account) in after.iter().enumerate().skip(known) {
            let of = format!("{}: {account}", contract.name);
            assert_eq!(account["id"], at + 1, "{of}");
            assert_eq!(account["linked"], json!({}), "{of}");
            assert!(!account["roles"].to_string().contains("admin"), "{of}");
            let status = if contract.policy.confirm_address {
                "unverified"
            } else {
                "active"
            };
            assert_eq!(account["status"], status, "{of}");
        }
    }
}
