//! The people that cases need: the test account, and those who are signed up.

use daemun_contract::Route;
use daemun_engine::vocabulary::{Input, Operation, Outcome};

use super::{Runner, Step, Stop, is_sign_up};
use crate::verify::{
    case::{Case, Given, Who},
    operations,
    people::{self, Person},
    session::Session,
};

impl Runner<'_> {
    pub(super) async fn address(&mut self, case: &Case, who: Who) -> Step<String> {
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

    pub(super) fn another_address(&self) -> Step<String> {
        match &self.addresses {
            Some(addresses) => Ok(addresses.another()?),
            None => Err("no phone number is nobody's: --sign-up 'PATTERN' gives one"
                .to_owned()
                .into()),
        }
    }

    /// The password of who is being signed up.
    pub(super) fn new_password(&self, case: &Case) -> Step<String> {
        match &self.newcomer {
            Some(newcomer) if is_sign_up(case) => Ok(newcomer.password.to_string()),
            _ => Ok(people::password()?),
        }
    }

    pub(super) fn new_nickname(&self, case: &Case) -> Step<String> {
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
    pub(super) async fn account(&mut self) -> Step<Person> {
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
    pub(super) async fn unproved(&mut self) -> Step<Person> {
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

    pub(super) async fn sign_somebody_up(&mut self) -> Step<Person> {
        self.not_again("sign-up")?;
        let signed_up = self.sign_up_anew().await;
        self.remember("sign-up", signed_up)
    }

    async fn sign_up_anew(&mut self) -> Step<Person> {
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

    pub(super) async fn code(&mut self) -> Step<String> {
        let newcomer = match &self.newcomer {
            Some(newcomer) => newcomer.address.clone(),
            None => self.sign_somebody_up().await?.address,
        };
        self.not_again("code")?;
        let policy = &self.contract.policy.codes;
        let code = self.codes.sent_to(&newcomer, &self.wire, policy).await;
        let code = self.remember("code", code.map_err(Stop::NotProvoked))?;
        self.secrets.keep(&code, "code");
        Ok(code)
    }

    /// Whom a request that was answered well has made or proved.
    pub(super) fn note_people(&mut self, case: &Case, route: &Route, went_well: bool) {
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
