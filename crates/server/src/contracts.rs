//! Finding contracts: those that come with daemun by name, a team's own by file, and all of them
//! held against each other before they are mounted side by side.

use std::path::{Path, PathBuf};

use daemun_contract::{Contract, Fault, Faults, builtin, clashes};
use serde_json::{Value, json};

use crate::{
    config::known::nearest,
    report::{Failure, Kind},
};

/// The contracts that development mode mounts.
pub(crate) const OF_DEVELOPMENT: [&str; 6] = [
    "native",
    "phone-pair",
    "email-cookie",
    "token-server",
    "campus-account",
    "result-code",
];

/// Why a contract cannot be had.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No contract comes with daemun by that name, and it is no file.
    Unknown { name: String },
    /// The file cannot be read.
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    /// The file is no sound contract.
    Faulty(Faults),
    /// Two contracts have the same name.
    SameName { name: Box<str> },
    /// Contracts have the same routes.
    Clash(Faults),
}

/// The contract `which` names: one that comes with daemun, or a file. Relative paths are taken from
/// `base`.
pub(crate) fn find(which: &str, base: &Path) -> Result<Contract, Trouble> {
    if let Some((name, source)) = builtin().iter().find(|(name, _)| *name == which) {
        return Contract::parse(source, &format!("{name}.toml")).map_err(Trouble::Faulty);
    }
    let path = base.join(which);
    if !path.exists() && !looks_like_a_file(which) {
        return Err(Trouble::Unknown { name: which.into() });
    }
    read(&path)
}

/// The contract in that file.
pub(crate) fn read(path: &Path) -> Result<Contract, Trouble> {
    let source = std::fs::read_to_string(path).map_err(|error| Trouble::Unreadable {
        path: path.into(),
        error,
    })?;
    Contract::parse(&source, &path.display().to_string()).map_err(Trouble::Faulty)
}

/// Whether these contracts can be mounted side by side; everything that keeps them from it.
pub(crate) fn side_by_side(contracts: &[Contract]) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for (at, contract) in contracts.iter().enumerate() {
        let before = contracts.iter().take(at);
        if before.into_iter().any(|other| other.name == contract.name) {
            troubles.push(Trouble::SameName {
                name: contract.name.clone(),
            });
        }
    }
    let all: Vec<&Contract> = contracts.iter().collect();
    if troubles.is_empty() {
        troubles.extend(clashes(&all).err().map(Trouble::Clash));
    }
    troubles
}

fn looks_like_a_file(which: &str) -> bool {
    which.contains(['/', '\\']) || which.to_ascii_lowercase().ends_with(".toml")
}

impl Trouble {
    pub(crate) fn what(&self) -> String {
        match self {
            Self::Unknown { name } => format!("there is no contract `{name}`"),
            Self::Unreadable { path, error } => {
                format!("{} cannot be read: {error}", path.display())
            }
            Self::Faulty(faults) => match faults.0.len() {
                1 => format!("the contract is faulty:\n{faults}"),
                n => format!("the contract has {n} faults:\n{faults}"),
            },
            Self::SameName { name } => format!("two contracts are called `{name}`"),
            Self::Clash(faults) => format!("contracts have the same routes:\n{faults}"),
        }
    }

    pub(crate) fn mend(&self) -> String {
        match self {
            Self::Unknown { name } => {
                let names = || builtin().iter().map(|(name, _)| *name);
                match nearest(name, names()) {
                    Some(near) => format!("\"{near}\""),
                    None => format!(
                        "{}, or a file: ./{name}.toml",
                        names().collect::<Vec<_>>().join(", ")
                    ),
                }
            }
            Self::Unreadable { .. } => "the path of a contract file that this user may read".into(),
            Self::Faulty(_) => "what each fault says".into(),
            Self::SameName { name } => {
                format!("name = \"{name}-2\" in the [contract] table of one of them")
            }
            Self::Clash(_) => "other paths in one of them, or mount only one".into(),
        }
    }

    /// Its faults, for scripts and editors.
    pub(crate) fn faults(&self) -> Vec<Value> {
        match self {
            Self::Faulty(faults) | Self::Clash(faults) => faults.0.iter().map(fault).collect(),
            Self::Unreadable { path, .. } => {
                vec![json!({ "file": path, "what": self.what(), "write": self.mend() })]
            }
            Self::Unknown { .. } | Self::SameName { .. } => {
                vec![json!({ "what": self.what(), "write": self.mend() })]
            }
        }
    }
}

fn fault(fault: &Fault) -> Value {
    json!({
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "what": fault.what,
        "write": fault.write,
    })
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let kind = match &trouble {
            Trouble::Unknown { .. } | Trouble::Unreadable { .. } => Kind::NotFound,
            Trouble::Faulty(_) => Kind::Failed,
            Trouble::SameName { .. } | Trouble::Clash(_) => Kind::Conflict,
        };
        Self::new(kind, trouble.what())
            .mend(trouble.mend())
            .with("faults", trouble.faults().into())
    }
}
