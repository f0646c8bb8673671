//! A request as contracts see it: its head, its cookies, and its body read into fields.

use std::{borrow::Cow, net::IpAddr};

use axum::http::{HeaderMap, Method, Uri, header, request};
use daemun_contract::{CookieCodec, InputPlan, Source};
use daemun_engine::{profile::json_type, time::Timestamp, vocabulary::Input};
use serde_json::Value;

use crate::{cookies::CookieReader, fields::Fields};

/// The head of a request, and who sent it.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The client's own address, from trusted hops only.
    pub(crate) client: IpAddr,
    /// Whether the client came by TLS, to us or to a trusted hop.
    pub(crate) secure: bool,
    /// The id of the request, as in the log.
    pub(crate) id: RequestId,
    /// When it was looked at.
    pub(crate) at: Timestamp,
}

/// The id of a request: 16 hex digits, unique to this process's life and likely beyond.
#[derive(Clone, Copy)]
pub(crate) struct RequestId(pub(crate) u64);

impl Head {
    pub(crate) fn new(
        parts: request::Parts,
        client: IpAddr,
        secure: bool,
        id: RequestId,
        at: Timestamp,
    ) -> Self {
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            client,
            secure,
            id,
            at,
        }
    }

    /// A header that appears once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        if values.next().is_some() {
            None
        } else {
            first.to_str().ok()
        }
    }

    /// The host the request names: its `Host` header, or `:authority` in HTTP/2.
    pub(crate) fn host(&self) -> Option<&str> {
        self.header(header::HOST.as_str())
            .or_else(|| self.uri.authority().map(|authority| authority.as_str()))
    }

    pub(crate) fn user_agent(&self) -> &str {
        self.header(header::USER_AGENT.as_str()).unwrap_or_default()
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What stood in the place of an input.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'r> {
    /// Nothing.
    Absent,
    /// Text, perhaps empty.
    Text(Cow<'r, str>),
    /// A JSON boolean.
    Flag(bool),
    /// Something no input can be.
    WrongType,
    /// A header that names its scheme, and is not of the form it must have.
    BadHeader,
}

/// How much of what was sent an answer shows, in characters.
pub(crate) const LONGEST_SHOWN: usize = 100;

/// Where inputs are looked for.
pub(crate) struct Places<'r> {
    pub(crate) head: &'r Head,
    pub(crate) fields: &'r Fields,
    pub(crate) params: &'r [(&'r str, &'r str)],
    pub(crate) cookies: &'r CookieReader,
    /// Texts that count as nothing where a token stands.
    pub(crate) absent: &'r [Box<str>],
}

impl<'r> Places<'r> {
    /// Looks in each source in order; the first where anything stands wins.
    pub(crate) fn find(&self, sources: &'r [Source]) -> (Found<'r>, Option<&'r Source>) {
        self.find_but(sources, |_| false)
    }

    /// The same for a token: a text that the contract takes for nothing is none.
    pub(crate) fn find_token(&self, sources: &'r [Source]) -> (Found<'r>, Option<&'r Source>) {
        self.find_but(sources, |text| {
            self.absent.iter().any(|absent| **absent == *text)
        })
    }

    /// Whether anything stands in that place.
    pub(crate) fn has(&self, source: &'r Source) -> bool {
        self.look(source) != Found::Absent
    }

    fn find_but(
        &self,
        sources: &'r [Source],
        is_nothing: impl Fn(&str) -> bool,
    ) -> (Found<'r>, Option<&'r Source>) {
        for source in sources {
            match self.look(source) {
                Found::Absent => {}
                Found::Text(text) if is_nothing(&text) => {}
                found => return (found, Some(source)),
            }
        }
        (Found::Absent, None)
    }

    /// What was sent as an input that may be shown, as JSON, shortened.
    fn sent_as(&self, plan: &InputPlan) -> String {
        let bodies = plan.sources.iter().filter_map(|source| match source {
            Source::Body(keys) if plan.input.may_be_shown() => self.fields.json(keys),
            _ => None,
        });
        let text = bodies.map(|value| value.to_string()).next();
        text.unwrap_or_default()
            .chars()
            .take(LONGEST_SHOWN)
            .collect()
    }

    /// What was sent as a field of the contract's own, as JSON has it; text is text wherever it
    /// stands.
    fn value(&self, sources: &'r [Source]) -> (Option<Value>, Option<&'r Source>) {
        let (found, source) = self.find(sources);
        let in_json = source.and_then(|source| match source {
            Source::Body(keys) => self.fields.json(keys).cloned(),
            _ => None,
        });
        let value = in_json.or(match found {
            Found::Absent => None,
            Found::Text(text) => Some(text.into_owned().into()),
            Found::Flag(flag) => Some(flag.into()),
            Found::WrongType | Found::BadHeader => Some(serde_json::json!({})),
        });
        (value, source)
    }

    /// Whether JSON `null` stands in the first place where an input may.
    fn is_null(&self, plan: &InputPlan) -> bool {
        let Some(Source::Body(keys)) = plan.sources.first() else {
            return false;
        };
        self.fields.json(keys).is_some_and(Value::is_null)
    }

    /// Of which wrong type an input is.
    fn wrong_type(&self, plan: &InputPlan) -> &'static str {
        let mut bodies = plan.sources.iter().filter_map(|source| match source {
            Source::Body(keys) => self.fields.json(keys),
            _ => None,
        });
        bodies
            .find(|value| !value.is_null())
            .map_or("wrong_type", json_type)
    }

    fn look(&self, source: &'r Source) -> Found<'r> {
        match source {
            Source::Body(keys) => self.fields.find(keys),
            Source::Query(name) => query(self.head.uri.query().unwrap_or_default(), name),
            Source::Path(name) => {
                let param = self.params.iter().find(|(param, _)| **param == **name);
                param.map_or(Found::Absent, |(_, value)| {
                    Found::Text(percent_decoded(value))
                })
            }
            Source::Header { name, schemes } => self.header(name, schemes),
            Source::Cookie { name, codec } => self.cookie(name, *codec),
        }
    }

    fn header(&self, name: &str, schemes: &[Box<str>]) -> Found<'r> {
        let mut values = self.head.headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Found::Absent;
        };
        let (Ok(text), None) = (value.to_str(), values.next()) else {
            return Found::BadHeader;
        };
        if schemes.is_empty() {
            return Found::Text(text.trim().into());
        }
        let mut words = text.split_ascii_whitespace();
        let scheme = words.next().unwrap_or_default();
        if !schemes
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
        {
            return Found::Absent;
        }
        match (words.next(), words.next()) {
            (Some(token), None) => Found::Text(token.into()),
            _ => Found::BadHeader,
        }
    }

    /// A cookie whose signature is wrong is as if it were absent.
    fn cookie(&self, name: &str, codec: CookieCodec) -> Found<'r> {
        match self.cookies.read(&self.head.headers, name, codec) {
            Some(value) => Found::Text(Cow::Owned(value)),
            None => Found::Absent,
        }
    }
}

fn query<'r>(query: &'r str, name: &str) -> Found<'r> {
    let mut values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decoded(key) == name).then_some(value)
    });
    match (values.next(), values.next()) {
        (Some(value), None) => Found::Text(form_decoded(value)),
        (Some(_), Some(_)) => Found::WrongType,
        (None, _) => Found::Absent,
    }
}

pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// Decodes one name or value of a form (`+` is a space).
pub(crate) fn form_decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        Cow::Owned(percent_decoded(&spaced).into_owned())
    } else {
        percent_decoded(text)
    }
}

/// An operation's inputs, as the request brought them.
#[derive(Default)]
pub(crate) struct Inputs<'r> {
    values: [Option<Cow<'r, str>>; Input::ALL.len()],
    keep: bool,
    /// Fields of the contract's own, by their place among those it declares.
    profile: Vec<(u8, Value)>,
}

/// Why a request's inputs cannot be used.
#[derive(Debug, PartialEq)]
pub(crate) enum InputFault<'r> {
    Missing(Input, &'r str),
    /// There, but `null`.
    Null(Input, &'r str),
    Blank(Input, &'r str),
    /// Of a JSON type that the input cannot be.
    WrongType {
        input: Input,
        name: &'r str,
        /// What was sent, where it may be shown.
        sent: String,
        /// Of which type it is, as reasons are told.
        reason: &'static str,
    },
    BadHeader,
}

impl<'r> Inputs<'r> {
    /// Reads every input of a route, in the order of its file, and stops at the first fault.
    pub(crate) fn read(
        plans: &'r [InputPlan],
        places: &Places<'r>,
    ) -> Result<Self, InputFault<'r>> {
        let mut inputs = Self::default();
        for plan in plans {
            inputs.read_one(plan, places)?;
        }
        Ok(inputs)
    }

    /// Reads every input of a route, and all that is at fault.
    pub(crate) fn read_all(
        plans: &'r [InputPlan],
        places: &Places<'r>,
    ) -> (Self, Vec<InputFault<'r>>) {
        let mut inputs = Self::default();
        let faults = plans.iter();
        let faults = faults.filter_map(|plan| inputs.read_one(plan, places).err());
        let faults = faults.collect();
        (inputs, faults)
    }

    fn read_one(&mut self, plan: &'r InputPlan, places: &Places<'r>) -> Result<(), InputFault<'r>> {
        if let Input::Profile(nth) = plan.input {
            return self.read_field(nth, plan, places);
        }
        let (found, source) = match plan.input {
            Input::Token | Input::AccessToken => places.find_token(&plan.sources),
            _ => places.find(&plan.sources),
        };
        let wire_name = source.map_or(&*plan.wire_name, Source::wire_name);
        match found {
            Found::Flag(flag) if plan.input == Input::Keep => self.keep = flag,
            Found::Text(text) if plan.input == Input::Keep => self.keep = says_yes(&text),
            Found::Text(text) if is_blank(plan.input, &text) => {
                if !plan.optional {
                    return Err(InputFault::Blank(plan.input, wire_name));
                }
            }
            Found::Text(text) => self.put(plan.input, text),
            Found::Absent if plan.optional => {}
            Found::Absent => return Err(absent(plan, places)),
            Found::Flag(_) | Found::WrongType => {
                return Err(InputFault::WrongType {
                    input: plan.input,
                    name: wire_name,
                    sent: places.sent_as(plan),
                    reason: places.wrong_type(plan),
                });
            }
            Found::BadHeader => return Err(InputFault::BadHeader),
        }
        Ok(())
    }

    /// Whether its value is one that the field can hold is for the engine to say.
    fn read_field(
        &mut self,
        nth: u8,
        plan: &'r InputPlan,
        places: &Places<'r>,
    ) -> Result<(), InputFault<'r>> {
        let (value, source) = places.value(&plan.sources);
        let wire_name = source.map_or(&*plan.wire_name, Source::wire_name);
        match value {
            Some(Value::String(text)) if text.is_empty() => {
                if !plan.optional {
                    return Err(InputFault::Blank(plan.input, wire_name));
                }
            }
            Some(value) => self.profile.push((nth, value)),
            None if plan.optional => {}
            None => return Err(absent(plan, places)),
        }
        Ok(())
    }

    /// Fields of the contract's own.
    pub(crate) fn profile(&self) -> &[(u8, Value)] {
        &self.profile
    }

    pub(crate) fn get(&self, input: Input) -> Option<&str> {
        self.values.get(input.index()?)?.as_deref()
    }

    /// An input the contract's check made sure of; empty where it is not there after all.
    pub(crate) fn required(&self, input: Input) -> &str {
        self.get(input).unwrap_or_default()
    }

    pub(crate) const fn keep(&self) -> bool {
        self.keep
    }

    fn put(&mut self, input: Input, text: Cow<'r, str>) {
        let place = input.index().and_then(|nth| self.values.get_mut(nth));
        if let Some(place) = place {
            *place = Some(text);
        }
    }
}

fn absent<'r>(plan: &'r InputPlan, places: &Places<'r>) -> InputFault<'r> {
    if places.is_null(plan) {
        InputFault::Null(plan.input, &plan.wire_name)
    } else {
        InputFault::Missing(plan.input, &plan.wire_name)
    }
}

/// A password may be all spaces; anything else that is, is blank.
fn is_blank(input: Input, text: &str) -> bool {
    match input {
        Input::Password => text.is_empty(),
        _ => text.trim().is_empty(),
    }
}

fn says_yes(text: &str) -> bool {
    ["true", "1", "y", "yes", "on"]
        .iter()
        .any(|yes| yes.eq_ignore_ascii_case(text.trim()))
}

/// What a JSON value is, as an input.
pub(crate) fn found_in_json(value: &Value) -> Found<'_> {
    match value {
        Value::Null => Found::Absent,
        Value::Bool(flag) => Found::Flag(*flag),
        Value::String(text) => Found::Text(Cow::Borrowed(text)),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Found::WrongType,
    }
}
