//! Putting a [`ResourceServer`] together.

use std::{path::PathBuf, sync::Arc, time::Duration};

use daemun_token::{Algorithm, KeyError, SigningKey, VerifyingKey};
use http::{HeaderValue, header};
use reqwest::{Client, Url, redirect};

use crate::{
    Clock, Profile, ResourceServer, RevocationSet, Stale,
    feed::{self, Connection},
    introspect::Introspection,
    keys::{Copy, KeyHolder, Refresher, Source},
    seen::Seen,
    server::Inner,
    timing::Timing,
};

/// How long revocations may go unheard before [`Stale`] decides, unless said.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// Puts a [`ResourceServer`] together.
#[must_use]
pub struct Builder {
    keys: Keys,
    profile: Profile,
    daemun: Option<String>,
    allow_plain_http: bool,
    cache_file: Option<PathBuf>,
    service_key: Option<String>,
    verifier: Option<String>,
    when_stale: (Duration, Stale),
    leeway: u32,
    clock: Clock,
    timing: Timing,
}

enum Keys {
    Discovered,
    Given(Result<Vec<VerifyingKey>, KeyError>),
}

/// Why a resource server cannot be built. That daemun does not answer is none of the reasons.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The shared secret is unfit.
    #[error("the key is refused: {0}")]
    Key(#[from] KeyError),
    /// daemun's address is no URL.
    #[error("`{0}` is no URL of a server; write it as https://login.example.com")]
    Url(String),
    /// Keys would cross a network where anybody may change them.
    #[error(
        "`{0}` is plain HTTP to another machine; use https, or call `allow_plain_http()` if that network is yours alone"
    )]
    PlainHttp(String),
    /// Revocations are wanted, and nobody said from where.
    #[error(
        "revocations are asked for and daemun's address is not known; call `reach_at(\"https://…\")`"
    )]
    NoAddress,
    /// A name or a service key has characters that no header can carry.
    #[error("the {0} holds characters that a header cannot carry")]
    Header(&'static str),
    /// There is no HTTP client to be had.
    #[error("the HTTP client cannot be made")]
    Client(#[from] reqwest::Error),
}

impl ResourceServer {
    /// For daemun's own tokens: keys are fetched from the issuer, and tokens are those of the `native` contract
    /// ([`Profile::native`]).
    pub fn discover(issuer: &str) -> Builder {
        let issuer = issuer.trim_end_matches('/');
        let mut builder = Builder::new(Keys::Discovered, Profile::native(issuer));
        builder.daemun = Some(issuer.to_owned());
        builder
    }

    /// For the tokens of a contract that signs with the team's own secret. Say which with
    /// [`profile`](Builder::profile); otherwise it is [`Profile::phone_pair`].
    pub fn with_shared_secret(algorithm: Algorithm, secret: &[u8]) -> Builder {
        let key = SigningKey::hmac(algorithm, None, secret);
        let keys = key.map(|key| vec![key.verifying_key()]);
        Builder::new(Keys::Given(keys), Profile::phone_pair())
    }

    /// With keys that are known beforehand, and never fetched.
    pub fn with_keys(keys: impl IntoIterator<Item = VerifyingKey>, profile: Profile) -> Builder {
        Builder::new(Keys::Given(Ok(keys.into_iter().collect())), profile)
    }
}

impl Builder {
    fn new(keys: Keys, profile: Profile) -> Self {
        Self {
            keys,
            profile,
            daemun: None,
            allow_plain_http: false,
            cache_file: None,
            service_key: None,
            verifier: None,
            when_stale: (STALE_AFTER, Stale::Deny),
            leeway: 0,
            clock: Clock::default(),
            timing: Timing::default(),
        }
    }

    /// What the tokens look like.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// An audience tokens may be for, instead of the issuer itself.
    pub fn audience(mut self, audience: &str) -> Self {
        self.profile = self.profile.audience(audience);
        self
    }

    /// How far apart the clocks may be, in seconds; 0 unless said, at most 60.
    pub fn leeway(mut self, seconds: u32) -> Self {
        self.leeway = seconds.min(daemun_token::MAX_LEEWAY_SECONDS);
        self
    }

    /// Where daemun is reached from here, if that is not what tokens call it.
    pub fn reach_at(mut self, url: &str) -> Self {
        self.daemun = Some(url.trim_end_matches('/').to_owned());
        self
    }

    /// Takes plain HTTP to another machine. Whoever is on the way can then make tokens of his own.
    pub fn allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// Where a copy of the keys is kept, to start from while daemun is down.
    pub fn cache_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache_file = Some(path.into());
        self
    }

    /// Follows daemun's revocations, with a service key that has the scope `revocations`; for [`Stale::Introspect`] it
    /// needs the scope `introspection` as well.
    pub fn revocations(mut self, service_key: &str) -> Self {
        self.service_key = Some(service_key.to_owned());
        self
    }

    /// Under which name daemun lists this verifier. Without one, it does not say how far it is.
    pub fn verifier_name(mut self, name: &str) -> Self {
        self.verifier = Some(name.to_owned());
        self
    }

    /// What to do when revocations were not heard for longer than `after`, or not yet; [`Stale::Deny`] after half a
    /// minute unless said.
    pub fn when_stale(mut self, after: Duration, stale: Stale) -> Self {
        self.when_stale = (after, stale);
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long things may take.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The resource server. Keys that cannot be had yet are no error: requests get a 503 until they can. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// [`BuildError`] says what is wrong with what was said.
    pub async fn build(self) -> Result<ResourceServer, BuildError> {
        let wanted = self.service_key.is_some() || matches!(self.keys, Keys::Discovered);
        let client = if wanted {
            Some(client(&self.timing)?)
        } else {
            None
        };
        let connection = self.connection(client.as_ref())?;
        let source = self.source(client.as_ref())?;
        let introspection = self.introspection(connection.as_ref())?;
        let when_stale = self.when_stale;
        let (clock, timing) = (self.clock.clone(), self.timing);
        let copy = self.copy();
        let mut inner = self.assemble()?;
        inner.introspection = introspection;
        inner.when_stale = when_stale;
        if let Some(connection) = connection {
            let set = Arc::clone(&inner.set);
            let (feed, task) = feed::start(connection, set, clock.clone(), timing);
            inner.tasks.push(task);
            inner.feed = Some(feed);
        }
        if let Some(source) = source {
            let holder = Arc::clone(&inner.keys);
            let refresher = Refresher {
                source,
                holder,
                copy,
                clock,
                timing,
            };
            let (asking, task) = refresher.start().await;
            inner.tasks.push(task);
            inner.asking = Some(asking);
        }
        if let Some(feed) = &inner.feed {
            // Going on without is what `when_stale` is for.
            let _ = tokio::time::timeout(timing.start_within, feed.ready()).await;
        }
        Ok(ResourceServer(Arc::new(inner)))
    }

    /// What needs no network: keys that are given, or none yet.
    pub(crate) fn assemble(self) -> Result<Inner, BuildError> {
        let set = Arc::new(RevocationSet::new());
        let rules = self.profile.verifier(Vec::new(), self.leeway);
        let keys = Arc::new(KeyHolder::new(rules, Arc::clone(&set)));
        if let Keys::Given(given) = self.keys {
            keys.install(given?, None);
        }
        Ok(Inner {
            profile: self.profile,
            keys,
            asking: None,
            seen: Seen::new(),
            set,
            feed: None,
            when_stale: self.when_stale,
            introspection: None,
            leeway: self.leeway,
            clock: self.clock,
            tasks: Vec::new(),
        })
    }

    fn copy(&self) -> Option<Copy> {
        let path = self.cache_file.clone()?;
        let issuer = self.profile.issuer_name().or(self.daemun.as_deref());
        Some(Copy {
            path,
            issuer: issuer.unwrap_or_default().into(),
        })
    }

    fn source(&self, client: Option<&Client>) -> Result<Option<Source>, BuildError> {
        match (&self.keys, client) {
            (Keys::Discovered, Some(client)) => Ok(Some(Source {
                client: client.clone(),
                url: self.url("/.well-known/jwks.json")?,
            })),
            _ => Ok(None),
        }
    }

    fn connection(&self, client: Option<&Client>) -> Result<Option<Connection>, BuildError> {
        let (Some(key), Some(client)) = (&self.service_key, client) else {
            return Ok(None);
        };
        let header =
            |text: &str, what| HeaderValue::try_from(text).map_err(|_| BuildError::Header(what));
        let mut authorization = header(&format!("Bearer {key}"), "service key")?;
        authorization.set_sensitive(true);
        let verifier = self.verifier.as_ref();
        Ok(Some(Connection {
            client: client.clone(),
            stream: self.url("/v1/revocations")?,
            acknowledge: self.url("/v1/revocations/ack")?,
            authorization,
            verifier: verifier
                .map(|name| header(name, "verifier's name"))
                .transpose()?,
        }))
    }

    fn introspection(
        &self,
        connection: Option<&Connection>,
    ) -> Result<Option<Introspection>, BuildError> {
        let Some(Connection {
            client,
            authorization,
            ..
        }) = connection
        else {
            return Ok(None);
        };
        let url = self.url("/v1/introspect")?;
        let (client, authorization) = (client.clone(), authorization.clone());
        Ok(Some(Introspection::new(
            client,
            url,
            authorization,
            self.timing,
        )))
    }

    fn url(&self, path: &str) -> Result<Url, BuildError> {
        let base = self.daemun.as_deref().ok_or(BuildError::NoAddress)?;
        let bad = || BuildError::Url(base.to_owned());
        let url = Url::parse(&format!("{base}{path}")).map_err(|_| bad())?;
        let host = url.host_str().ok_or_else(bad)?;
        let is_bare = url.username().is_empty() && url.query().is_none();
        match url.scheme() {
            _ if !is_bare => Err(bad()),
            "https" => Ok(url),
            "http" if self.allow_plain_http || is_here(host) => Ok(url),
            "http" => Err(BuildError::PlainHttp(base.to_owned())),
            _ => Err(bad()),
        }
    }
}

fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Follows nowhere: keys and revocations come from where they were said to be.
fn client(timing: &Timing) -> Result<Client, reqwest::Error> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(timing.answer_within)
        .user_agent(concat!("daemun-verify/", env!("CARGO_PKG_VERSION")))
        .default_headers(
            [(header::ACCEPT, HeaderValue::from_static("*/*"))]
                .into_iter()
                .collect(),
        )
        .build()
}
