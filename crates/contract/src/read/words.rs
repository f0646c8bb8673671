//! Words: `[texts]` per language, `[shapes]` that answers share, `[messages]` for mail and phones.

use std::{collections::BTreeMap, ops::Range};

use daemun_engine::{policy::Locale, profile::ProfileField};

use crate::{
    contract::{Message, Messages},
    read::{
        sections::section,
        {
            entry::Entry,
            file::{Fields, File},
            say::instead,
        },
    },
    template::parts::{self, Part},
    wire,
};

/// A string of the file, and where it stands.
#[derive(Clone)]
pub(crate) struct Text<'f> {
    pub(crate) text: &'f str,
    pub(crate) span: Range<usize>,
}

impl<'f> Text<'f> {
    pub(crate) fn read(entry: &Entry<'f>) -> Option<Self> {
        Some(Self {
            text: entry.text()?,
            span: entry.span(),
        })
    }
}

/// Everything templates can draw on.
pub(crate) struct Words<'f> {
    pub(crate) file: &'f File<'f>,
    pub(crate) locales: Vec<Locale>,
    /// For each locale of the contract, its texts by name.
    pub(crate) texts: Vec<BTreeMap<&'f str, Text<'f>>>,
    pub(crate) shapes: BTreeMap<&'f str, Shape<'f>>,
    /// The declared fields, which values can show.
    pub(crate) fields: Vec<ProfileField>,
}

/// A body that several answers share.
pub(crate) struct Shape<'f> {
    pub(crate) content_type: Option<&'f str>,
    pub(crate) json: Text<'f>,
}

impl<'f> Words<'f> {
    pub(crate) fn read(root: &Fields<'f>, locales: &[Locale], fields: &[ProfileField]) -> Self {
        Self {
            file: root.file,
            locales: locales.to_vec(),
            texts: texts(root, locales),
            shapes: shapes(root),
            fields: fields.to_vec(),
        }
    }
}

fn texts<'f>(root: &Fields<'f>, locales: &[Locale]) -> Vec<BTreeMap<&'f str, Text<'f>>> {
    let mut texts = vec![BTreeMap::new(); locales.len()];
    let Some(fields) = section(root, "texts") else {
        return texts;
    };
    for (locale, texts) in locales.iter().zip(&mut texts) {
        let name = format!("[texts.{locale}]");
        let Some(own) = fields.get(locale.tag()).and_then(|entry| entry.table(name)) else {
            continue;
        };
        for entry in own.all() {
            if let Some(text) = Text::read(&entry) {
                texts.insert(entry.key, text);
            }
        }
    }
    fields.finish();
    texts
}

fn shapes<'f>(root: &Fields<'f>) -> BTreeMap<&'f str, Shape<'f>> {
    let mut shapes = BTreeMap::new();
    for entry in section(root, "shapes").map_or_else(Vec::new, |fields| fields.all()) {
        let Some(fields) = entry.table(format!("[shapes.{}]", entry.key)) else {
            continue;
        };
        let content_type = fields.get("type").and_then(|entry| content_type(&entry));
        let json = fields.need("json", "json = '''{\"code\": \"{{with.code}}\"}'''");
        if let Some(json) = json.and_then(|entry| Text::read(&entry)) {
            shapes.insert(entry.key, Shape { content_type, json });
        }
        fields.finish();
    }
    shapes
}

/// `type` of an answer or a shape.
pub(crate) fn content_type<'f>(entry: &Entry<'f>) -> Option<&'f str> {
    let text = entry.text()?;
    let essence = text.split(';').next().unwrap_or(text).trim_end();
    let sound = essence
        .split_once('/')
        .is_some_and(|(kind, sub)| wire::is_token(kind) && wire::is_token(sub))
        && wire::is_header_text(text);
    if !sound {
        entry.fault(
            format!("`{text}` is no content type"),
            "type = \"application/json\"",
        );
    }
    sound.then_some(text)
}

/// The notices a contract can have its own words for, and the placeholders each must and may have.
const NOTICES: [(&str, &[&str], &[&str]); 2] = [
    (
        "confirm_address",
        &["code"],
        &["code", "minutes", "service"],
    ),
    ("already_registered", &[], &["service"]),
];

pub(crate) fn messages(root: &Fields<'_>, locales: &[Locale]) -> Messages {
    let mut messages = Messages::default();
    let Some(fields) = section(root, "messages") else {
        return messages;
    };
    for (content, must, may) in NOTICES {
        let of = format!("[messages.{content}]");
        let Some(notice) = fields.get(content).and_then(|entry| entry.table(of)) else {
            continue;
        };
        for locale in locales {
            let of = format!("[messages.{content}.{locale}]");
            let Some(own) = notice.get(locale.tag()).and_then(|e| e.table(of)) else {
                continue;
            };
            let subject = own.get("subject").and_then(|e| words(&e, true, &[], may));
            let text = own.get("text").and_then(|e| words(&e, false, must, may));
            let sms = own.get("sms").and_then(|e| words(&e, true, must, may));
            if subject.is_some() != text.is_some() {
                own.file.fault(
                    own.at,
                    "a mail has a subject and a text",
                    "both `subject` and `text`, or neither",
                );
            }
            own.finish();
            let mut push = |subject: Option<Box<str>>, text: Option<Box<str>>| {
                messages.0.extend(text.map(|text| Message {
                    content: content.into(),
                    locale: *locale,
                    subject,
                    text,
                }));
            };
            push(subject, text);
            push(None, sms);
        }
        notice.finish();
    }
    fields.finish();
    messages
}

fn words(entry: &Entry<'_>, one_line: bool, must: &[&str], may: &[&str]) -> Option<Box<str>> {
    let text = entry.text()?;
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let stray = if one_line {
        text.chars().any(breaks)
    } else {
        text.lines().any(|line| line.chars().any(breaks))
    };
    if text.trim().is_empty() || stray {
        let wanted = if one_line { "one line" } else { "text" };
        entry.fault(
            format!("{} is empty or has control characters", entry.called()),
            format!("{wanted} without control characters"),
        );
    }
    let Ok(parts) = parts::split(text) else {
        entry.fault(
            format!("{} has a `{{{{` without its `}}}}`", entry.called()),
            "`}}`",
        );
        return None;
    };
    let names = parts.iter().filter_map(|part| match part {
        Part::Name { name, .. } => Some(*name),
        Part::Text(_) => None,
    });
    for name in names.clone().filter(|name| !may.contains(name)) {
        let what = format!("{} cannot show `{name}`", entry.called());
        entry.fault(what, instead(name, may));
    }
    for missing in must
        .iter()
        .filter(|must| !names.clone().any(|name| name == **must))
    {
        entry.fault(
            format!(
                "{} does not tell the {missing}, which it is sent for",
                entry.called()
            ),
            format!("`{{{{{missing}}}}}` in it"),
        );
    }
    Some(text.into())
}
