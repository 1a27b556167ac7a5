//! Which replica gets a request, and whether another is tried when it fails.
//!
//! A request is repeated only while nothing of an answer has reached the client and the replica
//! certainly did no work: it could not be reached, or it answered 503.

use http::StatusCode;

use crate::balance::{Balance, Outstanding};
use crate::client::{Client, Failure, Order, Reply};
use crate::config::GatewayConfig;
use crate::directory::Refusal;
use crate::error::ApiError;
use crate::metrics::Metrics;

/// The replicas' client and the load it knows of.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client,
    balance: Balance,
    attempts_max: usize,
    retry_after_s: u32,
}

impl Upstream {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            client: Client::new(config.connect_timeout),
            balance: Balance::new(config.balance_seed),
            attempts_max: config.attempts_max.max(1),
            retry_after_s: config.retry_after_s,
        }
    }

    /// Lets go of connections that this thread has not used for a while.
    pub(crate) fn sweep(&self) {
        self.client.sweep();
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
    ) -> Result<(Reply, Outstanding), ApiError> {
        let mut tried: Vec<String> = Vec::new();
        let mut unavailable = None;
        while tried.len() < self.attempts_max {
            let Some(place) = self.balance.choose(replicas, &tried) else { break };
            tried.push(place.replica.clone());
            match self.client.send(&place.replica, order).await {
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    metrics.upstream_errors.add(1);
                    unavailable = Some((answer, place));
                }
                Ok(answer) => return Ok((answer, place)),
                Err(Failure::Unreachable) => metrics.upstream_errors.add(1),
                Err(Failure::Broken) => {
                    metrics.upstream_errors.add(1);
                    return Err(ApiError::bad_gateway("the model's server broke off: retry"));
                }
                Err(Failure::TooLate) => {
                    metrics.upstream_errors.add(1);
                    let message = "the model's server did not answer in time: retry later";
                    return Err(ApiError::timeout(message));
                }
            }
        }
        unavailable.ok_or_else(|| ApiError::refusal(Refusal::NoReplica, "", self.retry_after_s))
    }
}
