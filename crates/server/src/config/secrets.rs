//! The secrets of a configuration: given once, in one form, kept from others, and not made by
//! development mode.

use std::path::Path;

use daemun_contract::{Contract, CookieCodec};
use daemun_engine::{
    legacy::LegacySecrets,
    policy::{KeyName, TokenSpec},
    seal::MasterKey,
};
use zeroize::Zeroizing;

use super::{
    checks,
    known::{KNOWN, Kind},
    reader::Reader,
    settings::Place,
};
use crate::secret::{self, Secret};

const LEGACY: &str = "DAEMUN_LEGACY_SECRET_FILE=…, or under [secrets]: legacy_file = \"/etc/daemun/legacy.secret\"; where back ends had different ones, legacy_folder = \"/etc/daemun/legacy\" with CONTRACT.secret in it";

impl Reader {
    pub(super) fn master(&self, data: Option<&Path>) -> Option<MasterKey> {
        let make = "openssl rand -hex 32 > /etc/daemun/master.key && chmod 600 /etc/daemun/master.key\nand under [secrets]: master_file = \"/etc/daemun/master.key\"";
        let Some((name, secret)) = self.secret("secrets.master", "secrets.master_file")? else {
            let why = "every key of this installation is derived from it; without it a copy of the database is worth nothing";
            self.settings
                .problem("secrets.master", "there is no master key", why, make);
            return None;
        };
        let file = self.path("secrets.master_file");
        if let (Some(file), Some(data)) = (file, data)
            && file.starts_with(data)
        {
            self.note(
                self.settings.place_text(name).unwrap_or_default(),
                "the master key lies in the data directory",
                "a copy of that directory, a backup say, then holds the keys together with what they seal",
            );
        }
        if secret::is_of_development(&secret) {
            let why = "it was made without you, and lies in a directory that people copy about";
            self.settings.problem(
                name,
                "the master key was made by development mode",
                why,
                make,
            );
            return None;
        }
        let key = secret::parse_master(&secret);
        if key.is_none() {
            let what = "the master key must be 64 hexadecimal digits: 32 random bytes";
            self.settings.problem(
                name,
                what,
                "anything shorter or written by hand can be guessed",
                make,
            );
        } else if checks::is_monotonous(&secret) {
            let what = "the master key is not random";
            self.settings.problem(
                name,
                what,
                "a few digits over and over can be guessed",
                make,
            );
        }
        key
    }

    /// The secrets of the former back ends: one for each contract that has one of its own in the
    /// folder, and one for all others.
    pub(super) fn legacy(&self, contracts: &[Contract]) -> LegacySecrets {
        let mut secrets = LegacySecrets::default();
        let users: Vec<&Contract> = contracts
            .iter()
            .filter(|contract| signs_with_legacy(contract))
            .collect();
        let mut without = Vec::new();
        for contract in users {
            match self.own_legacy(contract) {
                Some(secret) => {
                    self.check_legacy("secrets.legacy_folder", &secret, &[contract]);
                    secrets.insert(&contract.name, secret);
                }
                None => without.push(contract),
            }
        }
        if let Some(shared) = self.shared_legacy(&without) {
            secrets.share_if_none(shared);
        }
        secrets
    }

    /// The secret in the folder that is named after the contract.
    fn own_legacy(&self, contract: &Contract) -> Option<Secret> {
        let folder = self.path("secrets.legacy_folder")?;
        let file = folder.join(format!("{}.secret", contract.name));
        if !file.exists() {
            return None;
        }
        self.secret_in("secrets.legacy_folder", &file)
    }

    fn shared_legacy(&self, users: &[&Contract]) -> Option<Secret> {
        let names: Vec<String> = users.iter().map(|c| format!("`{}`", c.name)).collect();
        let Some((name, secret)) = self.secret("secrets.legacy", "secrets.legacy_file")? else {
            if !names.is_empty() {
                self.settings.problem(
                    "secrets.legacy",
                    format!("there is no legacy secret, and {} sign with it", names.join(", ")),
                    "it is the secret the former back end signed with: Django's SECRET_KEY, JWT_SECRET and the like",
                    LEGACY,
                );
            }
            return None;
        };
        self.check_legacy(name, &secret, users);
        Some(secret)
    }

    fn check_legacy(&self, name: &'static str, secret: &Secret, users: &[&Contract]) {
        if secret::is_of_development(secret) {
            self.settings.problem(
                name,
                "the legacy secret was made by development mode",
                "it lies in a directory that people copy about; whoever has it makes tokens for anybody",
                LEGACY,
            );
        }
        let too_short = users
            .iter()
            .find_map(|contract| checks::legacy_too_short(contract, secret));
        if let Some(what) = too_short {
            let why = "a key shorter than its hash can be found by trying (RFC 7518, section 3.2)";
            let mend =
                "a longer one: openssl rand -hex 64. Tokens signed with the short one end with it";
            self.settings.problem(name, what, why, mend);
        }
    }

    /// A secret in either of its forms. The outer `None` is one that is given and no good, which
    /// has been noted.
    #[expect(clippy::option_option, reason = "given and bad, not given, given")]
    pub(super) fn secret(
        &self,
        plain: &'static str,
        file: &'static str,
    ) -> Option<Option<(&'static str, Secret)>> {
        if let Some(text) = self.settings.text(plain) {
            if text.is_empty() {
                let what = format!("{plain} is empty");
                self.settings.problem(
                    plain,
                    what,
                    "an empty secret is known to everybody",
                    "a value, or leave it out",
                );
                return None;
            }
            if self.settings.text(file).is_some() {
                let what = format!("{plain} and {file} are both set");
                self.settings.problem(
                    plain,
                    what,
                    "which of them is meant cannot be known",
                    format!("only {file}"),
                );
            }
            return Some(Some((plain, Zeroizing::new(text.as_bytes().to_vec()))));
        }
        let Some(path) = self.path(file) else {
            return Some(None);
        };
        let secret = self.secret_in(file, &path)?;
        Some(Some((file, secret)))
    }

    /// The secret in a file that the setting `name` led to.
    fn secret_in(&self, name: &'static str, path: &Path) -> Option<Secret> {
        let fault = match secret::read_file(path) {
            Ok(secret) => return Some(secret),
            Err(fault) => fault,
        };
        let shown = path.display();
        let mend = match fault {
            secret::FileFault::Open { .. } => format!("chmod 600 {shown}"),
            _ => "the path of a file that this user may read, and that holds the secret and nothing else".into(),
        };
        self.settings.problem(
            name,
            format!("{shown} {fault}"),
            "a secret that others have is none",
            mend,
        );
        None
    }

    /// A configuration that holds secrets itself is a secret.
    pub(super) fn check_file_is_private(&self, file: &Path, mode: u32) {
        let secrets = KNOWN.iter().filter(|known| {
            known.kind == Kind::Secret
                && matches!(self.settings.place(known.name), Some(Place::Line(_)))
        });
        if let Some(secret) = secrets.into_iter().next().filter(|_| mode & 0o007 != 0) {
            self.settings.problem(
                secret.name,
                format!(
                    "{} holds a secret, and every user of this machine may read or change it",
                    file.display()
                ),
                "whoever has this secret can make tokens or read mail in your name",
                format!("chmod 600 {}", file.display()),
            );
        }
    }
}

/// Whether anything of this contract is signed with the team's own secret.
fn signs_with_legacy(contract: &Contract) -> bool {
    let legacy = |spec: &TokenSpec| spec.key == KeyName::Legacy;
    let signed = |codec| matches!(codec, CookieCodec::DjangoV1 | CookieCodec::DjangoV2);
    legacy(&contract.policy.tokens.access)
        || legacy(&contract.policy.tokens.refresh)
        || contract.cookies.iter().any(|cookie| signed(cookie.codec))
}
