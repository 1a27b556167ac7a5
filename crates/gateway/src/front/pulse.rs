//! Whether a connection waits for its client, and since when: one timer for its whole life finds those that
//! wait for too long, in the place of one for each request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::body::Body;

/// Says that a request is being answered.
const BUSY: u64 = u64::MAX;

/// What a connection does.
#[derive(Debug)]
pub(super) struct Pulse {
    begun: Instant,
    /// Milliseconds from `begun` to when it last began to wait, or [`BUSY`].
    waits_since_ms: AtomicU64,
}

impl Pulse {
    /// A connection that waits for its first request.
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), waits_since_ms: AtomicU64::new(0) }
    }

    /// A request has come; what is given back is held until its answer has gone.
    pub(super) fn beat(self: &Arc<Self>) -> Beat {
        self.is_ours();
        Beat(Arc::clone(self))
    }

    /// Others have the client wait.
    fn is_ours(&self) {
        self.waits_since_ms.store(BUSY, Ordering::Relaxed);
    }

    /// It is up to the client from now on.
    fn is_clients(&self) {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(0);
        self.waits_since_ms.store(ms, Ordering::Relaxed);
    }

    /// Ends when the connection has waited for so long.
    pub(super) async fn stopped(&self, longest: Duration) {
        loop {
            let since_ms = self.waits_since_ms.load(Ordering::Relaxed);
            let due = match since_ms {
                BUSY => Instant::now() + longest,
                waits => self.begun + Duration::from_millis(waits) + longest,
            };
            if due <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Beat(Arc<Pulse>);

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.is_clients();
    }
}

/// An answer's body. Between a piece that it gave and the question for the next, the client has to take what is
/// there: it is asked for no more than fits the connection's buffer.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) beat: Beat,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, beat } = self.get_mut();
        beat.0.is_ours();
        let polled = Pin::new(body).poll_frame(cx);
        if polled.is_ready() {
            beat.0.is_clients();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
