//! Being somebody under whichever contract: what a contract's own file says is enough to log in
//! through it, to be let in by its guard, and to know what each of its answers must look like.
//!
//! Tests over all contracts stand on this, so that a contract that is added is tested at once.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    sync::Mutex,
    time::{Duration, Instant},
};

use daemun_contract::{Contract, GuardMode, Method, Route, Source, builtin};
use daemun_engine::{
    profile::FieldKind,
    vocabulary::{Input, Operation},
};
use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};

use crate::harness::{Answer, Daemun, send};

/// Good under every contract.
pub const PASSWORD: &str = "a few words nobody guesses";

/// Every contract that comes with daemun.
pub fn contracts() -> Vec<Contract> {
    builtin()
        .iter()
        .map(|(name, source)| Contract::parse(source, name).expect("it is sound"))
        .collect()
}

/// A person with an address of each kind.
pub struct Person {
    pub email: String,
    pub phone: String,
}

impl Person {
    /// The `nth` person, with an account for either address.
    pub fn new(daemun: &Daemun, nth: u32) -> Self {
        let person = Self::unknown(nth);
        for (kind, address) in [("--email", &person.email), ("--phone", &person.phone)] {
            let create = ["account", "create", kind, address, "--nickname", address];
            let create = [&create[..], &["--verified", "--password-stdin"]].concat();
            daemun.run_with(&create, PASSWORD).expect(0);
        }
        person
    }

    /// The `nth` person, without an account.
    pub fn unknown(nth: u32) -> Self {
        Self {
            email: format!("person{nth}@example.com"),
            phone: format!("010{:08}", 1000 + nth),
        }
    }

    /// What this person would send as an input of that contract; nothing where only a request
    /// before it can tell.
    pub fn says(&self, contract: &Contract, input: Input) -> Option<String> {
        let kinds = contract.policy.identifiers;
        let address = if kinds.email {
            &self.email
        } else {
            &self.phone
        };
        match input {
            Input::Identifier => Some(address.clone()),
            Input::Password => Some(PASSWORD.into()),
            Input::Nickname => Some("somebody".into()),
            Input::Subject => Some(self.email.clone()),
            Input::SubjectType => Some("member".into()),
            Input::Profile(nth) => match contract.policy.fields.get(usize::from(nth))?.kind {
                FieldKind::Integer { min, .. } => Some(min.to_string()),
                FieldKind::Text { .. } => Some("x".into()),
                FieldKind::Url => Some("https://example.com/x".into()),
                FieldKind::Boolean => Some("true".into()),
                FieldKind::Integers => None,
            },
            _ => None,
        }
    }
}

/// What a browser or an app holds after a login.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Cookies, as they were set.
    pub cookies: Vec<(String, String)>,
    /// Whatever looked like a token in a body or a header.
    pub tokens: Vec<String>,
}

/// What shows a guard who asks.
#[derive(Clone, Debug)]
pub enum Shown {
    Header(String, String),
    Cookie(String, String),
}

impl Shown {
    pub fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Header(name, value) => request.header(name, value),
            Self::Cookie(name, value) => request.header("cookie", format!("{name}={value}")),
        }
    }
}

impl Held {
    /// Logs in through every route of the contract that opens a session, and refreshes.
    pub async fn by(daemun: &Daemun, contract: &Contract, person: &Person) -> Self {
        let mut held = Self::default();
        let routes = contract.routes.iter();
        let opening = [Operation::LogIn, Operation::Issue, Operation::Refresh];
        for operation in opening {
            for route in routes.clone().filter(|r| r.operation == operation) {
                let answer = send(held.request(daemun, contract, route, person)).await;
                held.take(&answer);
            }
        }
        held
    }

    /// A request for that route with everything right, as far as it is known.
    pub fn request(
        &self,
        daemun: &Daemun,
        contract: &Contract,
        route: &Route,
        person: &Person,
    ) -> RequestBuilder {
        let mut body = Value::Object(Map::new());
        let mut request = daemun.request(method(route.method), route.path.as_str());
        for plan in &route.inputs {
            for source in &plan.sources {
                let said = match plan.input {
                    Input::Token => self.tokens.last().cloned(),
                    input => person.says(contract, input),
                };
                request = match (source, said) {
                    (Source::Cookie { name, .. }, _) => match self.cookie(name) {
                        Some(value) => request.header("cookie", format!("{name}={value}")),
                        None => request,
                    },
                    (Source::Header { name, schemes }, Some(said)) => {
                        request.header(&**name, with_scheme(schemes, &said))
                    }
                    (Source::Body(keys), Some(said)) => {
                        put(&mut body, keys, said.into());
                        request
                    }
                    _ => request,
                };
            }
        }
        if body == json!({}) {
            request
        } else {
            request.json(&body)
        }
    }

    /// Keeps what an answer gave.
    pub fn take(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().expect("text").split("; ").next();
            let (name, value) = pair.and_then(|pair| pair.split_once('=')).expect("a pair");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.into(), value.into()));
            }
        }
        if let Ok(body) = serde_json::from_str(&answer.text) {
            collect_tokens(&body, &mut self.tokens);
        }
        for value in answer.headers.values() {
            let words = value.to_str().unwrap_or_default().split(' ');
            self.tokens
                .extend(words.filter(|w| looks_like_token(w)).map(str::to_owned));
        }
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.cookies.iter();
        let found = cookies.find(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }

    /// What the contract's guard takes for good, found by trying; nothing where it has no guard.
    pub async fn shown(&self, daemun: &Daemun, contract: &Contract, log: &Log) -> Option<Shown> {
        let guard = contract.guard.as_ref()?;
        let mut routes = contract.routes.iter();
        let route = routes.find(|route| {
            route.operation == Operation::WhoAmI && route.guard == GuardMode::Required
        })?;
        for shown in self.candidates(&guard.sources) {
            let request = daemun.request(method(route.method), route.path.as_str());
            let answer = send(shown.on(request)).await;
            if log.outcome(&answer).await == "ok" {
                return Some(shown);
            }
        }
        panic!("{}: nobody gets past the guard: {self:?}", contract.name)
    }

    fn candidates(&self, sources: &[Source]) -> Vec<Shown> {
        let mut candidates = Vec::new();
        for source in sources {
            match source {
                Source::Cookie { name, .. } => {
                    let value = self.cookie(name).into_iter();
                    candidates.extend(value.map(|v| Shown::Cookie(name.to_string(), v.into())));
                }
                Source::Header { name, schemes } => {
                    let tokens = self.tokens.iter().rev();
                    candidates.extend(
                        tokens.map(|token| {
                            Shown::Header(name.to_string(), with_scheme(schemes, token))
                        }),
                    );
                }
                _ => {}
            }
        }
        candidates
    }
}

/// A value with the first of its schemes before it, where it has any.
pub fn with_scheme(schemes: &[Box<str>], value: &str) -> String {
    match schemes.first() {
        Some(scheme) => format!("{scheme} {value}"),
        None => value.to_owned(),
    }
}

/// Puts a value where keys lead, making objects on the way.
pub fn put(body: &mut Value, keys: &[Box<str>], value: Value) {
    match keys {
        [] => *body = value,
        [first, rest @ ..] => {
            if !body.is_object() {
                *body = json!({});
            }
            put(&mut body[&**first], rest, value);
        }
    }
}

pub fn method(method: Method) -> reqwest::Method {
    reqwest::Method::from_bytes(method.name().as_bytes()).expect("a method")
}

fn collect_tokens(value: &Value, tokens: &mut Vec<String>) {
    match value {
        Value::String(text) if looks_like_token(text) => tokens.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_tokens(item, tokens)),
        Value::Object(members) => members.values().for_each(|m| collect_tokens(m, tokens)),
        _ => {}
    }
}

fn looks_like_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}

/// How each request ended, as the log of a server that logs at debug level says.
pub struct Log(Mutex<Read>);

struct Read {
    file: BufReader<File>,
    line: String,
    outcomes: HashMap<String, String>,
    /// By contract and operation.
    reached: BTreeSet<(String, String, String)>,
}

impl Log {
    pub fn of(daemun: &Daemun) -> Self {
        let file = File::open(daemun.folder().join("log")).expect("a log");
        Self(Mutex::new(Read {
            file: BufReader::new(file),
            line: String::new(),
            outcomes: HashMap::new(),
            reached: BTreeSet::new(),
        }))
    }

    /// The outcome that a contract's answer tells of.
    pub async fn outcome(&self, answer: &Answer) -> String {
        let id = answer.headers.get("x-request-id").expect("an id");
        let id = id.to_str().expect("text");
        let begun = Instant::now();
        loop {
            if let Some(outcome) = self.0.lock().expect("the log").outcome(id) {
                return outcome;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "no contract answered: {answer:?}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Every outcome so far, by contract and operation.
    pub fn reached(&self) -> BTreeSet<(String, String, String)> {
        let mut read = self.0.lock().expect("the log");
        read.outcome("");
        read.reached.clone()
    }
}

impl Read {
    fn outcome(&mut self, id: &str) -> Option<String> {
        // A line that is still being written is finished by a later call.
        while self.file.read_line(&mut self.line).expect("text") > 0 && self.line.ends_with('\n') {
            if self.line.contains("\"message\":\"request\"") {
                let entry: Value = serde_json::from_str(&self.line).expect("JSON");
                let word = |name: &str| entry[name].as_str().map(str::to_owned);
                let outcome = word("outcome").expect("an outcome");
                self.outcomes
                    .extend(word("request").map(|id| (id, outcome.clone())));
                let of = word("contract").zip(word("operation"));
                self.reached.extend(of.map(|(c, o)| (c, o, outcome)));
            }
            self.line.clear();
        }
        self.outcomes.get(id).cloned()
    }
}
