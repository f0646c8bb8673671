//! From the strings of a file to templates: texts, shapes and slots are resolved here, once.

use std::{collections::BTreeMap, ops::Range};

use daemun_engine::vocabulary::Slot;
use serde_json::Value as Scalar;

use crate::{
    read::{
        fields,
        say::{instead, nearest},
        words::{Text, Words},
    },
    template::{
        Piece, Place, Template,
        json::{Json, escape_into},
        parts::{self, Part},
    },
};

/// What an answer gives its shape for `{{with.NAME}}`.
pub(crate) type With<'f> = BTreeMap<&'f str, Given<'f>>;

/// One such value.
pub(crate) enum Given<'f> {
    /// A string, which may have placeholders.
    Text(Text<'f>),
    /// A number or a boolean.
    Scalar(Scalar),
}

/// A slot a template shows, and where.
pub(crate) type SlotUse = (Slot, usize);

/// Compiles the templates of one answer, noting the slots they show.
pub(crate) struct Compiler<'c, 'f> {
    words: &'c Words<'f>,
    with: Option<&'c With<'f>>,
    locale: usize,
    pub(crate) uses: Vec<SlotUse>,
    /// The names of `with` that were used.
    pub(crate) given_used: Vec<String>,
    /// Whether members that are the refresh token are left out.
    pub(crate) without_refresh: bool,
    /// Whether any was.
    pub(crate) left_refresh_out: bool,
}

/// A part of a string whose names are resolved.
enum Bit {
    Text(String),
    Slot(Slot),
    Scalar(Scalar),
}

/// What a string stands in, which decides which names it may have.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Answer,
    With,
    Text,
}

impl<'c, 'f> Compiler<'c, 'f> {
    pub(crate) fn new(words: &'c Words<'f>, with: Option<&'c With<'f>>) -> Self {
        Self {
            words,
            with,
            locale: 0,
            uses: Vec::new(),
            given_used: Vec::new(),
            without_refresh: false,
            left_refresh_out: false,
        }
    }

    /// A JSON body.
    pub(crate) fn json(&mut self, text: &Text<'f>) -> Template {
        match serde_json::from_str::<Json>(text.text) {
            Ok(json) => self.per_locale(|this, out| this.node(&json, &text.span, out)),
            Err(error) => {
                self.no_json(text, &error);
                Template::new(vec![Vec::new()])
            }
        }
    }

    /// A header's or cookie's value, whose fixed part must satisfy `sound`.
    pub(crate) fn line(
        &mut self,
        text: &Text<'f>,
        sound: fn(&str) -> bool,
        write: &str,
    ) -> Template {
        self.per_locale(|this, out| {
            for bit in this.bits(text, Within::Answer) {
                if let Bit::Text(fixed) = &bit
                    && !sound(fixed)
                {
                    let what = format!("`{}` cannot stand in a header", text.text.escape_default());
                    this.words.file.fault(text.span.start, what, write);
                }
                out.bit(bit, Place::Header);
            }
        })
    }

    /// A text body.
    pub(crate) fn plain(&mut self, text: &Text<'f>) -> Template {
        self.per_locale(|this, out| {
            for bit in this.bits(text, Within::Answer) {
                out.bit(bit, Place::Text);
            }
        })
    }

    fn per_locale(&mut self, mut compile: impl FnMut(&mut Self, &mut Pieces)) -> Template {
        let locales = 0..self.words.locales.len();
        let variants = locales.map(|locale| {
            self.locale = locale;
            let mut pieces = Pieces::default();
            compile(self, &mut pieces);
            pieces.finish()
        });
        Template::new(variants.collect())
    }

    fn no_json(&self, text: &Text<'f>, error: &serde_json::Error) {
        let file = self.words.file;
        let at = file.inside(&text.span, error.line(), error.column());
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        // An unquoted placeholder is the likeliest reason.
        let unquoted = text.text.contains(":{{") || text.text.contains(": {{");
        let write = if unquoted {
            "quotes around each placeholder: \"{{account.id}}\" becomes the number 1 by itself"
        } else {
            "valid JSON"
        };
        file.fault_in_line(at, format!("this is no JSON: {what}"), write);
    }

    fn node(&mut self, json: &Json, origin: &Range<usize>, out: &mut Pieces) {
        match json {
            Json::Null => out.bytes(b"null"),
            Json::Bool(value) => out.bytes(value.to_string().as_bytes()),
            Json::Number(number) => out.bytes(number.to_string().as_bytes()),
            Json::String(text) => self.string(text, origin, out, true),
            Json::Array(items) => {
                out.list(b'[', items, b']', |out, item| self.node(item, origin, out));
            }
            Json::Object(members) => {
                let (left_out, members): (Vec<_>, Vec<_>) = members
                    .iter()
                    .partition(|(_, value)| self.without_refresh && is_refresh(value));
                self.left_refresh_out |= !left_out.is_empty();
                out.list(b'{', &members, b'}', |out, (key, value)| {
                    self.string(key, origin, out, false);
                    out.bytes(b":");
                    self.node(value, origin, out);
                });
            }
        }
    }

    /// A JSON string. One that is a placeholder and nothing else becomes the typed value, except
    /// where it is the name of a member.
    fn string(&mut self, text: &str, origin: &Range<usize>, out: &mut Pieces, typed: bool) {
        let bits = self.bits_of(text, origin, Within::Answer);
        match bits.as_slice() {
            [Bit::Slot(slot)] if typed => out.pieces_slot(*slot, Place::JsonValue),
            [Bit::Scalar(value)] if typed => out.bytes(value.to_string().as_bytes()),
            _ => {
                out.bytes(b"\"");
                for bit in bits {
                    out.bit(bit, Place::InJsonString);
                }
                out.bytes(b"\"");
            }
        }
    }

    fn bits(&mut self, text: &Text<'_>, within: Within) -> Vec<Bit> {
        self.bits_of(text.text, &text.span, within)
    }

    fn bits_of(&mut self, text: &str, origin: &Range<usize>, within: Within) -> Vec<Bit> {
        let Ok(parts) = parts::split(text) else {
            let what = format!("`{text}` has a `{{{{` without its `}}}}`");
            self.words.file.fault(self.find("{{", origin), what, "`}}`");
            return Vec::new();
        };
        let mut bits = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => bits.push(Bit::Text(text.to_owned())),
                Part::Name { name, written } => {
                    let at = self.find(written, origin);
                    self.name(name, at, within, &mut bits);
                }
            }
        }
        bits
    }

    fn name(&mut self, name: &str, at: usize, within: Within, bits: &mut Vec<Bit>) {
        if let Some(text) = name.strip_prefix("text.") {
            self.text(text, at, within, bits);
        } else if let Some(given) = name.strip_prefix("with.") {
            self.given(given, at, within, bits);
        } else if let Some(slot) = self.slot(name) {
            self.uses.push((slot, at));
            bits.push(Bit::Slot(slot));
        } else {
            let declared = fields::slots(&self.words.fields);
            let known: Vec<String> = Slot::ALL
                .into_iter()
                .chain(declared)
                .map(|slot| fields::slot_name(slot, &self.words.fields))
                .collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let write = match nearest(name, &known) {
                Some(near) => format!("`{{{{{near}}}}}`"),
                None => format!(
                    "a text `{{{{text.NAME}}}}`, or one of the values {}",
                    known.join(", ")
                ),
            };
            let what = format!("there is no value `{name}`");
            self.words.file.fault(at, what, write);
        }
    }

    fn slot(&self, name: &str) -> Option<Slot> {
        match name.strip_prefix("account.profile.") {
            Some(field) => fields::place(field, &self.words.fields).map(Slot::AccountProfile),
            None => Slot::from_name(name),
        }
    }

    fn text(&mut self, name: &str, at: usize, within: Within, bits: &mut Vec<Bit>) {
        let file = self.words.file;
        if within == Within::Text {
            file.fault(
                at,
                "a text cannot hold another text",
                "the words themselves",
            );
            return;
        }
        let words = self.words;
        let found = words
            .texts
            .get(self.locale)
            .and_then(|texts| texts.get(name));
        match (found, words.locales.get(self.locale)) {
            (Some(text), _) => bits.extend(self.bits(text, Within::Text)),
            (None, _) if !words.texts.iter().any(|texts| texts.contains_key(name)) => {
                let known: Vec<&str> = words
                    .texts
                    .iter()
                    .flat_map(|texts| texts.keys())
                    .copied()
                    .collect();
                let write = nearest(name, &known).map_or_else(
                    || format!("{name} = \"…\" in [texts.LOCALE] of each locale"),
                    |near| format!("`{{{{text.{near}}}}}`"),
                );
                file.fault(at, format!("there is no text `{name}`"), write);
            }
            (None, Some(locale)) => file.fault(
                at,
                format!("the text `{name}` has no words in `{locale}`"),
                format!("{name} = \"…\" in [texts.{locale}]"),
            ),
            (None, None) => {}
        }
    }

    fn given(&mut self, name: &str, at: usize, within: Within, bits: &mut Vec<Bit>) {
        let file = self.words.file;
        let Some(with) = self.with.filter(|_| within == Within::Answer) else {
            file.fault(
                at,
                format!("`{{{{with.{name}}}}}` means something in the `json` of a shape only"),
                "the value itself",
            );
            return;
        };
        self.given_used.push(name.to_owned());
        match with.get(name) {
            Some(Given::Text(text)) => bits.extend(self.bits(text, Within::With)),
            Some(Given::Scalar(value)) => bits.push(Bit::Scalar(value.clone())),
            // Reported by the answer, which knows its own place.
            None => {}
        }
    }

    /// Where a placeholder stands: the first place that is written so.
    fn find(&self, written: &str, origin: &Range<usize>) -> usize {
        let found = self.words.file.slice(origin).find(written);
        origin.start + found.unwrap_or(0)
    }

    /// Reports what the answer gives and its shape does not take, and the reverse.
    pub(crate) fn check_given(&self, at: usize) {
        let Some(with) = self.with else { return };
        let file = self.words.file;
        let used: Vec<&str> = self.given_used.iter().map(String::as_str).collect();
        for name in with.keys().filter(|name| !used.contains(name)) {
            let what = format!("the shape has no `{{{{with.{name}}}}}`");
            file.fault(at, what, instead(name, &used));
        }
        for name in used.iter().filter(|name| !with.contains_key(*name)) {
            let what = format!("the shape asks for `{name}`, and `with` does not give it");
            file.fault(at, what, format!("with = {{ {name} = \"…\" }}"));
        }
    }
}

/// Whether a member is the refresh token and nothing else.
fn is_refresh(value: &Json) -> bool {
    let Json::String(text) = value else {
        return false;
    };
    let name = text
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    name.map(str::trim) == Some(Slot::Refresh.name())
}

/// Pieces while they are being put together; neighbouring bytes become one piece.
#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
    open: Vec<u8>,
}

impl Pieces {
    fn bytes(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
    }

    fn pieces_slot(&mut self, slot: Slot, place: Place) {
        self.close();
        self.done.push(Piece::Slot(slot, place));
    }

    fn bit(&mut self, bit: Bit, place: Place) {
        match (bit, place) {
            (Bit::Slot(slot), place) => self.pieces_slot(slot, place),
            (Bit::Text(text), Place::InJsonString) => escape_into(&text, &mut self.open),
            (Bit::Text(text), _) => self.bytes(text.as_bytes()),
            (Bit::Scalar(value), _) => self.bytes(value.to_string().as_bytes()),
        }
    }

    fn list<T>(&mut self, open: u8, items: &[T], close: u8, mut write: impl FnMut(&mut Self, &T)) {
        self.open.push(open);
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.open.push(b',');
            }
            write(self, item);
        }
        self.open.push(close);
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let bytes = std::mem::take(&mut self.open);
            self.done.push(Piece::Static(bytes.into()));
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.close();
        self.done
    }
}
