//! The body of a request, which must come whole within its time and its size.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::body::HttpBody;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::life::Life;

/// Why a body cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is larger than is read.
    #[error("the request body is too large")]
    TooLarge,
    /// It did not come in time.
    #[error("the request body did not arrive in time")]
    TimedOut,
    /// It ended early or was not framed as HTTP has it.
    #[error("the request body broke off")]
    Broken,
}

impl From<hyper::Error> for BodyFault {
    fn from(_: hyper::Error) -> Self {
        Self::Broken
    }
}

impl From<axum::Error> for BodyFault {
    fn from(_: axum::Error) -> Self {
        Self::Broken
    }
}

impl From<Infallible> for BodyFault {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The body of a request as it arrives; it fails once its time is up.
///
/// The clock is only asked for when there is something to wait for: most bodies are there whole
/// when the header is.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    within: Duration,
    /// Nothing where there is no body to wait for.
    life: Option<Arc<Life>>,
    clock: Option<Pin<Box<Sleep>>>,
    starved: bool,
    ended: bool,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, within: Duration, life: &Arc<Life>) -> Self {
        let life = (!incoming.is_end_stream()).then(|| life.clone());
        Self {
            incoming,
            within,
            life,
            clock: None,
            starved: false,
            ended: false,
        }
    }

    /// Tells the connection whether it is the client that keeps it waiting.
    fn starves(&mut self, starved: bool) {
        if starved != self.starved
            && let Some(life) = &self.life
        {
            self.starved = starved;
            if starved { life.starve() } else { life.feed() }
        }
    }

    /// Whether nothing of it is left to come. What nobody read but has arrived is skipped, so that
    /// a small body that was of no interest does not cost the connection.
    fn is_spent(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        while !self.ended && !self.incoming.is_end_stream() {
            match Pin::new(&mut self.incoming).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(Err(_))) | Poll::Pending => return false,
            }
        }
        true
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) {
            this.starves(false);
            this.ended = frame.is_none();
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyFault::from)));
        }
        this.starves(true);
        let within = this.within;
        let clock = this
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        if clock.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if let Some(life) = &this.life {
            life.late.store(true, Relaxed);
        }
        Poll::Ready(Some(Err(BodyFault::TimedOut)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.starves(false);
        if let Some(life) = self.life.take()
            && !self.is_spent()
        {
            life.unread.store(true, Relaxed);
        }
    }
}

/// Reads a body of at most `limit` bytes.
///
/// A body that says it is larger is not read at all.
///
/// # Errors
/// Why there is no body to be had.
pub async fn read_body<B>(mut body: B, limit: usize) -> Result<Bytes, BodyFault>
where
    B: HttpBody<Data = Bytes, Error: Into<BodyFault>> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyFault::TooLarge);
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Into::into)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(BodyFault::TooLarge);
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}
