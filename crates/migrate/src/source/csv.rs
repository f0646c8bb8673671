//! Comma-separated values; the first row names the columns.

use super::{Feed, Input, SourceError};
use crate::row::{Cell, Column};

pub(super) fn read(input: &Input, feed: &mut Feed) -> Result<(), SourceError> {
    let mut reader = csv::Reader::from_reader(input.open()?);
    let headers = reader.headers().map_err(|error| failed(0, &error))?;
    // Spreadsheets begin a file with the mark of its byte order.
    let column = |name: &str| Column {
        name: name.trim_start_matches('\u{feff}').trim().into(),
        kind: "".into(),
    };
    feed.begin(headers.iter().map(column).collect(), None);
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| failed(feed.at(), &error))?
    {
        let cells = record.iter().map(|text| match text {
            "" => Cell::Null,
            text => Cell::Text(text.into()),
        });
        if feed.put(cells.collect()) && feed.flush_blocking().is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The crate's own words may quote what stands in the file.
fn failed(row: u64, error: &csv::Error) -> SourceError {
    let why = match error.kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".into(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("it has {len} fields, and there are {expected_len} columns"),
        _ => "it is not CSV".into(),
    };
    SourceError::Read { row, why }
}
