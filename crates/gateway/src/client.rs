//! One request to one replica: pooled connections, a connect timeout, and what went wrong.
//!
//! The client's own headers (its key above all) are never sent on. Which replica, and whether
//! another is tried, is decided in [`crate::upstream`].

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Idle connections kept per replica.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// How long an idle connection is kept; below the 5 s after which common Python servers close.
const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(4);

/// The pooled client.
#[derive(Debug, Clone)]
pub(crate) struct Client(Pool<HttpConnector, Full<Bytes>>);

/// One request, ready to be sent to any replica.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// Path at the replica.
    pub(crate) path: &'static str,
    /// The rewritten body.
    pub(crate) body: Bytes,
    /// Sent along as `x-request-id`.
    pub(crate) request_id: &'a HeaderValue,
    /// Longest time until the answer's headers.
    pub(crate) timeout: Duration,
    /// The name of the model in the body.
    pub(crate) model: &'a str,
}

/// What went wrong with one attempt.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection: the replica cannot have started work.
    Unreachable,
    /// The request may have been read.
    Broken,
    /// No headers came in time.
    TooLate,
}

impl Client {
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect_timeout));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_AGE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Self(pool)
    }

    /// Sends a request and waits for the answer's headers.
    pub(crate) async fn send(
        &self,
        replica: &str,
        order: &Order<'_>,
    ) -> Result<Response<Incoming>, Failure> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{replica}{}", order.path))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-request-id", order.request_id)
            .body(Full::new(order.body.clone()))
            .map_err(|error| {
                tracing::warn!(replica, %error, "replica address is not usable");
                Failure::Unreachable
            })?;
        let sent = tokio::time::timeout(order.timeout, self.0.request(request)).await;
        sent.map_err(|_| Failure::TooLate)?.map_err(|error: Error| {
            tracing::warn!(replica, %error, "replica did not answer");
            if error.is_connect() { Failure::Unreachable } else { Failure::Broken }
        })
    }
}
