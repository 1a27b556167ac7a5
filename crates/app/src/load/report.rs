//! What a load has shown, as figures.

use std::collections::BTreeMap;

use super::{
    Config, Span,
    measure::{Measure, Spread},
};

/// The figures of one run. Times count from when a job was due.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Report {
    /// Simulated nodes, GPUs and racks.
    pub(crate) simulated_nodes: u32,
    pub(crate) simulated_gpus: u64,
    pub(crate) simulated_racks: u32,
    /// Jobs asked for each second.
    pub(crate) rate_per_s: u32,
    pub(crate) seconds: f64,
    pub(crate) connections: u32,
    pub(crate) submitted: u64,
    pub(crate) refused: u64,
    pub(crate) placed: u64,
    pub(crate) ended: u64,
    /// False if it was interrupted, or if not all was placed.
    pub(crate) complete: bool,
    pub(crate) failure: Option<String>,
    pub(crate) submitted_per_s: f64,
    pub(crate) placed_per_s: f64,
    pub(crate) submit_to_answer: Option<Spread>,
    pub(crate) submit_to_placed: Option<Spread>,
    pub(crate) entries: u64,
    pub(crate) entries_per_s: f64,
    /// Bytes of the log's database and its write-ahead log, after closing.
    pub(crate) log_bytes: u64,
    pub(crate) resident_before_bytes: u64,
    pub(crate) resident_after_bytes: u64,
    pub(crate) resident_growth_per_10000_jobs_bytes: u64,
    /// Processor time by part, in milliseconds; `load` is the load itself.
    pub(crate) cpu_ms: BTreeMap<String, u64>,
    pub(crate) platform_cpu_us_per_job: u64,
    /// What closing took, with the last snapshot.
    pub(crate) close_ms: u64,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    pub(super) fn new(config: &Config, span: &Span, measure: &Measure) -> Self {
        let seconds = span.took.as_secs_f64();
        let placed = measure.n_placed();
        let grown = span.after.resident_bytes.saturating_sub(span.before.resident_bytes);
        let cpu_ms = span.after.cpu_since(&span.before);
        let platform_ms: u64 =
            cpu_ms.iter().filter(|(name, _)| *name != "load").map(|(_, ms)| *ms).sum();
        Self {
            simulated_nodes: config.nodes,
            simulated_gpus: u64::from(config.nodes) * u64::from(config.gpus),
            simulated_racks: config.racks,
            rate_per_s: config.rate,
            seconds,
            connections: config.connections,
            submitted: measure.n_accepted(),
            refused: measure.n_refused(),
            placed,
            ended: measure.n_ended(),
            complete: span.is_whole,
            failure: span.failure.clone(),
            submitted_per_s: measure.answered_per_s(),
            placed_per_s: measure.placed_per_s(),
            submit_to_answer: measure.to_answered(),
            submit_to_placed: measure.to_placed(),
            entries: span.entries,
            entries_per_s: span.entries as f64 / seconds.max(1e-9),
            log_bytes: 0,
            resident_before_bytes: span.before.resident_bytes,
            resident_after_bytes: span.after.resident_bytes,
            resident_growth_per_10000_jobs_bytes: grown.saturating_mul(10_000) / placed.max(1),
            platform_cpu_us_per_job: platform_ms.saturating_mul(1_000) / placed.max(1),
            cpu_ms,
            close_ms: 0,
        }
    }
}
