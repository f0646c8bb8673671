//! What development mode says when it is ready: where everything is, and the first thing to try.

use std::{fmt::Write as _, io::IsTerminal, path::PathBuf, time::Duration};

use daemun_contract::Contract;
use daemun_engine::vocabulary::Operation;

use crate::{compose::Core, report::line};

/// What there is to show.
pub(crate) struct Screen {
    url: String,
    data: PathBuf,
    /// Name, summary.
    contracts: Vec<(String, String)>,
    /// Where `native` takes sign-ups.
    sign_up: Option<String>,
}

impl Screen {
    pub(crate) fn of(core: &Core) -> Self {
        let name = |contract: &Contract| (contract.name.to_string(), contract.summary.to_string());
        let native = core.contracts.iter().find(|c| &*c.name == "native");
        let sign_up = native.and_then(|contract| {
            let mut routes = contract.routes.iter();
            routes.find(|route| route.operation == Operation::SignUp)
        });
        Self {
            url: core.public_url.clone(),
            data: core.data.path().into(),
            contracts: core.contracts.iter().map(name).collect(),
            sign_up: sign_up.map(|route| route.path.to_string()),
        }
    }

    /// Shows it.
    pub(crate) fn show(&self, took: Duration) {
        let mut stdout = std::io::stdout();
        let color = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        line(&mut stdout, &self.text(took, color));
    }

    fn text(&self, took: Duration, color: bool) -> String {
        let paint = |code: &str, text: &str| match color {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        };
        let bold = |text: &str| paint("1", text);
        let dim = |text: &str| paint("2", text);
        let url = &self.url;
        let width = self
            .contracts
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        let mut text = format!(
            "\n  {} {}  {}\n\n",
            bold("대문 daemun"),
            env!("CARGO_PKG_VERSION"),
            bold(url)
        );
        for (nth, (name, summary)) in self.contracts.iter().enumerate() {
            let label = if nth == 0 { "contracts" } else { "" };
            let _ = writeln!(
                text,
                "  {label:<11}{url}/docs/{name:width$}  {}",
                dim(summary)
            );
        }
        let rows = [
            (
                "outbox",
                format!("{url}/outbox"),
                "where mail and text messages end up",
            ),
            ("keys", format!("{url}/.well-known/jwks.json"), ""),
            ("health", format!("{url}/readyz"), "and /healthz, /metrics"),
            (
                "data",
                self.data.display().to_string(),
                "accounts, sessions, secrets: this directory is all",
            ),
        ];
        text.push('\n');
        for (label, value, remark) in rows {
            let line = format!("  {label:<11}{value}  {}", dim(remark));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if let Some(path) = &self.sign_up {
            let _ = write!(
                text,
                "\n  Sign up, then read the code in the outbox:\n\n    curl {url}{path} -H 'Content-Type: application/json' \\\n      -d '{{\"email\":\"mina@example.com\",\"password\":\"a few words nobody guesses\"}}'\n"
            );
        }
        let _ = write!(
            text,
            "\n  {}\n",
            dim(&format!(
                "ready in {} ms, for this machine only; Ctrl-C ends it",
                took.as_millis()
            ))
        );
        text
    }
}
