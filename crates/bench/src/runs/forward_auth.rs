//! What it costs to tell a reverse proxy whom a request is from.

use crate::daemun::{self, Installation};
use crate::findings::Findings;
use crate::runs::guard::against_floor;
use crate::wire::{self, Connection};
use crate::{Result, Scale};

/// What an answer of the floor has beside its body, about.
const HEAD_OF_THE_FLOOR: usize = 120;

/// The floor answers as many bytes in its body as daemun does in its headers.
pub async fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let (daemun, _) = installation.start().await?;
    let pair = daemun::log_in(&daemun, 1).await?.remove(0);
    let native = daemun::log_in_native(&daemun).await?;
    for (name, contract, token) in [
        ("HS256", "phone-pair", &pair.access),
        ("EdDSA", "native", &native.access),
    ] {
        let question = wire::get(&format!("/forward-auth/{contract}"), Some(token));
        let mut connection = Connection::open(daemun.address()).await?;
        let length = connection.exchange(&question).await?.expect(200)?.length;
        let body = "x".repeat(length.saturating_sub(HEAD_OF_THE_FLOOR));
        let body = body.as_bytes();
        let ratio = against_floor(&daemun, &installation, &question, token, body, scale).await?;
        findings.at_most(
            &format!("forward-auth, {name}: cost against the floor"),
            ratio,
            1.5,
            "x",
        );
    }
    Ok(())
}
