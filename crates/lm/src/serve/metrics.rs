//! Counters in the Prometheus text format. They are for operators; billing reads the answers' usage.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the server has done since it started.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    requests: AtomicU64,
    refused: AtomicU64,
    prompt_tokens: AtomicU64,
    generated_tokens: AtomicU64,
    steps: AtomicU64,
    active: AtomicU64,
}

impl Metrics {
    pub(super) fn add_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn add_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn add_prompt_tokens(&self, count: usize) {
        self.prompt_tokens.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn add_step(&self, tokens: usize) {
        self.steps.fetch_add(1, Relaxed);
        self.generated_tokens.fetch_add(tokens as u64, Relaxed);
    }

    pub(super) fn set_active(&self, count: usize) {
        self.active.store(count as u64, Relaxed);
    }

    /// The exposition text; `waiting` is the length of the queue.
    pub(super) fn render(&self, waiting: usize) -> String {
        let waiting = waiting as u64;
        let mut text = String::new();
        for (name, kind, help, value) in [
            ("lm_requests_total", "counter", "Requests accepted.", self.requests.load(Relaxed)),
            (
                "lm_requests_refused_total",
                "counter",
                "Requests refused.",
                self.refused.load(Relaxed),
            ),
            (
                "lm_prompt_tokens_total",
                "counter",
                "Prompt tokens.",
                self.prompt_tokens.load(Relaxed),
            ),
            (
                "lm_generated_tokens_total",
                "counter",
                "Tokens generated.",
                self.generated_tokens.load(Relaxed),
            ),
            ("lm_decode_steps_total", "counter", "Steps of the model.", self.steps.load(Relaxed)),
            ("lm_sequences_active", "gauge", "Sequences in the batch.", self.active.load(Relaxed)),
            ("lm_sequences_waiting", "gauge", "Sequences in the queue.", waiting),
        ] {
            let lines = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
            text.push_str(&lines);
        }
        text
    }
}
