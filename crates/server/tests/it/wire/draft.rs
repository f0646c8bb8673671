//! A request in the making: right in everything its route takes, but for the secrets, which are
//! canaries, and then spoilt in one place.

use daemun_contract::{Contract, Route, Source};
use daemun_engine::vocabulary::Input;
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use super::judge::CANARY;
use crate::{
    anyone::{Person, Shown, method, put, with_scheme},
    harness::{Answer, Daemun, send},
};

/// A request, to be spoilt.
#[derive(Clone, Debug)]
pub struct Draft {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    /// Fields of the body, by the keys that lead to them.
    pub fields: Vec<(Vec<Box<str>>, String)>,
    pub content_types: Vec<&'static str>,
    pub body: Vec<u8>,
}

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const MULTIPART: &str = "multipart/form-data; boundary=edge";

impl Draft {
    /// What `person` would send.
    pub fn of(contract: &Contract, route: &Route, person: &Person) -> Self {
        let mut draft = Self {
            method: method(route.method),
            path: route.path.as_str().to_owned(),
            headers: Vec::new(),
            fields: Vec::new(),
            content_types: Vec::new(),
            body: Vec::new(),
        };
        for plan in &route.inputs {
            let said = match plan.input {
                Input::Password | Input::Code | Input::Token | Input::AccessToken => None,
                Input::Keep => Some("true".to_owned()),
                input => person.says(contract, input),
            };
            let said = said.unwrap_or_else(|| CANARY.to_owned());
            if let Some(source) = plan.sources.first() {
                draft.say(source, &said);
            }
        }
        draft.path = draft.path.replace(['{', '}'], "");
        if !draft.fields.is_empty() {
            draft.send_as(JSON);
        }
        draft
    }

    fn say(&mut self, source: &Source, said: &str) {
        match source {
            Source::Body(keys) => self.fields.push((keys.clone(), said.to_owned())),
            Source::Header { name, schemes } => {
                let value = with_scheme(schemes, said).into_bytes();
                self.headers.push((name.to_string(), value));
            }
            Source::Cookie { name, .. } => self.cookie(name, said.as_bytes()),
            Source::Query(name) => self.path += &format!("?{name}={said}"),
            Source::Path(name) => self.path = self.path.replace(&format!("{{{name}}}"), "0"),
        }
    }

    /// Adds a cookie on a line of its own.
    pub fn cookie(&mut self, name: &str, value: &[u8]) {
        let line = [name.as_bytes(), b"=", value].concat();
        self.headers.push(("cookie".into(), line));
    }

    /// Writes the fields into the body in that type.
    pub fn send_as(&mut self, content_type: &'static str) {
        self.content_types = vec![content_type];
        let last = |keys: &[Box<str>]| keys.last().expect("a key").to_string();
        let fields = self
            .fields
            .iter()
            .map(|(keys, value)| (last(keys), value.clone()));
        let fields: Vec<(String, String)> = fields.collect();
        self.body = match content_type {
            FORM => form(&fields),
            MULTIPART => multipart(&fields),
            _ => {
                let mut body = json!({});
                for (keys, value) in &self.fields {
                    put(&mut body, keys, value.clone().into());
                }
                body.to_string().into_bytes()
            }
        };
    }

    /// The JSON body with `value` in the place of the `nth` field, or without it.
    pub fn with_field(mut self, nth: usize, value: Option<&Value>) -> Self {
        let mut body = json!({});
        for (at, (keys, text)) in self.fields.iter().enumerate() {
            match (value, at == nth) {
                (Some(value), true) => put(&mut body, keys, value.clone()),
                (None, true) => {}
                _ => put(&mut body, keys, text.clone().into()),
            }
        }
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn with_body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.content_types = vec![content_type];
        self.body = body.into();
        self
    }

    /// Shows that somebody is signed in, in the place of what is shown there.
    pub fn show(&mut self, shown: &Shown) {
        match shown {
            Shown::Header(name, value) => {
                self.headers
                    .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                self.headers.push((name.clone(), value.clone().into()));
            }
            Shown::Cookie(name, value) => self.cookie(name, value.as_bytes()),
        }
    }

    /// Sends it; none where HTTP has no way to write it.
    pub async fn send(&self, daemun: &Daemun) -> Option<Answer> {
        let mut request = daemun.request(self.method.clone(), &self.path);
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().ok()?;
            request = request.header(name, HeaderValue::from_bytes(value).ok()?);
        }
        for content_type in &self.content_types {
            request = request.header("content-type", *content_type);
        }
        Some(send(request.body(self.body.clone())).await)
    }
}

fn form(fields: &[(String, String)]) -> Vec<u8> {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn multipart(fields: &[(String, String)]) -> Vec<u8> {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    super::call::multipart(&fields).1.into_bytes()
}
