//! `daemun migrate`: taking the place of a back end that runs.

mod import;
mod inspect;
mod show;
mod store;
mod watch;

use daemun_migrate::{
    accounts::ImportError,
    mapping::{Field, Mapping, MappingError, Override},
    source::{Input, Reading, Source, SourceError},
};

use crate::{
    cli::migrate::{self as cli, Migrate},
    report::{Failure, Kind, Outcome},
};

pub(super) async fn run(command: Migrate) -> Outcome {
    match command {
        Migrate::Inspect(inspect) => inspect::run(&inspect).await,
        Migrate::Import(import) => import::run(&import).await,
        Migrate::Store(command) => store::run(&command).await,
    }
}

/// Where the accounts lie, where the command line says so.
fn source(given: &cli::Source) -> Outcome<Option<Source>> {
    let table = given.table.clone();
    let input = |path: &std::path::PathBuf| match path.to_str() {
        Some("-") => Input::Stdin,
        _ => Input::File(path.clone()),
    };
    Ok(if let Some(path) = &given.django_sqlite {
        Some(Source::Sqlite {
            path: path.clone(),
            table,
        })
    } else if let Some(url) = &given.django_postgres {
        let url = url_of(url)?;
        Some(Source::Postgres { url, table })
    } else if let Some(path) = &given.csv {
        Some(Source::Csv(input(path)))
    } else {
        given
            .jsonl
            .as_ref()
            .map(|path| Source::JsonLines(input(path)))
    })
}

/// An address, or the one in the variable that `env:NAME` names.
fn url_of(given: &str) -> Outcome<String> {
    let Some(name) = given.strip_prefix("env:") else {
        return Ok(given.into());
    };
    std::env::var(name).map_err(|error| {
        Failure::new(Kind::Usage, format!("there is no address in {name}")).because(error)
    })
}

/// Which column is what: the command line's word, else a guess.
fn mapping(given: &cli::Source, reading: &Reading) -> Outcome<Mapping> {
    let mut overrides = Vec::new();
    for text in &given.map {
        overrides.push(text.parse::<Override>().map_err(wrong_map)?);
    }
    for text in &given.profile {
        let text = format!("profile.{text}");
        overrides.push(text.parse::<Override>().map_err(wrong_map)?);
    }
    Mapping::guess(reading.columns(), reading.sample(), &overrides).map_err(wrong_map)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature map_err asks for"
)]
fn wrong_map(error: MappingError) -> Failure {
    let failure = Failure::new(Kind::Usage, error.to_string());
    match error {
        MappingError::NoColumn(_) => {
            failure.mend("daemun migrate inspect, with the same source, lists the columns")
        }
        MappingError::Missing(field) => {
            let field = field.split(' ').next().unwrap_or(field);
            failure.mend(format!(
                "--map {field}=COLUMN; daemun migrate inspect lists the columns"
            ))
        }
        MappingError::NoField(_) | MappingError::NoPair(_) => {
            failure.mend("--map phone=username, say, or --map nickname= for none")
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let failure = |kind| Self::new(kind, error.to_string());
        match &error {
            SourceError::Open { .. } => failure(Kind::Unreachable),
            SourceError::Read { .. } => failure(Kind::Failed)
                .mend("the source; what was taken over before stays, and beginning again goes on"),
            SourceError::NoTable(_) => failure(Kind::NotFound)
                .mend("daemun migrate inspect, with the same source, lists the tables"),
            SourceError::WhichTable(_) => failure(Kind::Usage).mend("--table NAME"),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Source(error) => error.into(),
            ImportError::Undecided { .. } => Self::new(Kind::Usage, error.to_string())
                .because(
                    "some back ends mean that its address was never proved, others that it was \
                     shut out; nothing of its batch was taken over",
                )
                .mend("--inactive unverified, or --inactive suspended"),
            ImportError::Store(_) => Self::new(Kind::Unreachable, "the store broke off the import")
                .because(&error)
                .mend("the same command again: what was taken over is left as it is"),
            ImportError::Redis(_) => Self::new(Kind::Unreachable, error.to_string()),
            ImportError::Temporary(_) | ImportError::Broken(_) => {
                Self::new(Kind::Failed, error.to_string())
            }
        }
    }
}

/// What is said of a column to a person.
fn meaning(field: &Field) -> String {
    match field {
        Field::Active => "active (see --inactive)".into(),
        field => field.to_string(),
    }
}
