//! The body of an upstream's answer, with the longest silence and the longest whole that it may take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// Why no more of a body comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The connection failed.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// It was silent for too long, or took too long as a whole.
    #[error("it took too long")]
    TooSlow,
}

/// A body that is coming.
#[derive(Debug)]
pub(crate) struct Flow {
    body: Incoming,
    limits: Option<Box<Limits>>,
}

#[derive(Debug)]
struct Limits {
    gap: Duration,
    end: Instant,
    timer: Pin<Box<Sleep>>,
}

impl From<Incoming> for Flow {
    fn from(body: Incoming) -> Self {
        Self { body, limits: None }
    }
}

impl Flow {
    /// A body that may be silent for `gap` at a time and must have come by `end`.
    pub(super) fn limited(body: Incoming, gap: Duration, end: Instant) -> Self {
        let first = end.min(Instant::now() + gap);
        let timer = Box::pin(tokio::time::sleep_until(first));
        Self { body, limits: Some(Box::new(Limits { gap, end, timer })) }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Lost;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let Some(limits) = &mut self.limits else {
            return polled.map(|frame| frame.map(|frame| frame.map_err(Lost::from)));
        };
        match polled {
            Poll::Ready(frame) => {
                let next = limits.end.min(Instant::now() + limits.gap);
                limits.timer.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Lost::from)))
            }
            Poll::Pending => {
                std::task::ready!(limits.timer.as_mut().poll(cx));
                Poll::Ready(Some(Err(Lost::TooSlow)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
