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

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response};

pub(crate) use inflow::{Inflow, Lost};
use link::{Link, Unanswered};
use pool::Pool;
pub(crate) use pool::use_shard;

/// The pooled client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pool: Arc<Pool>,
    connect_timeout: Duration,
}

/// A replica's answer, its body still to come.
pub(crate) type Reply = Response<Inflow>;

/// One request, ready to be sent to any replica.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// How it is asked.
    pub(crate) method: &'static Method,
    /// Path at the replica.
    pub(crate) path: &'static str,
    /// The rewritten body.
    pub(crate) body: Bytes,
    /// Sent along as `x-request-id`.
    pub(crate) request_id: &'a HeaderValue,
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
    pub(crate) async fn send(&self, replica: &str, order: &Order<'_>) -> Result<Reply, Failure> {
        let exchanged = tokio::time::timeout(order.timeout, self.exchange(replica, order)).await;
        exchanged.unwrap_or(Err(Failure::TooLate))
    }

    /// Closes what has been idle for too long; called about once a second.
    pub(crate) fn sweep(&self) {
        self.pool.sweep();
    }

    async fn exchange(&self, replica: &str, order: &Order<'_>) -> Result<Reply, Failure> {
        let Some(head) = head::request(replica, order) else {
            tracing::warn!(replica, "replica address is not usable");
            return Err(Failure::Unreachable);
        };
        while let Some(kept) = self.pool.take(replica) {
            match kept.ask(&head, &order.body).await {
                Ok((head, link)) => return Ok(self.reply(head, link)),
                // It had been closed under us, and nobody can have read a whole request from it.
                Err(Unanswered::Unwritten) => {}
                Err(unanswered) => return Err(told(replica, unanswered)),
            }
        }
        let opened = Link::open(replica, self.connect_timeout).await;
        let fresh = opened.map_err(|error| {
            tracing::warn!(replica, %error, "replica cannot be reached");
            Failure::Unreachable
        })?;
        let answered = fresh.ask(&head, &order.body).await;
        let (head, link) = answered.map_err(|unanswered| told(replica, unanswered))?;
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
