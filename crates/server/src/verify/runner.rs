//! Runs cases: makes what they need, sends them, and holds the answers against the contract.

use daemun_contract::{Answer, Contract, Json, Loopback, Route};
use daemun_engine::vocabulary::{Input, Operation, Outcome, Slot};
use zeroize::Zeroizing;

use super::{
    case::{Case, Form, Given, Hold, Who},
    codes::Codes,
    compare::{Difference, Known, Seen, compare},
    operations,
    people::{self, Addresses, Person},
    plan::{self, Means},
    request::{self, Ingredients, Sent},
    secrets::Secrets,
    session::Session,
    wire::{NoReply, Reply, Request, Wire},
};
use crate::report::{self, Failure, Kind};

/// The session id of no session.
const NO_SESSION: &str = "00000000000000000000000000000000";
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
        let mut all = of_route.chain(guard);
        all.find(|(_, answer)| fits(answer))
            .map(|(outcome, _)| outcome)
    }

    /// Makes what the case needs, sends it, and takes in what came of it.
    async fn provoke(&mut self, case: &Case) -> Step<Done> {
        let session = self.session(case).await?;
        let user_agent = OTHERS.last().copied();
        let user_agent = user_agent.filter(|_| case.hold == Hold::Replaced);
        let done = self.perform(case, &session, user_agent).await?;
        self.after(case, &done);
        Ok(done)
    }

    /// What a case that went through has changed.
    fn after(&mut self, case: &Case, done: &Done) {
        let Some(route) = self.contract.routes.get(case.route) else {
            return;
        };
        if case.outcome == Outcome::Ok && request::opens(route.operation) {
            let session = self.opened(&done.seen);
            if session.has_access() || session.has_refresh() {
                self.shared = Some(session);
            }
        }
        if case.hold == Hold::Last {
            self.shared = None;
        }
    }

    /// The session a case needs.
    async fn session(&mut self, case: &Case) -> Step<Session> {
        match case.hold {
            Hold::Nothing => Ok(Session::default()),
            Hold::Shared => {
                if self.shared.is_none() {
                    self.shared = Some(self.open().await?);
                }
                let shared = self.shared.clone().unwrap_or_default();
                let shared = self.complete(shared).await?;
                self.shared = Some(shared.clone());
                Ok(shared)
            }
            Hold::Ended => {
                if self.ended.is_none() {
                    self.ended = Some(self.open_and_end().await?);
                }
                Ok(self.ended.clone().unwrap_or_default())
            }
            Hold::Fresh | Hold::Last => self.open().await,
            Hold::Replaced => self.open_and_replace(case).await,
        }
    }

    /// A session of the test account's, by the route that gives most.
    async fn open(&mut self) -> Step<Session> {
        let routes = self.contract.routes.iter().enumerate();
        let opening: Vec<(usize, &Route)> = routes
            .filter(|(_, route)| request::opens(route.operation))
            .collect();
        let gives_both = |route: &Route| {
            let slots: Vec<Slot> = route.answer(Outcome::Ok, None).slots().collect();
            slots.contains(&Slot::Access) && slots.contains(&Slot::Refresh)
        };
        let best = opening.iter().find(|(_, route)| gives_both(route));
        let Some((at, route)) = best.or(opening.first()).copied() else {
            return Err("no route of the contract opens a session".to_owned().into());
        };
        let case = Case {
            outcome: Outcome::Ok,
            ..operations::good(at, route)
        };
        let done = self.perform(&case, &Session::default(), None).await?;
        let session = self.opened(&done.seen);
        if !session.has_access() && !session.has_refresh() {
            let (method, path, status) = (route.method, &route.path, done.reply.status);
            let why = format!("no session could be had: {method} {path} answered {status}");
            return Err(Stop::NotProvoked(why));
        }
        self.complete(session).await
    }

    /// A session whose login gave no access token gets one by refreshing.
    async fn complete(&mut self, mut session: Session) -> Step<Session> {
        if session.has_access() {
            return Ok(session);
        }
        let Some((at, route)) = self.route_for(Operation::Refresh) else {
            return Ok(session);
        };
        let case = operations::good(at, route).without(Input::AccessToken);
        let done = self.perform(&case, &session, None).await?;
        session.take(&done.seen, self.contract.policy.tokens.sliding);
        Ok(session)
    }

    async fn open_and_end(&mut self) -> Step<Session> {
        let session = self.open().await?;
        let ending = plan::ending(self.contract);
        let ending = ending.and_then(|at| Some((at, self.contract.routes.get(at)?)));
        let Some((at, route)) = ending else {
            return Err("no route of the contract ends a session".to_owned().into());
        };
        let case = operations::good(at, route);
        let done = self.perform(&case, &session, None).await?;
        if self.went_well(&case, &done) {
            return Ok(session);
        }
        let (method, path, status) = (route.method, &route.path, done.reply.status);
        let why = format!("no session could be ended: {method} {path} answered {status}");
        Err(Stop::NotProvoked(why))
    }

    /// A session that was refreshed since, and whose replaced token somebody else has shown once:
    /// once, it may be honoured.
    async fn open_and_replace(&mut self, case: &Case) -> Step<Session> {
        let session = self.open().await?;
        let Some(route) = self.contract.routes.get(case.route) else {
            return Ok(session);
        };
        let refresh = operations::good(case.route, route);
        let done = self.perform(&refresh, &session, None).await?;
        if !self.went_well(&refresh, &done) {
            let why = format!(
                "the session could not be refreshed: it answered {}",
                done.reply.status
            );
            return Err(Stop::NotProvoked(why));
        }
        self.perform(&refresh, &session, OTHERS.first().copied())
            .await?;
        Ok(session)
    }

    /// Whether a request did what it was to do: it was answered so, or by what no other outcome is.
    fn went_well(&self, case: &Case, done: &Done) -> bool {
        let wanted = answer(self.contract, case).map(|answer| answer.status);
        done.seen.differences.is_empty()
            || (wanted == Some(done.reply.status) && self.looks_like(case, done).is_none())
    }

    fn route_for(&self, operation: Operation) -> Option<(usize, &'a Route)> {
        let mut routes = self.contract.routes.iter().enumerate();
        routes.find(|(_, route)| route.operation == operation)
    }

    /// What an opening answer gave.
    fn opened(&mut self, seen: &Seen) -> Session {
        let mut session = Session::default();
        session.take(seen, self.contract.policy.tokens.sliding);
        session
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
        slots.push((Slot::Field, field));
        let reply = self.exchange(&request).await?;
        let allow =
            (case.outcome == Outcome::MethodNotAllowed).then(|| plan::methods(contract, route));
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

    /// The values that the case's answer can only have.
    fn slots(&self, case: &Case, inputs: &[(Input, Sent)]) -> Vec<(Slot, String)> {
        let mut slots = Vec::new();
        let reason = case.reason.map(|reason| (Slot::Reason, reason.to_owned()));
        slots.extend(reason);
        for (input, sent) in inputs {
            if let (Input::Subject, Sent::Text(text)) = (input, sent) {
                slots.push((Slot::Subject, text.clone()));
            }
        }
        let is_accounts = self.contract.routes.get(case.route);
        let is_accounts = is_accounts.is_some_and(|route| route.operation != Operation::SignUp);
        if is_accounts && case.outcome == Outcome::Ok {
            slots.extend(self.learnt.iter().cloned());
        }
        slots
    }

    /// What an answer said of the test account, all others must say too.
    fn learn(&mut self, case: &Case, seen: &Seen) {
        let route = self.contract.routes.get(case.route);
        if route.is_none_or(|route| route.operation == Operation::SignUp) {
            return;
        }
        for (slot, value) in &seen.found {
            let value = match value {
                Json::String(text) => text.clone(),
                Json::Number(number) => number.to_string(),
                _ => continue,
            };
            match slot {
                Slot::AccountNickname => {
                    if let Some(account) = &mut self.account {
                        account.nickname = Some(value);
                    }
                }
                Slot::AccountId | Slot::AccountIdText | Slot::AccountEmail | Slot::AccountPhone => {
                    if !self.learnt.iter().any(|(known, _)| known == slot) {
                        self.learnt.push((*slot, value));
                    }
                }
                _ => {}
            }
        }
    }

    /// What is sent as an input.
    async fn sent(&mut self, case: &Case, given: Given, session: &Session) -> Step<Sent> {
        let text = match given {
            Given::WrongType => return Ok(Sent::List),
            Given::Token(token) => return Ok(Sent::Token(token)),
            Given::Blank => String::new(),
            Given::Text(text) => text.to_owned(),
            Given::TooLong => "n".repeat(300),
            Given::Address(who) => self.address(case, who).await?,
            Given::Password if is_of(case, Who::Unproved) => {
                self.unproved().await?.password.to_string()
            }
            Given::Password => self.account().await?.password.to_string(),
            Given::NewPassword => self.new_password(case)?,
            Given::WrongPassword => {
                self.wrong_passwords += 1;
                people::password()?
            }
            Given::NewNickname => self.new_nickname(case)?,
            Given::OwnNickname => {
                let nickname = self.account().await?.nickname;
                nickname.ok_or_else(|| "the test account's nickname is not known".to_owned())?
            }
            Given::Code => self.code().await?,
            Given::WrongCode => "0".repeat(self.contract.policy.codes.length),
            Given::OwnSession => self.session_id(session).await?,
            Given::NoSession => NO_SESSION.to_owned(),
            Given::Subject => self.subject.clone(),
        };
        Ok(Sent::Text(text))
    }

    /// The session's id: the contract shows it at login, or in the list of sessions.
    async fn session_id(&mut self, session: &Session) -> Step<String> {
        if let Some(id) = &session.id {
            return Ok(id.clone());
        }
        let Some((at, route)) = self.route_for(Operation::ListSessions) else {
            return Err("the contract shows no session's id".to_owned().into());
        };
        let case = operations::good(at, route);
        let done = Box::pin(self.perform(&case, session, None)).await?;
        let lists = done.seen.found.iter().filter_map(|(_, value)| match value {
            Json::Array(items) => Some(items),
            _ => None,
        });
        let current = lists.flatten().find_map(|item| match item {
            Json::Object(members) => {
                let of = |name: &str| members.iter().find(|(known, _)| known == name);
                match (of("current")?, of("id")?) {
                    ((_, Json::Bool(true)), (_, Json::String(id))) => Some(id.clone()),
                    _ => None,
                }
            }
            _ => None,
        });
        current.ok_or_else(|| {
            "the session is not in the list of sessions"
                .to_owned()
                .into()
        })
    }
}

/// People.
impl<'a> Runner<'a> {
    async fn address(&mut self, case: &Case, who: Who) -> Step<String> {
        Ok(match who {
            Who::Account => self.account().await?.address,
            Who::Nobody => self.another_address()?,
            Who::Unproved => self.unproved().await?.address,
            Who::Newcomer if is_sign_up(case) => {
                let somebody = people::somebody(self.another_address()?)?;
                self.secrets.keep(&somebody.password, "password");
                let address = somebody.address.clone();
                self.newcomer = Some(somebody);
                address
            }
            Who::Newcomer if case.outcome == Outcome::Ok => match &self.newcomer {
                Some(newcomer) => newcomer.address.clone(),
                None => self.sign_somebody_up().await?.address,
            },
            // Whoever is to be refused is nobody in particular.
            Who::Newcomer => self.another_address()?,
        })
    }

    fn another_address(&self) -> Step<String> {
        match &self.addresses {
            Some(addresses) => Ok(addresses.another()?),
            None => Err("no phone number is nobody's: --sign-up 'PATTERN' gives one"
                .to_owned()
                .into()),
        }
    }

    /// The password of who is being signed up.
    fn new_password(&self, case: &Case) -> Step<String> {
        match &self.newcomer {
            Some(newcomer) if is_sign_up(case) => Ok(newcomer.password.to_string()),
            _ => Ok(people::password()?),
        }
    }

    fn new_nickname(&self, case: &Case) -> Step<String> {
        let nickname = self
            .newcomer
            .as_ref()
            .and_then(|newcomer| newcomer.nickname.clone());
        match nickname.filter(|_| is_sign_up(case)) {
            Some(nickname) => Ok(nickname),
            None => Ok(people::nickname()?),
        }
    }

    /// The test account; where none was given, one is made.
    async fn account(&mut self) -> Step<Person> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        if !self.means.sign_up {
            return Err("there is no test account: --account, or --sign-up"
                .to_owned()
                .into());
        }
        if self.newcomer.is_none() {
            self.sign_somebody_up().await?;
        }
        if self.account.is_none() {
            let Some((at, route)) = self.route_for(Operation::VerifyCode) else {
                return Err("no route of the contract proves an address"
                    .to_owned()
                    .into());
            };
            let case = operations::good(at, route)
                .with(Input::Identifier, Given::Address(Who::Newcomer))
                .with(Input::Code, Given::Code);
            Box::pin(self.perform(&case, &Session::default(), None)).await?;
        }
        let account = self.account.clone();
        account.ok_or_else(|| "no account could be signed up".to_owned().into())
    }

    /// Somebody whose address is not proved, and will not be.
    async fn unproved(&mut self) -> Step<Person> {
        if let Some(unproved) = &self.unproved {
            return Ok(unproved.clone());
        }
        let pending = self.newcomer.take();
        let signed_up = self.sign_somebody_up().await;
        self.newcomer = pending;
        let somebody = signed_up?;
        self.unproved = Some(somebody.clone());
        Ok(somebody)
    }

    async fn sign_somebody_up(&mut self) -> Step<Person> {
        let route = self
            .route_for(Operation::SignUp)
            .filter(|_| self.means.sign_up);
        let Some((at, route)) = route else {
            return Err("nobody can be signed up".to_owned().into());
        };
        let case = operations::good(at, route);
        let done = Box::pin(self.perform(&case, &Session::default(), None)).await?;
        let signed_up = self.newcomer.clone().or_else(|| self.account.clone());
        match signed_up {
            Some(person) if self.went_well(&case, &done) => Ok(person),
            _ => {
                let (method, path, status) = (route.method, &route.path, done.reply.status);
                let why = format!("nobody could be signed up: {method} {path} answered {status}");
                Err(Stop::NotProvoked(why))
            }
        }
    }

    async fn code(&mut self) -> Step<String> {
        let newcomer = match &self.newcomer {
            Some(newcomer) => newcomer.address.clone(),
            None => self.sign_somebody_up().await?.address,
        };
        let policy = &self.contract.policy.codes;
        let code = self.codes.sent_to(&newcomer, &self.wire, policy).await?;
        self.secrets.keep(&code, "code");
        Ok(code)
    }

    /// Whom a request that was answered well has made or proved.
    fn note_people(&mut self, case: &Case, route: &Route, went_well: bool) {
        match route.operation {
            Operation::SignUp if is_sign_up(case) && !went_well => self.newcomer = None,
            Operation::SignUp if went_well => {
                let newcomer = self.newcomer.as_ref();
                self.made
                    .extend(newcomer.map(|newcomer| newcomer.address.clone()));
                if !self.contract.policy.confirm_address && self.account.is_none() {
                    self.account = self.newcomer.take();
                }
            }
            Operation::VerifyCode if went_well => {
                let proved = self.newcomer.take();
                self.account = self.account.take().or(proved);
            }
            _ => {}
        }
    }
}

/// What the contract answers to a case.
fn answer<'c>(contract: &'c Contract, case: &Case) -> Option<&'c Answer> {
    if case.by_guard {
        return Some(contract.guard.as_ref()?.answer(case.outcome));
    }
    let route = contract.routes.get(case.route)?;
    Some(route.answer(case.outcome, case.input))
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
