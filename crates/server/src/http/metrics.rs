//! Counters of the HTTP server, and the platform's figures, in the Prometheus text format.
//!
//! No tenant, key or workload is ever a label.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use api::problem::Code;
use http::StatusCode;
use kernel::{State, node::Status};

/// Upper bounds of the latency buckets, in milliseconds.
const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000];
/// For so long after a command could not be stored, the platform is not ready.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(10);

/// The counters; all operations are cheap.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    accepted: AtomicU64,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
    responses: Mutex<BTreeMap<u16, u64>>,
    buckets: [AtomicU64; BUCKETS_MS.len()],
    n_requests: AtomicU64,
    latency_micros: AtomicU64,
    store_failed: Mutex<Option<Instant>>,
}

impl Metrics {
    /// A command was accepted.
    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        *self.store_failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A command was not accepted.
    pub(crate) fn rejected(&self, code: Code) {
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        let count = rejected.entry(code.slug()).or_default();
        *count = count.saturating_add(1);
        drop(rejected);
        if matches!(code, Code::Unavailable | Code::StorageFull) {
            let mut failed = self.store_failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some(Instant::now());
        }
    }

    /// True if the last command could not be stored, a moment ago.
    pub(crate) fn store_failing(&self) -> bool {
        let failed = *self.store_failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < FAILURE_REMEMBERED)
    }

    /// A request was answered; a stream counts when it begins.
    pub(crate) fn observe(&self, took: Duration, status: StatusCode) {
        self.n_requests.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.fetch_add(micros, Ordering::Relaxed);
        for (bound, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            if micros <= bound.saturating_mul(1_000) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut responses = self.responses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = responses.entry(status.as_u16()).or_default();
        *count = count.saturating_add(1);
    }

    /// All of it as text.
    pub(crate) fn render(&self, figures: &Figures) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out, figures);
        out
    }

    fn write(&self, out: &mut String, figures: &Figures) -> std::fmt::Result {
        family(out, "cocarde_log_entries", "gauge", "Durable entries of the log.")?;
        writeln!(out, "cocarde_log_entries {}", figures.log_entries)?;
        family(out, "cocarde_commands_accepted_total", "counter", "Commands accepted over HTTP.")?;
        writeln!(out, "cocarde_commands_accepted_total {}", self.accepted.load(Ordering::Relaxed))?;
        family(out, "cocarde_commands_rejected_total", "counter", "Commands refused, by code.")?;
        for (code, n) in self.rejected.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            writeln!(out, "cocarde_commands_rejected_total{{code=\"{code}\"}} {n}")?;
        }
        family(out, "cocarde_http_responses_total", "counter", "Responses, by status.")?;
        for (status, n) in self.responses.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            writeln!(out, "cocarde_http_responses_total{{status=\"{status}\"}} {n}")?;
        }
        self.write_latency(out)?;
        family(out, "cocarde_workloads", "gauge", "Workloads that have not ended, by state.")?;
        for (state, n) in &figures.workloads {
            writeln!(out, "cocarde_workloads{{state=\"{state}\"}} {n}")?;
        }
        family(out, "cocarde_nodes", "gauge", "Nodes, by status.")?;
        for (status, n) in &figures.nodes {
            writeln!(out, "cocarde_nodes{{status=\"{status}\"}} {n}")?;
        }
        Ok(())
    }

    fn write_latency(&self, out: &mut String) -> std::fmt::Result {
        let name = "cocarde_http_request_duration_seconds";
        family(out, name, "histogram", "Time until a response begins.")?;
        for (bound, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            let n = bucket.load(Ordering::Relaxed);
            let (whole, thousandths) = (bound / 1_000, bound % 1_000);
            writeln!(out, "{name}_bucket{{le=\"{whole}.{thousandths:03}\"}} {n}")?;
        }
        let n = self.n_requests.load(Ordering::Relaxed);
        let micros = self.latency_micros.load(Ordering::Relaxed);
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {n}")?;
        writeln!(out, "{name}_sum {}.{:06}", micros / 1_000_000, micros % 1_000_000)?;
        writeln!(out, "{name}_count {n}")
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// The platform's figures at one moment.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    log_entries: u64,
    workloads: BTreeMap<&'static str, u64>,
    nodes: BTreeMap<&'static str, u64>,
}

impl Figures {
    /// Counts; O(active workloads + nodes).
    pub(crate) fn of(state: &State) -> Self {
        let count = |map: &mut BTreeMap<&'static str, u64>, key| {
            let n = map.entry(key).or_default();
            *n = n.saturating_add(1);
        };
        // Zero is a figure too: a series that vanishes cannot be alerted on.
        let zeros = |names: &[&'static str]| names.iter().map(|name| (*name, 0)).collect();
        let mut workloads = zeros(&["placed", "queued", "running", "stopping"]);
        let mut nodes = zeros(&["cordoned", "down", "draining", "ready", "suspect"]);
        // An array is its tasks.
        for workload in state.active_workloads().filter(|workload| !workload.is_array()) {
            count(&mut workloads, workload.state_name());
        }
        for node in state.nodes.values() {
            count(
                &mut nodes,
                match node.status {
                    Status::Ready => "ready",
                    Status::Suspect => "suspect",
                    Status::Cordoned => "cordoned",
                    Status::Draining => "draining",
                    Status::Down => "down",
                },
            );
        }
        Self { log_entries: state.size, workloads, nodes }
    }
}

#[cfg(test)]
mod tests;
