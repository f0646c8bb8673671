//! Whether contracts can be mounted side by side.

use crate::{
    contract::{Contract, Route},
    fault::{Fault, Faults},
    path::PathPattern,
};

/// Finds routes of different contracts that would get the same requests: the same method and a
/// path that differs in nothing, in its trailing slash, or in the names of its parameters.
///
/// # Errors
/// Every such pair.
pub fn clashes(contracts: &[&Contract]) -> Result<(), Faults> {
    let mut faults = Vec::new();
    for (nth, later) in contracts.iter().enumerate() {
        for earlier in contracts.iter().take(nth) {
            between(earlier, later, &mut faults);
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Faults(faults))
    }
}

fn between(earlier: &Contract, later: &Contract, faults: &mut Vec<Fault>) {
    for route in &later.routes {
        for other in &earlier.routes {
            if let Some(path) = shared_path(other, route) {
                faults.push(Fault {
                    file: later.file.to_string(),
                    line: route.line,
                    column: None,
                    what: format!(
                        "{} {path} is a route of contract `{}` too, {}:{}",
                        route.method, earlier.name, earlier.file, other.line
                    ),
                    write: "another path, or mount only one of the two".into(),
                });
            }
        }
    }
}

/// A path both routes answer, where their methods are the same.
pub(crate) fn shared_path<'r>(one: &Route, other: &'r Route) -> Option<&'r PathPattern> {
    if one.method != other.method {
        return None;
    }
    other
        .paths()
        .find(|path| one.paths().any(|own| own.same_paths_as(path)))
}
