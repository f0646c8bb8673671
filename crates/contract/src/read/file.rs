//! A contract file while it is being read: where things stand in it, which keys of a table were
//! asked for, and the faults found so far.
//!
//! Reading never stops at a fault: a cursor returns `None`, the reader goes on with a stand-in,
//! and the contract is refused at the end with everything that was found.

use std::{cell::RefCell, ops::Range};

use toml_edit::TableLike;

use crate::{
    fault::{Fault, Faults},
    read::{entry::Entry, say::instead},
};

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
        let at = at.map_or(self.at, |span| span.start);
        Some(Entry::new(self, key, item, at))
    }
}
