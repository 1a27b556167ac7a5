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
        self.waits_since_ms.store(BUSY, Ordering::Relaxed);
        Beat(Arc::clone(self))
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
        let ms = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(0);
        self.0.waits_since_ms.store(ms, Ordering::Relaxed);
    }
}

/// An answer's body, which is being answered until it is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) _beat: Beat,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
