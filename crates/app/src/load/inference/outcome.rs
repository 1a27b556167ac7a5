//! What became of each request, and what all of them together say.

use std::collections::BTreeMap;

use super::super::measure::{Spread, spread_of};

/// Most gaps between pieces that are kept.
const GAPS_MAX: usize = 4_000_000;
/// Most different failures that are told apart.
const FAILURES_MAX: usize = 16;

/// One request. Times in microseconds after the begin.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// When it was due.
    pub(crate) due_us: u64,
    /// When it was sent.
    pub(crate) sent_us: u64,
    /// When the first piece of its answer came; 0 for none.
    pub(crate) first_us: u64,
    /// When it was over.
    pub(crate) end_us: u64,
    /// The answer's status; 0 if it broke.
    pub(crate) status: u16,
    /// What the answer says of the prompt.
    pub(crate) prompt_tokens: u64,
    /// What the answer says of itself.
    pub(crate) output_tokens: u64,
    /// What the answer says was cached.
    pub(crate) cached_tokens: u64,
}

/// What one connection noted.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) outcomes: Vec<Outcome>,
    gaps_us: Vec<u64>,
    failures: BTreeMap<String, u64>,
}

impl Notes {
    pub(crate) fn gap(&mut self, gap_us: u64) {
        self.gaps_us.push(gap_us);
    }

    pub(crate) fn failed(&mut self, failure: &anyhow::Error) {
        let known = self.failures.len();
        let text = format!("{failure:#}");
        let text = if known < FAILURES_MAX { text } else { "others".to_owned() };
        let count = self.failures.entry(text).or_default();
        *count = count.saturating_add(1);
    }

    /// Joins what another connection noted.
    pub(crate) fn add(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        let room = GAPS_MAX.saturating_sub(self.gaps_us.len());
        self.gaps_us.extend(other.gaps_us.into_iter().take(room));
        for (failure, times) in other.failures {
            let count = self.failures.entry(failure).or_default();
            *count = count.saturating_add(times);
        }
    }
}

/// What an answer must keep to count as good.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Objective {
    /// Most milliseconds from due to the first piece.
    pub(crate) ttft_ms_max: u64,
    /// Most milliseconds from due to the end for each token of the answer, on top of that.
    pub(crate) per_token_ms_max: u64,
}

impl Objective {
    fn is_kept(self, outcome: &Outcome) -> bool {
        let ttft_us = outcome.first_us.saturating_sub(outcome.due_us);
        let rest_us = outcome.end_us.saturating_sub(outcome.first_us);
        let rest_us_max = self
            .per_token_ms_max
            .saturating_mul(1_000)
            .saturating_mul(outcome.output_tokens.max(1));
        ttft_us <= self.ttft_ms_max.saturating_mul(1_000) && rest_us <= rest_us_max
    }
}

/// The figures of a run.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Figures {
    /// Requests that were sent.
    pub(crate) requests: u64,
    /// Answers by status; 0 for those that broke.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Why requests broke.
    pub(crate) failures: BTreeMap<String, u64>,
    /// From the first due to the last end.
    pub(crate) seconds: f64,
    /// Good answers (2xx) a second.
    pub(crate) answers_per_s: f64,
    /// Those within the objective, in percent of all requests.
    pub(crate) goodput_percent: f64,
    /// Tokens of answers, as answered.
    pub(crate) output_tokens: u64,
    /// Tokens of prompts, as answered.
    pub(crate) prompt_tokens: u64,
    /// Of those, cached ones, in percent.
    pub(crate) cached_percent: f64,
    /// How much later than due requests were sent: no connection was free, or this side was slow.
    pub(crate) due_to_sent: Option<Spread>,
    /// Due to the first piece.
    pub(crate) ttft: Option<Spread>,
    /// Due to the end.
    pub(crate) due_to_end: Option<Spread>,
    /// Between two pieces of a stream.
    pub(crate) gap: Option<Spread>,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn of(notes: Notes, objective: Objective) -> Self {
        let outcomes = &notes.outcomes;
        let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
        for outcome in outcomes {
            let count = statuses.entry(outcome.status).or_default();
            *count = count.saturating_add(1);
        }
        let good = || outcomes.iter().filter(|one| (200..300).contains(&one.status));
        let times = |from: fn(&Outcome) -> u64, to: fn(&Outcome) -> u64| {
            spread_of(good().map(|one| to(one).saturating_sub(from(one))).collect())
        };
        let sum = |of: fn(&Outcome) -> u64| good().map(of).fold(0, u64::saturating_add);
        let first_us = outcomes.iter().map(|one| one.due_us).min().unwrap_or(0);
        let last_us = outcomes.iter().map(|one| one.end_us).max().unwrap_or(0);
        let seconds = last_us.saturating_sub(first_us) as f64 / 1e6;
        let n_good = good().count();
        let n_kept = good().filter(|one| objective.is_kept(one)).count();
        let percent = |part: f64, whole: f64| if whole > 0.0 { part * 100.0 / whole } else { 0.0 };
        let prompt_tokens = sum(|one| one.prompt_tokens);
        Self {
            requests: u64::try_from(outcomes.len()).unwrap_or(u64::MAX),
            statuses,
            seconds,
            answers_per_s: if seconds > 0.0 { n_good as f64 / seconds } else { 0.0 },
            goodput_percent: percent(n_kept as f64, outcomes.len() as f64),
            output_tokens: sum(|one| one.output_tokens),
            prompt_tokens,
            cached_percent: percent(sum(|one| one.cached_tokens) as f64, prompt_tokens as f64),
            due_to_sent: times(|one| one.due_us, |one| one.sent_us),
            ttft: times(|one| one.due_us, |one| one.first_us),
            due_to_end: times(|one| one.due_us, |one| one.end_us),
            gap: spread_of(notes.gaps_us),
            failures: notes.failures,
        }
    }
}
