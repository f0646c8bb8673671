//! Exhaustiveness: every outcome that can happen gets its answer here, or a fault.
//!
//! An outcome is looked for in the route's own `on`, then in the contract's, then under the
//! outcome it falls back to. One that is answered "as another" starts over with that other.

use std::{collections::BTreeMap, sync::Arc};

use daemun_engine::vocabulary::{Input, Operation, Outcome, Slot};

use crate::{
    answer::{Answer, Body},
    contract::Answers,
    input::InputPlan,
    read::{
        answers::{Draft, Drafts, On, Said},
        file::{File, instead},
    },
};

/// Who answers.
#[derive(Clone, Copy)]
pub(crate) enum Who<'r> {
    Route(Operation, &'r [InputPlan]),
    Guard,
}

pub(crate) struct Resolver<'r> {
    pub(crate) file: &'r File<'r>,
    pub(crate) who: Who<'r>,
    /// Where it stands.
    pub(crate) at: usize,
    pub(crate) own: &'r On,
    pub(crate) shared: &'r On,
}

impl Who<'_> {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Route(operation, _) => operation.name(),
            Self::Guard => "the guard",
        }
    }

    /// Everything an `on` table of it may speak of.
    pub(crate) fn may(self) -> Vec<Outcome> {
        let own = match self {
            Self::Route(operation, _) => operation.outcomes(),
            Self::Guard => Outcome::OF_THE_GUARD,
        };
        [own, Outcome::OF_EVERY_ROUTE].concat()
    }

    /// What can happen, given what it takes.
    fn can(self) -> Vec<Outcome> {
        let mut outcomes = self.may();
        if let Self::Route(operation, plans) = self {
            let takes = |input| plans.iter().any(|plan: &InputPlan| plan.input == input);
            outcomes.retain(|outcome| match (operation, outcome) {
                (_, Outcome::MissingField | Outcome::BlankField) => {
                    plans.iter().any(|plan| !plan.optional)
                }
                (_, Outcome::NicknameTaken) => takes(Input::Nickname),
                (Operation::ResendCode, Outcome::WrongPassword) => takes(Input::Password),
                (
                    Operation::LogOut,
                    Outcome::InvalidToken
                    | Outcome::Expired
                    | Outcome::WrongType
                    | Outcome::Revoked,
                ) => takes(Input::Token),
                _ => true,
            });
        }
        outcomes
    }

    /// The values an answer to `outcome` can show.
    fn slots(self, outcome: Outcome) -> Vec<Slot> {
        let own = match (self, outcome) {
            (Self::Route(operation, _), Outcome::Ok) => operation.ok_slots(),
            _ => outcome.slots(),
        };
        [own, Slot::OF_EVERY_ANSWER].concat()
    }

    /// The inputs that can be at fault in `outcome`.
    fn fields(self, outcome: Outcome) -> Vec<Input> {
        let Self::Route(_, plans) = self else {
            return Vec::new();
        };
        let at_fault = |plan: &&InputPlan| match outcome {
            Outcome::MissingField | Outcome::BlankField => !plan.optional,
            Outcome::InvalidField => matches!(plan.input, Input::Identifier | Input::Nickname),
            Outcome::WeakPassword => plan.input == Input::Password,
            _ => false,
        };
        plans
            .iter()
            .filter(at_fault)
            .map(|plan| plan.input)
            .collect()
    }
}

impl Resolver<'_> {
    /// An answer for everything that can happen, and the faults of what has none.
    pub(crate) fn answers(&self) -> Answers {
        let found: BTreeMap<Outcome, &Drafts> = self
            .who
            .can()
            .into_iter()
            .filter_map(|outcome| Some((outcome, self.resolved(outcome)?)))
            .collect();
        let internal = found
            .get(&Outcome::Internal)
            .and_then(|drafts| drafts.general.as_ref())
            .map_or_else(stand_in, |draft| Arc::clone(&draft.answer));
        let mut by_field = Vec::new();
        for (outcome, drafts) in &found {
            for (input, draft) in &drafts.by_field {
                by_field.push((*outcome, *input, Arc::clone(&draft.answer)));
            }
        }
        let by_outcome = Outcome::ALL.into_iter().map(|outcome| {
            let drafts = found.get(&outcome);
            let draft = drafts.and_then(|drafts| any(drafts));
            Arc::clone(draft.map_or(&internal, |draft| &draft.answer))
        });
        let only_by_field = found.iter().filter(|(_, drafts)| drafts.general.is_none());
        Answers {
            only_by_field: only_by_field.map(|(outcome, _)| *outcome).collect(),
            by_outcome: by_outcome.collect(),
            by_field,
            internal,
            can: found.into_keys().collect(),
        }
    }

    /// Checks what `own` says of inputs that are not taken.
    pub(crate) fn check_own_fields(&self, plans: &[InputPlan]) {
        let taken: Vec<&str> = plans.iter().map(|plan| plan.input.name()).collect();
        for said in self.own.values() {
            let Said::Answers(drafts) = said else {
                continue;
            };
            for (input, _) in &drafts.by_field {
                if !taken.contains(&input.name()) {
                    let what = format!("{} takes no `{}`", self.who.name(), input.name());
                    self.file
                        .fault(drafts.at, what, instead(input.name(), &taken));
                }
            }
        }
    }

    fn resolved(&self, outcome: Outcome) -> Option<&Drafts> {
        let drafts = self.find(outcome, &mut Vec::new());
        match drafts {
            Some(drafts) => self.check(outcome, drafts),
            None => self.unanswered(outcome),
        }
        drafts
    }

    fn find(&self, outcome: Outcome, seen: &mut Vec<Outcome>) -> Option<&Drafts> {
        if seen.contains(&outcome) {
            return None;
        }
        seen.push(outcome);
        let said = self.own.get(&outcome).or_else(|| self.shared.get(&outcome));
        match said {
            Some(Said::Answers(drafts)) => Some(drafts),
            Some(Said::As(other, _)) => self.find(*other, seen),
            None => self.find(outcome.falls_back_to()?, seen),
        }
    }

    fn unanswered(&self, outcome: Outcome) {
        let who = self.who.name();
        if let Some(Said::As(other, at)) =
            self.own.get(&outcome).or_else(|| self.shared.get(&outcome))
        {
            self.file.fault(
                *at,
                format!(
                    "outcome `{}` of {who} is answered as `{}`, which has no answer itself",
                    outcome.name(),
                    other.name()
                ),
                format!(
                    "{} = the name of an outcome that has one, or a table",
                    outcome.name()
                ),
            );
            return;
        }
        let table = match self.who {
            Who::Route(..) => "route.on",
            Who::Guard => "guard.on",
        };
        let place = if Outcome::OF_EVERY_ROUTE.contains(&outcome) {
            format!(
                "[on.{}] for the whole contract, or [{table}.{0}] here",
                outcome.name()
            )
        } else {
            format!("[{table}.{}] with a status and a body", outcome.name())
        };
        let what = format!("outcome `{}` of {who} has no answer", outcome.name());
        self.file.fault(self.at, what, place);
    }

    fn check(&self, outcome: Outcome, drafts: &Drafts) {
        let allowed = self.who.slots(outcome);
        let drafts_of = drafts.by_field.iter().map(|(_, draft)| draft);
        for (slot, at) in drafts_of
            .chain(&drafts.general)
            .flat_map(|draft| &draft.uses)
        {
            if !allowed.contains(slot) {
                let names: Vec<&str> = allowed.iter().map(|slot| slot.name()).collect();
                self.file.fault(
                    *at,
                    format!(
                        "`{}` is not known where {} ends in `{}`",
                        slot.name(),
                        self.who.name(),
                        outcome.name()
                    ),
                    format!("one of {}", names.join(", ")),
                );
            }
        }
        if drafts.general.is_none() {
            for input in self.who.fields(outcome) {
                if !drafts.by_field.iter().any(|(known, _)| *known == input) {
                    self.file.fault(
                        drafts.at,
                        format!(
                            "`{}` of {} answers for some inputs and not for `{}`",
                            outcome.name(),
                            self.who.name(),
                            input.name()
                        ),
                        format!(
                            "[….{}.{}], or a status for all of them",
                            outcome.name(),
                            input.name()
                        ),
                    );
                }
            }
        }
    }
}

fn any(drafts: &Drafts) -> Option<&Draft> {
    let first = drafts.by_field.first().map(|(_, draft)| draft);
    drafts.general.as_ref().or(first)
}

fn stand_in() -> Arc<Answer> {
    Arc::new(Answer {
        status: 500,
        content_type: None,
        headers: Vec::new(),
        cookies: Vec::new(),
        body: Body::Empty,
    })
}
