//! The check of a token, from the text to the principal.
//!
//! The order is: a token that is remembered, or its signature and claims; then whether it was revoked; then whether
//! revocations are heard at all. Nearly every check is over without waiting. Two wait: an unknown key, for which the
//! issuer is asked once, and a stale set under [`Stale::Introspect`].

use std::{fmt, sync::Arc, time::Duration};

use daemun_token::{Algorithm, Rejected, Unverified};
use tokio::task::JoinHandle;

use crate::{
    Clock, Guard, Principal, Profile, Refusal, RevocationFeed, RevocationSet,
    introspect::Introspection,
    keys::{Asked, Asking, KeyHolder, Snapshot},
    seen::Seen,
};

/// No key has a longer name,
const LONGEST_KID: usize = 256;
/// and no header with such a name is longer, encoded.
const LONGEST_HEADER: usize = 1_024;

/// Checks the tokens of requests. Cheap to clone; its background tasks end with the last clone.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use daemun_verify::{ResourceServer, Stale};
/// use std::time::Duration;
///
/// let server = ResourceServer::discover("https://login.example.com")
///     .cache_file("/var/cache/notes/keys.json")
///     .revocations(&std::env::var("DAEMUN_SERVICE_KEY")?)
///     .verifier_name("notes-1")
///     .when_stale(Duration::from_secs(30), Stale::Deny)
///     .build()
///     .await?;
/// let guard = server.layer().required();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ResourceServer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) profile: Profile,
    pub(crate) keys: Arc<KeyHolder>,
    pub(crate) asking: Option<Asking>,
    pub(crate) seen: Seen,
    pub(crate) set: Arc<RevocationSet>,
    pub(crate) feed: Option<RevocationFeed>,
    pub(crate) when_stale: (Duration, Stale),
    pub(crate) introspection: Option<Introspection>,
    pub(crate) leeway: u32,
    pub(crate) clock: Clock,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// What to do about good tokens while revocations are not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Believe them until they expire. A revoked one works for as long as an access token lives.
    AllowUntilExpiry,
    /// Ask daemun about each (RFC 7662).
    Introspect,
    /// Refuse them with 503 until revocations are heard again.
    Deny,
}

/// How a check without waiting ends.
pub(crate) enum Decision {
    Done(Result<Arc<Principal>, Refusal>),
    /// The token names a key that is not known.
    AskForKeys,
    /// The token is good, if daemun says so.
    AskAbout(Arc<Principal>),
}

impl ResourceServer {
    /// Checks a token by itself, for transports that are not HTTP.
    ///
    /// # Errors
    /// [`Refusal`] says why it is not believed, or why nobody can tell.
    pub async fn check(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        match self.decide(token, self.now()) {
            Decision::Done(result) => result,
            undecided => self.settle(token, undecided).await,
        }
    }

    /// Guards routes: see [`Guard`].
    pub fn layer(&self) -> Guard {
        Guard::new(self.clone())
    }

    /// The revocations in force. Without [`revocations`](crate::Builder::revocations) it holds what you apply.
    #[must_use]
    pub fn revocations(&self) -> &RevocationSet {
        &self.0.set
    }

    /// How current they are; `None` where they are not followed.
    #[must_use]
    pub fn feed(&self) -> Option<&RevocationFeed> {
        self.0.feed.as_ref()
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.clock.now()
    }

    /// All that can be said without waiting.
    pub(crate) fn decide(&self, token: &str, now: i64) -> Decision {
        let principal = self.0.keys.with(|keys| self.0.principal(token, keys, now));
        match principal {
            Some(Ok(principal)) => self.0.living(principal),
            Some(Err(Refusal::KeysUnavailable)) => Decision::AskForKeys,
            Some(Err(refusal)) => Decision::Done(Err(refusal)),
            // What could be no token under any key is told so.
            None if Unverified::parse(token).is_err() => Decision::Done(Err(Refusal::InvalidToken)),
            None => Decision::Done(Err(Refusal::KeysUnavailable)),
        }
    }

    /// What is left, with waiting.
    pub(crate) async fn settle(
        &self,
        token: &str,
        decision: Decision,
    ) -> Result<Arc<Principal>, Refusal> {
        let decision = match decision {
            Decision::AskForKeys => {
                let asked = match &self.0.asking {
                    Some(asking) => asking.news().await,
                    None => Asked::Fresh,
                };
                match (self.decide(token, self.now()), asked) {
                    (Decision::AskForKeys, Asked::Fresh) => return Err(Refusal::InvalidToken),
                    (Decision::AskForKeys, Asked::Failed) => return Err(Refusal::KeysUnavailable),
                    (decided, _) => decided,
                }
            }
            decision => decision,
        };
        match decision {
            Decision::Done(result) => result,
            Decision::AskForKeys => Err(Refusal::KeysUnavailable),
            Decision::AskAbout(principal) => match &self.0.introspection {
                Some(introspection) => introspection.ask(token).await.map(|()| principal),
                None => Err(Refusal::RevocationsUnavailable),
            },
        }
    }
}

impl Inner {
    /// Who a token says it is from, if it is genuine and of its time.
    #[inline]
    fn principal(&self, token: &str, keys: &Snapshot, now: i64) -> Result<Arc<Principal>, Refusal> {
        let place = match self.seen.find(token, keys.version, keys.keep) {
            Ok((principal, ends)) => {
                let is_over = now >= ends.saturating_add(i64::from(self.leeway));
                return if is_over {
                    Err(Refusal::Expired)
                } else {
                    Ok(principal)
                };
            }
            Err(place) => place,
        };
        let verified = keys.verifier.verify(token, now);
        let verified = verified.map_err(|rejected| refusal(&rejected, token, keys))?;
        let principal = self.profile.prove(verified.into_claims())?;
        self.seen.put(&place, token, keys.version, &principal);
        Ok(principal)
    }

    /// Whether a genuine token is still honoured.
    #[inline]
    fn living(&self, principal: Arc<Principal>) -> Decision {
        let (session, account) = (principal.session, principal.account());
        // Not looked at where there is a session.
        let issued_at = session.map_or_else(|| principal.issued_at(), |_| 0);
        if self.set.is_revoked(session, account, issued_at) {
            return Decision::Done(Err(Refusal::Revoked));
        }
        let (after, stale) = self.when_stale;
        let is_stale = self.feed.as_ref().is_some_and(|feed| {
            let staleness = feed.staleness();
            staleness.is_none_or(|staleness| staleness > after)
        });
        match stale {
            Stale::Deny if is_stale => Decision::Done(Err(Refusal::RevocationsUnavailable)),
            Stale::Introspect if is_stale => Decision::AskAbout(principal),
            Stale::AllowUntilExpiry | Stale::Introspect | Stale::Deny => {
                Decision::Done(Ok(principal))
            }
        }
    }
}

/// [`Refusal::KeysUnavailable`] here means that the issuer may have a key we lack.
fn refusal(rejected: &Rejected, token: &str, keys: &Snapshot) -> Refusal {
    match rejected {
        Rejected::Expired(_) => Refusal::Expired,
        Rejected::WrongType => Refusal::WrongType,
        Rejected::UnknownKey if may_be_new(token, keys) => Refusal::KeysUnavailable,
        Rejected::UnknownKey
        | Rejected::Malformed
        | Rejected::BadSignature
        | Rejected::NotYetValid
        | Rejected::MissingClaim(_)
        | Rejected::WrongIssuer
        | Rejected::WrongAudience
        | Rejected::InvalidClaim(_) => Refusal::InvalidToken,
    }
}

/// Whether a token's key may be one that was published since: it has a name of a sane length that we do not know, and
/// an algorithm whose keys are published.
fn may_be_new(token: &str, keys: &Snapshot) -> bool {
    if token.find('.').is_none_or(|end| end > LONGEST_HEADER) {
        return false;
    }
    let Ok(unverified) = Unverified::parse(token) else {
        return false;
    };
    let header = unverified.header();
    let published = Algorithm::parse(header.alg()).is_some_and(|known| !known.is_symmetric());
    let is_new = |kid: &str| kid.len() <= LONGEST_KID && !keys.knows(kid);
    published && header.kid().is_some_and(is_new)
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("profile", &self.0.profile)
            .field("revocations", &self.0.set)
            .field("feed", &self.0.feed)
            .finish_non_exhaustive()
    }
}
