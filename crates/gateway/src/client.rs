//! One request to one replica over HTTP/1.1, with connections of our own: written at once, read in place.
//!
//! A connection is polled by the task that answers its client, on the same thread and through no channel:
//! a byte of an answer crosses no queue. The client's own headers (its key above all) are never sent on.
//! Which replica, and whether another is tried, is decided in [`crate::upstream`].

mod chunks;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod head;
mod inflow;
mod link;
mod pool;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response};

pub(crate) use inflow::{Inflow, Lost};
use link::{Link, Unanswered};
use pool::Pool;
pub(crate) use pool::use_shard;
pub(crate) use wire::Wire;

use crate::backend::Dial;

/// The pooled client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pool: Arc<Pool>,
    connect_timeout: Duration,
}

/// A replica's answer, its body still to come.
pub(crate) type Reply = Response<Inflow>;

/// Whom a request goes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Its name among connections that are kept, and in messages.
    pub(crate) name: &'a str,
    /// As the request's `host` says it; without a way of its own, the address that is connected to.
    pub(crate) host: &'a str,
    /// Its key.
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// Its own way to open connections.
    pub(crate) dial: Option<&'a Dial>,
    /// Counts connections that were kept and that it has closed under a request. Where they are counted, a request
    /// is sent once more on a fresh one if nothing of an answer had come: the server had given the connection up
    /// before and cannot have begun to work. Without, only a request that cannot have been read is.
    pub(crate) stale: Option<&'a AtomicU64>,
}

impl<'a> Target<'a> {
    /// A replica in reach, at `host:port`.
    pub(crate) const fn near(address: &'a str) -> Self {
        Self { name: address, host: address, authorization: None, dial: None, stale: None }
    }

    fn was_stale(&self) {
        if let Some(stale) = self.stale {
            stale.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One request, ready to be sent to any replica.
#[derive(Debug, Clone)]
pub(crate) struct Order<'a> {
    /// How it is asked.
    pub(crate) method: &'static Method,
    /// Path at the replica.
    pub(crate) path: &'a str,
    /// The rewritten body.
    pub(crate) body: Bytes,
    /// Sent along as `x-request-id`.
    pub(crate) request_id: Option<&'a HeaderValue>,
    /// `traceparent` and `tracestate`, where requests are traced.
    pub(crate) trace: Option<&'a (String, Option<HeaderValue>)>,
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
        Self { pool: Arc::new(Pool::new()), connect_timeout }
    }

    /// Sends a request and waits for the answer's headers.
    pub(crate) async fn send(
        &self,
        target: &Target<'_>,
        order: &Order<'_>,
    ) -> Result<Reply, Failure> {
        let exchanged = tokio::time::timeout(order.timeout, self.exchange(target, order)).await;
        exchanged.unwrap_or(Err(Failure::TooLate))
    }

    /// Closes what has been idle for too long; called about once a second.
    pub(crate) fn sweep(&self) {
        self.pool.sweep();
    }

    /// The same for connections of all threads.
    pub(crate) fn sweep_all(&self) {
        self.pool.sweep_all();
    }

    async fn exchange(&self, target: &Target<'_>, order: &Order<'_>) -> Result<Reply, Failure> {
        let name = target.name;
        let Some(head) = head::request(target, order) else {
            tracing::warn!(replica = name, "replica address is not usable");
            return Err(Failure::Unreachable);
        };
        while let Some(kept) = self.pool.take(name) {
            match kept.ask(&head, &order.body).await {
                Ok((head, link)) => return Ok(self.reply(head, link)),
                // It had been closed under us, and nobody can have read a whole request from it.
                Err(Unanswered::Unwritten) => target.was_stale(),
                Err(Unanswered::Closed) if target.stale.is_some() => {
                    target.was_stale();
                    // Others may be as old.
                    break;
                }
                Err(unanswered) => return Err(told(name, unanswered)),
            }
        }
        let opened = Link::open(target, self.connect_timeout).await;
        let fresh = opened.map_err(|error| {
            tracing::warn!(replica = name, %error, "replica cannot be reached");
            Failure::Unreachable
        })?;
        let answered = fresh.ask(&head, &order.body).await;
        let (head, link) = answered.map_err(|unanswered| told(name, unanswered))?;
        Ok(self.reply(head, link))
    }

    fn reply(&self, head: head::Answer, link: Link) -> Reply {
        let body =
            Inflow::new(link, head.framing, head.ahead, head.is_kept, Arc::clone(&self.pool));
        let mut reply = Response::new(body);
        *reply.status_mut() = head.status;
        *reply.headers_mut() = head.headers;
        reply
    }
}

/// Says once what was wrong with an answer.
fn told(replica: &str, unanswered: Unanswered) -> Failure {
    tracing::warn!(replica, error = %unanswered, "replica did not answer");
    Failure::Broken
}
