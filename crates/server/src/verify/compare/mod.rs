//! Holding an answer against what the contract says: status, content type, headers, cookies, body.

mod body;
mod cookies;
mod holes;
mod token;

use std::fmt;

use daemun_contract::{Contract, Expectation, ExpectedBody, Json, Pattern, PatternPart};
use daemun_engine::vocabulary::Slot;

use super::wire::Reply;

/// What is one way on the wire and another in the contract. It may hold what must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where: `status`, `body.token.access`.
    pub(super) at: String,
    /// What is there.
    pub(super) is: String,
    /// What the contract says; empty where `is` says it all.
    pub(super) says: String,
}

/// What was seen of an answer.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) differences: Vec<Difference>,
    /// The values that stood in the holes.
    pub(super) found: Vec<(Slot, Json)>,
    /// The cookies that were set, as they were sent, with the tokens they hold.
    pub(super) cookies: Vec<SetCookie>,
}

/// A cookie that an answer set.
pub(super) struct SetCookie {
    pub(super) name: String,
    /// As it must be sent back.
    pub(super) raw: String,
    /// What its value holds.
    pub(super) holds: Option<Slot>,
}

/// What is known of an answer besides what the contract says.
pub(super) struct Known<'a> {
    pub(super) contract: &'a Contract,
    /// Values that can only be these.
    pub(super) slots: &'a [(Slot, String)],
    /// Whether cookies can be `Secure`.
    pub(super) secure: bool,
    /// The methods of the path, where the answer must name them.
    pub(super) allow: Option<&'a [&'a str]>,
}

impl Difference {
    pub(super) fn new(at: &str, is: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            at: at.to_owned(),
            is: is.into(),
            says: says.into(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.is)?;
        match self.says.as_str() {
            "" => Ok(()),
            says => write!(f, ", the contract says {says}"),
        }
    }
}

/// Compares an answer with what the contract says of it.
pub(super) fn compare(expected: &Expectation<'_>, reply: &Reply, known: &Known<'_>) -> Seen {
    let mut comparison = Comparison {
        known,
        seen: Seen::default(),
    };
    comparison.status(expected, reply);
    comparison.content_type(expected, reply);
    comparison.headers(expected, reply);
    comparison.allow(reply);
    comparison.cookies(expected, reply);
    comparison.body(expected, reply);
    comparison.seen
}

struct Comparison<'a> {
    known: &'a Known<'a>,
    seen: Seen,
}

impl Comparison<'_> {
    fn differs(&mut self, at: &str, is: impl Into<String>, says: impl Into<String>) {
        self.seen.differences.push(Difference::new(at, is, says));
    }

    fn status(&mut self, expected: &Expectation<'_>, reply: &Reply) {
        if reply.status != expected.status {
            self.differs(
                "status",
                reply.status.to_string(),
                expected.status.to_string(),
            );
        }
    }

    fn content_type(&mut self, expected: &Expectation<'_>, reply: &Reply) {
        const AT: &str = "content-type";
        match (reply.header(AT), expected.content_type) {
            (None, None) => {}
            // Some send one with nothing.
            (Some(_), None) if reply.body.is_empty() => {}
            (Some(is), None) => self.differs(AT, quoted(is), "there is none"),
            (None, Some(says)) => self.differs(AT, "not sent", quoted(says)),
            (Some(is), Some(says)) if media_type(is) != media_type(says) => {
                self.differs(AT, quoted(is), quoted(says));
            }
            (Some(_), Some(_)) => {}
        }
    }

    fn headers(&mut self, expected: &Expectation<'_>, reply: &Reply) {
        for (name, pattern) in &expected.headers {
            let at = format!("header {name}");
            match reply.header(name) {
                Some(value) => self.text(&at, value, pattern),
                // A header that comes out empty is left out.
                None if may_be_empty(pattern) => {}
                None => self.differs(&at, "not sent", quoted(&pattern.to_string())),
            }
        }
        for name in self.names_of_headers() {
            let expected = expected.headers.iter();
            let mut expected = expected.map(|(known, _)| known);
            if !expected.any(|known| known.eq_ignore_ascii_case(&name))
                && let Some(value) = reply.header(&name)
            {
                self.differs(&format!("header {name}"), quoted(value), "there is none");
            }
        }
    }

    /// The headers that some answer of the contract has, and what sends browsers elsewhere: where an
    /// answer does not have them, front ends do not look for them.
    fn names_of_headers(&self) -> Vec<String> {
        let contract = self.known.contract;
        let routes = contract.routes.iter();
        let of_routes = routes.flat_map(|route| route.answers().map(|(.., answer)| answer));
        let of_guard = contract.guard.iter();
        let of_guard = of_guard.flat_map(|guard| guard.answers().map(|(_, answer)| answer));
        let mut names: Vec<String> = of_routes
            .chain(of_guard)
            .flat_map(|answer| answer.headers.iter())
            .map(|(name, _)| name.to_string())
            .chain(["Location".to_owned()])
            .collect();
        names.sort_by_key(|name| name.to_ascii_lowercase());
        names.dedup_by_key(|name| name.to_ascii_lowercase());
        names
    }

    /// `Allow` names the path's methods, and besides them only what is answered for them.
    fn allow(&mut self, reply: &Reply) {
        let Some(methods) = self.known.allow else {
            return;
        };
        let says = methods.join(", ");
        let Some(is) = reply.header("allow") else {
            return self.differs("header Allow", "not sent", quoted(&says));
        };
        let mut sent: Vec<&str> = is.split(',').map(str::trim).collect();
        sent.retain(|method| !matches!(*method, "HEAD" | "OPTIONS" | ""));
        let same = sent.iter().all(|method| methods.contains(method))
            && methods.iter().all(|method| sent.contains(method));
        if !same {
            self.differs("header Allow", quoted(is), quoted(&says));
        }
    }

    /// Text that must fit a pattern, and what stands in its holes.
    fn text(&mut self, at: &str, text: &str, pattern: &Pattern) {
        let Some(captures) = pattern.captures(text) else {
            let says = self.filled(pattern).to_string();
            return self.differs(at, quoted(text), quoted(&says));
        };
        for (slot, value) in captures {
            if value.is_empty() && holes::may_be_null(slot) {
                continue;
            }
            self.hole(at, slot, &holes::from_text(slot, value));
        }
    }

    /// A value that stands in a hole.
    fn hole(&mut self, at: &str, slot: Slot, value: &Json) {
        let known = self.known.slots.iter().find(|(known, _)| *known == slot);
        let wanted = match known {
            Some((_, text)) if !holes::is(value, text) => Some(quoted(text)),
            Some(_) => None,
            None => self.misfit(slot, value),
        };
        match wanted {
            Some(wanted) => {
                let is = match holes::is_secret(slot) {
                    true => holes::kind(value).to_owned(),
                    false => shown(value),
                };
                self.differs(at, is, wanted);
            }
            None => self.token(at, slot, value),
        }
        if *value != Json::Null {
            self.seen.found.push((slot, value.clone()));
        }
    }

    fn misfit(&self, slot: Slot, value: &Json) -> Option<String> {
        let fields = &self.known.contract.policy.fields;
        match slot {
            Slot::AccountProfile(nth) => holes::field_misfit(fields.get(usize::from(nth))?, value),
            other => holes::misfit(other, value).map(str::to_owned),
        }
    }

    fn token(&mut self, at: &str, slot: Slot, value: &Json) {
        let tokens = &self.known.contract.policy.tokens;
        let spec = match slot {
            Slot::Access => &tokens.access,
            Slot::Refresh => &tokens.refresh,
            _ => return,
        };
        if let Json::String(text) = value {
            self.seen
                .differences
                .extend(token::differences(at, text, spec));
        }
    }

    fn body(&mut self, expected: &Expectation<'_>, reply: &Reply) {
        match &expected.body {
            ExpectedBody::Empty if reply.body.is_empty() => {}
            ExpectedBody::Empty => {
                let is = format!("{} bytes", reply.body.len());
                self.differs("body", is, "there is none");
            }
            ExpectedBody::Text(pattern) => match std::str::from_utf8(&reply.body) {
                Ok(text) => self.text("body", text, pattern),
                Err(_) => self.differs("body", "no text", quoted(&pattern.to_string())),
            },
            ExpectedBody::Json(shape) => match serde_json::from_slice::<Json>(&reply.body) {
                Ok(json) => self.json("body", &json, shape),
                Err(_) if reply.body.is_empty() => self.differs("body", "empty", "JSON"),
                Err(error) => self.differs("body", format!("no JSON ({error})"), "JSON"),
            },
        }
    }
}

/// A content type as it matters: `charset=utf-8` says nothing of JSON, which has no other.
fn media_type(text: &str) -> String {
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let is_json = essence.ends_with("json");
    let mut kept: Vec<String> = parts
        .filter(|part| !(part.is_empty() || is_json && part.replace('"', "") == "charset=utf-8"))
        .collect();
    kept.sort();
    kept.insert(0, essence);
    kept.join("; ")
}

fn may_be_empty(pattern: &Pattern) -> bool {
    pattern.0.iter().all(|part| match part {
        PatternPart::Text(_) => false,
        PatternPart::Hole(slot) => holes::may_be_null(*slot),
    })
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A JSON value as a line of a report.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        Json::Array(_) | Json::Object(_) => holes::kind(value).into(),
    }
}

#[cfg(test)]
mod tests;
