//! Whether a session stays as small as it was, however often it rotates.

use rusqlite::Connection as Database;

use crate::Result;
use crate::daemun::{self, Installation};
use crate::findings::Findings;
use crate::load::{Chain, Script};
use crate::wire::Connection;

const ROTATIONS: usize = 10_000;

/// What starting and ending the server may add by itself, in pages.
const SLACK: f64 = 4.0;

pub async fn run(findings: &mut Findings) -> Result<()> {
    let installation = Installation::with_accounts().await?;
    let (server, _) = installation.start().await?;
    let token = daemun::log_in(&server, 1).await?.remove(0).refresh;
    server.terminate().await?;
    let before = used_pages(&installation)?;

    let (server, _) = installation.start().await?;
    let mut chain = Chain { token };
    let mut connection = Connection::open(server.address()).await?;
    let mut request = Vec::new();
    for _ in 0..ROTATIONS {
        chain.request(&mut request);
        chain.answered(&connection.exchange(&request).await?)?;
    }
    server.terminate().await?;
    let after = used_pages(&installation)?;
    findings.note(
        "session size: pages",
        format!("{before} before, {after} after {ROTATIONS} rotations"),
    );
    findings.at_most(
        "session size: growth",
        after as f64 - before as f64,
        SLACK,
        " pages",
    );
    Ok(())
}

/// The pages in use once everything is in the database file itself.
fn used_pages(installation: &Installation) -> Result<i64> {
    let database = Database::open(installation.database()?)?;
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let number = |pragma| database.query_row(pragma, [], |row| row.get::<_, i64>(0));
    Ok(number("PRAGMA page_count")? - number("PRAGMA freelist_count")?)
}
