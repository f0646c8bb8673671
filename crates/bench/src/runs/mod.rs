//! The runs, one module per question.

mod adopt;
mod forward_auth;
mod guard;
mod idle;
mod import;
mod one_token;
mod refresh;
mod revocation;
mod scale;
mod session_size;
mod shared_stores;
mod simulate;
mod slowloris;
mod survival;
mod token;

use clap::ValueEnum;

use crate::findings::Findings;
use crate::{Result, Scale};

/// A benchmark by its name on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Run {
    /// The token layer against the bare primitives.
    Token,
    /// Start and memory of the idle server.
    Idle,
    /// Processor time of a refresh against the floor.
    Refresh,
    /// Processor time of adopting a former back end's tokens against plain refreshes.
    Adopt,
    /// Processor time of a refresh on PostgreSQL and Redis against SQLite.
    RefreshShared,
    /// Latency of refreshes on a disk that is slow to flush.
    RefreshSlowDisk,
    /// Rotation, simulated: honest browsers, bad networks, thieves.
    Simulate,
    /// A day of a hundred million accounts: arithmetic and a sample of it.
    Scale,
    /// Processor time of a guarded request against the floor.
    Guard,
    /// Processor time of a proxy's question against the floor.
    ForwardAuth,
    /// A session's size on disk over many rotations.
    SessionSize,
    /// One token presented by many at once (S1).
    OneToken,
    /// Crashes under load (S3).
    Kill,
    /// Orderly ends under load (S13).
    Drain,
    /// Clients that send a byte at a time (S11).
    Slowloris,
    /// From an acknowledged logout to the verifiers that listen.
    Revocation,
    /// Taking a million accounts over.
    Import,
}

impl Run {
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Token => "token layer",
            Self::Idle => "idle server",
            Self::Refresh => "refresh",
            Self::Adopt => "adoption",
            Self::RefreshShared => "refresh on shared stores",
            Self::RefreshSlowDisk => "refresh on a slow disk",
            Self::Simulate => "simulated browsers and thieves",
            Self::Scale => "a day at scale",
            Self::Guard => "guarded request",
            Self::ForwardAuth => "forward-auth",
            Self::SessionSize => "session size",
            Self::OneToken => "one token, many callers",
            Self::Kill => "kill -9 under load",
            Self::Drain => "SIGTERM under load",
            Self::Slowloris => "slowloris",
            Self::Revocation => "revocation",
            Self::Import => "taking accounts over",
        }
    }

    /// Runs it on a runtime of one thread: the rest of the machine belongs to the server.
    pub fn start(self, scale: Scale, findings: &mut Findings) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            match self {
                Self::Token => token::run(findings),
                Self::Idle => idle::run(findings).await,
                Self::Refresh => refresh::against_floor(scale, findings).await,
                Self::Adopt => adopt::run(scale, findings).await,
                Self::RefreshShared => shared_stores::run(scale, findings).await,
                Self::RefreshSlowDisk => refresh::on_slow_disk(scale, findings).await,
                Self::Simulate => {
                    simulate::run(scale, findings);
                    Ok(())
                }
                Self::Scale => {
                    scale::run(scale, findings);
                    Ok(())
                }
                Self::Guard => guard::run(scale, findings).await,
                Self::ForwardAuth => forward_auth::run(scale, findings).await,
                Self::SessionSize => session_size::run(findings).await,
                Self::OneToken => one_token::run(scale, findings).await,
                Self::Kill => survival::run(survival::Ending::Kill, scale, findings).await,
                Self::Drain => survival::run(survival::Ending::Drain, scale, findings).await,
                Self::Slowloris => slowloris::run(scale, findings).await,
                Self::Revocation => revocation::run(scale, findings).await,
                Self::Import => import::run(scale, findings),
            }
        })
    }
}
