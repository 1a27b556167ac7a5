//! Counters of each upstream in Prometheus' text form.
//!
//! An upstream of the platform is named by its id. Those of projects are one line together: a label that
//! names a tenant's thing would name the tenant.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Remote;

/// What is counted of one upstream.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) stale: AtomicU64,
    pub(super) probes_failed: AtomicU64,
}

/// Name, meaning and values of a metric.
type Metric = (&'static str, &'static str, &'static str, fn(&Remote) -> u64);

const METRICS: [Metric; 5] = [
    ("requests_total", "counter", "Requests sent to an upstream.", |one| {
        one.figures.requests.load(Ordering::Relaxed)
    }),
    ("failures_total", "counter", "Requests that an upstream did not answer.", |one| {
        one.figures.failures.load(Ordering::Relaxed)
    }),
    (
        "stale_connections_total",
        "counter",
        "Idle connections that an upstream had closed.",
        |one| one.figures.stale.load(Ordering::Relaxed),
    ),
    ("probes_failed_total", "counter", "Probes that an upstream failed.", |one| {
        one.figures.probes_failed.load(Ordering::Relaxed)
    }),
    ("open_breakers", "gauge", "Upstreams that get no requests because they fail.", |one| {
        u64::from(one.health.is_open())
    }),
];

/// The text for `/metrics` (Prometheus exposition format 0.0.4).
#[must_use]
pub fn render_remotes(remotes: &[Arc<Remote>]) -> String {
    let mut out = String::new();
    for (name, kind, help, value) in METRICS {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for one in remotes {
            let label = if one.is_shared { one.id().to_string() } else { "of_projects".to_owned() };
            let sum = sums.entry(label).or_default();
            *sum = sum.saturating_add(value(one));
        }
        if sums.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP cocarde_upstream_{name} {help}");
        let _ = writeln!(out, "# TYPE cocarde_upstream_{name} {kind}");
        for (label, sum) in sums {
            let _ = writeln!(out, "cocarde_upstream_{name}{{upstream=\"{label}\"}} {sum}");
        }
    }
    out
}
