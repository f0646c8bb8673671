//! `daemun migrate inspect`: what is there, and how it would be read. Shows no values.

use std::{collections::BTreeMap, fmt::Write as _};

use daemun_engine::password::make_of;
use daemun_migrate::{
    account::UNKNOWN_MAKE,
    mapping::{Field, Mapping},
    source::{Reading, SourceError},
};
use serde_json::{Value, json};

use super::{mapping, meaning, source};
use crate::{
    cli::migrate::Inspect,
    report::{Answer, Failure, Kind, Outcome, table},
};

pub(super) async fn run(command: &Inspect) -> Outcome {
    let Some(source) = source(&command.source)? else {
        return Err(
            Failure::new(Kind::Usage, "it is not said where the accounts lie")
                .mend("--django-sqlite FILE, --django-postgres URL, --csv FILE or --jsonl FILE"),
        );
    };
    let tables = source.tables().await?;
    let candidates: Vec<Value> = tables
        .iter()
        .map(|table| json!({ "table": table.name, "rows": table.rows, "columns": table.columns.len() }))
        .collect();
    let rows: Vec<[String; 3]> = tables
        .iter()
        .map(|table| {
            [
                table.name.clone(),
                table.rows.to_string(),
                table.columns.len().to_string(),
            ]
        })
        .collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text += "Tables that look as if they held accounts:\n\n";
        text += &table(["table", "rows", "columns"], &rows);
        text += "\n";
    }
    let reading = match source.open().await {
        // Which one it is can be said once they are known.
        Err(error @ SourceError::WhichTable(_)) if !rows.is_empty() => {
            let _ = writeln!(text, "{error}\nsay it: --table NAME");
            return Ok(Answer::new(text, json!({ "tables": candidates })));
        }
        reading => reading?,
    };
    let mapping = mapping(&command.source, &reading)?;
    text += &columns_shown(&reading, &mapping);
    let makes = makes(&reading, &mapping);
    text += &makes_shown(&makes, reading.sample().len());
    if let Err(missing) = mapping.check() {
        let _ = writeln!(
            text,
            "\nNot enough yet: {missing}. Say it: --map FIELD=COLUMN"
        );
    }
    let fields: Vec<Value> = mapping
        .named()
        .map(|(field, column)| json!({ "field": field.to_string(), "column": column }))
        .collect();
    let json = json!({
        "tables": candidates,
        "rows": reading.expected(),
        "fields": fields,
        "unmapped": mapping.unmapped().collect::<Vec<_>>(),
        "hashes_of_sample": makes,
        "sample": reading.sample().len(),
        "missing": mapping.check().err().map(|missing| missing.to_string()),
    });
    Ok(Answer::new(text, json))
}

fn columns_shown(reading: &Reading, mapping: &Mapping) -> String {
    let rows = reading.columns().iter().map(|column| {
        let mut named = mapping.named();
        let field = named
            .find(|(_, name)| **name == *column.name)
            .map(|(field, _)| meaning(field));
        let field = field.unwrap_or_else(|| "-".into());
        [column.name.to_string(), column.kind.to_string(), field]
    });
    let rows: Vec<[String; 3]> = rows.collect();
    let mut text = table(["column", "type", "becomes"], &rows);
    let unmapped = mapping.unmapped().count();
    if unmapped > 0 {
        let _ = writeln!(
            text,
            "\n{unmapped} columns become nothing (-): --map FIELD=COLUMN, or --profile NAME=COLUMN for a\nfield that your contract declares"
        );
    }
    text
}

fn makes(reading: &Reading, mapping: &Mapping) -> BTreeMap<&'static str, usize> {
    let mut makes = BTreeMap::new();
    if let Some(place) = mapping.place(&Field::Password) {
        for row in reading.sample() {
            let hash = row.cell(place).text().unwrap_or_default();
            *makes
                .entry(make_of(&hash).unwrap_or(UNKNOWN_MAKE))
                .or_default() += 1;
        }
    }
    makes
}

fn makes_shown(makes: &BTreeMap<&'static str, usize>, sample: usize) -> String {
    if makes.is_empty() {
        return String::new();
    }
    let rows = makes
        .iter()
        .map(|(make, count)| [(*make).to_owned(), count.to_string()]);
    let rows: Vec<[String; 2]> = rows.collect();
    let counts = table(["password hash", "rows"], &rows);
    format!("\nOf the first {sample} rows:\n\n{counts}")
}
