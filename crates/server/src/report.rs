//! How a command ends: with an answer on standard output, or a failure on standard error that says
//! what, why, and what mends it. Both for people, or as JSON for scripts, and both with an exit
//! code that scripts can tell apart.

use std::{
    fmt::{Display, Write as _},
    io::{self, Write},
    process::ExitCode,
};

use serde_json::{Value, json};

/// What went wrong, as the exit code has it. `cli::EXIT_CODES` and `docs/operations.md` list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Refused or failed.
    Failed = 1,
    /// The command line is wrong in a way that clap cannot see.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Somebody else has it.
    Conflict = 4,
    /// The data or the running server cannot be reached.
    Unreachable = 5,
    /// Stopped by a signal, cleanly: as a shell has it of SIGINT.
    Interrupted = 130,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    what: String,
    why: Option<String>,
    mend: Option<String>,
    /// What is beside the sentence, for JSON: the faults of a contract, say.
    details: Vec<(&'static str, Value)>,
}

/// How a command went.
pub(crate) type Outcome<T = Answer> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            why: None,
            mend: None,
            details: Vec::new(),
        }
    }

    /// Adds why it is so.
    pub(crate) fn because(self, why: impl Display) -> Self {
        Self {
            why: Some(why.to_string()),
            ..self
        }
    }

    /// Adds what mends it, a command where there is one.
    pub(crate) fn mend(self, mend: impl Into<String>) -> Self {
        Self {
            mend: Some(mend.into()),
            ..self
        }
    }

    /// Adds something for JSON only.
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.details.push((name, value));
        self
    }

    fn text(&self) -> String {
        let mut text = format!("error: {}", self.what);
        let lines = [("why:  ", &self.why), ("mend: ", &self.mend)];
        for (label, line) in lines {
            if let Some(line) = line {
                let _ = write!(text, "\n  {label}{}", line.replace('\n', "\n        "));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let mut error = json!({
            "code": self.kind.name(),
            "exit": self.kind as u8,
            "what": self.what,
            "why": self.why,
            "mend": self.mend,
        });
        if let Some(error) = error.as_object_mut() {
            let details = self.details.iter();
            error.extend(details.map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        json!({ "error": error })
    }
}

/// What a command answers.
pub(crate) struct Answer {
    text: String,
    json: Value,
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            text: text.into(),
            json,
        }
    }

    /// An answer that has no other form, JSON or not.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::new(text, Value::Null)
    }
}

/// Prints how a command went and turns it into the exit code. Whoever closed our output does not
/// want to read it: that is no failure.
pub(crate) fn finish(outcome: Outcome, as_json: bool) -> ExitCode {
    match outcome {
        Ok(answer) => show(&answer, as_json),
        Err(failure) => {
            let text = if as_json {
                pretty(&failure.json())
            } else {
                failure.text()
            };
            line(&mut io::stderr(), &text);
            return ExitCode::from(failure.kind as u8);
        }
    }
    ExitCode::SUCCESS
}

/// Prints an answer.
pub(crate) fn show(answer: &Answer, as_json: bool) {
    match as_json {
        true => line(&mut io::stdout(), &pretty(&answer.json)),
        false if answer.text.is_empty() => {}
        false => line(&mut io::stdout(), &answer.text),
    }
}

/// Prints a remark that is no answer.
pub(crate) fn remark(text: &str) {
    line(&mut io::stderr(), text);
}

/// Prints `text` and a line break, where anybody reads it.
pub(crate) fn line(to: &mut dyn Write, text: &str) {
    let ended = text.ends_with('\n');
    let _ = write!(to, "{text}{}", if ended { "" } else { "\n" });
    let _ = to.flush();
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// Lays rows out in columns under their headings.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings = headings.map(str::to_uppercase);
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let padding = width.saturating_sub(cell.chars().count());
            let _ = write!(line, "{cell}{:padding$}  ", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Members of an object as cells of a table; what is not there is a dash.
pub(crate) fn cells<const N: usize>(object: &Value, members: [&str; N]) -> [String; N] {
    members.map(|member| match object.get(member) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_mends_it() {
        let failure = Failure::new(Kind::Conflict, "port 8080 is taken")
            .because("another program listens there")
            .mend("daemun dev --port 0");
        assert_eq!(
            failure.text(),
            "error: port 8080 is taken\n  why:  another program listens there\n  mend: daemun dev --port 0"
        );
        assert_eq!(failure.json()["error"]["exit"], 4);
        assert_eq!(failure.json()["error"]["code"], "conflict");
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cell() {
        let rows = [["1".into(), "대문".into()], ["1000".into(), "x".into()]];
        assert_eq!(
            table(["id", "name"], &rows),
            "ID    NAME\n1     대문\n1000  x\n"
        );
    }
}
