//! From a contract to cases: for every route, everything that can be provoked from outside; and for
//! what cannot, why not.
//!
//! Cases are gentle. Few passwords are wrong, what is to be refused brings nothing that would do
//! harm were it not, and accounts are made only where that was allowed.

use daemun_contract::{Answer, Contract, GuardMode, Route, Source};
use daemun_engine::{
    profile::FieldKind,
    vocabulary::{Input, Operation, Outcome},
};

use super::{
    case::{Case, Form, Given, Hold, Shown, Skipped, Wrong},
    operations,
    routes::{can_be_blank, ending, in_body, is_signed, methods},
    why,
};

/// What there is to work with.
#[derive(Clone, Copy)]
pub(super) struct Means {
    /// Whether accounts may be made.
    pub(super) sign_up: bool,
    /// Whether the server is on this machine.
    pub(super) here: bool,
}

/// All cases, in the order of the contract, and what no case provokes.
pub(super) fn plan(contract: &Contract, means: Means) -> (Vec<Case>, Vec<Skipped>) {
    let mut plan = Plan {
        contract,
        means,
        cases: Vec::new(),
        skipped: Vec::new(),
    };
    for route in 0..contract.routes.len() {
        plan.route(route);
    }
    (plan.cases, plan.skipped)
}

pub(super) struct Plan<'c> {
    pub(super) contract: &'c Contract,
    pub(super) means: Means,
    cases: Vec<Case>,
    skipped: Vec<Skipped>,
}

impl<'c> Plan<'c> {
    fn route(&mut self, at: usize) {
        let Some(route) = self.contract.routes.get(at) else {
            return;
        };
        let begun = self.cases.len();
        self.guard(at, route);
        self.body(at, route);
        self.fields(at, route);
        for case in operations::cases(self, at, route) {
            self.add(case);
        }
        self.method(at, route);
        self.other_paths(at, route, begun);
        self.rest(at, route);
    }

    fn add(&mut self, case: Case) {
        match case.makes_accounts() && !self.means.sign_up {
            true => self.skip_case(&case, why::MAKES_ACCOUNTS),
            false => self.cases.push(with_session(case)),
        }
    }

    fn skip_case(&mut self, case: &Case, why: &str) {
        self.skipped.push(Skipped {
            route: case.route,
            outcome: case.outcome,
            input: case.input,
            by_guard: case.by_guard,
            why: why.to_owned(),
        });
    }

    /// What the guard answers. The requests bring nothing else: where they were let through, they
    /// would do nothing.
    fn guard(&mut self, at: usize, route: &Route) {
        let Some(guard) = &self.contract.guard else {
            return;
        };
        if route.guard == GuardMode::Off || route.operation == Operation::Probe {
            return;
        }
        let Some(source) = guard.sources.first() else {
            return;
        };
        let refused = |outcome, shown| Case {
            by_guard: true,
            ..nothing_done(at, route, outcome).shown(shown)
        };
        let schemed = matches!(source, Source::Header { schemes, .. } if !schemes.is_empty());
        let signed = is_signed(source);
        let mut cases = Vec::new();
        if route.guard == GuardMode::Required {
            cases.push(refused(Outcome::MissingToken, Shown::Nothing));
            if matches!(source, Source::Header { .. }) {
                cases.push(refused(Outcome::MissingToken, Shown::Blank).about("an empty header"));
            }
            if schemed {
                let other = refused(Outcome::MissingToken, Shown::OtherScheme);
                cases.push(other.about("another scheme"));
            }
            if signed {
                let unsigned = refused(Outcome::MissingToken, Shown::Unsigned);
                cases.push(unsigned.about("a cookie with a wrong signature"));
            }
        }
        if schemed {
            cases.push(refused(Outcome::BadHeader, Shown::TwoWords));
        }
        if !signed {
            cases.push(refused(Outcome::InvalidToken, Shown::Garbage));
            let forged = refused(Outcome::InvalidToken, Shown::Forged);
            cases.push(forged.about("a wrong signature"));
            if !self.contract.policy.tokens.sliding {
                cases.push(refused(Outcome::WrongType, Shown::Refresh));
            }
        }
        if self.can_end() {
            cases.push(refused(Outcome::Revoked, Shown::Access).hold(Hold::Ended));
        }
        for case in cases {
            self.add(case);
        }
        for (outcome, _) in guard.answers() {
            let passes = (route.guard, outcome) == (GuardMode::IfPresent, Outcome::MissingToken);
            if Outcome::OF_THE_GUARD.contains(&outcome)
                && !passes
                && !self.has(at, outcome, None, true)
            {
                let why = why::of_the_guard(self.contract, outcome, signed);
                let case = Case {
                    by_guard: true,
                    ..Case::new(at, outcome)
                };
                self.skip_case(&case, &why);
            }
        }
    }

    /// What is wrong with the body as such.
    fn body(&mut self, at: usize, route: &Route) {
        let has_body = route.inputs.iter().any(|plan| in_body(plan).is_some());
        if has_body {
            let bad = passing(at, route, Outcome::BadRequest);
            self.add(bad.form(Form::Malformed).about("half of some JSON"));
            self.wrong_types(at, route);
            let text = passing(at, route, Outcome::UnsupportedMediaType);
            self.add(text.form(Form::PlainText));
            self.too_large(at, route);
        }
        let cookies = route.touches_cookies() || self.guarded_by_cookie(route);
        if route.operation.writes() && (has_body || cookies) {
            let form = if cookies {
                Form::ScriptElsewhere
            } else {
                Form::PageElsewhere
            };
            self.add(nothing_done(at, route, Outcome::CrossSite).form(form));
        }
    }

    /// Values of another JSON type. Where faults are told of each input, or trusted callers are told
    /// which, it is that input that is at fault, by type where the answers differ; elsewhere it is
    /// the body.
    fn wrong_types(&mut self, at: usize, route: &Route) {
        let mut told = Vec::new();
        for plan in route.inputs.iter().filter(|plan| in_body(plan).is_some()) {
            let shown = route.operation.needs_trust() && plan.input.may_be_shown();
            let is_told = route.collect || shown;
            for wrong in self.wrong_for(plan.input) {
                let mut case = operations::good(at, route).with(plan.input, Given::Wrong(wrong));
                case.outcome = Outcome::BadRequest;
                if is_told {
                    case.outcome = Outcome::InvalidField;
                    case = case.at_fault(plan.input).because(wrong.reason());
                }
                case = case.hold(Hold::Nothing).about(wrong.about());
                operations::add_distinct(route, &mut told, case);
            }
        }
        for case in told {
            self.add(case);
        }
    }

    /// What an input cannot be.
    fn wrong_for(&self, input: Input) -> Vec<Wrong> {
        let fields = &self.contract.policy.fields;
        let kind = match input {
            Input::Profile(nth) => fields.get(usize::from(nth)).map(|field| field.kind),
            _ => None,
        };
        let can_be = |wrong: Wrong| match (kind, wrong) {
            (None | Some(FieldKind::Text { .. } | FieldKind::Url), Wrong::Text) => true,
            (Some(FieldKind::Boolean), Wrong::Boolean) => true,
            (Some(FieldKind::Integers), Wrong::List) => true,
            _ => input == Input::Keep && wrong == Wrong::Boolean,
        };
        Wrong::ALL
            .into_iter()
            .filter(|wrong| !can_be(*wrong))
            .collect()
    }

    /// One large request for each answer there is: two mebibytes are enough, once.
    fn too_large(&mut self, at: usize, route: &Route) {
        let answer = route.answer(Outcome::TooLarge, None);
        let before = self.cases.iter().find(|case| {
            case.outcome == Outcome::TooLarge
                && self.answer(case).is_some_and(|known| known == answer)
        });
        match before.and_then(|case| self.contract.routes.get(case.route)) {
            Some(other) => {
                let why = format!(
                    "one such request is enough: {} {}",
                    other.method, other.path
                );
                self.skip_case(&Case::new(at, Outcome::TooLarge), &why);
            }
            None => {
                let case = passing(at, route, Outcome::TooLarge);
                self.add(case.form(Form::Huge));
            }
        }
    }

    /// What is missing, one thing at a time, and what is there and empty.
    fn fields(&mut self, at: usize, route: &Route) {
        for plan in route.inputs.iter().filter(|plan| !plan.optional) {
            let good = |outcome| Case {
                outcome,
                ..operations::good(at, route).at_fault(plan.input)
            };
            let (missing, blank) = (good(Outcome::MissingField), good(Outcome::BlankField));
            let null = missing
                .clone()
                .with(plan.input, Given::Null)
                .because("null");
            if plan
                .sources
                .iter()
                .all(|source| matches!(source, Source::Path(_)))
            {
                self.skip_case(&missing, why::IN_THE_PATH);
                self.skip_case(&blank, why::IN_THE_PATH);
                continue;
            }
            // Where another token could be fallen back on, none is there.
            let missing = missing.without(plan.input).without(Input::AccessToken);
            let missing = missing.hold(Hold::Nothing);
            if route.answer_to(&null.failure()) != route.answer_to(&missing.failure()) {
                self.add(null.hold(Hold::Nothing).about("null"));
            }
            self.add(missing);
            match plan.sources.first() {
                Some(source) if can_be_blank(source) => {
                    let blank = blank.with(plan.input, Given::Blank);
                    self.add(blank.without(Input::AccessToken).hold(Hold::Nothing));
                }
                _ => self.skip_case(&blank, why::NEVER_BLANK),
            }
        }
    }

    /// A method that the path has not, and that would only read if it had. The first route of a
    /// path says what is answered.
    fn method(&mut self, at: usize, route: &Route) {
        let mut routes = self.contract.routes.iter();
        let first = routes.position(|other| other.path.same_paths_as(&route.path));
        let mut case = passing(at, route, Outcome::MethodNotAllowed);
        if first != Some(at) {
            return self.skip_case(&case, "another route of the same path answers that");
        }
        let has_get = methods(self.contract, route).contains(&"GET");
        case.method = Some(if has_get { "PROPFIND" } else { "GET" });
        self.add(case);
    }

    /// The first harmless case of the route again, by each of its other paths.
    fn other_paths(&mut self, at: usize, route: &Route, begun: usize) {
        let own = self.cases.get(begun..).unwrap_or_default();
        let harmless = own.iter().find(|case| {
            case.route == at
                && matches!(case.outcome, Outcome::MissingField | Outcome::MissingToken)
                && case.about.is_empty()
        });
        let Some(case) = harmless.cloned() else {
            return;
        };
        for path in 1..=route.also_paths.len() {
            self.add(Case {
                path,
                ..case.clone().about("by its other path")
            });
        }
    }

    /// What is left: the answers that no case has provoked.
    fn rest(&mut self, at: usize, route: &Route) {
        for (outcome, input, _) in route.answers() {
            // The answer for all inputs, where each that can be at fault has one of its own.
            if self.has(at, outcome, input, false) {
                continue;
            }
            let case = Case {
                input,
                ..Case::new(at, outcome)
            };
            let why = why::of_a_route(self.contract, route, outcome);
            self.skip_case(&case, &why);
        }
    }

    /// Whether an answer is provoked, or was said not to be.
    fn has(&self, route: usize, outcome: Outcome, input: Option<Input>, by_guard: bool) -> bool {
        let same = |r: usize, o: Outcome, i: Option<Input>, g: bool| {
            (r, o, g) == (route, outcome, by_guard) && (input.is_none() || input == i)
        };
        let cases = self.cases.iter();
        let mut cases = cases.map(|case| (case.route, case.outcome, case.input, case.by_guard));
        let skipped = self.skipped.iter();
        let mut skipped = skipped.map(|s| (s.route, s.outcome, s.input, s.by_guard));
        cases.any(|(r, o, i, g)| same(r, o, i, g)) || skipped.any(|(r, o, i, g)| same(r, o, i, g))
    }

    fn answer(&self, case: &Case) -> Option<&'c Answer> {
        let route = self.contract.routes.get(case.route)?;
        Some(route.answer_to(&case.failure()))
    }

    fn guarded_by_cookie(&self, route: &Route) -> bool {
        let mut guard = self.contract.guard.iter();
        route.guard != GuardMode::Off && guard.any(daemun_contract::Guard::reads_cookies)
    }

    /// Whether the contract has a way to end a session.
    pub(super) fn can_end(&self) -> bool {
        ending(self.contract).is_some()
    }
}

/// Such a request as the guard lets through, with nothing in it.
pub(super) fn passing(at: usize, route: &Route, outcome: Outcome) -> Case {
    match route.guard {
        GuardMode::Required => Case::new(at, outcome).shown(Shown::Access),
        GuardMode::IfPresent | GuardMode::Off => Case::new(at, outcome),
    }
}

/// A request that does nothing, were it let through: its path leads nowhere and it brings nothing.
fn nothing_done(at: usize, route: &Route, outcome: Outcome) -> Case {
    let case = Case::new(at, outcome);
    match route
        .inputs
        .iter()
        .any(|plan| plan.input == Input::SessionId)
    {
        true => case.with(Input::SessionId, Given::NoSession),
        false => case,
    }
}

/// At least any session, where something of one is sent.
fn with_session(case: Case) -> Case {
    let least = match case.needs_session() {
        true => Hold::Shared,
        false => Hold::Nothing,
    };
    let hold = case.hold.max(least);
    case.hold(hold)
}

#[cfg(test)]
mod tests;
