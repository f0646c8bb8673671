//! What the engine works with: its data and contracts, and how much of everything.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use daemun_contract::Contract;
use daemun_engine::{
    limits::{LimitsConfig, ScopeLimits},
    password::HashingConfig,
    ports::Retention,
};

use super::{
    mode,
    reader::{Reader, wide},
    settings::Place,
};
use crate::{contracts, logging};

const DAY: u64 = 86_400;

impl Reader {
    pub(super) fn data(&self) -> Option<PathBuf> {
        let Some(path) = self.path("data") else {
            self.settings.problem(
                "data",
                "data is missing",
                "accounts and sessions must be kept somewhere",
                "data = \"/var/lib/daemun\"",
            );
            return None;
        };
        let shown = path.display();
        let parent_exists = path
            .parent()
            .is_none_or(|p| p.as_os_str().is_empty() || p.is_dir());
        if path.join("master.key").exists() {
            self.settings.problem(
                "data",
                format!("{shown} was made by development mode"),
                "its accounts and keys were made where anybody could read the codes",
                "data = a directory of its own, such as \"/var/lib/daemun\"",
            );
        } else if path.exists() && !path.is_dir() {
            let what = format!("{shown} is no directory");
            self.settings
                .problem("data", what, "", "data = \"/var/lib/daemun\"");
        } else if mode(&path) & 0o007 != 0 {
            self.settings.problem(
                "data",
                format!("every user of this machine may enter {shown}"),
                "it holds everybody's addresses and password hashes",
                format!("chmod 700 {shown}"),
            );
        } else if !parent_exists {
            self.settings.problem(
                "data",
                format!("there is no directory to make {shown} in"),
                "a path with a slip in it would begin an empty installation",
                format!("install -d -m 700 -o daemun {shown}"),
            );
        }
        Some(path)
    }

    pub(super) fn contracts(&self, more: &[PathBuf]) -> Vec<Contract> {
        let default = ["native".to_owned()];
        let names = self.settings.list("contracts").unwrap_or(&default);
        let base = match self.settings.place("contracts") {
            Some(Place::Line(_)) => self.base.as_path(),
            _ => Path::new(""),
        };
        let named = names.iter().map(|name| contracts::find(name, base));
        let found = named.chain(more.iter().map(|path| contracts::read(path)));
        let mut mounted = Vec::new();
        for contract in found {
            match contract {
                Ok(contract) => mounted.push(contract),
                Err(trouble) => self.contract_trouble(&trouble),
            }
        }
        if names.is_empty() && more.is_empty() {
            let mend = "contracts = [\"native\"]";
            self.settings.problem(
                "contracts",
                "no contract is mounted",
                "daemun would answer nobody",
                mend,
            );
        }
        for trouble in contracts::side_by_side(&mounted) {
            self.contract_trouble(&trouble);
        }
        for contract in &mounted {
            for switch in &contract.switches {
                let at = format!("{}.toml:{}", contract.name, switch.line);
                self.note(at, &*switch.name, &*switch.meaning);
            }
        }
        mounted
    }

    fn contract_trouble(&self, trouble: &contracts::Trouble) {
        let why = "a contract that is not sound would answer wrongly, so none is mounted in part";
        self.settings
            .problem("contracts", trouble.what(), why, trouble.mend());
    }

    pub(super) fn limits(&self) -> LimitsConfig {
        let mut limits = LimitsConfig::default();
        let mut accounts = limits.login.account.unwrap_or_default();
        if let Some(most) = self.number("limits.most_failures", 1, 100) {
            accounts.most = most;
            accounts.free = accounts.free.min(most);
        }
        if let Some(free) = self.number("limits.free_failures", 1, accounts.most) {
            accounts.free = free;
        }
        for scope in [&mut limits.login, &mut limits.verify_code] {
            scope.account = Some(accounts);
        }
        if self.settings.flag("limits.per_address") == Some(false) {
            let at = self
                .settings
                .place_text("limits.per_address")
                .unwrap_or_default();
            self.note(
                at,
                "clients are not limited by address",
                "one machine may try a password at every account, and have codes sent to everybody",
            );
            let scopes = [
                &mut limits.login,
                &mut limits.verify_code,
                &mut limits.send_code,
                &mut limits.sign_up,
            ];
            scopes
                .into_iter()
                .for_each(|scope: &mut ScopeLimits| scope.address = None);
        }
        limits
    }

    pub(super) fn hashing(&self) -> HashingConfig {
        let mut hashing = HashingConfig::default();
        if let Some(threads) = self.number("hashing.threads", 1, 256) {
            hashing.threads = wide(threads);
            hashing.queue = hashing.threads * 32;
        }
        if let Some(queue) = self.number("hashing.queue", 1, 100_000) {
            hashing.queue = wide(queue);
        }
        if let Some(memory) = self.number("hashing.memory_kib", 19 * 1024, 1024 * 1024) {
            hashing.memory_kib = memory;
        }
        if let Some(passes) = self.number("hashing.passes", 2, 64) {
            hashing.passes = passes;
        }
        if u64::from(hashing.memory_kib) * u64::from(hashing.passes) > 4 * 1024 * 1024 {
            let what = "hashing.memory_kib times hashing.passes is beyond 4 GiB";
            self.settings.problem(
                "hashing.memory_kib",
                what,
                "a single login would take many seconds",
                "memory_kib = 65536",
            );
        }
        hashing
    }

    pub(super) fn signing_age(&self) -> Duration {
        let days = |n| Duration::from_secs(n * DAY);
        self.span("keys.signing_age", days(90), Duration::from_secs(3600))
    }

    pub(super) fn retention(&self) -> Retention {
        let default = Retention::default();
        let hour = Duration::from_secs(3600);
        Retention {
            sessions: self.span("retention.sessions", default.sessions, Duration::ZERO),
            audit: self.span("retention.audit", default.audit, Duration::ZERO),
            unverified: self.span("retention.unverified", default.unverified, hour),
        }
    }

    pub(super) fn log(&self) -> String {
        let text = self.settings.text("log").unwrap_or(logging::DEFAULT);
        if let Err(error) = logging::filter(text) {
            self.settings.problem(
                "log",
                "log is no filter",
                error,
                "log = \"info\", or \"info,daemun_http=debug\"",
            );
        }
        text.into()
    }
}
