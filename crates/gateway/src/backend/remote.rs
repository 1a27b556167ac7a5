//! One request to one upstream: its own headers and path, its timeouts, and what went wrong.

use std::error::Error as _;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::Remote;
use super::dial::{Dial, Used};
use super::flow::Flow;
use crate::client::{Failure, Order};

/// Idle connections kept per upstream.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// How long an idle connection is kept; below the 5 s after which common Python servers close.
const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(4);
/// Largest answer to a probe that is read.
const PROBE_BYTES_MAX: usize = 1 << 20;

/// Connections to one upstream.
pub(super) struct Client(Pool<Dial, Full<Bytes>>);

impl Client {
    pub(super) fn new(dial: Dial) -> Self {
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_AGE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(dial);
        Self(pool)
    }
}

/// Why a request got no head.
enum Unanswered {
    /// A connection that had waited idle was closed under it, before a byte of an answer: the server had given
    /// it up already and cannot have begun to work.
    Stale,
    /// Anything else.
    Failed(Failure),
}

impl Remote {
    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&self, order: &Order<'_>) -> Result<Response<Flow>, Failure> {
        self.figures.requests.fetch_add(1, Ordering::Relaxed);
        let end = Instant::now() + self.timeouts.total;
        let first = order.timeout.min(self.timeouts.first_byte).min(self.timeouts.total);
        let exchanged = async {
            match self.exchange(order).await {
                // Once: the next connection may be as old, but then it is a failure like any other.
                Err(Unanswered::Stale) => match self.exchange(order).await {
                    Err(Unanswered::Stale) => Err(Failure::Broken),
                    Err(Unanswered::Failed(failure)) => Err(failure),
                    Ok(answer) => Ok(answer),
                },
                Err(Unanswered::Failed(failure)) => Err(failure),
                Ok(answer) => Ok(answer),
            }
        };
        let answer = tokio::time::timeout(first, exchanged).await;
        let answer = answer.unwrap_or(Err(Failure::TooLate)).inspect_err(|_| {
            self.figures.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(answer.map(|body| Flow::limited(body, self.timeouts.gap, end)))
    }

    async fn exchange(&self, order: &Order<'_>) -> Result<Response<Incoming>, Unanswered> {
        let mut request =
            Request::builder().method(order.method).header("x-request-id", order.request_id);
        if let Some(uri) = self.uri(order.path) {
            request = request.uri(uri);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some((parent, state)) = order.trace {
            request = request.header("traceparent", parent);
            request =
                state.iter().fold(request, |request, state| request.header("tracestate", state));
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(order.body.clone()));
        let Ok(mut request) = request else {
            tracing::warn!(upstream.id = %self.id, "the address of upstream {} is not usable", self.id);
            return Err(Unanswered::Failed(Failure::Unreachable));
        };
        let connection = capture_connection(&mut request);
        match self.client.0.request(request).await {
            Ok(answer) => {
                if let Some(used) = used(&connection) {
                    used.0.store(true, Ordering::Relaxed);
                }
                Ok(answer)
            }
            Err(error) => Err(self.told(&error, &connection)),
        }
    }

    /// Says once what was wrong.
    fn told(&self, error: &Error, connection: &CaptureConnection) -> Unanswered {
        let was_used = used(connection).is_some_and(|used| used.0.load(Ordering::Relaxed));
        if was_used && is_closed(error) {
            self.figures.stale.fetch_add(1, Ordering::Relaxed);
            return Unanswered::Stale;
        }
        let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        tracing::warn!(upstream.id = %self.id, why, "upstream {} did not answer", self.id);
        let failure = if error.is_connect() { Failure::Unreachable } else { Failure::Broken };
        Unanswered::Failed(failure)
    }

    /// Asks for its health; `None` if it is not to be asked.
    pub(super) async fn probe(&self, timeout: Duration) -> Option<bool> {
        let path = match self.probe.as_deref()? {
            "models" => "/v1/models",
            path => path,
        };
        let mut request = Request::builder().method(Method::GET).uri(self.uri(path)?);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::default()).ok()?;
        let asked = async {
            let answer = self.client.0.request(request).await.ok()?;
            let is_well = answer.status().is_success();
            // What is not read cannot be asked again.
            Limited::new(answer.into_body(), PROBE_BYTES_MAX).collect().await.ok()?;
            Some(is_well)
        };
        Some(tokio::time::timeout(timeout, asked).await.ok().flatten().unwrap_or(false))
    }
}

fn used(connection: &CaptureConnection) -> Option<Used> {
    let mut extensions = http::Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extensions);
    extensions.get::<Used>().cloned()
}

/// Whether the connection ended before anything of an answer.
fn is_closed(error: &Error) -> bool {
    let Some(error) = error.source() else { return false };
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        let reset = error.source().and_then(|one| one.downcast_ref::<std::io::Error>());
        let is_reset = reset.is_some_and(|one| {
            matches!(one.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
        });
        return error.is_incomplete_message()
            || error.is_closed()
            || error.is_canceled()
            || is_reset;
    }
    false
}
