//! What a contract says of its routes, as far as cases have to know.

use daemun_contract::{Contract, CookieCodec, InputPlan, Route, Source};
use daemun_engine::vocabulary::{Input, Operation};

/// The route that ends a session: the one that others are not touched by, where there is one.
pub(super) fn ending(contract: &Contract) -> Option<usize> {
    let find = |operation| {
        let mut routes = contract.routes.iter();
        routes.position(|route| route.operation == operation)
    };
    find(Operation::LogOut)
        .or_else(|| find(Operation::Revoke))
        .or_else(|| find(Operation::LogOutEverywhere))
}

/// The methods that the path of a route has, in the order of the contract.
pub(super) fn methods(contract: &Contract, route: &Route) -> Vec<&'static str> {
    let routes = contract.routes.iter();
    let of_the_path =
        routes.filter(|other| other.paths().any(|path| path.same_paths_as(&route.path)));
    of_the_path.map(|route| route.method.name()).collect()
}

/// Whether a route gives tokens.
pub(super) const fn opens(operation: Operation) -> bool {
    matches!(operation, Operation::LogIn | Operation::Issue)
}

/// Where an input stands in the body.
pub(super) fn in_body(plan: &InputPlan) -> Option<&[Box<str>]> {
    plan.sources.iter().find_map(|source| match source {
        Source::Body(keys) => Some(&**keys),
        _ => None,
    })
}

/// Whether what stands there is signed with a key that only the server has.
pub(super) fn is_signed(source: &Source) -> bool {
    matches!(
        source,
        Source::Cookie {
            codec: CookieCodec::DjangoV1 | CookieCodec::DjangoV2,
            ..
        }
    )
}

/// Whether a place can be there and empty.
pub(super) fn can_be_blank(source: &Source) -> bool {
    match source {
        Source::Header { schemes, .. } => schemes.is_empty(),
        other => !is_signed(other),
    }
}

/// Whether a route takes an input, and where from first.
pub(super) fn place(route: &Route, input: Input) -> Option<&Source> {
    let plan = route.inputs.iter().find(|plan| plan.input == input)?;
    plan.sources.first()
}
