//! The body of an answer: of a registered upstream with the longest silence and the longest whole that it may take.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::client::{Inflow, Lost as LostLink};
use crate::silence::Silence;

/// Why no more of a body comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The connection failed.
    #[error(transparent)]
    Link(#[from] LostLink),
    /// It was silent for too long, or took too long as a whole.
    #[error("it took too long")]
    TooSlow,
}

/// A body that is coming.
#[derive(Debug)]
pub(crate) struct Flow {
    body: Inflow,
    limit: Option<Silence>,
}

impl From<Inflow> for Flow {
    fn from(body: Inflow) -> Self {
        Self { body, limit: None }
    }
}

impl Flow {
    /// A body that may be silent for `gap` at a time and must have come by `end`.
    pub(super) fn limited(body: Inflow, gap: Duration, end: Instant) -> Self {
        Self { body, limit: Some(Silence::new(gap, Some(end))) }
    }

    /// How long the body is, if its head says.
    pub(crate) fn length(&self) -> Option<u64> {
        self.body.length()
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
        match self.body.poll_pieces(cx, take) {
            Poll::Ready(more) => {
                self.rested();
                Poll::Ready(more.map(|more| more.map_err(Lost::from)))
            }
            Poll::Pending if self.limit.as_mut().is_some_and(|limit| limit.is_too_long(cx)) => {
                Poll::Ready(Some(Err(Lost::TooSlow)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Notes that nothing was asked of it for a while, which is no silence of its own.
    pub(crate) fn rested(&mut self) {
        if let Some(limit) = &mut self.limit {
            limit.heard();
        }
    }

    /// Gives the connection back, though the end of the answer may still be on its way: for a stream whose
    /// last event has come.
    pub(crate) fn leave(&mut self) {
        self.body.leave();
    }
}
