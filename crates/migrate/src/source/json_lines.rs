//! A JSON object on every line. The columns are whatever the first lines name.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
};

use serde_json::{Map, Value};

use super::{BATCH, Feed, Input, SourceError};
use crate::row::{Cell, Column};

/// No account needs more: what is longer is no line of such a file.
const LONGEST_LINE: u64 = 1 << 20;

pub(super) fn read(input: &Input, feed: &mut Feed) -> Result<(), SourceError> {
    let mut lines = Lines {
        reader: BufReader::new(input.open()?),
        number: 0,
    };
    let mut first = Vec::new();
    while first.len() < BATCH {
        let Some(object) = lines.next()? else { break };
        first.push(object);
    }
    let names = names(&first);
    let places: BTreeMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (&**name, at))
        .collect();
    let column = |name: &str| Column {
        name: name.into(),
        kind: "".into(),
    };
    feed.begin(names.iter().map(|name| column(name)).collect(), None);
    let mut put = |object| feed.put(cells(object, &places)) && feed.flush_blocking().is_err();
    for object in first {
        if put(object) {
            return Ok(());
        }
    }
    while let Some(object) = lines.next()? {
        if put(object) {
            return Ok(());
        }
    }
    Ok(())
}

struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Map<String, Value>>, SourceError> {
        loop {
            self.number += 1;
            let mut line = Vec::new();
            let mut limited = std::io::Read::take(&mut self.reader, LONGEST_LINE);
            let read = limited.read_until(b'\n', &mut line);
            if read.map_err(|error| self.failed(error.to_string()))? == 0 {
                return Ok(None);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let object = serde_json::from_slice(&line);
            return match object {
                Ok(object) => Ok(Some(object)),
                Err(_) => Err(self.failed("it is not a JSON object".into())),
            };
        }
    }

    fn failed(&self, why: String) -> SourceError {
        let row = self.number;
        SourceError::Read { row, why }
    }
}

/// The members that any of the objects has, in the order of their first appearance.
fn names(objects: &[Map<String, Value>]) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for key in objects.iter().flat_map(Map::keys) {
        if !names.iter().any(|name| **name == **key) {
            names.push(key.as_str().into());
        }
    }
    names
}

fn cells(object: Map<String, Value>, places: &BTreeMap<&str, usize>) -> Vec<Cell> {
    let mut cells = vec![Cell::Null; places.len()];
    for (name, value) in object {
        let place = places.get(name.as_str()).copied();
        if let Some(cell) = place.and_then(|at| cells.get_mut(at)) {
            *cell = Cell::from_json(value);
        }
    }
    cells
}
