//! Which stores hold what, as it is configured.

use super::reader::{Reader, wide};
use crate::stores::{Choice, CountedIn, Url};

const ACCOUNTS: &str = "under [store]: accounts_file = \"/etc/daemun/postgres.url\", a file with postgres://USER:PASSWORD@HOST/DATABASE";
const SESSIONS: &str = "under [store]: sessions_file = \"/etc/daemun/redis.url\", a file with redis://:PASSWORD@HOST:6379";

impl Reader {
    pub(super) fn stores(&self) -> Choice {
        let accounts = self.url(
            ["store.accounts", "store.accounts_file"],
            Url::postgres,
            ACCOUNTS,
        );
        let sessions = self.url(
            ["store.sessions", "store.sessions_file"],
            Url::redis,
            SESSIONS,
        );
        let mut choice = Choice::of(accounts, sessions);
        if let Some(connections) = self.number("store.connections", 2, 1_000) {
            choice.connections = wide(connections);
        }
        if let Some(limits) = self.counted_in(&choice) {
            choice.limits = limits;
        }
        choice
    }

    fn url(
        &self,
        [plain, file]: [&'static str; 2],
        parse: impl Fn(&str) -> Option<Url>,
        mend: &'static str,
    ) -> Option<Url> {
        let (name, secret) = self.secret(plain, file)??;
        let text = std::str::from_utf8(&secret).unwrap_or_default();
        let url = parse(text.trim());
        if url.is_none() {
            let what = format!("{name} names no server that daemun keeps this in");
            let why = "accounts are kept in SQLite or PostgreSQL, sessions with them or in Redis";
            self.settings.problem(name, what, why, mend);
        }
        url
    }

    fn counted_in(&self, choice: &Choice) -> Option<CountedIn> {
        let counted_in = match self.settings.text("store.limits")? {
            "process" => Some(CountedIn::Process),
            "accounts" if choice.accounts.is_some() => Some(CountedIn::Accounts),
            "sessions" if choice.sessions.is_some() => Some(CountedIn::Sessions),
            _ => None,
        };
        if counted_in.is_none() {
            self.settings.problem(
                "store.limits",
                "store.limits must be \"process\", or \"accounts\" or \"sessions\" where those are on a server",
                "attempts at passwords are counted there",
                "leave it out: they are counted where every node sees them",
            );
        }
        if counted_in == Some(CountedIn::Process) && !choice.is_embedded() {
            let at = self.settings.place_text("store.limits").unwrap_or_default();
            self.note(
                at,
                "each node counts attempts by itself",
                "with three nodes, a password may be tried three times as often",
            );
        }
        counted_in
    }
}

#[cfg(test)]
mod tests {
    use crate::config::known::{self, Kind};

    #[test]
    fn s86_where_the_stores_are_is_a_secret() {
        for name in ["store.accounts", "store.sessions"] {
            assert_eq!(
                known::by_name(name).map(|known| known.kind),
                Some(Kind::Secret)
            );
        }
    }
}
