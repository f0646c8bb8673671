//! From settings to a configuration: each setting is read by one method, which notes what is wrong
//! with it and goes on. The methods lie by what they are about: in `estate`, `secrets`, `web` and
//! `mail`.

use std::{cell::RefCell, path::PathBuf, time::Duration};

use daemun_contract::Contract;

use super::{
    Config, Installation,
    problem::{Note, Problems},
    settings::{Place, Settings},
};

/// The largest body read where nothing is said: no request of any contract comes near it.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Reads settings and gathers what is wrong with them.
pub(crate) struct Reader {
    pub(super) settings: Settings,
    /// Where the file lies: its relative paths begin there.
    pub(super) base: PathBuf,
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
            stores: self.stores(),
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
        let span = daemun_contract::duration(text).filter(|span| *span >= least);
        if span.is_none() {
            let key = name.rsplit('.').next().unwrap_or(name);
            let least = if least.is_zero() {
                String::new()
            } else {
                format!(" of at least {}", daemun_contract::duration_text(least))
            };
            self.settings.problem(
                name,
                format!(
                    "{name} must be a span of time{least}: a whole number and one of s, m, h, d, w"
                ),
                "",
                format!("{key} = \"{}\"", daemun_contract::duration_text(default)),
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

pub(super) fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
