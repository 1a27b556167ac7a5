//! The body of an answer: of a registered upstream with the longest silence and the longest whole that it may take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::client::{Inflow, Lost as LostLink};

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
    limit: Option<Box<Limit>>,
}

/// How long a body may take. There is one timer for all of it, which is set again only when it has run out.
#[derive(Debug)]
struct Limit {
    gap: Duration,
    end: Instant,
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl From<Inflow> for Flow {
    fn from(body: Inflow) -> Self {
        Self { body, limit: None }
    }
}

impl Flow {
    /// A body that may be silent for `gap` at a time and must have come by `end`.
    pub(super) fn limited(body: Inflow, gap: Duration, end: Instant) -> Self {
        let last = Instant::now();
        let timer = Box::pin(tokio::time::sleep_until(end.min(last + gap)));
        Self { body, limit: Some(Box::new(Limit { gap, end, last, timer })) }
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
            Poll::Pending if self.limit.as_mut().is_some_and(|limit| limit.is_over(cx)) => {
                Poll::Ready(Some(Err(Lost::TooSlow)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Notes that nothing was asked of it for a while, which is no silence of its own.
    pub(crate) fn rested(&mut self) {
        if let Some(limit) = &mut self.limit {
            limit.last = Instant::now();
        }
    }

    /// Gives the connection back, though the end of the answer may still be on its way: for a stream whose
    /// last event has come.
    pub(crate) fn leave(&mut self) {
        self.body.leave();
    }
}

impl Limit {
    /// Whether it has taken too long; wakes the task when that may be so.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let due = self.end.min(self.last + self.gap);
            match self.timer.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if Instant::now() >= due => return true,
                Poll::Ready(()) => self.timer.as_mut().reset(due),
            }
        }
    }
}
