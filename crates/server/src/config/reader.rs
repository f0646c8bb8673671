//! From settings to a configuration: each setting is read by one method, which notes what is wrong
//! with it and goes on.

use std::{
    cell::RefCell,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use daemun_contract::{Contract, CookieCodec};
use daemun_engine::{
    limits::{LimitsConfig, ScopeLimits},
    password::HashingConfig,
    policy::{KeyName, TokenSpec},
    ports::Retention,
    seal::MasterKey,
};
use daemun_http::transport::{Cidr, TlsError, TransportConfig, tls_from_pem};
use zeroize::Zeroizing;

use super::{
    Config, Installation, checks, mode,
    problem::{Note, Problems},
    settings::{Place, Settings},
};
use crate::{
    contracts, logging,
    secret::{self, Secret},
};

const DAY: u64 = 86_400;

/// The largest body read where nothing is said: no request of any contract comes near it.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Reads settings and gathers what is wrong with them.
pub(crate) struct Reader {
    pub(super) settings: Settings,
    /// Where the file lies: its relative paths begin there.
    base: PathBuf,
    notes: RefCell<Vec<Note>>,
}

impl Reader {
    pub(super) fn new(settings: Settings, base: PathBuf) -> Self {
        Self {
            settings,
            base,
            notes: RefCell::default(),
        }
    }

    /// The whole configuration; `None` where something it cannot be without is missing. What has a
    /// default and is wrong is noted, and the default stands in.
    pub(super) fn config(&self, more: &[PathBuf]) -> Option<Config> {
        let contracts = self.contracts(more);
        let (smtp, sms) = (self.smtp(&contracts), self.sms(&contracts));
        let installation = self.installation(contracts);
        let listen = self.listen();
        let trusted_proxies = self.trusted_proxies();
        let transport = self.transport();
        if trusted_proxies.is_empty() && transport.tls.is_none() {
            self.note_plain_http(listen);
        }
        let allowed_origins = self.allowed_origins();
        let metrics_public = self.metrics_public();
        let max_body_bytes = self.number("connections.body_bytes", 1_024, 16 * 1024 * 1024);
        let retention = self.retention();
        let log = self.log();
        Some(Config {
            installation: installation?,
            listen: listen?,
            smtp,
            sms,
            transport,
            trusted_proxies,
            max_body_bytes: max_body_bytes.map_or(MAX_BODY_BYTES, wide),
            allowed_origins,
            metrics_public,
            retention,
            log,
        })
    }

    /// What a command needs that works on the data.
    pub(super) fn installation(&self, contracts: Vec<Contract>) -> Option<Installation> {
        let public_url = self.public_url();
        let service_name = self.service_name(public_url.as_deref());
        let data = self.data();
        let master = self.master(data.as_deref());
        let installation = Installation {
            legacy: self.legacy(&contracts),
            contracts,
            service_name,
            public_url: public_url.unwrap_or_default(),
            signing_age: self.signing_age(),
            hashing: self.hashing(),
            limits: self.limits(),
            data: data.unwrap_or_default(),
            master: master?,
        };
        (!installation.data.as_os_str().is_empty()).then_some(installation)
    }

    pub(super) fn finish(self) -> (Problems, Vec<Note>) {
        (self.settings.into_problems(), self.notes.into_inner())
    }

    pub(super) fn note(
        &self,
        at: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.notes.borrow_mut().push(Note {
            at: at.into(),
            what: what.into(),
            why: why.into(),
        });
    }

    /// A configuration that holds secrets itself is a secret.
    pub(super) fn check_file_is_private(&self, file: &Path, mode: u32) {
        let secrets = super::known::KNOWN.iter().filter(|known| {
            known.kind == super::known::Kind::Secret
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

    fn public_url(&self) -> Option<String> {
        const EXAMPLE: &str = "public_url = \"https://login.example.com\"";
        let Some(text) = self.settings.text("public_url") else {
            self.settings.problem(
                "public_url",
                "public_url is missing",
                "it is the issuer in every token, and where links in documents lead",
                EXAMPLE,
            );
            return None;
        };
        match checks::public_url(text) {
            Ok(url) => Some(url),
            Err(what) => {
                let why = "tokens, cookies and passwords must not travel in the clear, and verifiers compare this text letter by letter";
                self.settings
                    .problem("public_url", format!("public_url {what}"), why, EXAMPLE);
                None
            }
        }
    }

    fn service_name(&self, public_url: Option<&str>) -> String {
        let host = public_url.and_then(checks::host).unwrap_or("daemun");
        let name = self.settings.text("service_name").unwrap_or(host);
        if daemun_mail::Templates::new(name).is_err() {
            self.settings.problem(
                "service_name",
                "service_name must be one line of text",
                "it stands in the subject of mails",
                "service_name = \"Example\"",
            );
        }
        name.into()
    }

    fn listen(&self) -> Option<SocketAddr> {
        let text = self.settings.text("listen").unwrap_or("127.0.0.1:8080");
        let address = text.parse().ok();
        if address.is_none() {
            self.settings.problem(
                "listen",
                "listen must be an address and a port",
                "names are not looked up here, so that it is plain which network can reach it",
                "listen = \"127.0.0.1:8080\", or \"[::]:443\" for every network",
            );
        }
        address
    }

    fn data(&self) -> Option<PathBuf> {
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

    fn master(&self, data: Option<&Path>) -> Option<MasterKey> {
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

    fn legacy(&self, contracts: &[Contract]) -> Option<Secret> {
        let users = contracts
            .iter()
            .filter(|contract| signs_with_legacy(contract));
        let names: Vec<String> = users.map(|c| format!("`{}`", c.name)).collect();
        let mend = "DAEMUN_LEGACY_SECRET_FILE=…, or under [secrets]: legacy_file = \"/etc/daemun/legacy.secret\"";
        let Some((name, secret)) = self.secret("secrets.legacy", "secrets.legacy_file")? else {
            if !names.is_empty() {
                self.settings.problem(
                    "secrets.legacy",
                    format!("there is no legacy secret, and {} sign with it", names.join(", ")),
                    "it is the secret the former back end signed with: Django's SECRET_KEY, JWT_SECRET and the like",
                    mend,
                );
            }
            return None;
        };
        if secret::is_of_development(&secret) {
            self.settings.problem(
                name,
                "the legacy secret was made by development mode",
                "it lies in a directory that people copy about; whoever has it makes tokens for anybody",
                mend,
            );
        }
        for contract in contracts {
            if let Some(what) = checks::legacy_too_short(contract, &secret) {
                let why =
                    "a key shorter than its hash can be found by trying (RFC 7518, section 3.2)";
                let mend = "a longer one: openssl rand -hex 64. Tokens signed with the short one end with it";
                self.settings.problem(name, what, why, mend);
                break;
            }
        }
        Some(secret)
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
        match secret::read_file(&path) {
            Ok(secret) => Some(Some((file, secret))),
            Err(fault) => {
                let shown = path.display();
                let mend = match fault {
                    secret::FileFault::Open { .. } => format!("chmod 600 {shown}"),
                    _ => "the path of a file that this user may read, and that holds the secret and nothing else".into(),
                };
                self.settings.problem(
                    file,
                    format!("{shown} {fault}"),
                    "a secret that others have is none",
                    mend,
                );
                None
            }
        }
    }

    fn transport(&self) -> TransportConfig {
        let mut transport = TransportConfig::default();
        self.tls(&mut transport);
        if let Some(most) = self.number("connections.most", 16, 1_000_000) {
            transport.max_connections = wide(most);
        }
        transport.drain_timeout = self.span(
            "connections.drain",
            transport.drain_timeout,
            Duration::from_secs(1),
        );
        transport
    }

    fn trusted_proxies(&self) -> Vec<Cidr> {
        let mut trusted = Vec::new();
        for text in self.settings.list("trusted_proxies").unwrap_or(&[]) {
            match (text.parse(), checks::is_everybody(text)) {
                (Ok(network), false) => trusted.push(network),
                (Ok(_), true) => self.settings.problem(
                    "trusted_proxies",
                    format!("trusted_proxies has {text}: the whole world"),
                    "any client could then say that it comes from any address, and no limit would hold",
                    "trusted_proxies = [\"127.0.0.1\"], the proxy's own address",
                ),
                (Err(_), _) => self.settings.problem(
                    "trusted_proxies",
                    format!("trusted_proxies has {text:?}, which is no address or network"),
                    "",
                    "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]",
                ),
            }
        }
        trusted
    }

    fn note_plain_http(&self, listen: Option<SocketAddr>) {
        let at = self
            .settings
            .place_text("listen")
            .unwrap_or_else(|| "listen".into());
        let own = listen.is_none_or(|listen| listen.ip().is_loopback());
        let what = if own {
            "it answers plain HTTP, and no proxy is trusted"
        } else {
            "it answers plain HTTP to a network, and no proxy is trusted"
        };
        self.note(at, what, "behind a proxy that ends TLS every client has the proxy's address, and the limits per address hit all of them together: set trusted_proxies");
    }

    fn allowed_origins(&self) -> Vec<String> {
        let origins = self.settings.list("allowed_origins").unwrap_or(&[]);
        for origin in origins {
            if let Some(what) = checks::origin_fault(origin) {
                self.settings.problem(
                    "allowed_origins",
                    format!("allowed_origins has {origin:?}, {what}"),
                    "pages of these origins may act with your users' cookies",
                    "allowed_origins = [\"https://app.example.com\"]",
                );
            }
        }
        origins.to_vec()
    }

    fn metrics_public(&self) -> bool {
        let public = self.settings.flag("metrics_public") == Some(true);
        if public {
            let at = self
                .settings
                .place_text("metrics_public")
                .unwrap_or_default();
            self.note(at, "/metrics answers everybody", "it tells how many people log in and fail to; let a proxy keep it from the internet");
        }
        public
    }

    /// Sets up TLS, where it ends here.
    fn tls(&self, transport: &mut TransportConfig) {
        let (cert, key) = match (self.path("tls.cert"), self.path("tls.key")) {
            (None, None) => return,
            (Some(cert), Some(key)) => (cert, key),
            (cert, _) => {
                let missing = if cert.is_none() {
                    "tls.cert"
                } else {
                    "tls.key"
                };
                return self.settings.problem(
                    missing,
                    format!("{missing} is missing"),
                    "TLS needs a certificate and its private key",
                    "both under [tls], or neither where a proxy ends TLS",
                );
            }
        };
        if let Err(fault) = secret::read_file(&key) {
            let shown = key.display();
            let why = "whoever has it can pretend to be you";
            self.settings.problem(
                "tls.key",
                format!("{shown} {fault}"),
                why,
                format!("chmod 600 {shown}"),
            );
        }
        match tls_from_pem(&cert, &key) {
            Ok(tls) => transport.tls = Some(tls),
            Err(error) => {
                let about = if matches!(error, TlsError::Key { .. }) {
                    "tls.key"
                } else {
                    "tls.cert"
                };
                let mend = "cert = \"…/fullchain.pem\" and key = \"…/privkey.pem\", as the authority gave them";
                self.settings.problem(about, error.to_string(), "", mend);
            }
        }
    }

    fn limits(&self) -> LimitsConfig {
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

    fn hashing(&self) -> HashingConfig {
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

    fn signing_age(&self) -> Duration {
        let days = |n| Duration::from_secs(n * DAY);
        self.span("keys.signing_age", days(90), Duration::from_secs(3600))
    }

    fn retention(&self) -> Retention {
        let default = Retention::default();
        let hour = Duration::from_secs(3600);
        Retention {
            sessions: self.span("retention.sessions", default.sessions, Duration::ZERO),
            audit: self.span("retention.audit", default.audit, Duration::ZERO),
            unverified: self.span("retention.unverified", default.unverified, hour),
        }
    }

    fn log(&self) -> String {
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

    /// A whole number within bounds.
    pub(super) fn number(&self, name: &'static str, least: u32, most: u32) -> Option<u32> {
        let number = self.settings.number(name)?;
        let within = u32::try_from(number).ok();
        let within = within.filter(|n| (least..=most).contains(n));
        if within.is_none() {
            let key = name.rsplit('.').next().unwrap_or(name);
            let what = format!("{name} must be between {least} and {most}");
            let nearest = number.clamp(least.into(), most.into());
            self.settings.problem(
                name,
                what,
                "beyond that it is unsafe or of no use",
                format!("{key} = {nearest}"),
            );
        }
        within
    }

    /// A span of time of at least `least`, or the default.
    pub(super) fn span(&self, name: &'static str, default: Duration, least: Duration) -> Duration {
        let Some(text) = self.settings.text(name) else {
            return default;
        };
        let span = checks::span(text).filter(|span| *span >= least);
        if span.is_none() {
            let key = name.rsplit('.').next().unwrap_or(name);
            let least = if least.is_zero() {
                String::new()
            } else {
                format!(" of at least {}", checks::span_text(least))
            };
            self.settings.problem(
                name,
                format!(
                    "{name} must be a span of time{least}: a whole number and one of s, m, h, d, w"
                ),
                "",
                format!("{key} = \"{}\"", checks::span_text(default)),
            );
        }
        span.unwrap_or(default)
    }

    /// A path; one in the file is relative to the file.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.settings.text(name)?;
        Some(match self.settings.place(name)? {
            Place::Line(_) => self.base.join(text),
            Place::Variable(_) => text.into(),
        })
    }
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whether anything of this contract is signed with the team's own secret.
fn signs_with_legacy(contract: &Contract) -> bool {
    let legacy = |spec: &TokenSpec| spec.key == KeyName::Legacy;
    let signed = |codec| matches!(codec, CookieCodec::DjangoV1 | CookieCodec::DjangoV2);
    legacy(&contract.policy.tokens.access)
        || legacy(&contract.policy.tokens.refresh)
        || contract.cookies.iter().any(|cookie| signed(cookie.codec))
}
