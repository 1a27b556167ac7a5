//! What all requests together look like: histograms, failures by kind, what observers had to drop.
//!
//! INVARIANT: no label here names a tenant, a key or a model; those are in [`super::tenants`], for their
//! owners only.

use std::fmt::Write as _;
use std::sync::OnceLock;

use super::access_log::AccessLog;
use super::failure::FailureKind;
use super::histogram::{ByOperation, DURATION, FIRST_TOKEN, Histogram, TOKEN_GAP, WAIT};
use super::tenants::Tenants;
use super::trace::Tracer;
use crate::metrics::Count;

/// The observers of one gateway.
#[derive(Debug)]
pub(crate) struct Figures {
    /// From arrival to the first token of a stream.
    pub(crate) first_token: ByOperation,
    /// Between two chunks that carry output.
    pub(crate) token_gap: Histogram,
    /// Mean time per output chunk after the first, once for each stream.
    pub(crate) per_token: ByOperation,
    /// From arrival to the last byte.
    pub(crate) duration: ByOperation,
    /// From arrival until the request was let in.
    pub(crate) queue_wait: Histogram,
    /// From sending to a replica's first byte.
    pub(crate) upstream_wait: Histogram,
    /// Texts in which guardrails replaced something.
    pub(crate) redacted: Count,
    /// Matches of guardrails that only report.
    pub(crate) reported: Count,
    /// Services that are asked about texts.
    pub(crate) checkers: CheckerFigures,
    failures: [Count; FailureKind::ALL.len()],
    /// Figures for tenants.
    pub(crate) tenants: Tenants,
    /// Where lines about single requests go, if anywhere.
    pub(crate) access_log: OnceLock<AccessLog>,
    /// Where spans go, if anywhere.
    pub(crate) tracer: OnceLock<Tracer>,
}

/// What services that are asked about texts did.
#[derive(Debug)]
pub(crate) struct CheckerFigures {
    /// Questions to them.
    pub(crate) calls: Count,
    /// Refusals by them.
    pub(crate) refusals: Count,
    /// Questions to which no answer of the contract came.
    pub(crate) failures: Count,
    /// Of those, the ones whose texts passed.
    pub(crate) unchecked: Count,
    /// From a question to its answer.
    pub(crate) duration: Histogram,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            first_token: ByOperation::new(FIRST_TOKEN),
            token_gap: Histogram::new(TOKEN_GAP),
            per_token: ByOperation::new(TOKEN_GAP),
            duration: ByOperation::new(DURATION),
            queue_wait: Histogram::new(WAIT),
            upstream_wait: Histogram::new(FIRST_TOKEN),
            redacted: Count::default(),
            reported: Count::default(),
            checkers: CheckerFigures {
                calls: Count::default(),
                refusals: Count::default(),
                failures: Count::default(),
                unchecked: Count::default(),
                duration: Histogram::new(WAIT),
            },
            failures: Default::default(),
            tenants: Tenants::default(),
            access_log: OnceLock::new(),
            tracer: OnceLock::new(),
        }
    }
}

impl Figures {
    /// Counts a failure.
    pub(crate) fn failed(&self, kind: FailureKind) {
        for (known, count) in FailureKind::ALL.iter().zip(&self.failures) {
            if *known == kind {
                count.add(1);
            }
        }
    }

    /// Appends the Prometheus text.
    pub(crate) fn render(&self, out: &mut String) {
        for (histograms, name, help) in self.by_operation() {
            histograms.render(name, help, out);
        }
        for (histogram, name, help) in self.histograms() {
            histogram.render(name, help, out);
        }
        let name = "cocarde_gateway_errors_total";
        // Writing to a String cannot fail.
        let _ =
            writeln!(out, "# HELP {name} Requests that failed, by kind.\n# TYPE {name} counter");
        for (kind, count) in FailureKind::ALL.iter().zip(&self.failures) {
            let _ = writeln!(out, "{name}{{kind=\"{}\"}} {}", kind.as_str(), count.get());
        }
        for (name, help, n) in self.dropped() {
            let name = format!("cocarde_gateway_{name}");
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {n}");
        }
    }

    /// Those that the GenAI conventions of OpenTelemetry have, named as its Prometheus exporters spell them.
    fn by_operation(&self) -> [(&ByOperation, &'static str, &'static str); 3] {
        [
            (
                &self.first_token,
                "gen_ai_server_time_to_first_token_seconds",
                "From a request's arrival to the first token of its stream.",
            ),
            (
                &self.per_token,
                "gen_ai_server_time_per_output_token_seconds",
                "Mean time for each chunk of a stream after the first.",
            ),
            (
                &self.duration,
                "gen_ai_server_request_duration_seconds",
                "From a request's arrival to the last byte of its answer.",
            ),
        ]
    }

    /// Ours.
    fn histograms(&self) -> [(&Histogram, &'static str, &'static str); 4] {
        [
            (
                &self.checkers.duration,
                "cocarde_gateway_checker_seconds",
                "From a question to a service that checks texts to its answer.",
            ),
            (
                &self.token_gap,
                "cocarde_gateway_inter_token_gap_seconds",
                "Between two chunks of a stream that carry output.",
            ),
            (
                &self.queue_wait,
                "cocarde_gateway_queue_wait_seconds",
                "From a request's arrival until it was let in, its body and a replica's waking included.",
            ),
            (
                &self.upstream_wait,
                "cocarde_gateway_upstream_wait_seconds",
                "From choosing a replica to the head of its answer, repetitions included.",
            ),
        ]
    }

    fn dropped(&self) -> [(&'static str, &'static str, u64); 11] {
        let log = self.access_log.get();
        let tracer = self.tracer.get();
        let CheckerFigures { calls, refusals, failures, unchecked, duration: _ } = &self.checkers;
        [
            ("checker_calls_total", "Questions to services that check texts.", calls.get()),
            ("checker_refusals_total", "Refusals by services that check texts.", refusals.get()),
            (
                "checker_failures_total",
                "Questions to services that check texts without an answer of the contract.",
                failures.get(),
            ),
            ("checker_unchecked_total", "Of those, the ones whose texts passed.", unchecked.get()),
            (
                "guardrail_redactions_total",
                "Texts in which guardrails replaced something.",
                self.redacted.get(),
            ),
            (
                "guardrail_reports_total",
                "Matches of guardrails that only report.",
                self.reported.get(),
            ),
            (
                "access_log_lines_total",
                "Lines handed to the access log.",
                log.map_or(0, AccessLog::taken),
            ),
            (
                "access_log_dropped_total",
                "Lines that the access log had no room for or could not write.",
                log.map_or(0, AccessLog::dropped),
            ),
            (
                "spans_exported_total",
                "Spans that a collector took.",
                tracer.map_or(0, Tracer::sent),
            ),
            (
                "spans_dropped_total",
                "Spans that the queue had no room for or no collector took.",
                tracer.map_or(0, Tracer::dropped),
            ),
            (
                "tenant_series_folded_total",
                "Series of tenants that were added to their project's rest.",
                self.tenants.folded(),
            ),
        ]
    }
}
