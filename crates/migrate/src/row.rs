//! Rows as any source gives them.

use serde_json::Value;

/// A column of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// Its type as the source calls it; empty where there are none.
    pub kind: Box<str>,
}

/// A row: its cells in the order of the columns.
#[derive(Clone)]
pub struct Row {
    /// Where it stands in its source, from 1: what a report calls it where it has no id.
    pub number: u64,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// What stands in a row under a column.
#[derive(Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Real(f64),
    /// Text.
    Text(Box<str>),
    /// What has structure.
    Json(Value),
}

impl Row {
    /// The cell under the column at `at`; nothing where the row is shorter.
    #[must_use]
    pub fn cell(&self, at: usize) -> &Cell {
        self.cells.get(at).unwrap_or(&Cell::Null)
    }
}

impl Cell {
    /// The cell that a JSON value is.
    #[must_use]
    pub fn from_json(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(bool),
            Value::Number(ref number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(real)) => Self::Real(real),
                (None, None) => Self::Json(value),
            },
            Value::String(text) => Self::Text(text.into()),
            Value::Array(_) | Value::Object(_) => Self::Json(value),
        }
    }

    /// The JSON value that the cell is.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => (*bool).into(),
            Self::Int(int) => (*int).into(),
            Self::Real(real) => (*real).into(),
            Self::Text(text) => (&**text).into(),
            Self::Json(value) => value.clone(),
        }
    }

    /// Text, or a number as text; none where there is nothing, or nothing but blanks.
    #[must_use]
    pub fn text(&self) -> Option<Box<str>> {
        match self {
            Self::Text(text) => Some(text.trim())
                .filter(|text| !text.is_empty())
                .map(Into::into),
            Self::Int(int) => Some(int.to_string().into()),
            _ => None,
        }
    }

    /// A whole number, written as one or as text.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether there is nothing here.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// Yes or no, in the words databases and spreadsheets have for them; a point in time means
    /// that it has happened. None where it is neither.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Int(0) => Some(false),
            Self::Int(_) => Some(true),
            Self::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "0" | "f" | "false" | "n" | "no" => Some(false),
                "1" | "t" | "true" | "y" | "yes" => Some(true),
                _ => crate::instant::parse(text).map(|_| true),
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_read_in_the_words_of_many_sources() {
        let yes = [Cell::Bool(true), Cell::Int(1), text("t"), text("TRUE")];
        assert!(yes.iter().all(|cell| cell.flag() == Some(true)));
        let no = [Cell::Bool(false), Cell::Int(0), text("f"), text("No")];
        assert!(no.iter().all(|cell| cell.flag() == Some(false)));
        assert_eq!(text("2024-02-03 04:05:06").flag(), Some(true));
        assert_eq!(text("perhaps").flag(), None);
        assert_eq!(Cell::Null.flag(), None);
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }
}
