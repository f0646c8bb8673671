//! Runs a route: guard, inputs, one call of the engine, one answer.

use std::sync::OnceLock;

use axum::http::Response;
use bytes::Bytes;
use daemun_contract::Route;
use daemun_engine::{
    Caller, Engine,
    operations::{
        GuardError, Issue, LogIn, LogOut, Principal, Refresh, RefreshError, ResendCode, SignUp,
        VerifyCode,
    },
    vocabulary::{Failure, Input, Operation, Outcome},
};

use crate::{
    collect::InputFailure,
    cookies::CookieReader,
    fields::{BodyFault, BodyType, Fields},
    mounted::{Guarded, Mounted, Refusal},
    request::{Head, InputFault, Inputs, Places},
    respond::{Body, render},
    values::AnswerValues,
};

/// One request on its way through one route.
pub(crate) struct Run<'r> {
    pub(crate) engine: &'r Engine,
    pub(crate) mounted: &'r Mounted,
    pub(crate) route: &'r Route,
    pub(crate) head: &'r Head,
    pub(crate) params: &'r [(&'r str, &'r str)],
    pub(crate) caller: Caller,
    pub(crate) locale: usize,
    /// For inputs that may stand in several places, in which one of them they stood.
    pub(crate) stood_at: OnceLock<Vec<(Input, usize)>>,
}

/// A response, and the outcome it tells of.
pub(crate) struct Told {
    pub(crate) response: Response<Body>,
    pub(crate) outcome: Outcome,
}

impl Run<'_> {
    /// Runs the route on a body that was read.
    pub(crate) async fn run(&self, body: Bytes) -> Told {
        let cookies: &CookieReader = &self.mounted.cookies;
        let head = Places {
            head: self.head,
            fields: &Fields::None,
            params: self.params,
            cookies,
            absent: &self.mounted.contract.absent,
        };
        let principal = match self.mounted.guard(self.engine, self.route, &head).await {
            Guarded::Passed(principal) => Some(principal),
            Guarded::NotAsked => None,
            Guarded::Refused(refusal) => return self.refused(&refusal),
        };
        let body_type = BodyType::of(&self.head.headers);
        let fields = match Fields::read(body, body_type, &self.head.headers).await {
            Ok(fields) => fields,
            Err(BodyFault::Malformed) => return self.tell(Outcome::BadRequest),
            Err(BodyFault::UnsupportedType) => return self.tell(Outcome::UnsupportedMediaType),
        };
        let places = Places {
            fields: &fields,
            ..head
        };
        self.note_places(&places);
        if self.route.collect {
            return self.collect(&places).await;
        }
        match Inputs::read(&self.route.inputs, &places) {
            Ok(inputs) => self.operate(&inputs, &places, principal).await,
            Err(fault) => self.input_fault(&fault),
        }
    }

    /// Notes where inputs stand that may stand elsewhere, so that what is wrong with one is told of
    /// the name it was sent under.
    fn note_places(&self, places: &Places<'_>) {
        let several = self.route.inputs.iter();
        let several = several.filter(|plan| plan.sources.len() > 1);
        let stood = several.filter_map(|plan| {
            let mut sources = plan.sources.iter();
            let at = sources.position(|source| places.has(source))?;
            Some((plan.input, at))
        });
        let _ = self.stood_at.set(stood.collect());
    }

    /// Answers without having run anything.
    pub(crate) fn tell(&self, outcome: Outcome) -> Told {
        self.fail(&outcome.into())
    }

    async fn operate(
        &self,
        inputs: &Inputs<'_>,
        places: &Places<'_>,
        principal: Option<Principal>,
    ) -> Told {
        match self.route.operation {
            Operation::SignUp => Box::pin(self.sign_up(inputs)).await,
            Operation::ResendCode => Box::pin(self.resend_code(inputs)).await,
            Operation::VerifyCode => Box::pin(self.verify_code(inputs)).await,
            Operation::LogIn => Box::pin(self.log_in(inputs)).await,
            Operation::Refresh => self.refresh(inputs).await,
            Operation::CheckToken => Box::pin(self.check_token(inputs)).await,
            Operation::LogOut => Box::pin(self.log_out(inputs, principal.as_ref())).await,
            Operation::Probe => Box::pin(self.probe(inputs, places)).await,
            Operation::WhoAmI => match &principal {
                Some(principal) => self.who_am_i(principal).await,
                None => self.nobody(),
            },
            Operation::Issue => Box::pin(self.issue(inputs)).await,
            Operation::Revoke => Box::pin(self.revoke(inputs)).await,
            Operation::ListSessions => match &principal {
                Some(principal) => Box::pin(self.list_sessions(principal)).await,
                None => self.nobody(),
            },
            Operation::EndSession => match &principal {
                Some(principal) => Box::pin(self.end_session(inputs, principal)).await,
                None => self.nobody(),
            },
            Operation::LogOutEverywhere => match &principal {
                Some(principal) => Box::pin(self.log_out_everywhere(principal)).await,
                None => self.nobody(),
            },
        }
    }

    /// The guard's answer to a request that needs a login and has none. A contract that loads has
    /// a guard before every such route, so this is never reached by one.
    fn nobody(&self) -> Told {
        self.refused(&Refusal::Unshown(Outcome::MissingToken))
    }

    pub(crate) async fn sign_up(&self, inputs: &Inputs<'_>) -> Told {
        let input = SignUp {
            identifier: inputs.required(Input::Identifier),
            password: inputs.required(Input::Password),
            nickname: inputs.get(Input::Nickname),
            profile: inputs.profile(),
        };
        let realm = &self.mounted.realm;
        match self.engine.sign_up(realm, &self.caller, input).await {
            Ok(Some(account)) => self.ok_with(AnswerValues::of(self.head, &account)),
            Ok(None) => self.ok_with(AnswerValues::new(self.head)),
            Err(error) => self.failed(&error, (&error).into()),
        }
    }

    async fn resend_code(&self, inputs: &Inputs<'_>) -> Told {
        let input = ResendCode {
            identifier: inputs.required(Input::Identifier),
            password: inputs.get(Input::Password),
        };
        self.done(
            self.engine
                .resend_code(&self.mounted.realm, &self.caller, input)
                .await,
        )
    }

    async fn verify_code(&self, inputs: &Inputs<'_>) -> Told {
        let input = VerifyCode {
            identifier: inputs.required(Input::Identifier),
            code: inputs.required(Input::Code),
        };
        self.done(
            self.engine
                .verify_code(&self.mounted.realm, &self.caller, input)
                .await,
        )
    }

    async fn log_in(&self, inputs: &Inputs<'_>) -> Told {
        let input = LogIn {
            identifier: inputs.required(Input::Identifier),
            password: inputs.required(Input::Password),
            keep: inputs.keep(),
        };
        match self
            .engine
            .log_in(&self.mounted.realm, &self.caller, input)
            .await
        {
            Ok(granted) => self.ok_with(AnswerValues::granted(self.head, &granted)),
            Err(error) => self.failed(&error, (&error).into()),
        }
    }

    async fn refresh(&self, inputs: &Inputs<'_>) -> Told {
        let access = inputs.get(Input::AccessToken);
        let input = Refresh {
            token: inputs.get(Input::Token),
            access,
            with_account: self.route.needs_account,
        };
        let realm = &self.mounted.realm;
        match self.engine.refresh(realm, &self.caller, input).await {
            Ok(granted) => self.ok_with(AnswerValues::granted(self.head, &granted)),
            Err(RefreshError::AccessGood) => {
                let values = AnswerValues::new(self.head).with_shown(access.unwrap_or_default());
                self.answer(&Outcome::AccessGood.into(), &values)
            }
            Err(error) => self.failed(&error, (&error).into()),
        }
    }

    async fn issue(&self, inputs: &Inputs<'_>) -> Told {
        let input = Issue {
            subject: inputs.required(Input::Subject),
            subject_type: inputs.required(Input::SubjectType),
        };
        let realm = &self.mounted.realm;
        match self.engine.issue(realm, &self.caller, input).await {
            Ok(granted) => self.ok_with(AnswerValues::granted(self.head, &granted)),
            Err(error) => self.failed(&error, (&error).into()),
        }
    }

    async fn revoke(&self, inputs: &Inputs<'_>) -> Told {
        let subject = inputs.required(Input::Subject);
        self.done(
            self.engine
                .revoke_subject(&self.mounted.realm, &self.caller, subject)
                .await,
        )
    }

    async fn check_token(&self, inputs: &Inputs<'_>) -> Told {
        self.done(
            self.engine
                .check_token(&self.mounted.realm, inputs.required(Input::Token))
                .await,
        )
    }

    async fn log_out(&self, inputs: &Inputs<'_>, principal: Option<&Principal>) -> Told {
        let input = LogOut {
            token: inputs.get(Input::Token),
            principal,
        };
        self.done(
            self.engine
                .log_out(&self.mounted.realm, &self.caller, input)
                .await,
        )
    }

    async fn log_out_everywhere(&self, principal: &Principal) -> Told {
        self.done(
            self.engine
                .log_out_everywhere(&self.mounted.realm, &self.caller, principal)
                .await,
        )
    }

    /// Says whether the request is signed in. A token that is not good is nobody's; only a fault
    /// of ours is one.
    async fn probe(&self, inputs: &Inputs<'_>, places: &Places<'_>) -> Told {
        let realm = &self.mounted.realm;
        let shown = self.mounted.shown(places).ok().flatten();
        let principal = match self
            .engine
            .probe(realm, shown.as_deref(), inputs.get(Input::Token))
            .await
        {
            Ok(Some(principal)) => principal,
            Ok(None) => return self.tell(Outcome::Anonymous),
            Err(trouble) => return self.failed(&trouble, (&trouble).into()),
        };
        match self.engine.who_am_i(&principal).await {
            Ok(account) => self.ok_with(AnswerValues::principal(
                self.head,
                &principal,
                Some(&account),
            )),
            Err(GuardError::Trouble(trouble)) => self.failed(&trouble, (&trouble).into()),
            Err(_) => self.tell(Outcome::Anonymous),
        }
    }

    async fn who_am_i(&self, principal: &Principal) -> Told {
        if principal.account().is_none() {
            return self.ok_with(AnswerValues::principal(self.head, principal, None));
        }
        match self.engine.who_am_i(principal).await {
            Ok(account) => self.ok_with(AnswerValues::principal(
                self.head,
                principal,
                Some(&account),
            )),
            Err(error) => self.refused(&Refusal::Bad(error)),
        }
    }

    async fn list_sessions(&self, principal: &Principal) -> Told {
        let listed = self.engine.list_sessions(principal).await;
        let json = listed.map(|sessions| serde_json::to_string(&sessions));
        match json {
            Ok(Ok(json)) => self
                .ok_with(AnswerValues::principal(self.head, principal, None).with_sessions(json)),
            Ok(Err(_)) => self.tell(Outcome::Internal),
            Err(trouble) => self.failed(&trouble, (&trouble).into()),
        }
    }

    async fn end_session(&self, inputs: &Inputs<'_>, principal: &Principal) -> Told {
        let id = inputs.required(Input::SessionId);
        self.done(
            self.engine
                .end_session(&self.mounted.realm, &self.caller, principal, id)
                .await,
        )
    }

    /// Answers an operation that ends well or in its own error, and gives nothing to show.
    fn done<E>(&self, ended: Result<(), E>) -> Told
    where
        E: std::error::Error + 'static,
        for<'e> Failure: From<&'e E>,
    {
        match ended {
            Ok(()) => self.ok_with(AnswerValues::new(self.head)),
            Err(error) => self.failed(&error, (&error).into()),
        }
    }

    fn ok_with(&self, values: AnswerValues<'_>) -> Told {
        let fields = &self.mounted.contract.policy.fields;
        self.answer(&Outcome::Ok.into(), &values.with_fields(fields))
    }

    pub(crate) fn answer(&self, failure: &Failure, values: &AnswerValues<'_>) -> Told {
        let answer = self.route.answer_to(failure);
        let outcome = failure.outcome;
        let cookies = &self.mounted.cookies;
        let response = render(answer, self.locale, self.head, values, cookies);
        Told { response, outcome }
    }

    pub(crate) fn failed(&self, error: &dyn std::error::Error, failure: Failure) -> Told {
        if matches!(failure.outcome, Outcome::Internal | Outcome::Unavailable) {
            tracing::error!(request = %self.head.id, operation = self.route.operation.name(), error = %error, "request failed");
        }
        self.fail(&failure)
    }

    fn fail(&self, failure: &Failure) -> Told {
        let field = self.name_of(failure.input);
        let values = AnswerValues::failure(self.head, failure, field);
        self.answer(failure, &values)
    }

    fn input_fault(&self, fault: &InputFault<'_>) -> Told {
        // Where the contract shows what was sent, the field is wrong; elsewhere the body is.
        let shows = self.route.operation.needs_trust();
        match InputFailure::of(fault) {
            Some(found) if found.failure.outcome != Outcome::InvalidField => found.tell(self),
            Some(found) if shows && found.may_be_shown() => found.tell(self),
            _ => self.tell(Outcome::BadRequest),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Told {
        let failure: Failure = match refusal {
            Refusal::Unshown(outcome) => (*outcome).into(),
            Refusal::Bad(error) => {
                if let GuardError::Trouble(trouble) = error {
                    return self.failed(trouble, trouble.into());
                }
                error.into()
            }
        };
        let Some(guard) = &self.mounted.contract.guard else {
            return self.tell(Outcome::Internal);
        };
        let values = AnswerValues::failure(self.head, &failure, "");
        let answer = guard.answer(failure.outcome);
        let response = render(
            answer,
            self.locale,
            self.head,
            &values,
            &self.mounted.cookies,
        );
        Told {
            response,
            outcome: failure.outcome,
        }
    }
}
