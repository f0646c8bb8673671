//! Exhaustiveness: every outcome that can happen gets its answer here, or a fault.
//!
//! An outcome is looked for in the route's own `on`, then in the contract's, then under the
//! outcome it falls back to. One that is answered "as another" starts over with that other.

use std::{collections::BTreeMap, sync::Arc};

use daemun_engine::{
    profile::ProfileField,
    vocabulary::{Input, Operation, Outcome, Slot},
};

use crate::{
    answer::{Answer, Body},
    contract::{Answers, ByField},
    input::InputPlan,
    read::{
        fields,
        {
            answers::Draft,
            on::{Drafts, On, Said},
        },
        {file::File, say::instead},
    },
};

/// Who answers.
#[derive(Clone, Copy)]
pub(crate) enum Who<'r> {
    Route(Operation, &'r [InputPlan], Terms<'r>),
    Guard,
}

/// What decides, besides its operation and inputs, what can happen at a route.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'r> {
    /// The fields the contract declares.
    pub(crate) fields: &'r [ProfileField],
    /// Whether a new account's address must be proved.
    pub(crate) confirm_address: bool,
    /// Whether it tells of all faults at once.
    pub(crate) collect: bool,
}

pub(crate) struct Resolver<'r> {
    pub(crate) file: &'r File<'r>,
    pub(crate) who: Who<'r>,
    /// Where it stands.
    pub(crate) at: usize,
    pub(crate) own: &'r On,
    pub(crate) shared: &'r Shared,
}

/// The contract's own `on`: what answers where a route or the guard says nothing.
pub(crate) struct Shared {
    pub(crate) on: On,
    /// Where it stands, or the file begins.
    pub(crate) at: usize,
}

impl Who<'_> {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Route(operation, ..) => operation.name(),
            Self::Guard => "the guard",
        }
    }

    /// Everything an `on` table of it may speak of.
    pub(crate) fn may(self) -> Vec<Outcome> {
        let own = match self {
            Self::Route(operation, ..) => operation.outcomes(),
            Self::Guard => Outcome::OF_THE_GUARD,
        };
        [own, Outcome::OF_EVERY_ROUTE].concat()
    }

    /// What can happen, given what it takes.
    fn can(self) -> Vec<Outcome> {
        let mut outcomes = self.may();
        if let Self::Route(operation, plans, _) = self {
            let takes = |input| plans.iter().any(|plan: &InputPlan| plan.input == input);
            outcomes.retain(|outcome| match (operation, outcome) {
                (_, Outcome::MissingField | Outcome::BlankField) => {
                    plans.iter().any(|plan| can_be_missed(plan, plans))
                }
                (Operation::Refresh, Outcome::AccessGood | Outcome::AccessBad) => {
                    takes(Input::AccessToken)
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
            (Self::Route(Operation::SignUp, _, terms), Outcome::Ok) if !terms.confirm_address => {
                Slot::OF_AN_ACCOUNT
            }
            (Self::Route(operation, ..), Outcome::Ok) => operation.ok_slots(),
            _ => outcome.slots(),
        };
        let declared = match self {
            Self::Route(.., terms) if own.contains(&Slot::AccountEmail) => terms.fields,
            _ => &[],
        };
        let own = own.iter().chain(Slot::OF_EVERY_ANSWER).copied();
        own.chain(fields::slots(declared)).collect()
    }

    fn declared(&self) -> &[ProfileField] {
        match self {
            Self::Route(.., terms) => terms.fields,
            Self::Guard => &[],
        }
    }

    /// The inputs that can be at fault in `outcome`.
    fn fields(self, outcome: Outcome) -> Vec<Input> {
        let Self::Route(_, plans, terms) = self else {
            return Vec::new();
        };
        let at_fault = |plan: &&InputPlan| match outcome {
            Outcome::MissingField | Outcome::BlankField => can_be_missed(plan, plans),
            Outcome::InvalidField => {
                matches!(
                    plan.input,
                    Input::Identifier
                        | Input::Nickname
                        | Input::Subject
                        | Input::SubjectType
                        | Input::Profile(_)
                ) || (terms.collect && plan.input == Input::Password)
            }
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
            for own in &drafts.by_field {
                by_field.push(ByField {
                    outcome: *outcome,
                    input: own.input,
                    reason: own.reason,
                    answer: Arc::clone(&own.draft.answer),
                });
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
        let declared = self.who.declared();
        let taken: Vec<String> = plans
            .iter()
            .map(|plan| fields::input_name(plan.input, declared))
            .collect();
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        for said in self.own.values() {
            let Said::Answers(drafts) = said else {
                continue;
            };
            for own in &drafts.by_field {
                let Some(input) = own.input else { continue };
                let name = fields::input_name(input, declared);
                if !taken.contains(&&*name) {
                    let what = format!("{} takes no `{name}`", self.who.name());
                    self.file.fault(own.draft.at, what, instead(&name, &taken));
                }
            }
        }
    }

    fn resolved(&self, outcome: Outcome) -> Option<&Drafts> {
        let drafts = self.find(outcome, &mut Vec::new());
        // What falls back to another outcome has that one's answer, and its faults are told there.
        let falls_back = outcome.falls_back_to().is_some() && self.said(outcome).is_none();
        match drafts {
            _ if falls_back => {}
            Some(drafts) => self.check(outcome, drafts),
            None => self.unanswered(outcome),
        }
        drafts
    }

    fn said(&self, outcome: Outcome) -> Option<&Said> {
        let own = self.own.get(&outcome);
        own.or_else(|| self.shared.on.get(&outcome))
    }

    fn find(&self, outcome: Outcome, seen: &mut Vec<Outcome>) -> Option<&Drafts> {
        if seen.contains(&outcome) {
            return None;
        }
        seen.push(outcome);
        match self.said(outcome) {
            Some(Said::Answers(drafts)) => Some(drafts),
            Some(Said::As(other, _)) => self.find(*other, seen),
            None => self.find(outcome.falls_back_to()?, seen),
        }
    }

    fn unanswered(&self, outcome: Outcome) {
        let name = outcome.name();
        if let Some(Said::As(other, at)) = self.said(outcome) {
            let other = other.name();
            self.file.fault(
                *at,
                format!("`{name}` is answered as `{other}`, which has no answer itself"),
                format!("{name} = the name of an outcome that has one, or a table"),
            );
        } else if Outcome::OF_EVERY_ROUTE.contains(&outcome) {
            self.file.fault(
                self.shared.at,
                format!("outcome `{name}`, in which any request can end, has no answer"),
                format!("[on.{name}] with a status and a body"),
            );
        } else {
            let table = match self.who {
                Who::Route(..) => "route.on",
                Who::Guard => "guard.on",
            };
            self.file.fault(
                self.at,
                format!("outcome `{name}` of {} has no answer", self.who.name()),
                format!("[{table}.{name}] with a status and a body"),
            );
        }
    }

    fn check(&self, outcome: Outcome, drafts: &Drafts) {
        self.check_fields(outcome, drafts);
        let allowed = self.who.slots(outcome);
        let by_field = drafts.by_field.iter().map(|own| &own.draft);
        let uses = by_field
            .chain(&drafts.general)
            .flat_map(|draft| &draft.uses);
        for (slot, at) in uses.filter(|(slot, _)| !allowed.contains(slot)) {
            let declared = self.who.declared();
            let names: Vec<String> = allowed
                .iter()
                .map(|slot| fields::slot_name(*slot, declared))
                .collect();
            let (at, what) = match self.said(outcome) {
                Some(Said::As(other, _)) if self.tells_of(*other, *slot) => continue,
                Some(Said::As(other, alias)) => {
                    let other = other.name();
                    let name = slot.name();
                    (
                        *alias,
                        format!(
                            "the answer to `{other}` shows `{name}`, which is not known in the outcome"
                        ),
                    )
                }
                _ => (
                    *at,
                    format!("`{}` is not known in the outcome", slot.name()),
                ),
            };
            let of = match outcome {
                Outcome::Ok => format!(" of {}", self.who.name()),
                _ => String::new(),
            };
            let what = format!("{what} `{}`{of}", outcome.name());
            self.file
                .fault(at, what, format!("one of {}", names.join(", ")));
        }
    }

    /// Whether that `slot` is wrong in `other` is told where `other` is checked.
    fn tells_of(&self, other: Outcome, slot: Slot) -> bool {
        self.who.can().contains(&other) && !self.who.slots(other).contains(&slot)
    }

    fn check_fields(&self, outcome: Outcome, drafts: &Drafts) {
        if drafts.general.is_none() {
            for input in self.who.fields(outcome) {
                let name = fields::input_name(input, self.who.declared());
                if !drafts.by_field.iter().any(|own| own.input == Some(input)) {
                    self.file.fault(
                        drafts.at,
                        format!(
                            "`{}` of {} answers for some inputs and not for `{}`",
                            outcome.name(),
                            self.who.name(),
                            name
                        ),
                        format!(
                            "[….{}.{}], or a status for all of them",
                            outcome.name(),
                            name
                        ),
                    );
                }
            }
        }
    }
}

/// Whether a request without it can end in `missing_field`: the refresh token's absence does too
/// where the route would fall back on an access token and there is none either.
fn can_be_missed(plan: &InputPlan, plans: &[InputPlan]) -> bool {
    let falls_back = plans.iter().any(|plan| plan.input == Input::AccessToken);
    !plan.optional || (plan.input == Input::Token && falls_back)
}

fn any(drafts: &Drafts) -> Option<&Draft> {
    let mut whole = drafts.by_field.iter().filter(|own| own.reason.is_none());
    let first = whole.next().map(|own| &own.draft);
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
