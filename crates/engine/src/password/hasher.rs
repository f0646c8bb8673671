//! Hashing and checking passwords, as operations use it.

use std::{sync::Arc, thread::available_parallelism, time::Duration};

use super::{
    argon2id::{Cost, Memory, Phc},
    foreign::{Stored, Unusable},
    policy::{Candidate, NewPassword},
    pool::{NotDone, Pool},
};
use crate::account::PasswordHash;

/// The least that is acceptable (OWASP, 2024): 19 MiB in 2 passes.
const LEAST: Cost = Cost {
    memory: 19 * 1024,
    passes: 2,
    lanes: 1,
};

/// A thread without work keeps its memory this long, so that a busy server does not map and unmap
/// it for every login, and an idle one is small.
const KEEP_MEMORY: Duration = Duration::from_secs(5);

/// The salt of the hash that is computed where there is no account.
const NOBODYS_SALT: [u8; 16] = *b"nobody's salt...";

/// How passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingConfig {
    /// Threads that hash. Each takes `memory_kib` while busy.
    pub threads: usize,
    /// Passwords that may wait. Beyond them the answer is [`HashFailure::Busy`] at once.
    pub queue: usize,
    /// Memory in KiB, at least 19456.
    pub memory_kib: u32,
    /// Passes over it, at least 2.
    pub passes: u32,
    /// Lanes; computed one after the other, so more than 1 is only of use to match another system.
    pub lanes: u32,
}

impl Default for HashingConfig {
    /// Half the cores hash, so that the other half goes on refreshing and verifying whatever the
    /// flood; at most 16, so that a large machine does not spend gigabytes on it. 32 may wait for
    /// each, about a second: longer, and people reload instead.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = (cores / 2).clamp(1, 16);
        Self {
            threads,
            queue: threads * 32,
            memory_kib: LEAST.memory,
            passes: LEAST.passes,
            lanes: LEAST.lanes,
        }
    }
}

/// Why passwords cannot be hashed as configured.
#[derive(Debug, thiserror::Error)]
pub enum HashingFault {
    /// Cheaper than is safe.
    #[error("password hashing must use at least 19456 KiB and 2 passes, and 1 lane or more")]
    TooCheap,
    /// Dearer than a stored hash may be.
    #[error("password hashing may use at most 1 GiB, 4 GiB times passes, 64 lanes")]
    TooDear,
    /// No thread or no place to wait.
    #[error("password hashing needs at least one thread and one place in its queue")]
    NoThread,
    /// The system refused.
    #[error("cannot start a thread for password hashing: {0}")]
    Spawn(#[from] std::io::Error),
}

/// What became of a presented password.
#[derive(Debug)]
pub struct Checked {
    /// Whether it is the account's.
    pub matches: bool,
    /// A hash of the same password to put in the stored one's place, where it matches and the
    /// stored one is of another make or of other parameters than ours.
    pub upgraded: Option<PasswordHash>,
}

/// Why a password could not be hashed or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFailure {
    /// More are waiting than may.
    #[error("too many passwords are being checked")]
    Busy {
        /// When those will have been worked off.
        retry_after: Duration,
    },
    /// The stored hash is malformed, of an unknown make, or asks for more memory or work than is
    /// reasonable. Nothing was computed.
    #[error("the stored password hash is of no known make or out of bounds")]
    Unusable,
    /// Something broke: out of memory, shutting down.
    #[error("hashing a password failed")]
    Internal,
}

/// Hashes and checks passwords on a pool of its own. Clones share the pool.
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
    cost: Cost,
}

impl Hasher {
    /// Starts the pool.
    ///
    /// # Errors
    /// Where the configuration is unsafe, or the system gives no threads.
    pub fn new(config: HashingConfig) -> Result<Self, HashingFault> {
        let cost = Cost {
            memory: config.memory_kib,
            passes: config.passes,
            lanes: config.lanes,
        };
        if cost.memory < LEAST.memory || cost.passes < LEAST.passes || cost.lanes < LEAST.lanes {
            return Err(HashingFault::TooCheap);
        }
        let cost = cost.checked().map_err(|Unusable| HashingFault::TooDear)?;
        if config.threads == 0 || config.queue == 0 {
            return Err(HashingFault::NoThread);
        }
        let pool = Arc::new(Pool::start(config.threads, config.queue, KEEP_MEMORY)?);
        Ok(Self { pool, cost })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// Busy, or broken.
    pub async fn hash(
        &self,
        password: NewPassword,
        salt: [u8; 16],
    ) -> Result<PasswordHash, HashFailure> {
        let cost = self.cost;
        self.run(move |memory| ours(password.as_bytes(), &salt, cost, memory))
            .await
    }

    /// Checks a presented password against the stored hash. Where there is none (no such account)
    /// the same work is done for nothing, so that the time tells nothing. `fresh_salt` is for the
    /// hash that replaces the stored one, should it be replaced.
    ///
    /// # Errors
    /// Busy, broken, or a stored hash that cannot be checked.
    pub async fn verify(
        &self,
        candidate: Candidate,
        stored: Option<PasswordHash>,
        fresh_salt: [u8; 16],
    ) -> Result<Checked, HashFailure> {
        let stored = match stored {
            Some(hash) => Stored::parse(hash.as_stored()).map_err(|_| HashFailure::Unusable)?,
            None => Stored::NoPassword,
        };
        let cost = self.cost;
        self.run(move |memory| check(&candidate, &stored, &fresh_salt, cost, memory))
            .await
    }

    #[cfg(test)]
    pub(super) fn without_threads(queue: usize) -> Self {
        let pool = Pool::start(0, queue, KEEP_MEMORY).map(Arc::new);
        Self {
            pool: pool.unwrap(),
            cost: LEAST,
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, HashFailure> + Send + 'static,
    ) -> Result<T, HashFailure> {
        let trimmed = |memory: &mut Memory| {
            let result = work(memory);
            memory.trim();
            result
        };
        match self.pool.run(trimmed).await {
            Ok(result) => result,
            Err(NotDone::Full { retry_after }) => Err(HashFailure::Busy { retry_after }),
            Err(NotDone::Lost) => Err(HashFailure::Internal),
        }
    }
}

fn check(
    candidate: &Candidate,
    stored: &Stored,
    fresh_salt: &[u8; 16],
    cost: Cost,
    memory: &mut Memory,
) -> Result<Checked, HashFailure> {
    if matches!(stored, Stored::NoPassword) {
        ours(candidate.as_bytes(), &NOBODYS_SALT, cost, memory)?;
        return Ok(Checked {
            matches: false,
            upgraded: None,
        });
    }
    let current = stored.is_current(cost);
    let mut is_it = |password: &[u8]| {
        let result = stored.matches(password, memory);
        result.map_err(|Unusable| HashFailure::Internal)
    };
    let mut matches = is_it(candidate.as_bytes())?;
    // Ours are of the normal form. Other back ends seldom normalise, so theirs are also tried in
    // the other forms.
    if !matches && !current {
        for form in candidate.other_forms() {
            matches = matches || is_it(form.as_bytes())?;
        }
    }
    let upgraded = (matches && !current)
        .then(|| ours(candidate.as_bytes(), fresh_salt, cost, memory))
        .transpose()?;
    Ok(Checked { matches, upgraded })
}

fn ours(
    password: &[u8],
    salt: &[u8; 16],
    cost: Cost,
    memory: &mut Memory,
) -> Result<PasswordHash, HashFailure> {
    Phc::make(password, salt, cost, memory)
        .map(|phc| PasswordHash::from_stored(phc.to_string()))
        .map_err(|Unusable| HashFailure::Internal)
}
