//! One request to one upstream: its own key, path and timeouts, over connections that are its own.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response};

use super::Remote;
use super::flow::Flow;
use crate::answer;
use crate::client::{Failure, Order, Target};

/// Largest answer to a probe that is read.
const PROBE_BYTES_MAX: usize = 1 << 20;

impl Remote {
    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&self, order: &Order<'_>) -> Result<Response<Flow>, Failure> {
        self.figures.requests.fetch_add(1, Ordering::Relaxed);
        let end = Instant::now() + self.timeouts.total;
        let timeout = order.timeout.min(self.timeouts.first_byte).min(self.timeouts.total);
        let path = self.path(order.path);
        let order = Order { path: &path, timeout, ..order.clone() };
        let answer = self.client.send(&self.target(), &order).await.inspect_err(|_| {
            self.figures.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(answer.map(|body| Flow::limited(body, self.timeouts.gap, end)))
    }

    fn target(&self) -> Target<'_> {
        Target {
            name: &self.name,
            host: self.authority.as_str(),
            authorization: self.authorization.as_ref(),
            dial: Some(&self.dial),
            stale: Some(&self.figures.stale),
        }
    }

    /// A path that clients of `/v1` know, at this upstream.
    pub(super) fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        match path.strip_prefix("/v1/") {
            Some(_) if self.prefix == "/v1" => path.into(),
            Some(rest) => format!("{}/{rest}", self.prefix).into(),
            None => path.into(),
        }
    }

    /// Asks for its health; `None` if it is not to be asked.
    pub(super) async fn probe(&self, timeout: Duration) -> Option<bool> {
        let path = match self.probe.as_deref()? {
            "models" => self.path("/v1/models"),
            path => path.into(),
        };
        let (method, path) = (&Method::GET, path.as_ref());
        let (body, model) = (Bytes::new(), &*self.model);
        let order = Order { method, path, body, request_id: None, trace: None, timeout, model };
        let asked = async {
            let answer = self.client.send(&self.target(), &order).await.ok()?;
            let (is_well, body) = (answer.status().is_success(), answer.into_body());
            // What is not read cannot be asked again.
            answer::collect(body.into(), PROBE_BYTES_MAX, timeout).await.ok()?;
            Some(is_well)
        };
        Some(tokio::time::timeout(timeout, asked).await.ok().flatten().unwrap_or(false))
    }
}
