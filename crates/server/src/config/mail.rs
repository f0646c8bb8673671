//! How mail and text messages go out, held against what the mounted contracts need.

use std::time::Duration;

use daemun_contract::Contract;
use daemun_engine::vocabulary::Operation;
use daemun_mail::{
    SetupError, SmtpConfig, SmtpCourier, SmtpLogin, SmtpTls, WebhookConfig, WebhookCourier,
};

use super::{checks, reader::Reader};

const PATIENCE: Duration = Duration::from_secs(20);

impl Reader {
    pub(super) fn smtp(&self, contracts: &[Contract]) -> Option<SmtpConfig> {
        let needs =
            |contract: &&Contract| contract.policy.identifiers.email && sends_codes(contract);
        let needed_by = names(contracts.iter().filter(needs));
        if self.is_off("smtp.off", &needed_by, "e-mail addresses") {
            return None;
        }
        let Some(host) = self.settings.text("smtp.host") else {
            if !needed_by.is_empty() || self.settings.has_section("smtp") {
                self.settings.problem(
                    "smtp.host",
                    missing("there is no mail server", &needed_by, "by e-mail"),
                    "the codes that prove an address go out by mail, and production has no outbox page",
                    "[smtp]\nhost = \"mail.example.com\"\nfrom = \"login@example.com\"\nor, where nobody signs up by e-mail: off = true",
                );
            }
            return None;
        };
        let from = self.settings.text("smtp.from");
        if from.is_none() {
            let mend = "from = \"Example <login@example.com>\"";
            self.settings.problem(
                "smtp.from",
                "smtp.from is missing",
                "a mail needs a sender",
                mend,
            );
        }
        let config = SmtpConfig {
            host: host.into(),
            port: self
                .number("smtp.port", 1, 65_535)
                .and_then(|port| u16::try_from(port).ok()),
            tls: self.smtp_tls(),
            authority: self.authority(),
            login: self.smtp_login(),
            from: from.unwrap_or("login@example.com").into(),
            timeout: self.span("smtp.timeout", PATIENCE, Duration::from_secs(1)),
        };
        if let Err(error) = SmtpCourier::new(config.clone()) {
            let about = match &error {
                SetupError::From(_) => "smtp.from",
                SetupError::PlainLogin(_) => "smtp.tls",
                _ => "smtp.host",
            };
            let mend = match &error {
                SetupError::PlainLogin(_) => "tls = \"tls\"",
                SetupError::From(_) => "from = \"Example <login@example.com>\"",
                _ => "a host and an authority that exist",
            };
            self.settings.problem(about, error.to_string(), "", mend);
        }
        Some(config)
    }

    fn smtp_tls(&self) -> SmtpTls {
        match self.settings.text("smtp.tls") {
            None | Some("tls") => SmtpTls::Tls,
            Some("starttls") => SmtpTls::StartTls,
            Some("none") => {
                let at = self.settings.place_text("smtp.tls").unwrap_or_default();
                self.note(at, "mail goes out in the clear", "whoever can read along reads the codes; only for a mail server on this machine");
                SmtpTls::None
            }
            Some(_) => {
                self.settings.problem(
                    "smtp.tls",
                    "smtp.tls must be \"tls\", \"starttls\" or \"none\"",
                    "there is no \"if the server offers it\": whoever can read along can make the offer disappear",
                    "tls = \"tls\"",
                );
                SmtpTls::Tls
            }
        }
    }

    fn smtp_login(&self) -> Option<SmtpLogin> {
        let password = self.secret("smtp.password", "smtp.password_file")?;
        match (self.settings.text("smtp.user"), password) {
            (None, None) => None,
            (Some(user), Some((name, password))) => Some(SmtpLogin {
                user: user.into(),
                password: self.utf8(name, &password)?,
            }),
            (user, _) => {
                let missing = if user.is_some() {
                    "smtp.password_file"
                } else {
                    "smtp.user"
                };
                let what = format!("{missing} is missing");
                let why = "a mail server's user and password go together";
                self.settings
                    .problem(missing, what, why, "both under [smtp], or neither");
                None
            }
        }
    }

    fn authority(&self) -> Option<Vec<u8>> {
        let path = self.path("smtp.authority_file")?;
        match std::fs::read(&path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let what = format!("{} cannot be read: {error}", path.display());
                let mend = "the path of a certificate authority, PEM";
                self.settings.problem("smtp.authority_file", what, "", mend);
                None
            }
        }
    }

    pub(super) fn sms(&self, contracts: &[Contract]) -> Option<WebhookConfig> {
        let needs =
            |contract: &&Contract| contract.policy.identifiers.phone && sends_codes(contract);
        let needed_by = names(contracts.iter().filter(needs));
        if self.is_off("sms.off", &needed_by, "phone numbers") {
            return None;
        }
        let Some(url) = self.settings.text("sms.url") else {
            if !needed_by.is_empty() || self.settings.has_section("sms") {
                self.settings.problem(
                    "sms.url",
                    missing("there is no gateway for text messages", &needed_by, "by phone"),
                    "the codes that prove a number go out by text message, and production has no outbox page",
                    "[sms]\nurl = \"https://sms.example.com/send\"\ntoken_file = \"/etc/daemun/sms.token\"\nor, where nobody signs up by phone: off = true",
                );
            }
            return None;
        };
        let token = self.sms_token()?;
        let config = WebhookConfig {
            url: url.into(),
            token,
            timeout: self.span("sms.timeout", PATIENCE, Duration::from_secs(1)),
        };
        if let Err(error) = WebhookCourier::new(&config) {
            let about = if error == SetupError::Token {
                "sms.token"
            } else {
                "sms.url"
            };
            let mend = "url = \"https://…\", and the token as the gateway gave it";
            self.settings.problem(about, error.to_string(), "", mend);
        }
        let own = matches!(checks::host(url), Some("localhost" | "127.0.0.1" | "::1"));
        if url.starts_with("http://") && !own {
            let why = "the codes and the token would travel in the clear";
            self.settings
                .problem("sms.url", "sms.url is http://", why, "url = \"https://…\"");
        }
        Some(config)
    }

    fn sms_token(&self) -> Option<String> {
        match self.secret("sms.token", "sms.token_file")? {
            Some((name, token)) => self.utf8(name, &token),
            None => {
                let why = "without it anybody who finds the gateway can send messages in your name";
                let mend = "token_file = \"/etc/daemun/sms.token\"";
                self.settings
                    .problem("sms.token", "sms.token is missing", why, mend);
                None
            }
        }
    }

    /// Whether a channel is declared unused.
    fn is_off(&self, switch: &'static str, needed_by: &str, what: &str) -> bool {
        let off = self.settings.flag(switch) == Some(true);
        if off && !needed_by.is_empty() {
            let at = self.settings.place_text(switch).unwrap_or_default();
            let note = format!("{needed_by} would take {what}, and nothing can be sent to them");
            self.note(
                at,
                note,
                "who signs up that way waits for a code that never comes",
            );
        }
        off
    }

    fn utf8(&self, name: &'static str, secret: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(secret).ok().map(str::to_owned);
        if text.is_none() {
            self.settings
                .problem(name, format!("{name} is not text"), "", "UTF-8");
        }
        text
    }
}

fn sends_codes(contract: &Contract) -> bool {
    let sends = |operation| matches!(operation, Operation::SignUp | Operation::ResendCode);
    contract.routes.iter().any(|route| sends(route.operation))
}

fn names<'a>(contracts: impl Iterator<Item = &'a Contract>) -> String {
    let names: Vec<String> = contracts.map(|c| format!("`{}`", c.name)).collect();
    names.join(", ")
}

fn missing(what: &str, needed_by: &str, how: &str) -> String {
    if needed_by.is_empty() {
        what.into()
    } else {
        format!("{what}, and people sign up {how} through {needed_by}")
    }
}
