//! One template: plain text with the placeholders `{{code}}`, `{{minutes}}` and `{{service}}`,
//! parsed and checked when the server starts, filled for each letter.

use daemun_engine::notice::Channel;

use crate::words::Kind;

/// Why words cannot be used. Found when the server starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such content.
    #[error("there is no message {0:?}; there are confirm_address and already_registered")]
    UnknownContent(Box<str>),
    /// A placeholder that does not exist, or has no value in this message.
    #[error("{{{{{0}}}}} has no value in this message; use {{{{service}}}}{1}")]
    UnknownPlaceholder(Box<str>, &'static str),
    /// A placeholder without its end.
    #[error("a {{{{ is never closed by }}}}")]
    Unclosed,
    /// A message that is sent for its code, and does not hold it.
    #[error("the text must hold {{{{code}}}}: the message is sent for nothing else")]
    CodeMissing,
    /// A line break or control character where one line is wanted.
    #[error("the {0} must be one line without control characters")]
    NotOneLine(&'static str),
    /// A control character other than a line break.
    #[error("the text must have no control characters other than line breaks")]
    ControlCharacter,
    /// Nothing to read.
    #[error("the {0} is empty")]
    Empty(&'static str),
}

/// A subject and a text, parsed and checked.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    subject: Vec<Piece>,
    text: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Service,
    Code,
    Minutes,
}

impl Template {
    pub(crate) fn parse(
        kind: Kind,
        channel: Channel,
        subject: &str,
        text: &str,
    ) -> Result<Self, TemplateError> {
        match channel {
            Channel::Email => {
                one_line("subject", subject)?;
                lines(text)?;
            }
            Channel::Sms => one_line("text of a text message", text)?,
        }
        let template = Self {
            subject: pieces(kind, subject)?,
            text: pieces(kind, text)?,
        };
        if kind.has_code() && !template.text.contains(&Piece::Code) {
            return Err(TemplateError::CodeMissing);
        }
        Ok(template)
    }

    pub(crate) fn subject(&self, values: &Values<'_>) -> String {
        values.fill(&self.subject)
    }

    pub(crate) fn text(&self, values: &Values<'_>) -> String {
        values.fill(&self.text)
    }
}

pub(crate) fn one_line(what: &'static str, text: &str) -> Result<(), TemplateError> {
    if text.trim().is_empty() {
        return Err(TemplateError::Empty(what));
    }
    if text.chars().any(breaks_a_line) {
        return Err(TemplateError::NotOneLine(what));
    }
    Ok(())
}

fn lines(text: &str) -> Result<(), TemplateError> {
    if text.trim().is_empty() {
        return Err(TemplateError::Empty("text"));
    }
    if text.lines().any(|line| line.chars().any(breaks_a_line)) {
        return Err(TemplateError::ControlCharacter);
    }
    Ok(())
}

/// Control characters, and the two line breaks of Unicode that are none.
pub(crate) fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn pieces(kind: Kind, text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once("{{") {
        let (name, tail) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
        push_literal(&mut pieces, literal);
        pieces.push(placeholder(kind, name.trim())?);
        rest = tail;
    }
    push_literal(&mut pieces, rest);
    Ok(pieces)
}

/// Lines end in `\n` whatever the file had.
fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.replace("\r\n", "\n").into()));
    }
}

fn placeholder(kind: Kind, name: &str) -> Result<Piece, TemplateError> {
    match name {
        "service" => Ok(Piece::Service),
        "code" if kind.has_code() => Ok(Piece::Code),
        "minutes" if kind.has_code() => Ok(Piece::Minutes),
        _ => {
            let others = if kind.has_code() {
                ", {{code}} or {{minutes}}"
            } else {
                ""
            };
            Err(TemplateError::UnknownPlaceholder(name.into(), others))
        }
    }
}

/// What stands in for the placeholders.
pub(crate) struct Values<'a> {
    pub(crate) service: &'a str,
    pub(crate) code: &'a str,
    pub(crate) minutes: String,
}

impl Values<'_> {
    fn fill(&self, pieces: &[Piece]) -> String {
        pieces.iter().map(|piece| self.of(piece)).collect()
    }

    fn of<'a>(&'a self, piece: &'a Piece) -> &'a str {
        match piece {
            Piece::Literal(text) => text,
            Piece::Service => self.service,
            Piece::Code => self.code,
            Piece::Minutes => &self.minutes,
        }
    }
}
