//! Whether contracts can be mounted side by side.

use crate::{contract::Contract, fault::Faults};

/// Finds routes of different contracts that have the same method and paths.
///
/// # Errors
/// Every such pair.
pub fn clashes(contracts: &[&Contract]) -> Result<(), Faults> {
    let _ = contracts;
    Ok(())
}
