//! Who is trusted: services that show a key, and where a contract says so, programs of this
//! machine.
//!
//! A program of this machine is told by where its connection comes from, which three kinds of
//! others may seem to share: whoever is behind a proxy on this machine, a browser on it that some
//! page told to ask, and a name that was made to point at it. So nothing may have passed the
//! request on, no page may have sent it, and it must call this machine by its own name. What
//! remains is a proxy on this machine that says nothing of whom it speaks for; behind one, loopback
//! must not be trusted.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use axum::http::{HeaderName, header};
use daemun_contract::{Callers, Loopback};
use daemun_engine::{
    Engine,
    service_key::{ServiceCaller, ServiceScope},
};

use crate::{
    origin::{self, Origins},
    request::Head,
    transport::Cidr,
};

/// What every service key begins with.
const KEY: &str = "dsk_";
/// Headers by which proxies say whom they speak for, besides `X-Forwarded-…`.
const PASSED_ON: [&str; 6] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
];

/// Decides whom to trust.
pub(crate) struct Trust {
    /// Whether this is dev mode.
    pub(crate) dev: bool,
    /// When a bad key was last told of, in whole seconds.
    told: AtomicI64,
}

/// Where a request came in.
#[derive(Clone, Copy)]
pub(crate) struct Way<'r> {
    /// Who holds the other end of the connection.
    pub(crate) peer: IpAddr,
    /// The proxies whose word is believed.
    pub(crate) proxies: &'r [Cidr],
    /// The origins whose pages may use this server.
    pub(crate) origins: &'r Origins,
}

/// The key a request shows.
#[derive(Debug, PartialEq)]
enum Shown<'r> {
    Nothing,
    Key(&'r str),
    /// Something that is not one key.
    Nonsense,
}

impl Trust {
    pub(crate) const fn new(dev: bool) -> Self {
        Self {
            dev,
            told: AtomicI64::new(0),
        }
    }

    /// The service that a request shows a key of, where the key is good for `scope`.
    pub(crate) fn service(
        &self,
        engine: &Engine,
        head: &Head,
        scope: ServiceScope,
    ) -> Option<ServiceCaller> {
        let Shown::Key(key) = shown(head) else {
            return None;
        };
        let service = engine.service(key, scope);
        if service.is_none() {
            self.tell_of_bad_key(head, scope);
        }
        service
    }

    /// The same, where the key is good for any of `scopes`.
    pub(crate) fn service_of_any(
        &self,
        engine: &Engine,
        head: &Head,
        scopes: &[ServiceScope],
    ) -> Option<ServiceCaller> {
        let Shown::Key(key) = shown(head) else {
            return None;
        };
        let service = scopes.iter().find_map(|scope| engine.service(key, *scope));
        if service.is_none()
            && let Some(scope) = scopes.first()
        {
            self.tell_of_bad_key(head, *scope);
        }
        service
    }

    /// Whether a request may name the subjects of sessions. One that shows a key is judged by the
    /// key alone.
    pub(crate) fn may_name_subjects(
        &self,
        engine: &Engine,
        callers: Callers,
        head: &Head,
        way: Way<'_>,
    ) -> bool {
        match shown(head) {
            Shown::Key(_) => self.service(engine, head, ServiceScope::Tokens).is_some(),
            Shown::Nonsense => false,
            Shown::Nothing if callers.open => !way.origins.is_cross_site(head),
            Shown::Nothing => match callers.loopback {
                Loopback::Never => false,
                Loopback::InDev => self.dev && is_of_this_machine(head, way),
                Loopback::Always => is_of_this_machine(head, way),
            },
        }
    }

    /// Says so in the log, once a second at most: whoever tries keys must not fill it.
    fn tell_of_bad_key(&self, head: &Head, scope: ServiceScope) {
        let second = head.at.unix_seconds();
        if self.told.swap(second, Ordering::Relaxed) != second {
            tracing::warn!(
                request = %head.id, client = %head.client, scope = scope.name(),
                "a service key was shown that is unknown, revoked, or lacks the scope"
            );
        }
    }
}

/// Whether a program of this machine itself sent the request.
fn is_of_this_machine(head: &Head, way: Way<'_>) -> bool {
    let by_proxy = way.proxies.iter().any(|range| range.contains(way.peer));
    // A proxy must say whom it speaks for; nobody else may.
    let came_straight = by_proxy == was_passed_on(head);
    came_straight
        && way.peer.to_canonical().is_loopback()
        && head.client.to_canonical().is_loopback()
        && head.host().is_some_and(origin::is_this_machine)
        && !was_sent_by_a_page(head)
}

fn was_passed_on(head: &Head) -> bool {
    let says_so = |name: &HeaderName| {
        name.as_str().starts_with("x-forwarded") || PASSED_ON.contains(&name.as_str())
    };
    head.headers.keys().any(says_so)
}

fn was_sent_by_a_page(head: &Head) -> bool {
    head.headers.contains_key(header::ORIGIN) || head.headers.contains_key("sec-fetch-site")
}

/// The key in `Authorization: Bearer`. Other tokens there are somebody else's business.
fn shown(head: &Head) -> Shown<'_> {
    let mut values = head.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Shown::Nothing;
    };
    let (Ok(text), None) = (value.to_str(), values.next()) else {
        return Shown::Nonsense;
    };
    let mut words = text.split_ascii_whitespace();
    let is_bearer = words
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    match (words.next(), words.next()) {
        (Some(key), None) if is_bearer && key.starts_with(KEY) => Shown::Key(key),
        _ if text.contains(KEY) => Shown::Nonsense,
        _ => Shown::Nothing,
    }
}

#[cfg(test)]
mod tests;
