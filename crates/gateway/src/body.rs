//! The bodies of answers: known whole, coming as a stream, or made by something else than this path.
//!
//! An enum of our own, since a boxed body costs an allocation and an indirect call for each piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::relay::Relay;

/// An answer's body.
#[derive(Debug)]
pub(crate) enum Body {
    /// All of it; empty once it has been taken.
    Whole(Bytes),
    /// A stream of events.
    Events(Box<Relay>),
    /// Any other.
    Other(axum::body::Body),
}

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Self::Other(body)
    }
}

impl From<Body> for axum::body::Body {
    fn from(body: Body) -> Self {
        match body {
            Body::Whole(bytes) => Self::from(bytes),
            Body::Events(relay) => Self::new(Body::Events(relay)),
            Body::Other(other) => other,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Events(relay) => {
                let piece = std::task::ready!(relay.poll_next(cx));
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
            }
            Self::Other(other) => Pin::new(other).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Events(relay) => relay.is_over(),
            Self::Other(other) => other.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(0)),
            Self::Events(_) => SizeHint::default(),
            Self::Other(other) => other.size_hint(),
        }
    }
}
