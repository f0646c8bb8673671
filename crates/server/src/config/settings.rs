//! Settings as they were given: the file, and over it the environment. Each value knows where it
//! stands, so that whoever finds fault with it can say which line to mend. Nothing is checked here
//! beyond the kind of each value; reading never stops at a fault.

use std::{cell::RefCell, collections::BTreeMap, fmt, path::Path};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{
    known::{self, Kind, Known},
    problem::{Problem, Problems},
};

/// Settings by name.
pub(crate) struct Settings {
    /// How messages call the file.
    file: Option<String>,
    values: BTreeMap<&'static str, Setting>,
    problems: RefCell<Vec<Problem>>,
}

struct Setting {
    value: Value,
    place: Place,
}

enum Value {
    Text(Zeroizing<String>),
    Number(i64),
    Flag(bool),
    List(Vec<String>),
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of the file, from 1.
    Line(usize),
    /// An environment variable.
    Variable(&'static str),
}

impl Settings {
    /// Reads the file, where there is one, and the environment over it.
    pub(crate) fn read(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (String, Zeroizing<String>)>,
    ) -> Self {
        let mut settings = Self {
            file: file.map(|(path, _)| path.display().to_string()),
            values: BTreeMap::new(),
            problems: RefCell::default(),
        };
        if let Some((_, text)) = file {
            settings.read_file(text);
        }
        settings.read_environment(environment);
        settings
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn list(&self, name: &str) -> Option<&[String]> {
        match self.value(name)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.values.get(name).map(|setting| &setting.place)
    }

    /// Whether anything is set under `[section]`.
    pub(crate) fn has_section(&self, section: &str) -> bool {
        self.values
            .keys()
            .any(|name| name.split_once('.').is_some_and(|(s, _)| s == section))
    }

    /// Notes what is wrong with a setting, or with its absence.
    pub(crate) fn problem(
        &self,
        about: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(Problem {
            about,
            at: self.place_text(about),
            what: what.into(),
            why: why.into(),
            mend: mend.into(),
        });
    }

    /// Everything that is wrong, in the order in which it was found.
    pub(crate) fn into_problems(self) -> Problems {
        Problems(self.problems.into_inner())
    }

    pub(crate) fn place_text(&self, name: &str) -> Option<String> {
        match self.place(name)? {
            Place::Line(line) => Some(self.line(*line)),
            Place::Variable(variable) => Some((*variable).into()),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        debug_assert!(known::by_name(name).is_some(), "no setting {name}");
        self.values.get(name).map(|setting| &setting.value)
    }

    fn push(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    fn line(&self, line: usize) -> String {
        format!("{}:{line}", self.file.as_deref().unwrap_or("?"))
    }

    fn read_file(&mut self, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.push(Problem {
                about: "",
                at: Some(self.line(line_of(text, at))),
                what: format!("this is not TOML: {}", one_line(error.message())),
                why: String::new(),
                mend: "key = value, with texts in quotes".into(),
            });
        }
        self.read_table(text, "", table.get_ref());
    }

    fn read_table(&mut self, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let line = line_of(text, key.span().start);
            match (known::by_name(&name), value.get_ref()) {
                (Some(known), value) => match read_value(known.kind, value) {
                    Some(value) => {
                        let place = Place::Line(line);
                        self.values.insert(known.name, Setting { value, place });
                    }
                    None => self.push(wrong_kind(known, self.line(line))),
                },
                (None, DeValue::Table(inner)) if known::is_section(&name) => {
                    self.read_table(text, &format!("{name}."), inner);
                }
                (None, _) => self.push(unknown_name(&name, self.line(line))),
            }
        }
    }

    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, Zeroizing<String>)>,
    ) {
        let mut ours: Vec<_> = environment
            .into_iter()
            .filter(|(name, text)| is_given(name, text))
            .collect();
        ours.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, text) in ours {
            let Some(known) = known::by_variable(&name) else {
                self.push(unknown_variable(&name));
                continue;
            };
            let Some(value) = parse_value(known.kind, text) else {
                self.push(wrong_kind(known, name));
                continue;
            };
            self.set_from_environment(known, value);
        }
    }

    /// A variable goes before both forms of a secret in the file, but not before its other form in
    /// the environment.
    fn set_from_environment(&mut self, known: &'static Known, value: Value) {
        let place = Place::Variable(known.variable);
        if let Some(other) = known::other_form(known) {
            match self.values.get(other.name).map(|other| &other.place) {
                Some(Place::Variable(other)) => self.push(Problem {
                    about: known.name,
                    at: Some((*other).into()),
                    what: format!("{other} and {} are both set", known.variable),
                    why: "which of them is meant cannot be known".into(),
                    mend: format!("unset {other}"),
                }),
                Some(Place::Line(_)) => {
                    self.values.remove(other.name);
                }
                None => {}
            }
        }
        self.values.insert(known.name, Setting { value, place });
    }
}

/// Shows which settings there are, and none of their values.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Whether a variable is ours and says something: an empty one is as good as none.
fn is_given(name: &str, text: &str) -> bool {
    name.starts_with("DAEMUN_") && !known::is_other_variable(name) && !text.is_empty()
}

fn read_value(kind: Kind, value: &DeValue<'_>) -> Option<Value> {
    match (kind, value) {
        (Kind::Text | Kind::Secret, DeValue::String(text)) => {
            Some(Value::Text(Zeroizing::new(text.to_string())))
        }
        (Kind::Number, DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(Value::Number)
        }
        (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::Flag(*flag)),
        (Kind::List, DeValue::Array(array)) => array
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Value::List),
        _ => None,
    }
}

fn parse_value(kind: Kind, text: Zeroizing<String>) -> Option<Value> {
    Some(match kind {
        Kind::Text | Kind::Secret => Value::Text(text),
        Kind::Number => Value::Number(text.trim().parse().ok()?),
        Kind::Flag => Value::Flag(text.trim().parse().ok()?),
        Kind::List => {
            let items = text.split(',').map(str::trim);
            Value::List(items.filter(|i| !i.is_empty()).map(str::to_owned).collect())
        }
    })
}

fn wrong_kind(known: &'static Known, at: String) -> Problem {
    let key = known.name.rsplit('.').next().unwrap_or(known.name);
    let (kind, example) = match known.kind {
        Kind::Text | Kind::Secret => ("a text", "\"…\""),
        Kind::Number => ("a whole number", "42"),
        Kind::Flag => ("true or false", "true"),
        Kind::List => ("a list of texts", "[\"…\", \"…\"]"),
    };
    Problem {
        about: known.name,
        mend: match known.kind {
            _ if !at.starts_with("DAEMUN_") => format!("{key} = {example}"),
            Kind::List => format!("{at}=…,…"),
            _ => format!("{at}={}", example.trim_matches('"')),
        },
        at: Some(at),
        what: format!("{} must be {kind}", known.name),
        why: String::new(),
    }
}

fn unknown_name(name: &str, at: String) -> Problem {
    let names = known::KNOWN.iter().map(|known| known.name);
    let (why, mend) = if matches!(name, "outbox" | "dev" | "mail.outbox" | "smtp.outbox") {
        (
            "the outbox shows everybody's codes, so only development mode has it",
            "[smtp], and [sms] where people have phone numbers".into(),
        )
    } else {
        let near = known::nearest(name, names);
        (
            "a setting that is not read is a setting you believe you have",
            near.map_or_else(
                || "nothing, or a setting of docs/operations.md".into(),
                |near| near.to_owned(),
            ),
        )
    };
    Problem {
        about: "",
        at: Some(at),
        what: format!("there is no setting {name}"),
        why: why.into(),
        mend,
    }
}

fn unknown_variable(name: &str) -> Problem {
    let near = known::nearest(name, known::KNOWN.iter().map(|known| known.variable));
    Problem {
        about: "",
        at: Some(name.into()),
        what: format!("{name} is no setting"),
        why: "a variable that is not read is a setting you believe you have".into(),
        mend: near.map_or_else(
            || format!("unset {name}"),
            |near| format!("{near}=…, and unset {name}"),
        ),
    }
}

/// The line of the byte `at`, from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &str, environment: &[(&str, &str)]) -> Settings {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())));
        Settings::read(Some((Path::new("d.toml"), file)), environment)
    }

    fn messages(settings: Settings) -> Vec<String> {
        let problems = settings.into_problems().0;
        let said = problems.iter();
        said.map(|p| format!("{}: {}. {}", p.at.as_deref().unwrap_or("-"), p.what, p.mend))
            .collect()
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let file = "listen = '127.0.0.1:1'\ncontracts = ['native']\n[smtp]\nport = 0x19\n";
        let plain = settings(file, &[]);
        assert_eq!(plain.text("listen"), Some("127.0.0.1:1"));
        assert_eq!(plain.number("smtp.port"), Some(25));
        assert_eq!(plain.place("smtp.port"), Some(&Place::Line(4)));

        let over = settings(
            file,
            &[
                ("DAEMUN_LISTEN", "[::]:443"),
                ("DAEMUN_CONTRACTS", "native, ours.toml,"),
                ("DAEMUN_SMTP_PORT", "587"),
                ("DAEMUN_SMTP_OFF", "true"),
                ("DAEMUN_SMTP_HOST", ""),
                ("HOME", "/"),
            ],
        );
        assert_eq!(over.text("listen"), Some("[::]:443"));
        assert_eq!(
            over.list("contracts"),
            Some(&["native".into(), "ours.toml".into()][..])
        );
        assert_eq!(over.number("smtp.port"), Some(587));
        assert_eq!(over.flag("smtp.off"), Some(true));
        assert_eq!(over.place_text("listen").as_deref(), Some("DAEMUN_LISTEN"));
        assert_eq!(messages(over), Vec::<String>::new());
    }

    #[test]
    fn a_secret_in_the_environment_goes_before_both_its_forms_in_the_file() {
        let file = "[secrets]\nlegacy_file = 'old'\nmaster = 'old'\n";
        let over = settings(
            file,
            &[
                ("DAEMUN_LEGACY_SECRET", "new"),
                ("DAEMUN_MASTER_KEY_FILE", "new"),
            ],
        );
        assert_eq!(over.text("secrets.legacy"), Some("new"));
        assert_eq!(over.text("secrets.legacy_file"), None);
        assert_eq!(over.text("secrets.master"), None);
        assert_eq!(over.text("secrets.master_file"), Some("new"));
    }

    #[test]
    fn everything_that_is_wrong_is_found_at_once() {
        let file = "listn = '127.0.0.1:1'\ncolour = 3\n[smtp]\nport = '25'\nhost = [\n'x', 1]\n\
                    [limits]\nper_address = 1\n[smpt]\nhost = 'x'\n[smtp.host.deeper]\nx = 1";
        let wrong = settings(
            file,
            &[
                ("DAEMUN_SMPT_HOST", "x"),
                ("DAEMUN_SMTP_PORT", "many"),
                ("DAEMUN_SMS_TOKEN", "a"),
                ("DAEMUN_SMS_TOKEN_FILE", "b"),
                ("DAEMUN_TEST_PYTHON", "python"),
            ],
        );
        insta::assert_snapshot!(messages(wrong).join("\n"));
    }

    #[test]
    fn no_message_and_no_debug_output_repeats_a_secret() {
        let file = "[secrets]\nmaster = ['s3cret']\n[smtp]\npassword = 's3cret'\n";
        let wrong = settings(file, &[("DAEMUN_LEGACY_SECRET", "s3cret")]);
        assert!(!format!("{wrong:?}").contains("s3cret"));
        assert!(!messages(wrong).concat().contains("s3cret"));
    }
}
