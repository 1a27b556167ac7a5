//! What the gateway gives to files and batches: a place, the time, ids, and its own path for a line.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::BoxError;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use hyper::body::Body as HttpBody;
use units::{Id, kinds};

use super::Gateway;
use crate::batch::{Desk, Uuid};
use crate::body::Body;
use crate::call::Call;
use crate::directory::Caller;

impl Gateway {
    /// Keeps files and batches from now on; false if it does already.
    pub(crate) fn keep(&self, desk: Arc<Desk>) -> bool {
        self.desk.set(desk).is_ok()
    }

    /// Where batches are worked on, if they are kept here.
    pub(crate) fn desk(&self) -> Option<&Arc<Desk>> {
        self.desk.get()
    }

    /// The time in seconds since 1970.
    pub(crate) fn now_s(&self) -> i64 {
        self.meter.now().0.div_euclid(1_000_000)
    }

    /// Answers one call of somebody who is known already, and who takes only what others leave.
    pub(crate) async fn call_for<B>(
        &self,
        caller: Caller,
        call: Call,
        request: Request<B>,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        self.call_of(call, request, Some(caller)).await
    }

    /// Unique: this gateway's own id, the time and a counter that begins elsewhere with each start. By the end of
    /// the gateway's id in it, whoever looks for an answer knows whom to ask.
    pub(crate) fn fresh_id(&self) -> Id<kinds::Request> {
        let [.., tail_a, tail_b] = *self.meter.gateway().as_bytes();
        let [a, b, c, d, e, f, g, h] = self.requests.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Id::from_parts(self.meter.now().millis(), [tail_a, tail_b, a, b, c, d, e, f, g, h])
    }

    /// The same for what is kept.
    pub(crate) fn fresh_uuid(&self) -> Uuid {
        Uuid::from_bytes(*self.fresh_id().as_bytes())
    }

    pub(super) fn fresh_request_id(&self) -> HeaderValue {
        // Base 32 letters are always a valid header value.
        HeaderValue::try_from(self.fresh_id().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("req"))
    }
}
