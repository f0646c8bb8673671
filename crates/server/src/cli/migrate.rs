//! The words of `daemun migrate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::Place;

#[derive(Subcommand)]
pub(crate) enum Migrate {
    /// Show what a back end holds and how it would be read; nothing is written
    Inspect(Inspect),
    /// Check what would be taken over, row by row; with --apply, take it over
    Import(Import),
    /// Move an installation from one store to another, or back: all of it, or what is missing
    Store(MoveStore),
}

#[derive(Args)]
pub(crate) struct MoveStore {
    /// What is moved: a data directory, a SQLite file, or a PostgreSQL database; `env:NAME` takes
    /// the URL from a variable
    #[arg(long, value_name = "STORE")]
    pub(crate) from: String,
    /// Where to: empty, or what an earlier run began to fill
    #[arg(long, value_name = "STORE")]
    pub(crate) to: String,
    /// Answer in JSON, errors too
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where accounts lie, and which column is what.
#[derive(Args)]
#[command(group = ArgGroup::new("source"))]
pub(crate) struct Source {
    /// A SQLite file, of Django or anybody; it is only read
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) django_sqlite: Option<PathBuf>,
    /// A PostgreSQL database; `env:NAME` takes the URL from a variable, so that no password shows
    /// in the list of processes
    #[arg(long, value_name = "URL", group = "source")]
    pub(crate) django_postgres: Option<String>,
    /// A file of comma-separated values with a header; `-` for standard input
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) csv: Option<PathBuf>,
    /// A file with a JSON object on every line; `-` for standard input
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) jsonl: Option<PathBuf>,
    /// The table that holds the accounts [default: auth_user, or the only one that might]
    #[arg(long, value_name = "TABLE", requires = "source")]
    pub(crate) table: Option<String>,
    /// Which column a field is in, where the guess is wrong; `FIELD=` for none
    #[arg(long = "map", value_name = "FIELD=COLUMN")]
    pub(crate) map: Vec<String>,
    /// A field of your own contract, and its column
    #[arg(long = "profile", value_name = "NAME=COLUMN")]
    pub(crate) profile: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) source: Source,
    /// What an account is whose is_active says no
    #[arg(long, value_enum)]
    pub(crate) inactive: Option<Inactive>,
    /// Take accounts over without a password where their hash cannot be verified here
    #[arg(long)]
    pub(crate) no_password_ok: bool,
    #[command(flatten)]
    pub(crate) tokens: Tokens,
    /// Write a line of JSON for every row that is not taken over as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write; without it everything is checked and nothing changed
    #[arg(long)]
    pub(crate) apply: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Lists of refresh tokens.
#[derive(Args)]
pub(crate) struct Tokens {
    /// SimpleJWT's blacklist in the same database: these refresh tokens are dead
    #[arg(long, requires = "contract", conflicts_with_all = ["csv", "jsonl"])]
    pub(crate) simplejwt_blacklist: bool,
    /// Keys of a Redis database whose values are the refresh tokens that are good; `env:NAME` takes
    /// the URL from a variable
    #[arg(long, value_name = "URL", requires = "contract")]
    pub(crate) redis_whitelist: Option<String>,
    /// Keys of a Redis database that are refresh tokens that are dead; `env:NAME` takes the URL
    /// from a variable
    #[arg(long, value_name = "URL", requires = "contract")]
    pub(crate) redis_blacklist: Option<String>,
    /// Where in the keys of the blacklist the tokens are
    #[arg(long, value_enum, default_value = "key-is-token")]
    pub(crate) redis_shape: Shape,
    /// What the keys in Redis begin with; what follows is the token, or its owner
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) key_prefix: String,
    /// The contract whose refresh tokens the lists hold
    #[arg(long, value_name = "NAME")]
    pub(crate) contract: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Inactive {
    /// Its address was never proved, and still may be
    Unverified,
    /// It was shut out
    Suspended,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shape {
    /// The key is the token
    KeyIsToken,
    /// The value is the token
    ValueIsToken,
    /// The key is the token's `jti`
    KeyIsJti,
}

impl Migrate {
    /// Whether the answer is to be JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Inspect(inspect) => inspect.json,
            Self::Import(import) => import.place.json,
            Self::Store(command) => command.json,
        }
    }
}
