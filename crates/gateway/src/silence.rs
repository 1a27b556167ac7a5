//! How long a stream may be silent, and how long it may take as a whole.
//!
//! There is one timer for all of it, made when it is first waited for and set again only when it has run out: a piece
//! that comes costs a look at the clock.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// Watches a stream.
#[derive(Debug)]
pub(crate) struct Silence {
    longest: Duration,
    end: Option<Instant>,
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    /// A stream that begins now, may be silent for `longest` at a time, and must have come by `end` if there is one.
    pub(crate) fn new(longest: Duration, end: Option<Instant>) -> Self {
        Self { longest, end, last: Instant::now(), timer: None }
    }

    /// Something has come, or nothing was waited for.
    pub(crate) fn heard(&mut self) {
        self.last = Instant::now();
    }

    /// Whether nothing has come for too long, or it has not ended in time; wakes the task when that may be so.
    pub(crate) fn is_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let due = self.last + self.longest;
            let due = self.end.map_or(due, |end| end.min(due));
            let timer =
                self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
            match timer.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if Instant::now() >= due => return true,
                Poll::Ready(()) => timer.as_mut().reset(due.into()),
            }
        }
    }
}
