//! The body of an answer: whole, as nearly all are, or told bit by bit.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::HttpBody;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};

/// The body of every answer.
pub enum Body {
    /// It is there.
    Whole(Full<Bytes>),
    /// It comes while it is read.
    Told(Told),
}

/// What comes next, and what tells what comes then; nothing where it is over.
pub(crate) type Step = Pin<Box<dyn Future<Output = Option<(Bytes, Box<dyn Teller>)>> + Send>>;

/// What tells a body bit by bit. It is asked for more only when what it told was taken, so a
/// reader that is slow costs one bit and no more.
pub(crate) trait Teller: Send {
    /// Tells the next bit.
    fn step(self: Box<Self>) -> Step;
}

/// A body that is told bit by bit.
pub struct Told(Option<Step>);

impl Body {
    pub(crate) fn told(teller: Box<dyn Teller>) -> Self {
        Self::Told(Told(Some(teller.step())))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(whole: T) -> Self {
        Self::Whole(Full::new(whole.into()))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Self::Told(told) => told.poll(cx).map(|bit| bit.map(|bit| Ok(Frame::data(bit)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Told(told) => told.0.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Told(_) => SizeHint::default(),
        }
    }
}

impl Told {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(step) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let Poll::Ready(told) = step.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let (bit, rest) = told.unzip();
        self.0 = rest.map(|teller| teller.step());
        Poll::Ready(bit)
    }
}
