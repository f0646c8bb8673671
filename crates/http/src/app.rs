//! The application: every mounted contract, and what is no contract's business.

use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    body::HttpBody,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use daemun_contract::{Contract, Faults, Source};
use daemun_engine::{Engine, legacy::LegacySecrets, time::Timestamp, vocabulary::Outcome};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{
    admin::{self, Admin},
    cookies::CookieReader,
    fields::BodyType,
    forward_auth::{self, Question},
    metrics::Metrics,
    mounted::Mounted,
    origin::{self, Origins},
    pages,
    request::{Head, RequestId},
    respond::{Body, finish, problem},
    run::{Run, Told},
    table::{Hit, Table},
    transport::{
        BodyFault, Cidr, Handler, Peer, RequestBody, TransportStats, client_address, read_body,
    },
    trust::{Trust, Way},
    verifiers::{Call, Verifiers},
};

/// The shortest password of accounts that services make, where no contract says.
const PASSWORD_MIN: usize = 15;

/// What the application is made of.
pub struct AppParts {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The contracts to mount.
    pub contracts: Vec<Contract>,
    /// The teams' own secrets, which sign the cookies of contracts that sign theirs.
    pub legacy: LegacySecrets,
    /// Whether this is dev mode: cookies need not be `Secure`, the outbox has a page.
    pub dev: bool,
    /// The messages of the dev outbox.
    pub outbox: Option<Arc<dyn OutboxView>>,
    /// The URL this server is known by.
    pub public_url: String,
    /// Proxies whose word about the client is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Origins besides our own whose pages may use this server.
    pub allowed_origins: Vec<String>,
    /// Whether `/metrics` answers everybody, rather than this machine alone.
    pub metrics_public: bool,
    /// The largest body read, in bytes.
    pub max_body_bytes: usize,
}

/// The messages that dev mode keeps instead of sending them.
pub trait OutboxView: Send + Sync {
    /// The newest message to an address, however it is written.
    fn latest(&self, to: &str) -> Option<SentMessage>;
    /// All that are kept, newest first.
    fn all(&self) -> Vec<SentMessage>;
}

/// A message in the dev outbox.
#[derive(Clone)]
pub struct SentMessage {
    /// The address.
    pub to: String,
    /// The subject; empty for a text message.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// Why the application cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Two contracts have the same route.
    #[error("these contracts cannot be mounted side by side:\n{0}")]
    Clash(Faults),
    /// The engine was started without a contract's policy.
    #[error("contract `{0}` is unknown to the engine")]
    UnknownContract(Box<str>),
}

/// The application.
pub struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) mounted: Vec<Mounted>,
    table: Table,
    pages: Router,
    origins: Origins,
    trusted_proxies: Vec<Cidr>,
    trust: Trust,
    /// The shortest password that any contract takes.
    password_min: usize,
    hsts: bool,
    max_body_bytes: usize,
    next_request: AtomicU64,
}

/// What the pages that belong to no contract know.
pub(crate) struct PageState {
    pub(crate) engine: Arc<Engine>,
    pub(crate) contracts: Vec<pages::ContractPage>,
    pub(crate) outbox: Option<Arc<dyn OutboxView>>,
    pub(crate) metrics: Metrics,
    pub(crate) metrics_public: bool,
    pub(crate) stats: Arc<TransportStats>,
    pub(crate) dev: bool,
}

/// What pages may ask about the request.
#[derive(Clone, Copy)]
pub(crate) struct Visitor {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// Whether the request names this machine as its host, rather than a name that was made to
    /// point here (DNS rebinding).
    pub(crate) names_this_machine: bool,
}

impl App {
    /// Puts the application together.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn new(parts: AppParts, stats: Arc<TransportStats>) -> Result<Self, AppError> {
        let all: Vec<&Contract> = parts.contracts.iter().collect();
        daemun_contract::clashes(&all).map_err(AppError::Clash)?;
        let metrics = Metrics::new();
        let contracts = parts
            .contracts
            .iter()
            .map(|c| pages::ContractPage::of(c, &parts.public_url))
            .collect();
        let password_min = parts.contracts.iter().map(|c| c.policy.password_min).min();
        let mut mounted = Vec::with_capacity(parts.contracts.len());
        for contract in parts.contracts {
            let realm = parts.engine.realm(&contract.name);
            mounted.push(Mounted {
                realm: realm.ok_or_else(|| AppError::UnknownContract(contract.name.clone()))?,
                name: HeaderValue::from_str(&contract.name)
                    .map_err(|_| AppError::UnknownContract(contract.name.clone()))?,
                cookies: CookieReader::new(&contract, parts.legacy.of(&contract.name), parts.dev),
                metrics: metrics.of_contract(&contract),
                request_headers: request_headers(&contract),
                contract,
            });
        }
        let state = PageState {
            engine: parts.engine.clone(),
            contracts,
            outbox: parts.outbox,
            metrics,
            metrics_public: parts.metrics_public,
            stats,
            dev: parts.dev,
        };
        Ok(Self {
            engine: parts.engine,
            table: Table::new(&mounted),
            mounted,
            pages: pages::router(Arc::new(state)),
            origins: Origins::new(&parts.public_url, &parts.allowed_origins, parts.dev),
            trusted_proxies: parts.trusted_proxies,
            trust: Trust::new(parts.dev),
            password_min: password_min.unwrap_or(PASSWORD_MIN),
            hsts: parts.public_url.starts_with("https://"),
            max_body_bytes: parts.max_body_bytes,
            next_request: AtomicU64::new(first_request_id()),
        })
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        let began = Instant::now();
        let id = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let (parts, body) = request.into_parts();
        let (client, secure) = client_address(&peer, &parts.headers, &self.trusted_proxies);
        let head = Head::new(parts, client, secure, id, self.engine.now());
        if let Some(name) = forward_auth::contract_asked(head.uri.path()) {
            let mut proxies = self.trusted_proxies.iter();
            let trusted = proxies.any(|range| range.contains(peer.address));
            let mut response = self.forward_auth(name, &head, trusted).await;
            finish(&mut response, id, self.hsts);
            return response;
        }
        if admin::is_admin(head.uri.path()) {
            let mut response = Box::pin(self.admin().answer(&head, body)).await;
            finish(&mut response, id, self.hsts);
            return response;
        }
        if let Some(call) = Call::at(head.uri.path()) {
            let verifiers = self.verifiers();
            let mut response = Box::pin(verifiers.answer(call, &head, body)).await;
            finish(&mut response, id, self.hsts);
            return response;
        }
        let mut response = match self.table.find(&self.mounted, head.uri.path()) {
            Some(hit) => {
                let (mut response, told) =
                    self.contract_route(&hit, &head, peer.address, body).await;
                self.origins.share(&head, response.headers_mut());
                if let Some((route, outcome)) = told {
                    let took = began.elapsed();
                    hit.mounted.metrics.count(route.operation, outcome, took);
                    tracing::debug!(
                        request = %id, contract = &*hit.mounted.contract.name, operation = route.operation.name(),
                        outcome = outcome.name(), status = response.status().as_u16(), micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                        "request"
                    );
                }
                response
            }
            None => Box::pin(self.page(head)).await,
        };
        finish(&mut response, id, self.hsts);
        response
    }

    fn admin(&self) -> Admin<'_> {
        Admin {
            engine: &self.engine,
            trust: &self.trust,
            password_min: self.password_min,
            max_body_bytes: self.max_body_bytes,
        }
    }

    fn verifiers(&self) -> Verifiers<'_> {
        Verifiers {
            engine: &self.engine,
            trust: &self.trust,
            max_body_bytes: self.max_body_bytes,
        }
    }

    /// Answers a proxy that asks the guard of the contract `name`. A body there is nobody's.
    async fn forward_auth(&self, name: &str, head: &Head, trusted: bool) -> Response<Body> {
        let mut mounted = self.mounted.iter();
        let mounted = mounted.find(|mounted| &*mounted.contract.name == name);
        let Some((mounted, guard)) =
            mounted.and_then(|mounted| Some((mounted, mounted.contract.guard.as_ref()?)))
        else {
            return forward_auth::nobody_to_ask();
        };
        let question = Question {
            engine: &self.engine,
            mounted,
            guard,
            origins: &self.origins,
            head,
            trusted,
        };
        question.answer().await
    }

    async fn contract_route<'h, B>(
        &self,
        hit: &Hit<'h>,
        head: &Head,
        peer: IpAddr,
        body: B,
    ) -> (
        Response<Body>,
        Option<(&'h daemun_contract::Route, Outcome)>,
    )
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        if head.method == Method::OPTIONS {
            return (
                self.origins
                    .preflight(head, &hit.allow(), &hit.mounted.request_headers),
                None,
            );
        }
        let found = hit.route(head.method.as_str());
        let Some(route) = found.or_else(|| hit.any()) else {
            return (
                problem(StatusCode::NOT_FOUND, "not_found", "There is nothing here."),
                None,
            );
        };
        let (caller, locale) = hit.mounted.caller(head);
        let run = Run {
            engine: &self.engine,
            mounted: hit.mounted,
            route,
            head,
            params: &hit.params,
            caller,
            locale,
            stood_at: OnceLock::new(),
        };
        let Told {
            mut response,
            outcome,
        } = match found {
            None => run.tell(Outcome::MethodNotAllowed),
            Some(_) => self.run(&run, peer, body).await,
        };
        if outcome == Outcome::MethodNotAllowed
            && let Ok(allow) = HeaderValue::try_from(hit.allow())
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if head.method == Method::HEAD {
            *response.body_mut() = Body::default();
        }
        (response, Some((route, outcome)))
    }

    async fn run<B>(&self, run: &Run<'_>, peer: IpAddr, body: B) -> Told
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
    {
        let body_type = BodyType::of(&run.head.headers);
        let forgeable = body_type.is_form() || run.mounted.is_forgeable(run.route);
        if forgeable && run.route.operation.writes() && self.origins.is_cross_site(run.head) {
            return run.tell(Outcome::CrossSite);
        }
        if run.route.operation.needs_trust() && !self.may_name_subjects(run, peer) {
            return run.tell(Outcome::UntrustedCaller);
        }
        match read_body(body, self.max_body_bytes).await {
            Ok(body) => run.run(body).await,
            Err(BodyFault::TooLarge) => run.tell(Outcome::TooLarge),
            Err(BodyFault::TimedOut | BodyFault::Broken) => run.tell(Outcome::BadRequest),
        }
    }

    fn may_name_subjects(&self, run: &Run<'_>, peer: IpAddr) -> bool {
        let way = Way {
            peer,
            proxies: &self.trusted_proxies,
            origins: &self.origins,
        };
        let callers = run.mounted.contract.callers;
        self.trust
            .may_name_subjects(&self.engine, callers, run.head, way)
    }

    /// What belongs to no contract is read with GET; a body there is nobody's.
    async fn page(&self, head: Head) -> Response<Body> {
        let visitor = Visitor {
            address: head.client,
            names_this_machine: head.host().is_some_and(origin::is_this_machine),
        };
        let mut request = Request::new(axum::body::Body::empty());
        *request.method_mut() = head.method;
        *request.uri_mut() = head.uri;
        request.extensions_mut().insert(visitor);
        let Ok(response) = self.pages.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        match body.collect().await {
            Ok(whole) => Response::from_parts(parts, Body::from(whole.to_bytes())),
            Err(_) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong on our side.",
            ),
        }
    }
}

impl Handler for App {
    type Body = Body;

    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Response<Body> {
        self.answer(request, peer).await
    }

    fn panicked(&self) -> Response<Body> {
        problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
        )
    }
}

/// Request ids begin at a point that differs from start to start, so that logs of two lives of a
/// process do not share ids.
fn first_request_id() -> u64 {
    let mut bytes = [0; 8];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_be_bytes(bytes) & 0xffff_ffff_0000_0000
}

/// The headers a contract's pages send: what its inputs and its guard read, and the content type.
fn request_headers(contract: &Contract) -> String {
    let inputs = contract
        .routes
        .iter()
        .flat_map(|route| &route.inputs)
        .flat_map(|plan| &plan.sources);
    let guard = contract.guard.iter().flat_map(|guard| &guard.sources);
    let mut names: Vec<String> = inputs
        .chain(guard)
        .filter_map(|source| match source {
            Source::Header { name, .. } => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    names.extend(["content-type".to_owned(), "accept-language".to_owned()]);
    names.sort();
    names.dedup();
    names.join(", ")
}
