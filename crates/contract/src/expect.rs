//! What an answer looks like from outside: the answer with its values taken out.
//!
//! Whoever holds a server against a contract knows the words of an answer and not its values. An
//! [`Expectation`] has the words as they are, and a *hole* wherever a value stands: `{{account.id}}`
//! alone is a hole for a whole JSON value, inside a longer string it is a hole in a [`Pattern`].
//!
//! It is had by rendering the answer with a mark in the place of each value and reading what comes
//! out, so it cannot say anything but what the answer says.

use std::{borrow::Cow, fmt};

use daemun_engine::vocabulary::Slot;

use crate::{
    answer::{Answer, Body, Cookie},
    template::{Template, Value, Values, json::Json},
};

/// Of the private use area: no contract has it in its words.
const MARK: char = '\u{f8f1}';

/// An answer with its values taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation<'a> {
    /// The status.
    pub status: u16,
    /// The content type; absent where there is no body.
    pub content_type: Option<&'a str>,
    /// Headers besides content type and cookies. One that comes out empty is not sent.
    pub headers: Vec<(&'a str, Pattern)>,
    /// Cookies: set to such a value, or cleared.
    pub cookies: Vec<(&'a Cookie, Option<Pattern>)>,
    /// The body.
    pub body: ExpectedBody,
}

/// The body of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedBody {
    /// None.
    Empty,
    /// JSON of this shape.
    Json(Shape),
    /// Text.
    Text(Pattern),
}

/// JSON with holes. Members are in the order in which they are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A value of the kind that the slot has.
    Hole(Slot),
    /// A string; its holes are inside longer strings.
    Text(Pattern),
    /// `null`, a boolean or a number, just so.
    Fixed(Json),
    /// An array of these items.
    Array(Vec<Self>),
    /// An object of these members, in this order.
    Object(Vec<(Pattern, Self)>),
}

/// Text with holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern(pub Vec<PatternPart>);

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternPart {
    /// Just this text.
    Text(String),
    /// A value, as text.
    Hole(Slot),
}

impl Answer {
    /// What it looks like from outside, in the contract's locale of that index.
    #[must_use]
    pub fn expectation(&self, locale: usize) -> Expectation<'_> {
        let headers = self.headers.iter();
        let cookies = self.cookies.iter();
        Expectation {
            status: self.status,
            content_type: self.content_type.as_deref(),
            headers: headers
                .map(|(name, value)| (&**name, pattern(value, locale)))
                .collect(),
            cookies: cookies
                .map(|set| {
                    let value = set.value.as_ref();
                    (&*set.cookie, value.map(|value| pattern(value, locale)))
                })
                .collect(),
            body: match &self.body {
                Body::Empty => ExpectedBody::Empty,
                Body::Text(template) => ExpectedBody::Text(pattern(template, locale)),
                Body::Json(template) => match serde_json::from_str(&marked(template, locale)) {
                    Ok(json) => ExpectedBody::Json(shape(json)),
                    Err(_) => ExpectedBody::Text(pattern(template, locale)),
                },
            },
        }
    }
}

struct Marks;

impl Values for Marks {
    fn value(&self, slot: Slot) -> Value<'_> {
        Value::Str(Cow::Owned(format!("{MARK}{}{MARK}", slot.name())))
    }
}

fn marked(template: &Template, locale: usize) -> String {
    let mut out = Vec::new();
    template.render(locale, &Marks, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn pattern(template: &Template, locale: usize) -> Pattern {
    cut(&marked(template, locale))
}

/// Marks come in pairs: every second piece between them is the name of a slot.
fn cut(text: &str) -> Pattern {
    let pieces = text.split(MARK).enumerate();
    let parts = pieces.filter_map(|(nth, piece)| match Slot::from_name(piece) {
        Some(slot) if nth % 2 == 1 => Some(PatternPart::Hole(slot)),
        _ if piece.is_empty() => None,
        _ => Some(PatternPart::Text(piece.to_owned())),
    });
    Pattern(parts.collect())
}

fn shape(json: Json) -> Shape {
    match json {
        Json::String(text) => {
            let pattern = cut(&text);
            match pattern.0.as_slice() {
                [PatternPart::Hole(slot)] => Shape::Hole(*slot),
                _ => Shape::Text(pattern),
            }
        }
        Json::Array(items) => Shape::Array(items.into_iter().map(shape).collect()),
        Json::Object(members) => {
            let members = members.into_iter();
            Shape::Object(
                members
                    .map(|(name, value)| (cut(&name), shape(value)))
                    .collect(),
            )
        }
        fixed => Shape::Fixed(fixed),
    }
}

impl Pattern {
    /// The values that stand in the holes, where `text` fits. A hole takes as little as it can.
    #[must_use]
    pub fn captures<'t>(&self, text: &'t str) -> Option<Vec<(Slot, &'t str)>> {
        let mut found = Vec::new();
        let mut open: Option<Slot> = None;
        let mut rest = text;
        for part in &self.0 {
            match part {
                PatternPart::Hole(slot) => {
                    found.extend(open.replace(*slot).map(|before| (before, "")));
                }
                PatternPart::Text(literal) => {
                    let at = match open {
                        Some(_) => rest.find(literal.as_str())?,
                        None => rest.starts_with(literal.as_str()).then_some(0)?,
                    };
                    let (value, after) = rest.split_at(at);
                    found.extend(open.take().map(|slot| (slot, value)));
                    rest = after.strip_prefix(literal.as_str())?;
                }
            }
        }
        match open {
            Some(slot) => found.push((slot, rest)),
            None if !rest.is_empty() => return None,
            None => {}
        }
        Some(found)
    }

    /// The text, where it has no hole.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [PatternPart::Text(text)] => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Pattern {
    /// Holes by their names: `Bearer {{access}}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                PatternPart::Text(text) => f.write_str(text)?,
                PatternPart::Hole(slot) => write!(f, "{{{{{}}}}}", slot.name())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use daemun_engine::vocabulary::{Operation, Outcome};

    use super::*;
    use crate::{builtin, contract::Contract};

    fn contract(name: &str) -> Contract {
        let file = builtin().iter().find(|(known, _)| *known == name);
        Contract::parse(file.expect("a contract").1, name).expect("a sound contract")
    }

    fn text(text: &str) -> Pattern {
        Pattern(vec![PatternPart::Text(text.into())])
    }

    #[test]
    fn an_answer_is_its_words_with_holes_where_values_stand() {
        let contract = contract("phone-pair");
        let mut routes = contract.routes.iter();
        let login = routes.find(|route| route.operation == Operation::LogIn);
        let answer = login.expect("a login").answer(Outcome::Ok, None);
        let expected = answer.expectation(0);
        assert_eq!(expected.status, 201);
        assert_eq!(expected.content_type, Some("application/json"));
        assert_eq!(
            expected.body,
            ExpectedBody::Json(Shape::Object(vec![
                (
                    text("user"),
                    Shape::Object(vec![
                        (text("id"), Shape::Hole(Slot::AccountId)),
                        (text("phone"), Shape::Hole(Slot::AccountPhone)),
                        (text("kakao_id"), Shape::Hole(Slot::AccountKakao)),
                    ]),
                ),
                (
                    text("token"),
                    Shape::Object(vec![
                        (text("access"), Shape::Hole(Slot::Access)),
                        (text("refresh"), Shape::Hole(Slot::Refresh)),
                    ]),
                ),
            ]))
        );
    }

    #[test]
    fn every_answer_of_every_contract_can_be_told_from_outside() {
        for (name, _) in builtin() {
            let contract = contract(name);
            for (locale, route) in (0..contract.locales.len())
                .flat_map(|locale| contract.routes.iter().map(move |route| (locale, route)))
            {
                for (outcome, _, answer) in route.answers() {
                    let expected = answer.expectation(locale);
                    let same_kind = matches!(
                        (&expected.body, &answer.body),
                        (ExpectedBody::Empty, Body::Empty)
                            | (ExpectedBody::Json(_), Body::Json(_))
                            | (ExpectedBody::Text(_), Body::Text(_))
                    );
                    assert!(same_kind, "{name}: {} {outcome:?}", route.path);
                    assert!(!format!("{expected:?}").contains(MARK), "{expected:?}");
                }
            }
        }
    }

    #[test]
    fn a_pattern_finds_what_stands_in_its_holes() {
        let pattern = |text: &str| cut(&text.replace('|', &MARK.to_string()));
        let bearer = pattern("Bearer |access|");
        assert_eq!(
            bearer.captures("Bearer a.b"),
            Some(vec![(Slot::Access, "a.b")])
        );
        assert_eq!(bearer.captures("Basic a.b"), None);
        let wait = pattern("wait |retry_after| s, |field|!");
        assert_eq!(
            wait.captures("wait 30 s, code!"),
            Some(vec![(Slot::RetryAfter, "30"), (Slot::Field, "code")])
        );
        assert_eq!(wait.captures("wait 30 s, code"), None);
        assert_eq!(pattern("as it is").captures("as it is, and more"), None);
        assert_eq!(pattern("").captures(""), Some(vec![]));
        assert_eq!(
            pattern("|access||refresh|").captures("ab"),
            Some(vec![(Slot::Access, ""), (Slot::Refresh, "ab")])
        );
        assert_eq!(bearer.to_string(), "Bearer {{access}}");
    }
}
