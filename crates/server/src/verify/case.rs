//! A case: one request, and which outcome of the contract must answer it. Cases are data; what
//! they stand for (addresses, tokens, codes) is put in when they run.

use daemun_engine::vocabulary::{Failure, Input, Outcome};

/// One request and what must come of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    /// The route, by its place in the contract.
    pub(super) route: usize,
    /// The outcome that is provoked.
    pub(super) outcome: Outcome,
    /// The input at fault, where one is.
    pub(super) input: Option<Input>,
    /// Whether it is the guard that answers.
    pub(super) by_guard: bool,
    /// What tells it from other cases of the same outcome.
    pub(super) about: &'static str,
    /// Which session it needs.
    pub(super) hold: Hold,
    /// What the guard is shown.
    pub(super) shown: Shown,
    /// What is sent as which input. What is not named is not sent.
    pub(super) inputs: Vec<(Input, Given)>,
    /// The form of the body.
    pub(super) form: Form,
    /// Another method than the route's.
    pub(super) method: Option<&'static str>,
    /// Which of the route's paths, the chief one first.
    pub(super) path: usize,
    /// What is wrong with the input at fault, in the vocabulary's words.
    pub(super) reason: Option<&'static str>,
    /// Whether a trusted caller sends it, where only such a one may.
    pub(super) trusted: bool,
}

/// Which session a case needs. In this order they are run: what is shared is used before anything
/// is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    /// None.
    Nothing,
    /// Any that is alive; it is left alone.
    Shared,
    /// One that was logged out.
    Ended,
    /// One of its own, which it may change or end.
    Fresh,
    /// One of its own, refreshed since: the refresh token is the replaced one, and was shown again.
    Replaced,
    /// One of its own, and all others end with it.
    Last,
}

/// What the guard is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    /// The access token.
    Access,
    /// The refresh token in its place.
    Refresh,
    /// A token that is none.
    Garbage,
    /// The access token with another signature.
    Forged,
    /// An empty header.
    Blank,
    /// The scheme and two words.
    TwoWords,
    /// Another scheme.
    OtherScheme,
    /// A cookie whose signature is wrong.
    Unsigned,
}

/// What is sent as an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// The place, with nothing in it.
    Blank,
    /// Something that is not text.
    Wrong(Wrong),
    /// JSON `null`.
    Null,
    /// What a field of the contract's own can hold.
    Profile(u8),
    /// What it can hold, and a step beyond.
    OutOfRange(u8),
    /// This text.
    Text(&'static str),
    /// Three hundred letters.
    TooLong,
    /// An address with three hundred letters before its `@`.
    LongAddress,
    /// An address.
    Address(Who),
    /// The test account's password.
    Password,
    /// A password for a new account.
    NewPassword,
    /// A password that is not the account's.
    WrongPassword,
    /// A nickname nobody has.
    NewNickname,
    /// The test account's.
    OwnNickname,
    /// The code that was sent to the newcomer.
    Code,
    /// Another.
    WrongCode,
    /// A token of the session.
    Token(Token),
    /// The id of the session.
    OwnSession,
    /// The id of no session.
    NoSession,
    /// A name for a subject of a trusted caller's.
    Subject,
}

/// What stands in the place of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    List,
    Object,
    Boolean,
    Fraction,
    Text,
}

/// Whose address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The test account's.
    Account,
    /// Nobody's.
    Nobody,
    /// Nobody's yet: whose account is being made.
    Newcomer,
    /// That of an account whose address was not proved.
    Unproved,
}

/// Which token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Access,
    Refresh,
    /// None.
    Garbage,
    /// With another signature.
    ForgedAccess,
    /// With another signature.
    ForgedRefresh,
}

/// The form of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON, where there is anything to send.
    Json,
    /// Half of some JSON.
    Malformed,
    /// Text.
    PlainText,
    /// Two mebibytes of JSON.
    Huge,
    /// A form on a page of another site.
    PageElsewhere,
    /// As [`Json`](Self::Json), from a page of another site.
    ScriptElsewhere,
}

/// An answer of the contract that no case provokes, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Skipped {
    pub(super) route: usize,
    pub(super) outcome: Outcome,
    pub(super) input: Option<Input>,
    pub(super) by_guard: bool,
    pub(super) why: String,
}

impl Given {
    /// The refresh token, or the one token there is.
    pub(super) const REFRESH: Self = Self::Token(Token::Refresh);
    /// The access token.
    pub(super) const ACCESS: Self = Self::Token(Token::Access);
    /// A token that is none.
    pub(super) const GARBAGE: Self = Self::Token(Token::Garbage);
}

impl Wrong {
    /// Everything that is of some type.
    pub(super) const ALL: [Self; 5] = [
        Self::List,
        Self::Object,
        Self::Boolean,
        Self::Fraction,
        Self::Text,
    ];

    /// Of which wrong type it is, in the vocabulary's words.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::List => "is_list",
            Self::Object => "is_object",
            Self::Boolean => "is_boolean",
            Self::Fraction => "is_number",
            Self::Text => "is_text",
        }
    }

    /// What it is, for people.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::List => "an array",
            Self::Object => "an object",
            Self::Boolean => "a boolean",
            Self::Fraction => "a fraction",
            Self::Text => "text",
        }
    }
}

impl Case {
    /// A request that brings nothing and shows nothing.
    pub(super) const fn new(route: usize, outcome: Outcome) -> Self {
        Self {
            route,
            outcome,
            input: None,
            by_guard: false,
            about: "",
            hold: Hold::Nothing,
            shown: Shown::Nothing,
            inputs: Vec::new(),
            form: Form::Json,
            method: None,
            path: 0,
            reason: None,
            trusted: true,
        }
    }

    pub(super) fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    pub(super) fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    pub(super) fn hold(self, hold: Hold) -> Self {
        Self { hold, ..self }
    }

    pub(super) fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    pub(super) fn at_fault(self, input: Input) -> Self {
        Self {
            input: Some(input),
            ..self
        }
    }

    /// Says what is wrong with the input at fault.
    pub(super) fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// What it ends in, with what is known of the input at fault.
    pub(super) fn failure(&self) -> Failure {
        Failure {
            input: self.input,
            reason: self.reason,
            ..self.outcome.into()
        }
    }

    /// Sends that as an input, instead of what was to be sent.
    pub(super) fn with(mut self, input: Input, given: Given) -> Self {
        self.inputs.retain(|(known, _)| *known != input);
        self.inputs.push((input, given));
        self
    }

    /// Sends nothing as an input.
    pub(super) fn without(mut self, input: Input) -> Self {
        self.inputs.retain(|(known, _)| *known != input);
        self
    }

    /// Whether it sends anything that only a session can give.
    pub(super) fn needs_session(&self) -> bool {
        let shows = matches!(self.shown, Shown::Access | Shown::Refresh | Shown::Forged);
        shows
            || self.inputs.iter().any(|(_, given)| {
                matches!(
                    given,
                    Given::Token(
                        Token::Access | Token::Refresh | Token::ForgedAccess | Token::ForgedRefresh
                    ) | Given::OwnSession
                )
            })
    }

    /// Whether it can only run where accounts may be made: it makes one, needs one that was made,
    /// or would make one were it not refused for a reason that servers may not know.
    pub(super) fn makes_accounts(&self) -> bool {
        self.inputs.iter().any(|(_, given)| match given {
            Given::Address(Who::Unproved) | Given::Code => true,
            Given::NewPassword => matches!(self.outcome, Outcome::Ok | Outcome::NicknameTaken),
            _ => false,
        })
    }
}
