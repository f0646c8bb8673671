//! A contract, mounted: its file, what the engine knows of it, its cookies and its counters.

use std::{borrow::Cow, sync::Arc};

use axum::http::HeaderValue;
use daemun_contract::{Contract, GuardMode, Route, Source};
use daemun_engine::{
    Caller, Realm,
    client::Client,
    operations::{GuardError, Principal},
    policy::Locale,
    vocabulary::Outcome,
};

use crate::{
    cookies::CookieReader,
    metrics::ContractMetrics,
    request::{Found, Head, Places},
};

pub(crate) struct Mounted {
    pub(crate) contract: Contract,
    /// Its name, as a header says it.
    pub(crate) name: HeaderValue,
    pub(crate) realm: Arc<Realm>,
    pub(crate) cookies: CookieReader,
    pub(crate) metrics: ContractMetrics,
    /// The request headers its pages may send from other origins.
    pub(crate) request_headers: String,
}

/// What the guard found.
pub(crate) enum Guarded {
    /// The request is from this principal.
    Passed(Principal),
    /// Nothing was shown, and nothing was needed.
    NotAsked,
    /// It is refused.
    Refused(Refusal),
}

/// Why the guard refuses.
pub(crate) enum Refusal {
    /// No token, or not where and how one must stand.
    Unshown(Outcome),
    /// A token that is not good.
    Bad(GuardError),
}

impl Mounted {
    /// Who asks, in the language that answers them best; the index is the contract's own.
    pub(crate) fn caller(&self, head: &Head) -> (Caller, usize) {
        let index = self.contract.locale_index(head.header("accept-language"));
        let locale = self
            .contract
            .locales
            .get(index)
            .copied()
            .unwrap_or(Locale::En);
        let client = Client {
            address: head.client,
            user_agent: head.user_agent().into(),
        };
        (Caller { client, locale }, index)
    }

    /// The access token a request shows, where the guard looks for one.
    pub(crate) fn shown<'r>(
        &'r self,
        places: &Places<'r>,
    ) -> Result<Option<Cow<'r, str>>, Outcome> {
        let shown = self.shown_where(places)?;
        Ok(shown.map(|(token, _)| token))
    }

    /// The access token a request shows, and where it stood.
    pub(crate) fn shown_where<'r>(
        &'r self,
        places: &Places<'r>,
    ) -> Result<Option<(Cow<'r, str>, &'r Source)>, Outcome> {
        let Some(guard) = &self.contract.guard else {
            return Ok(None);
        };
        match places.find_token(&guard.sources) {
            (Found::Text(text), Some(source)) if !text.is_empty() => Ok(Some((text, source))),
            (Found::Absent | Found::Text(_), _) => Ok(None),
            (Found::BadHeader, _) => Err(Outcome::BadHeader),
            (Found::Flag(_) | Found::WrongType, _) => Err(Outcome::InvalidToken),
        }
    }

    /// Asks the guard, as far as the route wants it asked.
    pub(crate) async fn guard(
        &self,
        engine: &daemun_engine::Engine,
        route: &Route,
        places: &Places<'_>,
    ) -> Guarded {
        if route.guard == GuardMode::Off {
            return Guarded::NotAsked;
        }
        let token = match (self.shown(places), route.guard) {
            (Ok(Some(token)), _) => token,
            (Ok(None), GuardMode::Required) => {
                return Guarded::Refused(Refusal::Unshown(Outcome::MissingToken));
            }
            (Ok(None), _) => return Guarded::NotAsked,
            (Err(outcome), _) => return Guarded::Refused(Refusal::Unshown(outcome)),
        };
        match engine.authenticate(&self.realm, &token).await {
            Ok(principal) => Guarded::Passed(principal),
            Err(error) => Guarded::Refused(Refusal::Bad(error)),
        }
    }

    /// Whether another site's request could do harm through this route: it writes, and the
    /// browser's cookies would speak for the person, or be set.
    pub(crate) fn is_forgeable(&self, route: &Route) -> bool {
        let guard_reads = self
            .contract
            .guard
            .as_ref()
            .is_some_and(daemun_contract::Guard::reads_cookies);
        route.operation.writes()
            && (route.touches_cookies() || (route.guard != GuardMode::Off && guard_reads))
    }
}
