use daemun_contract::builtin;

use super::*;
use crate::verify::case::Who;

fn contracts() -> Vec<Contract> {
    let read = |(name, source): &(&str, &str)| Contract::parse(source, name).expect("a contract");
    builtin().iter().map(read).collect()
}

fn planned(contract: &Contract, sign_up: bool) -> (Vec<Case>, Vec<Skipped>) {
    let means = Means {
        sign_up,
        here: true,
    };
    plan(contract, means)
}

#[test]
fn every_answer_of_every_contract_is_provoked_or_said_not_to_be() {
    for contract in contracts() {
        let (cases, skipped) = planned(&contract, true);
        let has = |route: usize, outcome: Outcome, input: Option<Input>, by_guard: bool| {
            let fits = |r, o, i: Option<Input>, g| {
                (r, o, g) == (route, outcome, by_guard) && (input.is_none() || i == input)
            };
            cases
                .iter()
                .any(|c| fits(c.route, c.outcome, c.input, c.by_guard))
                || skipped
                    .iter()
                    .any(|s| fits(s.route, s.outcome, s.input, s.by_guard))
        };
        for (at, route) in contract.routes.iter().enumerate() {
            for (outcome, input, _) in route.answers() {
                let path = &route.path;
                assert!(
                    has(at, outcome, input, false),
                    "{path}: {outcome:?} {input:?}"
                );
            }
            if route.guard == GuardMode::Required {
                for outcome in Outcome::OF_THE_GUARD {
                    assert!(has(at, *outcome, None, true), "{}: {outcome:?}", route.path);
                }
            }
        }
    }
}

#[test]
fn what_is_not_provoked_has_a_reason() {
    for contract in contracts() {
        for skipped in planned(&contract, true).1 {
            assert_ne!(
                skipped.why, "no way is known",
                "{}: {skipped:?}",
                contract.name
            );
        }
    }
}

#[test]
fn what_the_guard_is_to_refuse_would_do_nothing_were_it_let_through() {
    for contract in contracts() {
        for case in planned(&contract, true).0 {
            let refused = case.by_guard || case.outcome == Outcome::CrossSite;
            let brings_nothing = case
                .inputs
                .iter()
                .all(|(_, given)| *given == Given::NoSession);
            assert!(!refused || brings_nothing, "{}: {case:?}", contract.name);
        }
    }
}

#[test]
fn nobody_is_signed_up_unless_that_is_allowed() {
    for contract in contracts() {
        for case in planned(&contract, false).0 {
            let new = |(_, given): &(Input, Given)| {
                matches!(given, Given::Code | Given::Address(Who::Unproved))
            };
            assert!(!case.inputs.iter().any(new), "{}: {case:?}", contract.name);
            let signs_up = contract.routes[case.route].operation == Operation::SignUp;
            assert!(
                !signs_up || case.outcome != Outcome::Ok,
                "{}: {case:?}",
                contract.name
            );
        }
    }
}
