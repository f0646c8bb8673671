//! What is wrong with a configuration, said so that an operator can mend it: where, what, why, and
//! the line to write instead. All problems are reported at once.

use std::fmt::Write as _;

use serde::Serialize;

/// Something that keeps production from starting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The setting it is about; empty where it is about none that exists.
    pub(crate) about: &'static str,
    /// The line or variable where it stands; absent where something is missing.
    pub(crate) at: Option<String>,
    /// What is wrong.
    pub(crate) what: String,
    /// Why that is refused; empty where it is plain.
    pub(crate) why: String,
    /// What to write or run.
    pub(crate) mend: String,
}

/// Something that does not keep production from starting, but that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    /// Where it stands.
    pub(crate) at: String,
    /// What it is.
    pub(crate) what: String,
    /// What follows from it.
    pub(crate) why: String,
}

/// Everything that keeps production from starting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that concern some settings, or the file as a whole.
    pub(crate) fn about(&self, settings: &[&str]) -> Self {
        let concerns = |p: &&Problem| p.about.is_empty() || settings.contains(&p.about);
        Self(self.0.iter().filter(concerns).cloned().collect())
    }

    /// `3 problems`.
    pub(crate) fn count(&self) -> String {
        match self.0.len() {
            1 => "1 problem".into(),
            n => format!("{n} problems"),
        }
    }

    /// All of them, numbered; with the reasons where `explained`.
    pub(crate) fn list(&self, explained: bool) -> String {
        let mut text = String::new();
        for (nth, problem) in self.0.iter().enumerate() {
            let at = problem.at.as_ref().map(|at| format!("{at}: "));
            let _ = writeln!(
                text,
                "{:>3}. {}{}",
                nth + 1,
                at.unwrap_or_default(),
                indented(&problem.what)
            );
            if explained && !problem.why.is_empty() {
                let _ = writeln!(text, "     why:  {}", indented(&problem.why));
            }
            let _ = writeln!(text, "     mend: {}", indented(&problem.mend));
        }
        text
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n           ")
}
