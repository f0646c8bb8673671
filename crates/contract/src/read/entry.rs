//! One key of a table and its value, read as what it must be. What it is not is a fault, and `None`.

use std::{ops::Range, time::Duration};

use toml_edit::Item;

use crate::read::{
    duration::duration,
    file::{Fields, File},
    say::instead,
};

/// A key and its value.
#[derive(Clone)]
pub(crate) struct Entry<'f> {
    pub(crate) file: &'f File<'f>,
    pub(crate) key: &'f str,
    item: &'f Item,
    /// Where the key stands.
    pub(crate) at: usize,
    table: String,
}

impl<'f> Entry<'f> {
    pub(crate) fn new(table: &Fields<'f>, key: &'f str, item: &'f Item, at: usize) -> Self {
        Self {
            file: table.file,
            key,
            item,
            at,
            table: table.name.clone(),
        }
    }

    /// Where the value stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.item.span().unwrap_or(self.at..self.at)
    }

    /// Notes a fault at this key.
    pub(crate) fn fault(&self, what: impl Into<String>, write: impl Into<String>) {
        self.file.fault(self.at, what, write);
    }

    /// What messages call it.
    pub(crate) fn called(&self) -> String {
        format!("`{}` in {}", self.key, self.table)
    }

    fn wrong(&self, wanted: &str, write: &str) {
        let what = format!(
            "{} is {}, not {wanted}",
            self.called(),
            with_article(self.item.type_name())
        );
        self.fault(what, format!("{} = {write}", self.key));
    }

    /// Whether it is `true`, without a word about it where it is something else.
    pub(crate) fn is_true(&self) -> bool {
        self.item.as_bool() == Some(true)
    }

    pub(crate) fn is_text(&self) -> bool {
        self.item.is_str()
    }

    pub(crate) fn text(&self) -> Option<&'f str> {
        let text = self.item.as_str();
        if text.is_none() {
            self.wrong("a string", "\"…\"");
        }
        text
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        let value = self.item.as_bool();
        if value.is_none() {
            self.wrong("true or false", "true");
        }
        value
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, bounds: Range<u32>) -> Option<u32> {
        let number = self.item.as_integer().and_then(|n| u32::try_from(n).ok());
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            let last = bounds.end.saturating_sub(1);
            self.fault(
                format!(
                    "{} is no whole number from {} to {last}",
                    self.called(),
                    bounds.start
                ),
                format!("{} = {}", self.key, bounds.start.max(1)),
            );
        }
        number
    }

    /// A duration of at least `shortest` seconds.
    pub(crate) fn duration(&self, shortest: u64) -> Option<Duration> {
        let text = self.text()?;
        let duration = duration(text).filter(|d| d.as_secs() >= shortest);
        if duration.is_none() {
            let least = if shortest > 0 {
                format!(", at least {shortest}s")
            } else {
                String::new()
            };
            self.fault(
                format!("{} is no duration: `{text}`", self.called()),
                format!("a whole number and one of s, m, h, d, w, such as \"5m\"{least}"),
            );
        }
        duration
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("{} cannot be `{text}`", self.called());
            self.fault(what, instead(text, &known));
        }
        found.map(|(_, value)| *value)
    }

    /// A string, or a list of strings.
    pub(crate) fn texts(&self) -> Vec<&'f str> {
        if let Some(text) = self.item.as_str() {
            return vec![text];
        }
        let Some(array) = self.item.as_array() else {
            self.wrong("a string or a list of strings", "[\"…\"]");
            return Vec::new();
        };
        let texts: Vec<&str> = array.iter().filter_map(toml_edit::Value::as_str).collect();
        if texts.len() != array.len() {
            let what = format!("{} holds something that is no string", self.called());
            self.fault(what, format!("{} = [\"…\"]", self.key));
        }
        texts
    }

    /// A table, called `name` in messages.
    pub(crate) fn table(&self, name: impl Into<String>) -> Option<Fields<'f>> {
        let table = self.item.as_table_like();
        if table.is_none() {
            self.wrong("a table", "{ … }");
        }
        table.map(|table| Fields::new(self.file, table, self.at, name))
    }

    /// The tables of `[[key]]`.
    pub(crate) fn tables(&self) -> Vec<Fields<'f>> {
        let name = format!("[[{}]]", self.key);
        let Some(array) = self.item.as_array_of_tables() else {
            let what = format!("`{}` is not written as a list of tables", self.key);
            self.fault(what, format!("{name} before each of them"));
            return Vec::new();
        };
        let fields = array.iter().map(|table| {
            let at = table.span().map_or(self.at, |span| span.start);
            Fields::new(self.file, table, at, name.clone())
        });
        fields.collect()
    }

    /// A string, number, boolean, list or table as JSON.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        let value = self.item.as_value().and_then(json);
        if value.is_none() {
            self.wrong("something JSON can say", "\"…\"");
        }
        value
    }
}

fn with_article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

fn json(value: &toml_edit::Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    use toml_edit::Value as Toml;
    Some(match value {
        Toml::String(text) => Json::from(text.value().as_str()),
        Toml::Integer(number) => Json::from(*number.value()),
        Toml::Float(number) => serde_json::Number::from_f64(*number.value())?.into(),
        Toml::Boolean(value) => Json::from(*value.value()),
        Toml::Datetime(_) => return None,
        Toml::Array(array) => array.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Toml::InlineTable(table) => {
            let members = table
                .iter()
                .map(|(key, value)| Some((key.to_owned(), json(value)?)));
            Json::Object(members.collect::<Option<_>>()?)
        }
    })
}
