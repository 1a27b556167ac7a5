//! The body of an answer, whether it comes over a connection of our own or from a registered upstream; the
//! latter with the longest silence and the longest whole that it may take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, Sleep};

use crate::client::{Inflow, Lost as LostLink};

/// How long to wait for an upstream's end of body after the last event, so that its connection is used again.
const DRAIN_MAX: Duration = Duration::from_millis(200);

/// Why no more of a body comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The connection of our own failed.
    #[error(transparent)]
    Link(#[from] LostLink),
    /// The upstream's connection failed.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// It was silent for too long, or took too long as a whole.
    #[error("it took too long")]
    TooSlow,
}

/// A body that is coming.
#[derive(Debug)]
pub(crate) enum Flow {
    /// From a replica on a connection of our own.
    Near(Inflow),
    /// From a registered upstream.
    Far(Option<Box<Far>>),
}

/// An upstream's body.
#[derive(Debug)]
pub(crate) struct Far {
    body: Incoming,
    gap: Duration,
    end: Instant,
    timer: Pin<Box<Sleep>>,
}

impl From<Inflow> for Flow {
    fn from(body: Inflow) -> Self {
        Self::Near(body)
    }
}

impl Flow {
    /// A body that may be silent for `gap` at a time and must have come by `end`.
    pub(super) fn limited(body: Incoming, gap: Duration, end: Instant) -> Self {
        let first = end.min(Instant::now() + gap);
        let timer = Box::pin(tokio::time::sleep_until(first));
        Self::Far(Some(Box::new(Far { body, gap, end, timer })))
    }

    /// How long the body is, if its head says.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Near(body) => body.length(),
            Self::Far(far) => far.as_ref().and_then(|far| far.body.size_hint().exact()),
        }
    }

    /// Hands what has come to `take`, in at least one piece; `None` at the end.
    ///
    /// # Errors
    /// [`Lost`]; nothing comes any more.
    pub(crate) fn poll_pieces(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnMut(&[u8]),
    ) -> Poll<Option<Result<(), Lost>>> {
        match self {
            Self::Near(body) => {
                body.poll_pieces(cx, take).map(|more| more.map(|more| more.map_err(Lost::from)))
            }
            Self::Far(None) => Poll::Ready(None),
            Self::Far(Some(far)) => far.poll_pieces(cx, take),
        }
    }

    /// Notes that nothing was asked of it for a while, which is no silence of its own.
    pub(crate) fn rested(&mut self) {
        if let Self::Far(Some(far)) = self {
            let next = far.end.min(Instant::now() + far.gap);
            far.timer.as_mut().reset(next);
        }
    }

    /// Gives the connection back, though the end of the answer may still be on its way: for a stream whose
    /// last event has come.
    pub(crate) fn leave(&mut self) {
        match self {
            Self::Near(body) => body.leave(),
            Self::Far(far) => {
                let Some(mut far) = far.take().filter(|far| !far.body.is_end_stream()) else {
                    return;
                };
                // Whatever comes or does not come now changes nothing any more.
                tokio::spawn(tokio::time::timeout(DRAIN_MAX, async move {
                    while let Some(Ok(_)) = far.body.frame().await {}
                }));
            }
        }
    }
}

impl Far {
    fn poll_pieces(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&[u8]),
    ) -> Poll<Option<Result<(), Lost>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    let next = self.end.min(Instant::now() + self.gap);
                    self.timer.as_mut().reset(next);
                    match frame {
                        None => return Poll::Ready(None),
                        Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                        Some(Ok(frame)) => {
                            // Trailers say nothing that is passed on.
                            let Ok(data) = frame.into_data() else { continue };
                            take(&data);
                            return Poll::Ready(Some(Ok(())));
                        }
                    }
                }
                Poll::Pending => {
                    std::task::ready!(self.timer.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(Lost::TooSlow)));
                }
            }
        }
    }
}
