//! The secrets of the back ends whose place daemun takes: what they signed with is what their
//! contracts go on signing with.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

type Secret = Zeroizing<Vec<u8>>;

/// The secret of each contract that has one of its own, and the one of all others.
#[derive(Clone, Default)]
pub struct LegacySecrets {
    shared: Option<Secret>,
    own: BTreeMap<Box<str>, Secret>,
}

impl LegacySecrets {
    /// One secret for every contract.
    #[must_use]
    pub fn shared(secret: Secret) -> Self {
        Self {
            shared: Some(secret),
            own: BTreeMap::new(),
        }
    }

    /// Gives a contract a secret of its own.
    pub fn insert(&mut self, contract: &str, secret: Secret) {
        self.own.insert(contract.into(), secret);
    }

    /// Sets the secret of the contracts that have none of their own, where there is none yet.
    pub fn share_if_none(&mut self, secret: Secret) {
        self.shared.get_or_insert(secret);
    }

    /// The secret that this contract signs with.
    #[must_use]
    pub fn of(&self, contract: &str) -> Option<&[u8]> {
        let secret = self.own.get(contract).or(self.shared.as_ref());
        secret.map(|secret| secret.as_slice())
    }
}

impl fmt::Debug for LegacySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LegacySecrets({} of their own)", self.own.len())
    }
}
