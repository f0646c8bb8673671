//! The guard in front of routes, as a tower layer.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{Answers, Principal, Refusal, ResourceServer, TokenFrom, server::Decision};

/// Guards routes. Made by [`ResourceServer::layer`].
///
/// Requests with a good token go on, and [`Principal::among`] their extensions says who they are from; others are
/// answered here. Put CORS in front of it: preflight requests bring no token.
#[derive(Clone, Debug)]
#[must_use]
pub struct Guard {
    server: ResourceServer,
    rules: Arc<Rules>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    optional: bool,
    token_from: TokenFrom,
    scopes: Vec<Box<str>>,
    roles: Vec<Box<str>>,
    pub(crate) answers: Answers,
}

/// What the guard left for handlers.
#[derive(Clone)]
pub(crate) struct Passed {
    pub(crate) principal: Option<Arc<Principal>>,
    #[cfg_attr(
        not(feature = "axum"),
        expect(dead_code, reason = "only extractors read it")
    )]
    pub(crate) rules: Arc<Rules>,
}

impl Principal {
    /// Who a request is from, by what its [`Guard`] left among its extensions; `None` if that let nobody in particular
    /// pass, or there was none.
    #[must_use]
    pub fn among(extensions: &Extensions) -> Option<&Arc<Self>> {
        extensions.get::<Passed>()?.principal.as_ref()
    }
}

impl Guard {
    pub(crate) fn new(server: ResourceServer) -> Self {
        let rules = Arc::new(Rules {
            optional: false,
            token_from: TokenFrom::bearer(),
            scopes: Vec::new(),
            roles: Vec::new(),
            answers: Answers::default(),
        });
        Self { server, rules }
    }

    /// A request must bring a good token. So it is unless said.
    pub fn required(self) -> Self {
        self.with(|rules| rules.optional = false)
    }

    /// A request may bring no token; a bad one is refused all the same.
    pub fn optional(self) -> Self {
        self.with(|rules| rules.optional = true)
    }

    /// Where the token stands, if not in `Authorization: Bearer`.
    pub fn token_from(self, place: TokenFrom) -> Self {
        self.with(|rules| rules.token_from = place)
    }

    /// A scope that tokens must have; given several times, all of them.
    pub fn scope(self, scope: &str) -> Self {
        // It is said in a challenge, whose syntax knows no quotes inside (RFC 6749 §3.3).
        let scope = scope.replace(['"', '\\'], "");
        self.with(|rules| rules.scopes.push(scope.into()))
    }

    /// A role that tokens must have; given several times, one of them.
    pub fn role(self, role: &str) -> Self {
        self.with(|rules| rules.roles.push(role.into()))
    }

    /// What refused requests are answered.
    pub fn answers(self, answers: Answers) -> Self {
        self.with(|rules| rules.answers = answers)
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    fn decide<B>(&self, request: &Request<B>) -> Decided {
        let now = self.server.now();
        let place = &self.rules.token_from;
        let token = match place.find(request.headers(), now) {
            Ok(token) => token,
            Err(Refusal::MissingToken) if self.rules.optional => return Decided::Passes(None),
            Err(refusal) => return Decided::Fails(refusal),
        };
        match self.server.decide(token, now) {
            Decision::Done(Ok(principal)) => match self.rules.allow(principal) {
                Ok(principal) => Decided::Passes(Some(principal)),
                Err(refusal) => Decided::Fails(refusal),
            },
            _ if place.is_mistaken(token) => Decided::Fails(Refusal::BadHeader),
            Decision::Done(Err(refusal)) => Decided::Fails(refusal),
            undecided => Decided::Waits(token.to_owned(), undecided),
        }
    }

    fn refuse<R: From<Bytes>>(&self, refusal: &Refusal) -> Response<R> {
        self.rules.answers.render(refusal).map(R::from)
    }
}

impl Rules {
    fn allow(&self, principal: Arc<Principal>) -> Result<Arc<Principal>, Refusal> {
        if self.scopes.iter().any(|scope| !principal.has_scope(scope)) {
            return Err(Refusal::InsufficientScope(self.scopes.join(" ").into()));
        }
        if !self.roles.is_empty() && !self.roles.iter().any(|role| principal.has_role(role)) {
            return Err(Refusal::Forbidden);
        }
        Ok(principal)
    }
}

/// Lets a request through. Takes the place of what an outer guard left.
fn pass<B>(request: &mut Request<B>, principal: Option<Arc<Principal>>, rules: Arc<Rules>) {
    request.extensions_mut().insert(Passed { principal, rules });
}

/// What becomes of a request, as far as can be said at once.
enum Decided {
    Passes(Option<Arc<Principal>>),
    Fails(Refusal),
    Waits(String, Decision),
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
    R: From<Bytes> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answering<S::Future, R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Counted before the look into the set: counting waits for memory, and what comes after that look need not.
        let rules = Arc::clone(&self.guard.rules);
        let stage = match self.guard.decide(&request) {
            Decided::Passes(principal) => {
                pass(&mut request, principal, rules);
                Stage::Inner {
                    future: self.inner.call(request),
                }
            }
            Decided::Fails(refusal) => Stage::Refused {
                response: Some(self.guard.refuse(&refusal)),
            },
            Decided::Waits(token, decision) => {
                // The service that said it is ready is the one to call.
                let spare = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, spare);
                let guard = self.guard.clone();
                let waiting = wait(guard, inner, request, token, decision);
                Stage::Waiting {
                    future: Box::pin(waiting),
                }
            }
        };
        Answering { stage }
    }
}

async fn wait<S, B, R>(
    guard: Guard,
    mut inner: S,
    mut request: Request<B>,
    token: String,
    decision: Decision,
) -> Result<Response<R>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    let settled = guard.server.settle(&token, decision).await;
    match settled.and_then(|principal| guard.rules.allow(principal)) {
        Ok(principal) => {
            pass(&mut request, Some(principal), guard.rules);
            inner.call(request).await
        }
        Err(refusal) => Ok(guard.refuse(&refusal)),
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The answer to come.
    pub struct Answering<F, R, E> {
        #[pin]
        stage: Stage<F, R, E>,
    }
}

pin_project! {
    #[project = StageNow]
    enum Stage<F, R, E> {
        Inner { #[pin] future: F },
        Refused { response: Option<Response<R>> },
        Waiting { future: Boxed<Result<Response<R>, E>> },
    }
}

impl<F, R, E> Future for Answering<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageNow::Inner { future } => future.poll(context),
            StageNow::Waiting { future } => future.as_mut().poll(context),
            // A future is not polled again once it was ready.
            StageNow::Refused { response } => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
        }
    }
}
