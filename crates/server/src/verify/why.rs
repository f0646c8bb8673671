//! Why an outcome cannot be provoked from outside.

use daemun_contract::{Contract, Route, Source, duration_text};
use daemun_engine::vocabulary::{Input, Operation, Outcome};

use super::routes::{is_signed, place};

pub(super) const MAKES_ACCOUNTS: &str = "it would make an account; --sign-up allows that";
pub(super) const IN_THE_PATH: &str = "it stands in the path: without it, it is another path";
pub(super) const NEVER_BLANK: &str = "what is empty there is not there";
const OPERATOR: &str = "an operator has to shut the account out first";
const SIGNED: &str = "the cookie would have to be signed with the team's secret";

/// Why the guard cannot be made to answer so.
pub(super) fn of_the_guard(contract: &Contract, outcome: Outcome, signed: bool) -> String {
    match outcome {
        Outcome::InvalidToken | Outcome::WrongType if signed => SIGNED.into(),
        Outcome::BadHeader => "the token is not behind a word in a header".into(),
        Outcome::Expired => {
            let lifetime = duration_text(contract.policy.tokens.access.lifetime);
            format!("access tokens live {lifetime}")
        }
        other => in_general(contract, other),
    }
}

/// Why a route cannot be made to answer so.
pub(super) fn of_a_route(contract: &Contract, route: &Route, outcome: Outcome) -> String {
    let signed = place(route, Input::Token).is_some_and(is_signed);
    let has_body = route.inputs.iter().any(|plan| {
        let mut sources = plan.sources.iter();
        sources.any(|source| matches!(source, Source::Body(_)))
    });
    match outcome {
        Outcome::InvalidToken | Outcome::WrongType if signed => SIGNED.into(),
        Outcome::Expired => {
            let tokens = &contract.policy.tokens;
            let spec = match route.operation {
                Operation::CheckToken => &tokens.access,
                _ => &tokens.refresh,
            };
            format!("tokens live {}", duration_text(spec.lifetime))
        }
        Outcome::Reused => "within the grace, replaced tokens are honoured".into(),
        Outcome::Ok if route.operation == Operation::ResendCode => {
            "it needs an account that waits for a code, and whose last one is a while ago".into()
        }
        Outcome::BadRequest | Outcome::TooLarge | Outcome::UnsupportedMediaType if !has_body => {
            "nothing is taken from a body".into()
        }
        Outcome::CrossSite => "no cookie speaks for the person, and no form can send it".into(),
        Outcome::MissingField | Outcome::BlankField => {
            "nothing is needed that could be missing".into()
        }
        other => in_general(contract, other),
    }
}

fn in_general(contract: &Contract, outcome: Outcome) -> String {
    match outcome {
        Outcome::Suspended | Outcome::Withdrawn | Outcome::AccountGone => OPERATOR.into(),
        Outcome::Unverified if !contract.policy.confirm_address => {
            "accounts can be used without having proved their address".into()
        }
        Outcome::Unverified => "nobody unproved has a token".into(),
        Outcome::Throttled => "it would take many wrong tries".into(),
        Outcome::Busy => "it would take a flood of logins".into(),
        Outcome::Unavailable | Outcome::Internal => "the server would have to fail".into(),
        Outcome::Revoked | Outcome::Reused => "no route of the contract ends a session".into(),
        Outcome::WrongType => "one token is both kinds".into(),
        Outcome::UntrustedCaller => "who is trusted is the server's to say".into(),
        Outcome::InvalidField => "nothing is known that would be invalid".into(),
        _ => "no way is known".into(),
    }
}
