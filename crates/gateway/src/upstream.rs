//! Which replica gets a request, and whether another is tried when it fails.
//!
//! A request is repeated only while nothing of an answer has reached the client and the replica
//! certainly did no work: it could not be reached, or it answered 503.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::backend::Flow;
pub(crate) use crate::balance::Demand;
use crate::balance::{Balance, Outstanding};
use crate::client::{Client, Failure, Order, Target};
use crate::config::GatewayConfig;
use crate::directory::{Refusal, Replica, Route};
use crate::error::ApiError;
use crate::json::{Fields, quote};
use crate::metrics::Metrics;
use crate::uptime;

/// The replicas' client and the load it knows of.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client,
    balance: Balance,
    attempts_max: usize,
    retry_after_s: u32,
}

/// How an attempt at one route ended without an answer to pass on.
enum Missed {
    /// Nothing there can have worked on the request: another route may be tried.
    Free(Option<Box<(Response<Flow>, Outstanding)>>),
    /// Somebody may have: the client decides.
    Spent(ApiError),
}

impl Upstream {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            client: Client::new(config.connect_timeout),
            balance: Balance::new(config.balance.clone()),
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
        (route, demand): (&Route, &Demand<'_>),
        order: &Order<'_>,
        metrics: &Metrics,
    ) -> Result<(Response<Flow>, Outstanding), ApiError> {
        let canary = self.balance.canary(&route.canaries, demand.session);
        let mut unavailable = None;
        // A canary that cannot answer costs nobody an answer.
        for one in canary.into_iter().chain([route]).chain(&route.fallbacks) {
            match self.try_route((one, demand), order, metrics).await {
                Ok(answered) => return Ok(answered),
                Err(Missed::Spent(error)) => return Err(error),
                Err(Missed::Free(told)) => unavailable = told.map(|told| *told).or(unavailable),
            }
        }
        unavailable.ok_or_else(|| ApiError::refusal(Refusal::NoReplica, "", self.retry_after_s))
    }

    /// Sends to one replica of a route after another until one answers.
    async fn try_route(
        &self,
        (route, demand): (&Route, &Demand<'_>),
        order: &Order<'_>,
        metrics: &Metrics,
    ) -> Result<(Response<Flow>, Outstanding), Missed> {
        let mut tried: Vec<Arc<str>> = Vec::new();
        let mut unavailable = None;
        let traces = self.balance.trace(route, demand, uptime::now());
        while tried.len() < self.attempts_max {
            let asked = (demand, traces.as_ref());
            let chosen = self.balance.choose_traced(route, asked, &tried, uptime::now());
            let Some(mut place) = chosen else { break };
            place.count_in(&metrics.loads);
            match tried.len() {
                0 => place.fleet().earn_retry(),
                _ if place.fleet().spend_retry() => {}
                _ => break,
            }
            tried.push(Arc::clone(&place.replica.address));
            let answered = self.attempt((route, &place.replica), order).await;
            match &answered {
                // What stands before a replica says with these that there is none behind it.
                Ok(answer) if matches!(answer.status().as_u16(), 502 | 504) => {
                    place.failed(uptime::now());
                }
                Ok(answer) if answer.status().is_server_error() => {
                    place.answered();
                    place.blame();
                }
                Ok(_) => place.answered(),
                Err(_) => place.failed(uptime::now()),
            }
            match answered {
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    metrics.upstream_errors.add(1);
                    unavailable = Some((answer, place));
                }
                Ok(answer) => return Ok((answer, place)),
                Err(Failure::Unreachable) => metrics.upstream_errors.add(1),
                Err(Failure::Broken) => {
                    metrics.upstream_errors.add(1);
                    let message = "the model's server broke off: retry";
                    return Err(Missed::Spent(ApiError::bad_gateway(message)));
                }
                Err(Failure::TooLate) => {
                    metrics.upstream_errors.add(1);
                    let message = "the model's server did not answer in time: retry later";
                    return Err(Missed::Spent(ApiError::timeout(message)));
                }
            }
        }
        Err(Missed::Free(unavailable.map(Box::new)))
    }

    /// One request to one replica, under the name by which it knows the model.
    async fn attempt(
        &self,
        (route, replica): (&Route, &Replica),
        order: &Order<'_>,
    ) -> Result<Response<Flow>, Failure> {
        let model = replica.model.as_deref().unwrap_or(&route.upstream_model);
        let Order { body, model: sent, .. } = order;
        let body = if model == *sent { body.clone() } else { renamed(body, model) };
        let order = Order { body, model, ..order.clone() };
        match &replica.remote {
            Some(remote) => remote.send(&order).await,
            None => {
                let target = Target::near(&replica.address);
                Ok(self.client.send(&target, &order).await?.map(Flow::from))
            }
        }
    }
}

/// The same body with another model's name; what is no object stays as it is.
fn renamed(body: &Bytes, model: &str) -> Bytes {
    let Ok(mut fields) = Fields::parse(body) else { return body.clone() };
    fields.set("model", quote(model));
    Bytes::from(fields.to_json())
}
