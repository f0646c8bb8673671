//! What each operation can be made to end in.

use daemun_contract::{Loopback, Route, Source};
use daemun_engine::{
    profile::FieldKind,
    vocabulary::{Input, Operation, Outcome},
};

use super::{
    case::{Case, Given, Hold, Token, Who},
    plan::{Plan, passing},
    routes::{is_signed, place},
};

/// A request that an operation would grant. It is not marked as such: whoever takes it, spoils it.
pub(super) fn good(at: usize, route: &Route) -> Case {
    let mut case = passing(at, route, Outcome::Ok);
    for input in route.inputs.iter().map(|plan| plan.input) {
        if let Some(given) = usual(route.operation, input) {
            case = case.with(input, given);
        }
    }
    case
}

/// What an input usually is.
fn usual(operation: Operation, input: Input) -> Option<Given> {
    let new = operation == Operation::SignUp;
    match input {
        Input::Identifier if new => Some(Given::Address(Who::Newcomer)),
        Input::Identifier => Some(Given::Address(Who::Account)),
        Input::Password if new => Some(Given::NewPassword),
        Input::Password => Some(Given::Password),
        Input::Nickname => Some(Given::NewNickname),
        Input::Code => Some(Given::WrongCode),
        Input::Token if operation == Operation::CheckToken => Some(Given::ACCESS),
        Input::Token if operation == Operation::Probe => None,
        Input::Token => Some(Given::REFRESH),
        Input::SessionId => Some(Given::OwnSession),
        Input::Subject => Some(Given::Subject),
        Input::SubjectType => Some(Given::Text("verify")),
        Input::Profile(nth) if new => Some(Given::Profile(nth)),
        _ => None,
    }
}

/// The cases of a route that are its operation's own.
pub(super) fn cases(plan: &Plan<'_>, at: usize, route: &Route) -> Vec<Case> {
    let of = Of { plan, at, route };
    match route.operation {
        Operation::SignUp => of.sign_up(),
        Operation::ResendCode => of.resend_code(),
        Operation::VerifyCode => of.verify_code(),
        Operation::LogIn => of.log_in(),
        Operation::Refresh => of.refresh(),
        Operation::CheckToken => of.check_token(),
        Operation::LogOut => of.log_out(),
        Operation::LogOutEverywhere => vec![of.good(Outcome::Ok).hold(Hold::Last)],
        Operation::Probe => of.probe(),
        Operation::WhoAmI | Operation::ListSessions => vec![of.good(Outcome::Ok)],
        Operation::EndSession => vec![
            of.good(Outcome::NotFound)
                .with(Input::SessionId, Given::NoSession),
            of.good(Outcome::Ok).hold(Hold::Fresh),
        ],
        Operation::Issue => of.for_callers(Hold::Nothing),
        Operation::Revoke => of.for_callers(Hold::Last),
    }
}

/// Adds a case, unless one of the same outcome and input is answered alike.
pub(super) fn add_distinct(route: &Route, cases: &mut Vec<Case>, case: Case) {
    let same = |known: &Case| (known.outcome, known.input) == (case.outcome, case.input);
    let answer = route.answer_to(&case.failure());
    let mut alike = cases.iter().filter(|known| same(known));
    if !alike.any(|known| route.answer_to(&known.failure()) == answer) {
        cases.push(case);
    }
}

/// A reason as people say it.
fn spoken(reason: &str) -> &'static str {
    match reason {
        "too_short" => "too short",
        "too_long" => "too long",
        "common" => "too common",
        "out_of_range" => "out of range",
        _ => "",
    }
}

/// A password that is on every list of the commonest.
const COMMON: &str = "password1";

struct Of<'p, 'c> {
    plan: &'p Plan<'c>,
    at: usize,
    route: &'p Route,
}

impl Of<'_, '_> {
    fn good(&self, outcome: Outcome) -> Case {
        Case {
            outcome,
            ..good(self.at, self.route)
        }
    }

    fn takes(&self, input: Input) -> bool {
        place(self.route, input).is_some()
    }

    /// Whether somebody can be there whose address is not proved.
    const fn has_unproved(&self) -> bool {
        self.plan.contract.policy.confirm_address
    }

    /// What is done for trusted callers alone.
    fn for_callers(&self, hold: Hold) -> Vec<Case> {
        let callers = self.plan.contract.callers;
        let mut cases = vec![self.good(Outcome::Ok).hold(hold)];
        let here = self.plan.means.here && callers.loopback != Loopback::Never;
        if !callers.open && !here {
            let mut untrusted = self.good(Outcome::UntrustedCaller);
            untrusted.trusted = false;
            cases.push(untrusted);
        }
        cases
    }

    fn sign_up(&self) -> Vec<Case> {
        let mut cases = vec![
            self.good(Outcome::Ok),
            self.good(Outcome::IdentifierTaken)
                .with(Input::Identifier, Given::Address(Who::Account)),
        ];
        if self.takes(Input::Nickname) {
            let taken = self.good(Outcome::NicknameTaken);
            cases.push(taken.with(Input::Nickname, Given::OwnNickname));
        }
        for plan in &self.route.inputs {
            for (outcome, reason, given) in self.misfits(plan.input) {
                let case = self.good(outcome).at_fault(plan.input).because(reason);
                let about = if reason == "malformed" {
                    ""
                } else {
                    spoken(reason)
                };
                add_distinct(
                    self.route,
                    &mut cases,
                    case.with(plan.input, given).about(about),
                );
            }
        }
        cases
    }

    /// What an input of a sign-up is refused for, the plainest fault first.
    fn misfits(&self, input: Input) -> Vec<(Outcome, &'static str, Given)> {
        let policy = &self.plan.contract.policy;
        let invalid = |reason, given| (Outcome::InvalidField, reason, given);
        let weak = |reason, given| (Outcome::WeakPassword, reason, given);
        match input {
            Input::Identifier => vec![
                invalid("malformed", Given::Text("not an address@")),
                invalid("too_long", Given::LongAddress),
            ],
            Input::Password if policy.password_min <= COMMON.len() => vec![
                weak("too_short", Given::Text("a1")),
                weak("too_long", Given::TooLong),
                weak("common", Given::Text(COMMON)),
            ],
            Input::Password => vec![
                weak("too_short", Given::Text("a1")),
                weak("too_long", Given::TooLong),
            ],
            Input::Nickname => vec![
                invalid("too_long", Given::TooLong),
                invalid("malformed", Given::Text("a\u{7}b")),
            ],
            Input::Profile(nth) => match policy.fields.get(usize::from(nth)) {
                Some(field) if matches!(field.kind, FieldKind::Integer { .. }) => {
                    vec![invalid("out_of_range", Given::OutOfRange(nth))]
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn resend_code(&self) -> Vec<Case> {
        let mut cases = vec![
            self.good(Outcome::UnknownAccount)
                .with(Input::Identifier, Given::Address(Who::Nobody)),
            self.good(Outcome::AlreadyVerified),
        ];
        if self.has_unproved() {
            let soon = self.good(Outcome::TooSoon);
            cases.push(soon.with(Input::Identifier, Given::Address(Who::Unproved)));
        }
        if self.takes(Input::Password) {
            let wrong = self.good(Outcome::WrongPassword);
            cases.push(wrong.with(Input::Password, Given::WrongPassword));
        }
        cases
    }

    fn verify_code(&self) -> Vec<Case> {
        vec![
            self.good(Outcome::Ok)
                .with(Input::Identifier, Given::Address(Who::Newcomer))
                .with(Input::Code, Given::Code),
            self.good(Outcome::InvalidCode),
            self.good(Outcome::InvalidCode)
                .with(Input::Identifier, Given::Address(Who::Nobody))
                .about("an unknown address"),
        ]
    }

    fn log_in(&self) -> Vec<Case> {
        let mut cases = vec![
            self.good(Outcome::Ok),
            self.good(Outcome::UnknownAccount)
                .with(Input::Identifier, Given::Address(Who::Nobody)),
            self.good(Outcome::WrongPassword)
                .with(Input::Password, Given::WrongPassword),
        ];
        if self.has_unproved() {
            let unproved = self.good(Outcome::Unverified);
            cases.push(unproved.with(Input::Identifier, Given::Address(Who::Unproved)));
        }
        cases
    }

    fn refresh(&self) -> Vec<Case> {
        let mut cases = vec![self.good(Outcome::Ok).hold(Hold::Fresh)];
        cases.extend(self.bad_refresh_tokens());
        if self.plan.can_end() {
            cases.push(self.good(Outcome::Revoked).hold(Hold::Ended));
        }
        // Where any client may show a replaced token for a while, none is found out within it.
        let rotation = self.plan.contract.policy.sessions.rotation;
        if !rotation.any_client || rotation.grace.is_zero() {
            cases.push(self.good(Outcome::Reused).hold(Hold::Replaced));
        }
        if self.takes(Input::AccessToken) {
            let none = |outcome| self.good(outcome).without(Input::Token);
            cases.push(none(Outcome::MissingField).at_fault(Input::Token));
            cases.push(none(Outcome::AccessGood).with(Input::AccessToken, Given::ACCESS));
            cases.push(none(Outcome::AccessBad).with(Input::AccessToken, Given::GARBAGE));
        }
        cases
    }

    /// Tokens that are none, forged ones, and those of the other kind.
    fn bad_refresh_tokens(&self) -> Vec<Case> {
        if place(self.route, Input::Token).is_none_or(is_signed) {
            return Vec::new();
        }
        let token = |outcome, given| self.good(outcome).with(Input::Token, given);
        let mut cases = vec![
            token(Outcome::InvalidToken, Given::GARBAGE),
            token(Outcome::InvalidToken, Given::Token(Token::ForgedRefresh))
                .about("a wrong signature"),
        ];
        if !self.plan.contract.policy.tokens.sliding {
            cases.push(token(Outcome::WrongType, Given::ACCESS));
        }
        cases
    }

    fn check_token(&self) -> Vec<Case> {
        let token = |outcome, given| self.good(outcome).with(Input::Token, given);
        let mut cases = vec![token(Outcome::Ok, Given::ACCESS).about("an access token")];
        if !self.plan.contract.policy.tokens.sliding {
            cases.push(token(Outcome::Ok, Given::REFRESH).about("a refresh token"));
        }
        if !place(self.route, Input::Token).is_none_or(is_signed) {
            cases.push(token(Outcome::InvalidToken, Given::GARBAGE));
            let forged = Given::Token(Token::ForgedAccess);
            cases.push(token(Outcome::InvalidToken, forged).about("a wrong signature"));
        }
        if self.plan.can_end() {
            let ended = |given| token(Outcome::Revoked, given).hold(Hold::Ended);
            cases.push(ended(Given::ACCESS).about("an access token"));
            cases.push(ended(Given::REFRESH).about("a refresh token"));
        }
        cases
    }

    fn log_out(&self) -> Vec<Case> {
        let mut cases = vec![self.good(Outcome::Ok).hold(Hold::Fresh)];
        if self.takes(Input::Token) {
            // A server that ends what it should not ends a session of the case's own.
            cases.extend(self.bad_refresh_tokens().into_iter().map(|case| {
                let hold = if case.needs_session() {
                    Hold::Fresh
                } else {
                    Hold::Nothing
                };
                case.hold(hold)
            }));
            if self.plan.can_end() {
                cases.push(self.good(Outcome::Revoked).hold(Hold::Ended));
            }
        }
        cases
    }

    fn probe(&self) -> Vec<Case> {
        use super::case::Shown;
        let signed = |plan: &Plan<'_>| {
            let guard = plan.contract.guard.as_ref();
            guard
                .and_then(|guard| guard.sources.first())
                .is_none_or(is_signed)
        };
        let mut cases = vec![
            self.good(Outcome::Ok).shown(Shown::Access),
            Case::new(self.at, Outcome::Anonymous),
        ];
        if !signed(self.plan) {
            let garbage = Case::new(self.at, Outcome::Anonymous).shown(Shown::Garbage);
            cases.push(garbage.about("a token that is none"));
        }
        if let Some(Source::Cookie { .. }) = place(self.route, Input::Token) {
            let cookie = Case::new(self.at, Outcome::Ok).with(Input::Token, Given::REFRESH);
            cases.push(cookie.about("with the cookie alone"));
        }
        cases
    }
}
