//! Each test names the number in `docs/security.md` that it pins.

mod foreign;
mod hashing;
mod makes;
mod policy;
mod queue;

use super::*;
use crate::account::PasswordHash;

const PHRASE: &str = "correct horse battery";

fn hasher() -> Hasher {
    Hasher::new(HashingConfig {
        threads: 1,
        queue: 8,
        ..HashingConfig::default()
    })
    .unwrap()
}

fn new(text: &str) -> NewPassword {
    let rules = Rules {
        min_code_points: 1,
        forbidden: &[],
    };
    NewPassword::parse(text, &rules).unwrap()
}

fn stored(text: &str) -> Option<PasswordHash> {
    Some(PasswordHash::from_stored(text))
}

async fn hash(hasher: &Hasher, text: &str) -> PasswordHash {
    hasher.hash(new(text), [7; 16]).await.unwrap()
}

async fn verify(
    hasher: &Hasher,
    text: &str,
    stored: Option<PasswordHash>,
) -> Result<Checked, HashFailure> {
    let candidate = Candidate::parse(text).unwrap();
    hasher.verify(candidate, stored, [9; 16]).await
}

async fn matches(hasher: &Hasher, text: &str, stored: &PasswordHash) -> bool {
    let checked = verify(hasher, text, Some(stored.clone())).await;
    checked.unwrap().matches
}
