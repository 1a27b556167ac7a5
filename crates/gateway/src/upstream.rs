//! The client towards replicas: pooled connections, timeouts, and the retry on another replica.
//!
//! A request is repeated only while nothing of an answer has reached the client and the replica
//! certainly did no work: it could not be reached, or it answered 503. The client's own headers
//! (its key above all) are never sent on.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::balance::{Balance, Outstanding};
use crate::config::GatewayConfig;
use crate::directory::Refusal;
use crate::error::ApiError;
use crate::metrics::Metrics;

/// Idle connections kept per replica.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// How long an idle connection is kept; below the 5 s after which common Python servers close.
const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(4);

/// The pooled client and the load it knows of.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    balance: Balance,
    attempts_max: usize,
    retry_after_s: u32,
}

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
}

impl Upstream {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(config.connect_timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_AGE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Self {
            client,
            balance: Balance::new(config.balance_seed),
            attempts_max: config.attempts_max.max(1),
            retry_after_s: config.retry_after_s,
        }
    }

    /// Sends to one replica after another until one answers.
    ///
    /// # Errors
    /// 503 when no replica could be reached, 504 after the timeout, 502 when a replica broke off
    /// before its headers. A replica's own error answer is not an error here.
    pub(crate) async fn send(
        &self,
        replicas: &[String],
        order: &Order<'_>,
        metrics: &Metrics,
    ) -> Result<(Response<Incoming>, Outstanding), ApiError> {
        let mut tried: Vec<String> = Vec::new();
        let mut unavailable = None;
        while tried.len() < self.attempts_max {
            let Some(place) = self.balance.choose(replicas, &tried) else { break };
            tried.push(place.replica.clone());
            let sent = tokio::time::timeout(order.timeout, self.attempt(&place.replica, order));
            match sent.await {
                Ok(Ok(answer)) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    metrics.upstream_errors.add(1);
                    unavailable = Some((answer, place));
                }
                Ok(Ok(answer)) => return Ok((answer, place)),
                Ok(Err(Failure::Unreachable)) => metrics.upstream_errors.add(1),
                Ok(Err(Failure::Broken)) => {
                    metrics.upstream_errors.add(1);
                    return Err(ApiError::bad_gateway("the model's server broke off: retry"));
                }
                Err(_) => {
                    metrics.upstream_errors.add(1);
                    let message = "the model's server did not answer in time: retry later";
                    return Err(ApiError::timeout(message));
                }
            }
        }
        unavailable.ok_or_else(|| ApiError::refusal(Refusal::NoReplica, "", self.retry_after_s))
    }

    async fn attempt(
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
        self.client.request(request).await.map_err(|error: Error| {
            tracing::warn!(replica, %error, "replica did not answer");
            if error.is_connect() { Failure::Unreachable } else { Failure::Broken }
        })
    }
}

/// What went wrong with one attempt.
#[derive(Debug)]
enum Failure {
    /// No connection: the replica cannot have started work.
    Unreachable,
    /// The request may have been read.
    Broken,
}
