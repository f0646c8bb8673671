//! `collect`: a route that tells of all faults at once joins the answers to each. Here is made sure
//! that they can be joined.

use daemun_engine::vocabulary::{Input, Outcome};

use crate::{
    answer::{Answer, Body},
    contract::Route,
    expect::{ExpectedBody, Pattern, Shape},
    read::{fields::input_name, file::File, sections::AccountRules},
};

/// The outcomes that are faults of single inputs.
pub(crate) const OUTCOMES: [Outcome; 6] = [
    Outcome::MissingField,
    Outcome::BlankField,
    Outcome::InvalidField,
    Outcome::WeakPassword,
    Outcome::IdentifierTaken,
    Outcome::NicknameTaken,
];

/// Every answer that may be joined with others, and of which input it tells. Under `conceal` nobody
/// is told what is taken.
pub(crate) fn answers(route: &Route, conceal: bool) -> Vec<(Outcome, Input, &Answer)> {
    let mut found = Vec::new();
    for plan in &route.inputs {
        for outcome in OUTCOMES {
            let apt = match outcome {
                Outcome::MissingField | Outcome::BlankField => !plan.optional,
                Outcome::IdentifierTaken | Outcome::NicknameTaken if conceal => false,
                Outcome::WeakPassword => plan.input == Input::Password,
                Outcome::IdentifierTaken => plan.input == Input::Identifier,
                Outcome::NicknameTaken => plan.input == Input::Nickname,
                _ => true,
            };
            if apt && route.answers.can.contains(&outcome) {
                let all = route.answers.to(outcome, plan.input);
                found.extend(all.map(|answer| (outcome, plan.input, answer)));
            }
        }
    }
    found
}

pub(crate) fn check(file: &File<'_>, at: usize, route: &Route, accounts: &AccountRules) {
    let fields = &accounts.fields;
    let answers = answers(route, accounts.conceal);
    let Some((_, _, first)) = answers.first() else {
        return;
    };
    let mut seen: Vec<(Input, Pattern)> = Vec::new();
    for (outcome, input, answer) in &answers {
        let told = format!(
            "the answer to `{}` of `{}`",
            outcome.name(),
            input_name(*input, fields)
        );
        let Some(members) = members(answer) else {
            file.fault(
                at,
                format!("{told} cannot be joined with others"),
                "a JSON object as its body, or collect = false",
            );
            continue;
        };
        if answer.status != first.status {
            file.fault(
                at,
                format!(
                    "{told} has the status {}, and what it may be joined with {}",
                    answer.status, first.status
                ),
                "one status for the faults of all inputs, or collect = false",
            );
        }
        for member in members {
            // One that is named after the input is another for each.
            if member.literal().is_none() {
                continue;
            }
            match seen.iter().find(|(_, known)| *known == member) {
                Some((other, _)) if other != input => file.fault(
                    at,
                    format!(
                        "{told} has the member `{member}`, which that of `{}` has as well",
                        input_name(*other, fields)
                    ),
                    "another name for one of them, or collect = false",
                ),
                Some(_) => {}
                None => seen.push((*input, member)),
            }
        }
    }
}

fn members(answer: &Answer) -> Option<Vec<Pattern>> {
    if !matches!(answer.body, Body::Json(_)) {
        return None;
    }
    match answer.expectation(0).body {
        ExpectedBody::Json(Shape::Object(members)) if !members.is_empty() => {
            Some(members.into_iter().map(|(name, _)| name).collect())
        }
        _ => None,
    }
}
