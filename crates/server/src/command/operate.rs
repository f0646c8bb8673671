//! What account, session and key commands share: finding the installation, opening its data beside
//! whatever server runs on it, reading ids and addresses, and telling that server when something
//! changed.

use std::path::PathBuf;

use daemun_engine::{
    account::Account,
    address::{Email, Identifier, Phone},
    ids::{AccountId, SessionId},
    legacy::LegacySecrets,
    nodes::NodeSeen,
    operations::{OperatorError, Trouble},
    ports::{Entropy, StoreError},
};
use zeroize::Zeroizing;

use crate::{
    adapters::SystemEntropy,
    cli::Place,
    compose::Core,
    config, control,
    data::DataDir,
    development,
    report::{Failure, Kind, Outcome},
    secret::Secret,
};

/// Opens the data a command is about.
pub(super) async fn open(place: &Place) -> Outcome<Core> {
    let (data, mut installation) = match Whose::of(place) {
        Whose::Production(file) => {
            let installation = config::installation(file.as_deref(), config::environment())?;
            let data = DataDir::existing(&installation.data, &installation.stores)?;
            (data, installation)
        }
        Whose::Development(path) => {
            let data = DataDir::existing(&path, &development::stores()?)?;
            let contracts = development::contracts(&[])?;
            let installation = development::installation(
                &data,
                contracts,
                LegacySecrets::default(),
                String::new(),
            )?;
            (data, installation)
        }
    };
    installation.legacy.share_if_none(any_secret()?);
    Ok(Core::beside(data, installation).await?)
}

/// As [`open`], but makes a development installation where there is nothing yet, so that accounts
/// can be made before a server first runs.
pub(super) async fn open_or_make(place: &Place) -> Outcome<Core> {
    if let Whose::Development(path) = Whose::of(place)
        && development::stores()?.is_embedded()
        && !path.join("daemun.db").exists()
    {
        let data = DataDir::create(&path)?;
        let contracts = development::contracts(&[])?;
        let legacy = LegacySecrets::shared(any_secret()?);
        let installation = development::installation(&data, contracts, legacy, String::new())?;
        Core::start(data, installation).await?;
        crate::report::remark(&format!(
            "made a new development installation in {}",
            path.display()
        ));
    }
    open(place).await
}

/// What the nodes last said that share the stores; `None` where there is one process, which is to be
/// asked itself.
pub(super) async fn nodes(core: &Core) -> Outcome<Option<Vec<NodeSeen>>> {
    let nodes = core.engine.nodes().await;
    nodes.map_err(|error| Trouble::Store(error).into())
}

/// Whether it is said which installation a command is about.
pub(super) fn is_named(place: &Place) -> bool {
    place.data.is_some() || matches!(Whose::of(place), Whose::Production(_))
}

/// Has the server that runs on this data know of what was committed.
pub(super) fn tell(core: &Core) -> Outcome<()> {
    control::sync(&core.data)
}

/// The account that `text` names.
pub(super) async fn account(core: &Core, text: &str) -> Outcome<Account> {
    let found = match parse_account(text)? {
        Named::Id(id) => core.engine.show_account(id).await,
        Named::Address(address) => core.engine.find_account(&address).await,
    };
    found.map_err(|error| {
        failed(error, || {
            Failure::new(Kind::NotFound, format!("there is no account {text}"))
                .mend("daemun account list, with the same --data or --config")
        })
    })
}

enum Named {
    Id(AccountId),
    Address(Identifier),
}

/// Ids do not begin with 0 or +, phone numbers do.
fn parse_account(text: &str) -> Outcome<Named> {
    let text = text.trim();
    let is_phone = text.starts_with(['0', '+']);
    let named = if text.contains('@') {
        Email::parse(text)
            .map(Identifier::Email)
            .map(Named::Address)
            .ok()
    } else if is_phone {
        Phone::parse(text)
            .map(Identifier::Phone)
            .map(Named::Address)
            .ok()
    } else {
        text.parse().map(Named::Id).ok()
    };
    named.ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            format!("{text:?} is no account's id, e-mail address or phone number"),
        )
        .mend("an id such as 7, an address such as mina@example.com, a number such as 01012345678")
    })
}

/// Reads a session's id.
pub(super) fn session_id(text: &str) -> Outcome<SessionId> {
    text.trim().parse().map_err(|_| {
        Failure::new(Kind::Usage, format!("{text:?} is no session's id"))
            .because("it has 32 hexadecimal digits: `sid` in its tokens")
            .mend("daemun session list, with the same --data or --config")
    })
}

/// What an operator's question failed of.
pub(super) fn failed(error: OperatorError, not_found: impl FnOnce() -> Failure) -> Failure {
    match error {
        OperatorError::NotFound => not_found(),
        OperatorError::Trouble(trouble) => trouble.into(),
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match &trouble {
            Trouble::Store(StoreError::Unavailable(_)) | Trouble::Busy { .. } => {
                Self::new(Kind::Unreachable, "the store cannot answer")
                    .because(&trouble)
                    .mend("try again; nothing was changed")
            }
            Trouble::Store(StoreError::Corrupt(_)) | Trouble::Internal(_) => {
                Self::new(Kind::Failed, "it could not be done").because(&trouble)
            }
        }
    }
}

/// Which installation a command is about.
enum Whose {
    /// One in production, by its file and the environment, or by the environment alone.
    Production(Option<PathBuf>),
    /// A development server's, with its data there.
    Development(PathBuf),
}

impl Whose {
    /// What is said comes before what is around. Without its public URL no server starts in
    /// production, and none in development looks at it: where the environment has one, it describes
    /// an installation.
    fn of(place: &Place) -> Self {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        match (&place.config, &place.data) {
            (Some(file), _) => Self::Production(Some(file.clone())),
            (None, Some(data)) => Self::Development(data.clone()),
            (None, None) => match variable("DAEMUN_CONFIG") {
                Some(file) => Self::Production(Some(file)),
                None if variable("DAEMUN_PUBLIC_URL").is_some() => Self::Production(None),
                None => {
                    Self::Development(variable("DAEMUN_DATA").unwrap_or_else(|| "./.daemun".into()))
                }
            },
        }
    }
}

/// A secret that is used for nothing: commands make no tokens, but contracts want one to start.
fn any_secret() -> Outcome<Secret> {
    let mut secret = Zeroizing::new(vec![0; 64]);
    let filled = SystemEntropy.fill(&mut secret);
    filled.map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_addresses_are_told_apart() {
        assert!(matches!(parse_account("7"), Ok(Named::Id(AccountId(7)))));
        for address in ["mina@example.com", "01012345678", "+82 10-1234-5678"] {
            assert!(
                matches!(parse_account(address), Ok(Named::Address(_))),
                "{address}"
            );
        }
        for neither in ["", "mina", "a@b", "0", "7 8", "--", "7@"] {
            assert!(parse_account(neither).is_err(), "{neither}");
        }
    }
}
