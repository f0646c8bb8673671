//! Where the server stands: the address it is known by and listens on, who may call it from where,
//! and whose word on that is taken.

use std::{net::SocketAddr, time::Duration};

use daemun_http::transport::{Cidr, TlsError, TransportConfig, tls_from_pem};

use super::{
    checks,
    reader::{Reader, wide},
};
use crate::secret;

impl Reader {
    pub(super) fn public_url(&self) -> Option<String> {
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

    pub(super) fn service_name(&self, public_url: Option<&str>) -> String {
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

    pub(super) fn listen(&self) -> Option<SocketAddr> {
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

    pub(super) fn transport(&self) -> TransportConfig {
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

    pub(super) fn trusted_proxies(&self) -> Vec<Cidr> {
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

    pub(super) fn note_plain_http(&self, listen: Option<SocketAddr>) {
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

    pub(super) fn allowed_origins(&self) -> Vec<String> {
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

    pub(super) fn metrics_public(&self) -> bool {
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
}
