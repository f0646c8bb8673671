//! A contract file while it is being read: where things stand in it, which keys of a table were
//! asked for, and the faults found so far.
//!
//! Reading never stops at a fault: a cursor returns `None`, the reader goes on with a stand-in,
//! and the contract is refused at the end with everything that was found.

use std::{cell::RefCell, ops::Range, time::Duration};

use toml_edit::{Item, TableLike};

use crate::{
    fault::{Fault, Faults},
    read::say::{nearest, or_list},
};

/// The longest duration a contract can name: a hundred years.
const LONGEST: u64 = 100 * 365 * 86_400;

pub(crate) struct File<'s> {
    name: &'s str,
    source: &'s str,
    line_starts: Vec<usize>,
    faults: RefCell<Vec<Fault>>,
}

impl<'s> File<'s> {
    pub(crate) fn new(name: &'s str, source: &'s str) -> Self {
        let breaks = source.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            name,
            source,
            line_starts: std::iter::once(0).chain(breaks).collect(),
            faults: RefCell::default(),
        }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &'s str {
        self.name
    }

    /// Notes a fault on the line of the byte `at`.
    pub(crate) fn fault(&self, at: usize, what: impl Into<String>, write: impl Into<String>) {
        self.push(at, false, what.into(), write.into());
    }

    /// The same, with the column.
    pub(crate) fn fault_in_line(
        &self,
        at: usize,
        what: impl Into<String>,
        write: impl Into<String>,
    ) {
        self.push(at, true, what.into(), write.into());
    }

    fn push(&self, at: usize, with_column: bool, what: String, write: String) {
        let line = self.line(at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.source.get(start..at).unwrap_or("");
        let fault = Fault {
            file: self.name.into(),
            line,
            column: with_column.then(|| before.chars().count() + 1),
            what,
            write,
        };
        let mut faults = self.faults.borrow_mut();
        // A shared answer is compiled for every language it is used in; its faults are one.
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// The line of the byte `at`, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// The byte where line `line` (from 1) and column `column` (from 1, in bytes) meet.
    fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.line_starts.get(line.saturating_sub(1));
        let at = start.copied().unwrap_or(0) + column.saturating_sub(1);
        let mut at = at.min(self.source.len());
        while !self.source.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// The text between two bytes, as it stands in the file.
    pub(crate) fn slice(&self, span: &Range<usize>) -> &'s str {
        self.source.get(span.clone()).unwrap_or("")
    }

    /// Where in the string value at `span` the line and column of its content stand in the file.
    /// Exact for literal strings, near enough for others.
    pub(crate) fn inside(&self, span: &Range<usize>, line: usize, column: usize) -> usize {
        let raw = self.slice(span);
        let quotes = ["'''", "\"\"\"", "'", "\""];
        let quote = quotes.iter().find(|quote| raw.starts_with(*quote));
        let mut begin = span.start + quote.map_or(0, |quote| quote.len());
        if quote.is_some_and(|quote| quote.len() == 3) {
            let rest = self.slice(&(begin..span.end));
            begin += ["\r\n", "\n"]
                .iter()
                .find(|newline| rest.starts_with(*newline))
                .map_or(0, |newline| newline.len());
        }
        if line <= 1 {
            return (begin + column.saturating_sub(1)).min(span.end);
        }
        self.offset(self.line(begin) + line - 1, column)
    }

    /// Everything found, in the order of lines; nothing where all is well.
    pub(crate) fn into_faults(self) -> Option<Faults> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| (fault.line, fault.column));
        (!faults.is_empty()).then_some(Faults(faults))
    }
}

/// A table while it is being read. Whoever has asked for every key it may have calls
/// [`Fields::finish`], which reports the others.
pub(crate) struct Fields<'f> {
    pub(crate) file: &'f File<'f>,
    table: &'f dyn TableLike,
    /// Where it begins.
    pub(crate) at: usize,
    /// What messages call it: `[tokens.access]`.
    pub(crate) name: String,
    asked: RefCell<Vec<&'f str>>,
}

impl<'f> Fields<'f> {
    pub(crate) fn new(
        file: &'f File<'f>,
        table: &'f dyn TableLike,
        at: usize,
        name: impl Into<String>,
    ) -> Self {
        Self {
            file,
            table,
            at,
            name: name.into(),
            asked: RefCell::default(),
        }
    }

    /// The entry of that key, which from now on is a key the table may have.
    pub(crate) fn get(&self, key: &'f str) -> Option<Entry<'f>> {
        self.asked.borrow_mut().push(key);
        self.entry(key)
    }

    /// The entry of that key, whose absence is a fault.
    pub(crate) fn need(&self, key: &'f str, write: &str) -> Option<Entry<'f>> {
        let entry = self.get(key);
        if entry.is_none() {
            let what = format!("{} has no `{key}`", self.name);
            self.file.fault(self.at, what, write);
        }
        entry
    }

    /// Every entry: the table may have any key.
    pub(crate) fn all(&self) -> Vec<Entry<'f>> {
        let keys: Vec<&'f str> = self.table.iter().map(|(key, _)| key).collect();
        keys.into_iter().filter_map(|key| self.get(key)).collect()
    }

    /// Reports the keys nobody asked for.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            if asked.contains(&key) {
                continue;
            }
            let at = self.entry(key).map_or(self.at, |entry| entry.at);
            let what = format!("{} has no key `{key}`", self.name);
            self.file.fault(at, what, instead(key, &asked));
        }
    }

    fn entry(&self, key: &'f str) -> Option<Entry<'f>> {
        let (found, item) = self.table.get_key_value(key)?;
        let at = found.span().or_else(|| item.span());
        Some(Entry {
            file: self.file,
            key,
            item,
            at: at.map_or(self.at, |span| span.start),
            table: self.name.clone(),
        })
    }
}

/// What to write instead of a word that is none of `known`.
pub(crate) fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("`{near}`"),
        None if known.is_empty() => "nothing here".into(),
        None => or_list(known),
    }
}

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

/// Reads `5m`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let total = number.checked_mul(seconds)?;
    (total <= LONGEST).then(|| Duration::from_secs(total))
}

/// Writes a duration the way contracts do.
pub(crate) fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let fits = |(unit, _): &(u64, char)| seconds > 0 && seconds.is_multiple_of(*unit);
    match units.into_iter().find(fits) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [
            ("5m", 300),
            ("3s", 3),
            ("0s", 0),
            ("1h", 3_600),
            ("1d", 86_400),
            ("2w", 1_209_600),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "m",
            "5",
            "5 m",
            "-5m",
            "+5m",
            "5.5m",
            "1h30m",
            "5M",
            "5ms",
            "99999999999w",
            "5분",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_the_largest_unit_that_fits() {
        for text in ["1w", "90d", "36h", "10m", "90s", "0s"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
    }
}
