//! Telling of all faults at once: the answers to each, joined into one.

use daemun_contract::Source;
use daemun_engine::{
    operations::PartialSignUp,
    vocabulary::{Failure, Input, Outcome},
};

use crate::{
    request::{InputFault, Inputs, Places},
    respond::{Body, render},
    run::{Run, Told},
    values::AnswerValues,
};

/// What is wrong with one input, and how a request named and sent it.
pub(crate) struct InputFailure<'f> {
    pub(crate) failure: Failure,
    name: &'f str,
    sent: &'f str,
}

impl<'f> InputFailure<'f> {
    /// None where it is not an input that is at fault.
    pub(crate) fn of(fault: &'f InputFault<'_>) -> Option<Self> {
        let (outcome, input, reason, name, sent) = match fault {
            InputFault::Missing(input, name) => (Outcome::MissingField, input, None, name, ""),
            InputFault::Null(input, name) => (Outcome::MissingField, input, Some("null"), name, ""),
            InputFault::Blank(input, name) => (Outcome::BlankField, input, None, name, ""),
            InputFault::WrongType {
                input,
                name,
                sent,
                reason,
            } => (
                Outcome::InvalidField,
                input,
                Some(*reason),
                name,
                sent.as_str(),
            ),
            InputFault::BadHeader => return None,
        };
        Some(Self {
            failure: Failure::at(outcome, *input, reason),
            name,
            sent,
        })
    }

    pub(crate) fn may_be_shown(&self) -> bool {
        self.failure.input.is_some_and(Input::may_be_shown)
    }

    /// Answers it alone.
    pub(crate) fn tell(&self, run: &Run<'_>) -> Told {
        let values = AnswerValues::failure(run.head, &self.failure, self.name);
        run.answer(&self.failure, &values.with_sent(self.sent))
    }
}

impl Run<'_> {
    /// Signs up where nothing is at fault, and tells of everything that is where something is.
    pub(crate) async fn collect(&self, places: &Places<'_>) -> Told {
        let (inputs, faults) = Inputs::read_all(&self.route.inputs, places);
        let Some(mut found) = faults
            .iter()
            .map(InputFailure::of)
            .collect::<Option<Vec<_>>>()
        else {
            return self.tell(Outcome::BadRequest);
        };
        let given = PartialSignUp {
            identifier: inputs.get(Input::Identifier),
            password: inputs.get(Input::Password),
            nickname: inputs.get(Input::Nickname),
            profile: inputs.profile(),
            faulty: !found.is_empty(),
        };
        let realm = &self.mounted.realm;
        let checked = Box::pin(self.engine.check_sign_up(realm, &self.caller, given));
        match checked.await {
            Ok(more) => found.extend(more.into_iter().map(|failure| InputFailure {
                name: self.name_of(failure.input),
                failure,
                sent: "",
            })),
            Err(error) => return self.failed(&error, (&error).into()),
        }
        if found.is_empty() {
            return Box::pin(self.sign_up(&inputs)).await;
        }
        self.joined(&found)
    }

    /// The name, on the wire, of an input.
    pub(crate) fn name_of(&self, input: Option<Input>) -> &str {
        let mut plans = self.route.inputs.iter();
        let Some(plan) = plans.find(|plan| Some(plan.input) == input) else {
            return "";
        };
        let mut stood_at = self.stood_at.get().into_iter().flatten();
        let source = stood_at
            .find(|(input, _)| *input == plan.input)
            .and_then(|(_, at)| plan.sources.get(*at));
        source.map_or(&*plan.wire_name, Source::wire_name)
    }

    /// One answer that tells of all, in the order in which the route takes its inputs. What it is
    /// besides its body is that of the first: the contract's check made sure that they are objects
    /// of different members, and of one status.
    fn joined(&self, found: &[InputFailure<'_>]) -> Told {
        let plans = self.route.inputs.iter();
        let in_order = plans.flat_map(|plan| {
            let of_plan = |found: &&InputFailure<'_>| found.failure.input == Some(plan.input);
            found.iter().find(of_plan)
        });
        let mut body = vec![b'{'];
        let mut first = None;
        for found in in_order {
            let answer = self.route.answer_to(&found.failure);
            let values = AnswerValues::failure(self.head, &found.failure, found.name);
            let values = values.with_sent(found.sent);
            let mut own = Vec::new();
            answer.render_body(self.locale, &values, &mut own);
            if let [b'{', members @ .., b'}'] = own.as_slice() {
                if first.is_some() {
                    body.push(b',');
                }
                body.extend_from_slice(members);
            }
            first.get_or_insert((answer, found));
        }
        body.push(b'}');
        let Some((answer, found)) = first else {
            return self.tell(Outcome::Internal);
        };
        let values = AnswerValues::failure(self.head, &found.failure, found.name);
        let cookies = &self.mounted.cookies;
        let mut response = render(answer, self.locale, self.head, &values, cookies);
        *response.body_mut() = Body::from(body);
        Told {
            response,
            outcome: found.failure.outcome,
        }
    }
}
