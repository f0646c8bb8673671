//! What is wrong with a contract file, said so that its author can mend it: where, what, and what
//! to write instead. All faults of a file are reported at once.

use std::fmt;

/// One thing that is wrong with a contract file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as its reader named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, where it helps.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub write: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.file, self.line)?;
        if let Some(column) = self.column {
            write!(f, "{column}:")?;
        }
        write!(f, " {}. Write: {}", self.what, self.write)
    }
}

/// Everything that is wrong with a contract file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
