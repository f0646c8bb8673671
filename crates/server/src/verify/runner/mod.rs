//! Runs cases: makes what they need, sends them, and holds the answers against the contract.

mod people;
mod sessions;
mod values;

use daemun_contract::{Answer, Contract, Loopback, Route};
use daemun_engine::vocabulary::{Input, Operation, Outcome, Slot};
use zeroize::Zeroizing;

use super::{
    case::{Case, Form, Given, Hold, Who},
    codes::Codes,
    compare::{Difference, Known, Seen, compare},
    people::{Addresses, Person},
    plan::Means,
    request::{self, Ingredients},
    routes,
    secrets::Secrets,
    session::Session,
    wire::{NoReply, Reply, Request, Wire},
};
use crate::report::{self, Failure, Kind};

/// What replaced tokens are shown by, besides us.
const OTHERS: [&str; 2] = ["another-client/1.0", "a-third-client/1.0"];

/// What came of a case.
pub(super) enum Verdict {
    Agrees,
    /// And which outcome's answer it is instead, where it is one of the contract's.
    Differs(Vec<Difference>, Option<Outcome>),
    /// Why it could not be provoked after all.
    NotProvoked(String),
}

/// A run: the way to the server, the people, the sessions.
pub(super) struct Runner<'a> {
    pub(super) contract: &'a Contract,
    pub(super) locale: usize,
    pub(super) wire: Wire,
    pub(super) means: Means,
    pub(super) addresses: Option<Addresses>,
    pub(super) codes: Codes,
    pub(super) service_key: Option<Zeroizing<String>>,
    pub(super) account: Option<Person>,
    /// Signed up, and not proved yet.
    pub(super) newcomer: Option<Person>,
    /// Never to be proved.
    pub(super) unproved: Option<Person>,
    pub(super) secrets: Secrets,
    pub(super) shared: Option<Session>,
    pub(super) ended: Option<Session>,
    /// What is known of the test account.
    pub(super) learnt: Vec<(Slot, String)>,
    /// The addresses of accounts that were made.
    pub(super) made: Vec<String>,
    /// How many wrong passwords were sent for the test account.
    pub(super) wrong_passwords: u32,
    /// What could not be had, and why: it is not asked for again.
    pub(super) given_up: Vec<(&'static str, String)>,
    /// The subject that a trusted caller names.
    pub(super) subject: String,
}

/// A case that was sent.
struct Done {
    reply: Reply,
    seen: Seen,
    slots: Vec<(Slot, String)>,
}

/// Why a case was not sent, or had no answer.
enum Stop {
    /// The server is gone: so is the run.
    Gone(Failure),
    NotProvoked(String),
    NoAnswer(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::NotProvoked(why)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Gone(failure)
    }
}

type Step<T> = Result<T, Stop>;

impl<'a> Runner<'a> {
    /// Runs a case.
    pub(super) async fn run(&mut self, case: &Case) -> report::Outcome<Verdict> {
        let done = match Box::pin(self.provoke(case)).await {
            Ok(done) => done,
            Err(Stop::Gone(failure)) => return Err(failure),
            Err(Stop::NotProvoked(why)) => return Ok(Verdict::NotProvoked(why)),
            // A server may hang up on what is too large rather than read it.
            Err(Stop::NoAnswer(_)) if case.form == Form::Huge => {
                let why = "the server hung up, which is an answer of its own";
                return Ok(Verdict::NotProvoked(why.into()));
            }
            Err(Stop::NoAnswer(why)) => {
                let difference = Difference::new("answer", why, "");
                return Ok(Verdict::Differs(vec![difference], None));
            }
        };
        let differences = done.seen.differences.clone();
        if differences.is_empty() {
            self.learn(case, &done.seen);
            return Ok(Verdict::Agrees);
        }
        Ok(self.judge(case, &done, differences))
    }

    fn judge(&self, case: &Case, done: &Done, differences: Vec<Difference>) -> Verdict {
        let wanted = answer(self.contract, case).map_or(0, |answer| answer.status);
        if case.form == Form::Huge && done.reply.status != 413 {
            let took_it = wanted < 400 || done.reply.status != wanted;
            if took_it {
                let why = format!(
                    "2 MiB are not too large for it (it answered {})",
                    done.reply.status
                );
                return Verdict::NotProvoked(why);
            }
        }
        let instead = self.looks_like(case, done);
        match instead {
            Some(outcome @ (Outcome::Throttled | Outcome::Busy)) => {
                Verdict::NotProvoked(format!("the server answered as `{}`", outcome.name()))
            }
            other => Verdict::Differs(differences, other),
        }
    }

    /// Which of the contract's other answers it is.
    fn looks_like(&self, case: &Case, done: &Done) -> Option<Outcome> {
        let route = self.contract.routes.get(case.route)?;
        let guard = self.contract.guard.iter();
        let guard = guard.flat_map(|guard| guard.answers());
        let of_route = route
            .answers()
            .map(|(outcome, _, answer)| (outcome, answer));
        let path = done
            .slots
            .iter()
            .filter(|(slot, _)| *slot == Slot::RequestPath);
        let path: Vec<_> = path.cloned().collect();
        let known = self.known(&path, None);
        let fits = |answer: &Answer| {
            let expected = answer.expectation(self.locale);
            compare(&expected, &done.reply, &known)
                .differences
                .is_empty()
        };
        let fitting: Vec<Outcome> = of_route
            .chain(guard)
            .filter(|(_, answer)| fits(answer))
            .map(|(outcome, _)| outcome)
            .collect();
        let limits = |outcome: &&Outcome| matches!(outcome, Outcome::Throttled | Outcome::Busy);
        let first = fitting.iter().find(limits).or(fitting.first());
        first.copied()
    }

    /// Makes what the case needs, sends it, and takes in what came of it.
    async fn provoke(&mut self, case: &Case) -> Step<Done> {
        let session = self.session(case).await?;
        let user_agent = OTHERS.last().copied();
        let user_agent = user_agent.filter(|_| case.hold == Hold::Replaced);
        let done = self.perform(case, &session, user_agent).await?;
        self.tidy_up(case, session, &done).await;
        Ok(done)
    }

    /// Sends a case and compares its answer. What it gives is kept out of what is shown.
    async fn perform(
        &mut self,
        case: &Case,
        session: &Session,
        user_agent: Option<&'static str>,
    ) -> Step<Done> {
        let contract = self.contract;
        let route = contract.routes.get(case.route);
        let route = route.ok_or_else(|| "there is no such route".to_owned())?;
        self.trusted(case, route)?;
        let mut inputs = Vec::new();
        // Whose password it is follows from the address.
        let address_first = case
            .inputs
            .iter()
            .filter(|(input, _)| *input == Input::Identifier);
        let others = case
            .inputs
            .iter()
            .filter(|(input, _)| *input != Input::Identifier);
        for (input, given) in address_first.chain(others) {
            let sent = Box::pin(self.sent(case, *given, session)).await?;
            inputs.push((*input, sent));
        }
        let mut slots = self.slots(case, &inputs);
        let tag = contract
            .locales
            .get(self.locale)
            .map_or("en", |locale| locale.tag());
        let ingredients = Ingredients {
            contract,
            route,
            locale: tag,
            inputs,
            session,
            service_key: self.service_key.as_ref().map(|key| key.as_str()),
            user_agent,
        };
        let (request, field) = request::request(case, &ingredients)?;
        let path = request.path.split('?').next().unwrap_or_default();
        slots.push((Slot::RequestPath, path.to_owned()));
        let method = Slot::from_name("request.method").map(|slot| (slot, request.method.clone()));
        slots.extend(method);
        slots.push((Slot::Field, field));
        let reply = self.exchange(&request).await?;
        let allow =
            (case.outcome == Outcome::MethodNotAllowed).then(|| routes::methods(contract, route));
        let answer = answer(contract, case).ok_or_else(|| "there is no such answer".to_owned())?;
        let expected = answer.expectation(self.locale);
        let seen = compare(&expected, &reply, &self.known(&slots, allow.as_deref()));
        let mut given = session.clone();
        given.take(&seen, contract.policy.tokens.sliding);
        given.hide_in(&mut self.secrets);
        let done = Done { reply, seen, slots };
        let went_well = case.outcome == Outcome::Ok && self.went_well(case, &done);
        self.note_people(case, route, went_well);
        Ok(done)
    }

    /// Whether the server can know us for a trusted caller, where it must.
    fn trusted(&self, case: &Case, route: &Route) -> Step<()> {
        let callers = self.contract.callers;
        let trusted = self.service_key.is_some()
            || callers.open
            || (self.means.here && callers.loopback != Loopback::Never);
        if route.operation.needs_trust() && case.trusted && !trusted {
            return Err("it is done for trusted callers alone: --service-key"
                .to_owned()
                .into());
        }
        Ok(())
    }

    async fn exchange(&self, request: &Request) -> Step<Reply> {
        match self.wire.send(request).await {
            Ok(reply) => Ok(reply),
            Err(NoReply::Broken(why)) => Err(Stop::NoAnswer(why)),
            Err(NoReply::Unreachable(why)) => {
                let failure = Failure::new(Kind::Unreachable, "the server cannot be reached");
                let failure = failure.because(why);
                Err(Stop::Gone(failure.mend(
                    "a running server's URL: --against http://127.0.0.1:8000",
                )))
            }
        }
    }

    fn known<'k>(&'k self, slots: &'k [(Slot, String)], allow: Option<&'k [&'k str]>) -> Known<'k> {
        Known {
            contract: self.contract,
            slots,
            secure: self.wire.is_secure(),
            allow,
        }
    }

    /// Whether a request did what it was to do: it was answered so, or by what no other outcome is.
    fn went_well(&self, case: &Case, done: &Done) -> bool {
        let wanted = answer(self.contract, case).map(|answer| answer.status);
        done.seen.differences.is_empty()
            || (wanted == Some(done.reply.status) && self.looks_like(case, done).is_none())
    }

    /// Fails as it failed before.
    fn not_again(&self, what: &str) -> Step<()> {
        let failed = self.given_up.iter().find(|(known, _)| *known == what);
        failed.map_or(Ok(()), |(_, why)| Err(Stop::NotProvoked(why.clone())))
    }

    fn remember<T>(&mut self, what: &'static str, step: Step<T>) -> Step<T> {
        if let Err(Stop::NotProvoked(why)) = &step {
            self.given_up.push((what, why.clone()));
        }
        step
    }

    fn route_for(&self, operation: Operation) -> Option<(usize, &'a Route)> {
        let mut routes = self.contract.routes.iter().enumerate();
        routes.find(|(_, route)| route.operation == operation)
    }
}

/// What the contract answers to a case.
fn answer<'c>(contract: &'c Contract, case: &Case) -> Option<&'c Answer> {
    if case.by_guard {
        return Some(contract.guard.as_ref()?.answer(case.outcome));
    }
    let route = contract.routes.get(case.route)?;
    Some(route.answer_to(&case.failure()))
}

/// Whether a case is about that person.
fn is_of(case: &Case, who: Who) -> bool {
    case.inputs
        .iter()
        .any(|(_, given)| *given == Given::Address(who))
}

/// Whether the case signs somebody up who is then to be known.
fn is_sign_up(case: &Case) -> bool {
    case.outcome == Outcome::Ok
        && case
            .inputs
            .iter()
            .any(|(_, given)| *given == Given::NewPassword)
}
