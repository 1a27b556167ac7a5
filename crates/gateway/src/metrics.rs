//! Counters of the data plane in Prometheus' text form.
//!
//! Labels name status classes only: never a tenant, key or model, which would leak through
//! monitoring and grow without bound.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use units::{Id, kinds};

use crate::load::{EndpointLoad, Loads};
use crate::observe::{AccessLog, AccessLogTarget, Figures, SpanBatches, TenantRow, Tracer};

/// A counter or gauge.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds; relaxed, since figures are read one by one.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of one gateway.
#[derive(Debug, Default)]
pub struct Metrics {
    classes: [Count; 4],
    in_flight: Count,
    pub(crate) loads: Loads,
    pub(crate) wakes: Count,
    pub(crate) wakes_refused: Count,
    pub(crate) prompt_tokens: Count,
    pub(crate) completion_tokens: Count,
    pub(crate) upstream_errors: Count,
    pub(crate) streams_broken: Count,
    pub(crate) usage_estimated: Count,
    pub(crate) spool_lines_corrupt: Count,
    pub(crate) spool_write_errors: Count,
    pub(crate) rollups_delivered: Count,
    pub(crate) rollup_errors: Count,
    pub(crate) figures: Figures,
}

/// A request counted as in flight until dropped.
#[derive(Debug)]
pub(crate) struct InFlight(std::sync::Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.sub(1);
    }
}

impl Metrics {
    /// Counts a request as in flight.
    pub(crate) fn begin(self: &std::sync::Arc<Self>) -> InFlight {
        self.in_flight.add(1);
        InFlight(std::sync::Arc::clone(self))
    }

    /// Counts an answer by its status class.
    pub(crate) fn answered(&self, status: http::StatusCode) {
        let class = match status.as_u16() {
            0..300 => 0,
            300..400 => 1,
            400..500 => 2,
            _ => 3,
        };
        if let Some(count) = self.classes.get(class) {
            count.add(1);
        }
    }

    /// Requests in flight now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

    /// What is in flight for each endpoint, and what waits for it.
    #[must_use]
    pub fn loads(&self) -> Vec<(Id<kinds::Endpoint>, EndpointLoad)> {
        self.loads.read()
    }

    /// Spool lines that could not be read at start; each may be one request's usage lost.
    #[must_use]
    pub fn spool_lines_corrupt(&self) -> u64 {
        self.spool_lines_corrupt.get()
    }

    /// Writes a line for each request from now on.
    ///
    /// # Errors
    /// If the target cannot be opened.
    pub fn log_access(&self, target: AccessLogTarget) -> std::io::Result<()> {
        let log = AccessLog::start(target)?;
        // A second one would be a mistake of the application; the first stays.
        let _ = self.figures.access_log.set(log);
        Ok(())
    }

    /// Traces requests from now on: those that a client samples, and this share, in millionths, of the others.
    /// The batches must be taken by a thread of their own.
    pub fn trace(&self, sampled_millionths: u32, service_version: String) -> SpanBatches {
        let (tracer, batches) = Tracer::new(sampled_millionths, service_version);
        let _ = self.figures.tracer.set(tracer);
        batches
    }

    /// What each project, key and endpoint has done since the start, for their owners only.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantRow> {
        self.figures.tenants.rows()
    }

    /// The text for `/metrics` (Prometheus exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(4_096);
        head(&mut out, "requests_total", "counter", "Answers by status class.");
        for (class, count) in ["2xx", "3xx", "4xx", "5xx"].iter().zip(&self.classes) {
            line(&mut out, &format!("requests_total{{class=\"{class}\"}}"), count.get());
        }
        head(&mut out, "in_flight_requests", "gauge", "Requests being answered.");
        line(&mut out, "in_flight_requests", self.in_flight.get());
        let waiting: u64 = self.loads().iter().map(|(_, load)| u64::from(load.waiting)).sum();
        head(&mut out, "waiting_requests", "gauge", "Requests that wait for a replica to start.");
        line(&mut out, "waiting_requests", waiting);
        for (name, help, count) in self.plain() {
            head(&mut out, name, "counter", help);
            line(&mut out, name, count.get());
        }
        self.figures.render(&mut out);
        out
    }

    fn plain(&self) -> [(&'static str, &'static str, &Count); 11] {
        [
            ("wakes_total", "Requests that waited for an endpoint that slept.", &self.wakes),
            ("wakes_refused_total", "Those for which it took too long.", &self.wakes_refused),
            ("prompt_tokens_total", "Tokens read.", &self.prompt_tokens),
            ("completion_tokens_total", "Tokens written.", &self.completion_tokens),
            ("upstream_errors_total", "Attempts a replica failed.", &self.upstream_errors),
            ("streams_broken_total", "Streams that ended early.", &self.streams_broken),
            ("usage_estimated_total", "Requests with estimated tokens.", &self.usage_estimated),
            ("spool_lines_corrupt_total", "Unreadable spool lines.", &self.spool_lines_corrupt),
            ("spool_write_errors_total", "Usage not on disk at once.", &self.spool_write_errors),
            ("rollups_delivered_total", "Roll-ups taken by the sink.", &self.rollups_delivered),
            ("rollup_errors_total", "Deliveries the sink refused.", &self.rollup_errors),
        ]
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP cocarde_gateway_{name} {help}");
    let _ = writeln!(out, "# TYPE cocarde_gateway_{name} {kind}");
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "cocarde_gateway_{name} {value}");
}
