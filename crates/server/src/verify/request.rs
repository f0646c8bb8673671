//! From a case to a request: every input in its place, the guard's token in its own.

use daemun_contract::{Contract, PathPattern, Route, Segment, Source};
use daemun_engine::vocabulary::Input;
use serde_json::{Map, Value, json};

use super::{
    case::{Case, Form, Shown, Token},
    routes::in_body,
    session::Session,
    wire::Request,
};

/// An address that is none of the server's own, as RFC 2606 has them.
const ANOTHER_SITE: &str = "https://another-site.invalid";
/// More than any sign-in form sends.
const HUGE: usize = 2 * 1024 * 1024;

/// What is sent as an input.
#[derive(Clone, PartialEq)]
pub(super) enum Sent {
    Text(String),
    Token(Token),
    /// For bodies alone.
    Json(Value),
}

/// What a request is made of, besides its case.
pub(super) struct Ingredients<'a> {
    pub(super) contract: &'a Contract,
    pub(super) route: &'a Route,
    pub(super) locale: &'a str,
    pub(super) inputs: Vec<(Input, Sent)>,
    pub(super) session: &'a Session,
    /// What trusted callers show.
    pub(super) service_key: Option<&'a str>,
    /// As whom the client speaks, where not as itself.
    pub(super) user_agent: Option<&'static str>,
}

/// The request of a case, and under which name its input at fault was sent. Or why there can be no
/// such request.
pub(super) fn request(case: &Case, with: &Ingredients<'_>) -> Result<(Request, String), String> {
    let mut draft = Draft::default();
    let mut field = String::new();
    for plan in &with.route.inputs {
        let sent = with.inputs.iter().find(|(input, _)| *input == plan.input);
        let mut name = &*plan.wire_name;
        if let Some((_, sent)) = sent {
            let place = place(&plan.sources, sent).ok_or("the route takes it from nowhere")?;
            name = place.wire_name();
            draft.put(place, sent, with.session)?;
        }
        if case.input == Some(plan.input) {
            name.clone_into(&mut field);
        }
    }
    draft.show(case.shown, with)?;
    draft.body(case.form, with.route);
    let paths: Vec<&PathPattern> = with.route.paths().collect();
    let pattern = paths.get(case.path).ok_or("there is no such path")?;
    let method = case.method.unwrap_or(with.route.method.name());
    let mut request = Request {
        method: method.to_owned(),
        path: draft.path(pattern),
        headers: draft.headers,
        body: draft.body,
    };
    if !draft.cookies.is_empty() {
        request
            .headers
            .push(("cookie".into(), draft.cookies.join("; ")));
    }
    let mut header = |name: &str, value: &str| {
        request.headers.push((name.to_owned(), value.to_owned()));
    };
    header("accept-language", with.locale);
    if let Some(user_agent) = with.user_agent {
        header("user-agent", user_agent);
    }
    let as_caller = case.trusted && with.route.operation.needs_trust();
    if let (Some(key), true) = (with.service_key, as_caller) {
        header("authorization", &format!("Bearer {key}"));
    }
    Ok((request, field))
}

/// The place where a front end would put it: an e-mail address where the name says so.
fn place<'r>(sources: &'r [Source], sent: &Sent) -> Option<&'r Source> {
    let first = sources.first()?;
    let Sent::Text(text) = sent else {
        return Some(first);
    };
    let (word, other) = if text.contains('@') {
        ("mail", "phone")
    } else {
        ("phone", "mail")
    };
    let named = |word: &str| {
        let mut sources = sources.iter();
        sources.find(|source| source.wire_name().to_ascii_lowercase().contains(word))
    };
    match (named(word), named(other)) {
        (Some(place), Some(_)) if !text.is_empty() => Some(place),
        _ => Some(first),
    }
}

#[derive(Default)]
struct Draft {
    headers: Vec<(String, String)>,
    cookies: Vec<String>,
    query: Vec<String>,
    params: Vec<(String, String)>,
    fields: Map<String, Value>,
    body: Option<Vec<u8>>,
}

impl Draft {
    fn put(&mut self, place: &Source, sent: &Sent, session: &Session) -> Result<(), String> {
        let text = match sent {
            Sent::Text(text) => text.clone(),
            Sent::Token(token) => session.token(*token, place)?,
            Sent::Json(value) => value.to_string(),
        };
        if let (Source::Body(keys), Sent::Json(value)) = (place, sent) {
            nest(&mut self.fields, keys, value.clone());
            return Ok(());
        }
        match place {
            Source::Body(keys) => nest(&mut self.fields, keys, text.into()),
            Source::Header { name, schemes } => {
                let value = schemes
                    .first()
                    .map_or_else(|| text.clone(), |scheme| format!("{scheme} {text}"));
                self.headers.push((name.to_string(), value));
            }
            Source::Query(name) => self.query.push(format!("{name}={}", escaped(&text))),
            Source::Cookie { name, .. } => self.cookies.push(format!("{name}={text}")),
            Source::Path(name) => self.params.push((name.to_string(), escaped(&text))),
        }
        Ok(())
    }

    /// Shows the guard what it is to see, in the first of its places where that can stand.
    fn show(&mut self, shown: Shown, with: &Ingredients<'_>) -> Result<(), String> {
        if shown == Shown::Nothing {
            return Ok(());
        }
        let guard = with.contract.guard.as_ref().ok_or("there is no guard")?;
        let token = match shown {
            Shown::Access => Token::Access,
            Shown::Refresh => Token::Refresh,
            Shown::Forged => Token::ForgedAccess,
            Shown::Garbage | Shown::Unsigned => Token::Garbage,
            Shown::Nothing | Shown::Blank | Shown::TwoWords | Shown::OtherScheme => {
                let place = guard.sources.first().ok_or("the guard looks nowhere")?;
                return self.show_words(shown, place);
            }
        };
        let mut failed = "the guard looks nowhere".to_owned();
        for place in &guard.sources {
            match self.put(place, &Sent::Token(token), with.session) {
                Ok(()) => return Ok(()),
                Err(why) => failed = why,
            }
        }
        Err(failed)
    }

    fn show_words(&mut self, shown: Shown, place: &Source) -> Result<(), String> {
        let Source::Header { name, schemes } = place else {
            return Err("the guard looks into no header first".into());
        };
        let scheme = schemes.first().map_or("", |scheme| &**scheme);
        let value = match shown {
            Shown::TwoWords => format!("{scheme} two words"),
            Shown::OtherScheme => "Basic dXNlcjpwdw==".to_owned(),
            _ => String::new(),
        };
        self.headers.push((name.to_string(), value));
        Ok(())
    }

    fn body(&mut self, form: Form, route: &Route) {
        let takes_body = route.inputs.iter().any(|plan| in_body(plan).is_some());
        let (content_type, body) = match form {
            Form::Json | Form::ScriptElsewhere if !takes_body => ("", Vec::new()),
            Form::Json | Form::ScriptElsewhere => ("application/json", self.json().into_bytes()),
            Form::Malformed => ("application/json", b"{\"".to_vec()),
            Form::PlainText => ("text/plain", b"text".to_vec()),
            Form::Huge => {
                let padding = "x".repeat(HUGE);
                self.fields.insert("padding".into(), padding.into());
                ("application/json", self.json().into_bytes())
            }
            Form::PageElsewhere => ("application/x-www-form-urlencoded", b"a=b".to_vec()),
        };
        if !content_type.is_empty() {
            self.headers
                .push(("content-type".into(), content_type.into()));
            self.body = Some(body);
        }
        if matches!(form, Form::PageElsewhere | Form::ScriptElsewhere) {
            self.headers.push(("origin".into(), ANOTHER_SITE.into()));
        }
    }

    fn json(&mut self) -> String {
        Value::Object(std::mem::take(&mut self.fields)).to_string()
    }

    fn path(&self, pattern: &PathPattern) -> String {
        let mut path = String::new();
        for segment in pattern.segments() {
            path.push('/');
            match segment {
                Segment::Literal(text) => path.push_str(text),
                Segment::Param(name) => {
                    let mut params = self.params.iter();
                    let param = params.find(|(known, _)| **known == **name);
                    path.push_str(param.map_or("none", |(_, value)| value));
                }
            }
        }
        if pattern.as_str().ends_with('/') {
            path.push('/');
        }
        match self.query.is_empty() {
            true => path,
            false => format!("{path}?{}", self.query.join("&")),
        }
    }
}

/// Puts a value where `keys` lead, making objects on the way.
fn nest(object: &mut Map<String, Value>, keys: &[Box<str>], value: Value) {
    match keys {
        [] => {}
        [last] => {
            object.insert(last.to_string(), value);
        }
        [first, rest @ ..] => {
            let inner = object.entry(&**first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                nest(inner, rest, value);
            }
        }
    }
}

/// Text as it stands in a path or a query.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_is_made_on_the_way() {
        let mut object = Map::new();
        let keys = |text: &str| text.split('.').map(Box::from).collect::<Vec<Box<str>>>();
        nest(&mut object, &keys("member.email"), "a".into());
        nest(&mut object, &keys("member.secret"), "b".into());
        nest(&mut object, &keys("keep"), true.into());
        let expected = json!({ "member": { "email": "a", "secret": "b" }, "keep": true });
        assert_eq!(Value::Object(object), expected);
    }

    #[test]
    fn an_address_goes_where_the_name_says_so() {
        let body = |name: &str| Source::Body(vec![name.into()]);
        let sources = [body("phone"), body("email")];
        let at = |text: &str| place(&sources, &Sent::Text(text.into())).map(Source::wire_name);
        assert_eq!(at("a@example.com"), Some("email"));
        assert_eq!(at("01000000000"), Some("phone"));
        assert_eq!(at(""), Some("phone"));
        assert_eq!(escaped("a+b@c/d"), "a%2Bb%40c%2Fd");
    }
}
