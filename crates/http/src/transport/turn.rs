//! One request's turn: from its header to the last byte of its answer.

use std::{
    any::Any,
    convert::Infallible,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use axum::{
    body::HttpBody,
    http::{HeaderValue, Request, Response, header},
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    service::{HttpService, service_fn},
};

use super::{Handler, Peer, RequestBody, life::Life, serve::Server};

/// Marks the connection as busy while it lives.
struct Turn {
    life: Arc<Life>,
    multiplexed: bool,
}

impl Turn {
    fn begin(life: Arc<Life>, multiplexed: bool) -> Self {
        life.begin_request();
        Self { life, multiplexed }
    }

    /// What is left of a body stands where the next request should; such a connection is closed,
    /// and a client that is told so reads the answer instead of being surprised.
    fn must_be_the_last(&self) -> bool {
        !self.multiplexed && self.life.unread.load(Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.life.end_request(self.multiplexed);
    }
}

/// The body of an answer; hyper drops it when the last of it is taken, which ends the turn.
pub(super) struct Answer<B> {
    body: B,
    _turn: Turn,
}

impl<B: HttpBody + Unpin> HttpBody for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a connection calls for each of its requests.
pub(super) fn service<H: Handler>(
    server: Arc<Server<H>>,
    life: Arc<Life>,
    peer: Peer,
    multiplexed: bool,
) -> impl HttpService<
    Incoming,
    ResBody = Answer<H::Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Answer<H::Body>>, Infallible>> + Send + 'static,
> {
    service_fn(move |request: Request<Incoming>| {
        let turn = Turn::begin(life.clone(), multiplexed);
        let server = server.clone();
        async move {
            let within = server.config.body_timeout;
            let request = request.map(|incoming| RequestBody::new(incoming, within, &turn.life));
            let answering = pin!(server.handler.handle(request, peer));
            let mut response = unless_it_panics(answering).await.unwrap_or_else(|_| {
                server.stats.panics.fetch_add(1, Relaxed);
                server.handler.panicked()
            });
            if turn.must_be_the_last() {
                response
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Answer { body, _turn: turn }))
        }
    })
}

/// A panic ends one request, not its connection: what the client gets is an answer.
///
/// The panic itself is the panic hook's to report. The future is pinned by the caller, since moving
/// it here would copy it once more for every request.
async fn unless_it_panics<F: Future>(
    mut future: Pin<&mut F>,
) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}
