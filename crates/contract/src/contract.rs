//! The compiled contract: what the file says, checked and ready to run.

use std::sync::Arc;

use daemun_engine::{
    policy::{Locale, Policy},
    vocabulary::{Failure, Input, Operation, Outcome, wider_reason},
};

use crate::{
    answer::{Answer, Cookie},
    explain,
    fault::Faults,
    input::{InputPlan, Source},
    language, openapi,
    path::{Method, PathPattern},
    read,
};

/// A contract that has an answer for everything that can happen.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Its name.
    pub name: Box<str>,
    /// What it is for, in a sentence.
    pub summary: Box<str>,
    /// The file it was read from, for messages.
    pub file: Box<str>,
    /// Its languages; templates are rendered by index into this, the first is the default.
    pub locales: Vec<Locale>,
    /// What it asks of the engine.
    pub policy: Policy,
    /// Texts that count as nothing where a token stands, such as `null`.
    pub absent: Vec<Box<str>>,
    /// Who is trusted to name subjects.
    pub callers: Callers,
    /// Its routes, in the order of the file.
    pub routes: Vec<Route>,
    /// What it answers to a request that needs a login and lacks one.
    pub guard: Option<Guard>,
    /// The cookies it sets and reads.
    pub cookies: Vec<Arc<Cookie>>,
    /// Its own words for mail and text messages.
    pub messages: Messages,
    /// What in it is unsafe by nature and switched on, for `doctor`.
    pub switches: Vec<Switch>,
}

/// A request that the contract knows, and its answers.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: PathPattern,
    /// Other spellings of the path.
    pub also_paths: Vec<PathPattern>,
    /// What it does.
    pub operation: Operation,
    /// What it is for, in a sentence.
    pub summary: Box<str>,
    /// Its line in the file.
    pub line: usize,
    /// What it takes, in the order in which what is missing is reported.
    pub inputs: Vec<InputPlan>,
    /// Whether the guard looks at its requests first. `probe` asks the guard itself, whatever this
    /// says, and answers `anonymous` where the guard would refuse.
    pub guard: GuardMode,
    /// Whether some answer shows more of the account than a token says.
    pub needs_account: bool,
    /// Whether the faults of all inputs are told at once, their answers joined.
    pub collect: bool,
    pub(crate) answers: Answers,
}

/// Who may have sessions opened and ended for subjects they name, besides services that show a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Whether this machine's own programs are trusted.
    pub loopback: Loopback,
    /// Whether everybody is.
    pub open: bool,
}

/// When requests from this machine itself are trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// In development mode.
    #[default]
    InDev,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether the guard looks at a route's requests first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardMode {
    /// It must be satisfied.
    Required,
    /// What it is shown must be good; nothing need be shown.
    IfPresent,
    /// It is not asked.
    Off,
}

/// What stands before routes that need a login.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Where the access token may stand; the first that is present wins.
    pub sources: Vec<Source>,
    pub(crate) answers: Answers,
}

/// An answer for every outcome; those that cannot happen share that of `internal`.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) by_outcome: Vec<Arc<Answer>>,
    pub(crate) by_field: Vec<ByField>,
    pub(crate) internal: Arc<Answer>,
    /// The outcomes that can happen.
    pub(crate) can: Vec<Outcome>,
    /// Those of them that are answered for each input by itself.
    pub(crate) only_by_field: Vec<Outcome>,
}

/// The answer to an outcome for one input, for one reason why it is at fault, or for both.
#[derive(Clone, Debug)]
pub(crate) struct ByField {
    pub(crate) outcome: Outcome,
    pub(crate) input: Option<Input>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) answer: Arc<Answer>,
}

impl Answers {
    /// Every answer that can be given, and to what.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Outcome, Option<Input>, &Answer)> {
        let general = self.can.iter();
        let general = general.filter(|outcome| !self.only_by_field.contains(outcome));
        let general = general.filter_map(|outcome| {
            let answer = self.by_outcome.get(*outcome as usize)?;
            Some((*outcome, None, &**answer))
        });
        let by_field = self.by_field.iter().filter(|own| own.reason.is_none());
        general.chain(by_field.map(|own| (own.outcome, own.input, &*own.answer)))
    }

    /// Those of them that are for one reason alone.
    pub(crate) fn by_reason(
        &self,
    ) -> impl Iterator<Item = (Outcome, Option<Input>, &'static str, &Answer)> {
        self.by_field.iter().filter_map(|own| {
            let reason = own.reason?;
            Some((own.outcome, own.input, reason, &*own.answer))
        })
    }

    /// Every answer stated to an outcome of one input.
    pub(crate) fn to(&self, outcome: Outcome, input: Input) -> impl Iterator<Item = &Answer> {
        let reasons = self.by_reason();
        let reasons =
            reasons.filter(move |(o, i, ..)| *o == outcome && i.is_none_or(|i| i == input));
        let mut own = self.by_field.iter();
        let stated = !self.only_by_field.contains(&outcome)
            || own.any(|own| (own.outcome, own.input) == (outcome, Some(input)));
        stated
            .then(|| self.find(outcome, Some(input), None))
            .into_iter()
            .chain(reasons.map(|(.., answer)| answer))
    }

    fn find(&self, outcome: Outcome, field: Option<Input>, reason: Option<&str>) -> &Answer {
        let stated = |field: Option<Input>, reason: Option<&str>| {
            let mut own = self.by_field.iter();
            own.find(|own| (own.outcome, own.input, own.reason) == (outcome, field, reason))
        };
        let for_reason = |field| {
            let reason = reason?;
            let wider = || stated(field, Some(wider_reason(reason)?));
            stated(field, Some(reason)).or_else(wider)
        };
        let for_field = || {
            field?;
            for_reason(field).or_else(|| stated(field, None))
        };
        for_field()
            .or_else(|| for_reason(None))
            .map(|own| &own.answer)
            .or_else(|| self.by_outcome.get(outcome as usize))
            .unwrap_or(&self.internal)
    }
}

/// A contract's own words for what people are told by mail or text message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages(pub Vec<Message>);

/// Words for one kind of notice in one language and channel. `{{code}}`, `{{minutes}}` and
/// `{{service}}` stand for the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The name of the notice's content.
    pub content: Box<str>,
    /// The language.
    pub locale: Locale,
    /// The subject of a mail; absent in the words of a text message.
    pub subject: Option<Box<str>>,
    /// The text.
    pub text: Box<str>,
}

/// Something that is unsafe by nature and switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its name in the file.
    pub name: Box<str>,
    /// Its line.
    pub line: usize,
    /// What follows from it.
    pub meaning: Box<str>,
}

impl Contract {
    /// Reads a contract. `file_name` is for messages only.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, Faults> {
        read::contract(source, file_name)
    }

    /// What it calls an input: `profile.school` where it declared the field.
    #[must_use]
    pub fn input_name(&self, input: Input) -> String {
        read::fields::input_name(input, &self.policy.fields)
    }

    /// A table of its routes that a front-end developer understands.
    #[must_use]
    pub fn explain(&self) -> String {
        explain::explain(self)
    }

    /// Its OpenAPI 3.1 document.
    #[must_use]
    pub fn openapi(&self, server_url: &str) -> serde_json::Value {
        openapi::document(self, server_url)
    }

    /// The index of the locale that answers an `Accept-Language` header best; the contract's first
    /// where none is asked for or none fits.
    #[must_use]
    pub fn locale_index(&self, accept_language: Option<&str>) -> usize {
        accept_language.map_or(0, |header| language::choose(header, &self.locales))
    }
}

impl Route {
    /// The answer to `outcome`; `field` is the input at fault, where one is. There always is one.
    #[must_use]
    pub fn answer(&self, outcome: Outcome, field: Option<Input>) -> &Answer {
        self.answers.find(outcome, field, None)
    }

    /// The answer to a failure, with what is known of the input at fault. There always is one.
    #[must_use]
    pub fn answer_to(&self, failure: &Failure) -> &Answer {
        self.answers
            .find(failure.outcome, failure.input, failure.reason)
    }

    /// Every answer that can be given: to which outcome, and for which input where it is an answer
    /// for one alone.
    pub fn answers(&self) -> impl Iterator<Item = (Outcome, Option<Input>, &Answer)> {
        self.answers.all()
    }

    /// Every answer besides that is for one reason alone: to which outcome, for which input where
    /// it is for one alone, and why that is at fault.
    pub fn answers_by_reason(
        &self,
    ) -> impl Iterator<Item = (Outcome, Option<Input>, &'static str, &Answer)> {
        self.answers.by_reason()
    }

    /// All its paths, the chief one first.
    pub fn paths(&self) -> impl Iterator<Item = &PathPattern> {
        std::iter::once(&self.path).chain(&self.also_paths)
    }

    /// Whether it reads a cookie as an input or sets one: another site's request must not reach it.
    /// (A guard may read cookies besides: [`Guard::reads_cookies`].)
    #[must_use]
    pub fn touches_cookies(&self) -> bool {
        let reads = |plan: &InputPlan| plan.sources.iter().any(Source::is_cookie);
        self.inputs.iter().any(reads)
            || self
                .answers
                .by_outcome
                .iter()
                .any(|answer| !answer.cookies.is_empty())
    }
}

impl Guard {
    /// The answer to `outcome`. There always is one.
    #[must_use]
    pub fn answer(&self, outcome: Outcome) -> &Answer {
        self.answers.find(outcome, None, None)
    }

    /// Every answer that can be given.
    pub fn answers(&self) -> impl Iterator<Item = (Outcome, &Answer)> {
        self.answers
            .all()
            .map(|(outcome, _, answer)| (outcome, answer))
    }

    /// Whether it takes the access token from a cookie.
    #[must_use]
    pub fn reads_cookies(&self) -> bool {
        self.sources.iter().any(Source::is_cookie)
    }
}
