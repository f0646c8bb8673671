//! Development mode's installation: nothing is configured, everything is made. Its secrets bear a
//! mark that production refuses.

use std::{env, path::Path, time::Duration};

use daemun_contract::Contract;
use daemun_engine::{
    legacy::LegacySecrets, limits::LimitsConfig, password::HashingConfig, policy::KeyName,
    seal::MasterKey,
};
use zeroize::Zeroizing;

use crate::{
    adapters::SystemEntropy,
    config::{Installation, legacy_too_short as too_short},
    contracts,
    data::DataDir,
    report::{Failure, Kind, Outcome, remark},
    secret::{self, Secret},
    stores::{Choice, Url},
};

/// How long a signing key signs.
const SIGNING_AGE: Duration = Duration::from_secs(90 * 86_400);

/// The installation on `data`, known by `public_url`.
pub(crate) fn installation(
    data: &DataDir,
    contracts: Vec<Contract>,
    legacy: LegacySecrets,
    public_url: String,
) -> Outcome<Installation> {
    Ok(Installation {
        data: data.path().into(),
        stores: stores()?,
        master: master(data)?,
        legacy,
        contracts,
        public_url,
        service_name: "daemun".into(),
        signing_age: SIGNING_AGE,
        hashing: HashingConfig::default(),
        limits: LimitsConfig {
            exempt_loopback: true,
            ..LimitsConfig::default()
        },
    })
}

/// Which stores hold what: the data directory everything, unless the environment names servers.
pub(crate) fn stores() -> Outcome<Choice> {
    let accounts = url("DAEMUN_STORE_ACCOUNTS", "postgres://…", Url::postgres)?;
    let sessions = url("DAEMUN_STORE_SESSIONS", "redis://…", Url::redis)?;
    Ok(Choice::of(accounts, sessions))
}

fn url(variable: &str, shape: &str, parse: impl Fn(&str) -> Option<Url>) -> Outcome<Option<Url>> {
    let Some(text) = set(variable) else {
        return Ok(None);
    };
    match parse(&text.to_string_lossy()) {
        Some(url) => Ok(Some(url)),
        None => Err(Failure::new(
            Kind::Failed,
            format!("{variable} names no server to keep it in"),
        )
        .mend(format!("{variable}={shape}, or unset it"))),
    }
}

/// The contracts that come with daemun, and `more` of the team's own.
pub(crate) fn contracts(more: &[std::path::PathBuf]) -> Outcome<Vec<Contract>> {
    let own = contracts::OF_DEVELOPMENT
        .iter()
        .map(|name| contracts::find(name, Path::new("")));
    let mounted = own
        .chain(more.iter().map(|path| contracts::read(path)))
        .collect::<Result<Vec<_>, _>>()?;
    match contracts::side_by_side(&mounted).into_iter().next() {
        Some(trouble) => Err(trouble.into()),
        None => Ok(mounted),
    }
}

/// The teams' own secrets where they are given, or one made for this data. A contract that comes
/// along and cannot sign with what is given, though others can, has the one that was made: it is
/// not what the team is trying out.
pub(crate) fn legacy_secrets(data: &DataDir, contracts: &[Contract]) -> Outcome<LegacySecrets> {
    let shared = shared_legacy(data)?;
    let folder = set("DAEMUN_LEGACY_SECRET_FOLDER");
    let mut own = Vec::new();
    let serves = |contract: &Contract| {
        contract.policy.tokens.access.key == KeyName::Legacy
            && too_short(contract, &shared).is_none()
    };
    let is_of_use = contracts.iter().any(serves);
    for contract in contracts {
        let file = folder
            .as_ref()
            .map(|folder| Path::new(folder).join(format!("{}.secret", contract.name)));
        if let Some(file) = file.filter(|file| file.exists()) {
            let secret = secret::read_file(&file).map_err(|fault| bad(&file, &fault))?;
            own.push((contract, secret));
        } else if let Some(what) = too_short(contract, &shared)
            && is_of_use
            && contracts::OF_DEVELOPMENT.contains(&&*contract.name)
        {
            remark(&format!(
                "{what}: it signs with a secret of development mode"
            ));
            own.push((contract, made(&data.legacy_secret())?));
        }
    }
    let mut secrets = LegacySecrets::shared(shared);
    for (contract, secret) in own {
        secrets.insert(&contract.name, secret);
    }
    Ok(secrets)
}

fn set(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn shared_legacy(data: &DataDir) -> Outcome<Secret> {
    let plain = set("DAEMUN_LEGACY_SECRET");
    let file = set("DAEMUN_LEGACY_SECRET_FILE");
    match (plain, file) {
        (Some(_), Some(_)) => Err(Failure::new(
            Kind::Failed,
            "DAEMUN_LEGACY_SECRET and DAEMUN_LEGACY_SECRET_FILE are both set",
        )
        .because("which of them is meant cannot be known")
        .mend("unset DAEMUN_LEGACY_SECRET")),
        (Some(secret), None) => Ok(Zeroizing::new(secret.into_encoded_bytes())),
        (None, Some(path)) => {
            let path = Path::new(&path);
            secret::read_file(path).map_err(|fault| bad(path, &fault))
        }
        (None, None) => made(&data.legacy_secret()),
    }
}

fn master(data: &DataDir) -> Outcome<MasterKey> {
    let path = data.master_key();
    if !path.exists() && data.database().exists() {
        let what = format!("{} is missing", path.display());
        return Err(Failure::new(Kind::Failed, what)
            .because("this data was made with a master key that is kept elsewhere, as production does, or is lost")
            .mend("--config FILE of the production server, or another directory: --data DIR"));
    }
    let secret = made(&path)?;
    secret::parse_master(&secret).ok_or_else(|| {
        Failure::new(Kind::Failed, format!("{} is no master key", path.display()))
            .because("it must be 64 hexadecimal digits")
            .mend("restore it from a backup, or begin anew in another directory: --data DIR")
    })
}

fn made(path: &Path) -> Outcome<Secret> {
    secret::read_or_make(path, &SystemEntropy).map_err(|fault| bad(path, &fault))
}

fn bad(path: &Path, fault: &dyn std::fmt::Display) -> Failure {
    let shown = path.display();
    Failure::new(Kind::Failed, format!("{shown} {fault}")).mend(format!("chmod 600 {shown}"))
}
