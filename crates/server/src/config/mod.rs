//! The configuration of a production server: read from a file and the environment, checked as a
//! whole. Whatever is missing, wrong or unsafe is found at once, each with the line that mends it;
//! only a configuration without any such problem starts a server.

mod checks;
mod estate;
pub(crate) mod known;
mod mail;
mod problem;
mod reader;
mod secrets;
mod settings;
mod stores;
mod web;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use daemun_contract::Contract;
use daemun_engine::{
    legacy::LegacySecrets, limits::LimitsConfig, password::HashingConfig, ports::Retention,
    seal::MasterKey,
};
use daemun_http::transport::{Cidr, TransportConfig};
use daemun_mail::{SmtpConfig, WebhookConfig};
use zeroize::Zeroizing;

pub(crate) use checks::legacy_too_short;
pub(crate) use problem::{Note, Problems};
pub(crate) use reader::MAX_BODY_BYTES;
use reader::Reader;
use settings::Settings;

use crate::{
    report::{Failure, Kind, Outcome},
    stores::Choice,
};

/// What makes an installation what it is: enough for a command that works on its data.
pub(crate) struct Installation {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Which stores hold what.
    pub(crate) stores: Choice,
    /// The master key.
    pub(crate) master: MasterKey,
    /// The teams' own secrets.
    pub(crate) legacy: LegacySecrets,
    /// The contracts it mounts.
    pub(crate) contracts: Vec<Contract>,
    /// The URL it is known by, without a slash at its end.
    pub(crate) public_url: String,
    /// The name people know it by.
    pub(crate) service_name: String,
    /// How long a signing key signs.
    pub(crate) signing_age: Duration,
    /// How passwords are hashed.
    pub(crate) hashing: HashingConfig,
    /// How often anybody may try.
    pub(crate) limits: LimitsConfig,
}

/// A production server's configuration, without fault.
pub(crate) struct Config {
    /// The installation.
    pub(crate) installation: Installation,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Where mail goes out.
    pub(crate) smtp: Option<SmtpConfig>,
    /// Where text messages go out.
    pub(crate) sms: Option<WebhookConfig>,
    /// The limits of connections, and TLS.
    pub(crate) transport: TransportConfig,
    /// Whose word on a client's address is taken.
    pub(crate) trusted_proxies: Vec<Cidr>,
    /// The largest body read, in bytes.
    pub(crate) max_body_bytes: usize,
    /// The origins whose pages may call with cookies.
    pub(crate) allowed_origins: Vec<String>,
    /// Whether `/metrics` answers everybody.
    pub(crate) metrics_public: bool,
    /// How long what is over is kept.
    pub(crate) retention: Retention,
    /// What is logged.
    pub(crate) log: String,
}

/// A configuration, examined.
pub(crate) struct Examined {
    /// The configuration, where nothing is wrong with it.
    pub(crate) config: Option<Config>,
    /// What is wrong with it.
    pub(crate) problems: Problems,
    /// What an operator should know besides.
    pub(crate) notes: Vec<Note>,
}

/// The environment as settings see it.
pub(crate) fn environment() -> Vec<(String, Zeroizing<String>)> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let value = value.into_string().ok()?;
            Some((name.into_string().ok()?, Zeroizing::new(value)))
        })
        .collect()
}

/// Examines the configuration in `file`, where one is given, under `environment`. `more` are
/// contracts to mount beside those it names.
pub(crate) fn examine(
    file: Option<&Path>,
    environment: Vec<(String, Zeroizing<String>)>,
    more: &[PathBuf],
) -> Outcome<Examined> {
    let reader = open(file, environment)?;
    let config = reader.config(more);
    let (problems, notes) = reader.finish();
    let config = config.filter(|_| problems.is_empty());
    Ok(Examined {
        config,
        problems,
        notes,
    })
}

/// The installation a configuration speaks of, for a command that works on its data: nothing that
/// concerns only a server is looked at.
pub(crate) fn installation(
    file: Option<&Path>,
    environment: Vec<(String, Zeroizing<String>)>,
) -> Outcome<Installation> {
    let reader = open(file, environment)?;
    let installation = reader.installation(reader.contracts(&[]));
    let (problems, _) = reader.finish();
    let problems = problems.about(&[
        "data",
        "contracts",
        "keys.signing_age",
        "secrets.master",
        "secrets.master_file",
        "store.accounts",
        "store.accounts_file",
        "store.sessions",
        "store.sessions_file",
        "store.limits",
    ]);
    match installation {
        Some(installation) if problems.is_empty() => Ok(installation),
        _ => Err(Failure::new(
            Kind::Failed,
            format!(
                "the configuration has {}:\n{}",
                problems.count(),
                problems.list(false)
            ),
        )
        .mend(match file {
            Some(file) => format!("daemun doctor --config {}", file.display()),
            None => "daemun doctor".into(),
        })),
    }
}

fn open(file: Option<&Path>, environment: Vec<(String, Zeroizing<String>)>) -> Outcome<Reader> {
    let text = file.map(read).transpose()?;
    let given = file.zip(text.as_deref().map(|text| text.as_str()));
    let settings = Settings::read(given, environment);
    let base = file.and_then(Path::parent).map(Path::to_path_buf);
    let reader = Reader::new(settings, base.unwrap_or_default());
    if let Some(file) = file {
        reader.check_file_is_private(file, mode(file));
    }
    Ok(reader)
}

fn read(file: &Path) -> Outcome<Zeroizing<String>> {
    let text = fs::read_to_string(file).map_err(|error| {
        let what = format!("the configuration {} cannot be read", file.display());
        Failure::new(Kind::Failed, what)
            .because(error)
            .mend("--config FILE; docs/operations.md shows one to begin with")
    })?;
    Ok(Zeroizing::new(text))
}

/// A file's permission bits; none where it cannot be asked.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |data| data.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests;
