//! What happened to each job, by its number: when it was due, answered and placed.
//!
//! Latencies count from when a job was due, not from when it was sent: a platform that makes its
//! callers wait does not get to hide that wait.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What every job's name starts with.
const PREFIX: &str = "load-";

/// Times of all jobs, in microseconds after the begin; 0 for what has not happened.
#[derive(Debug)]
pub(super) struct Measure {
    begun: OnceLock<Instant>,
    due_us: Vec<AtomicU64>,
    answered_us: Vec<AtomicU64>,
    placed_us: Vec<AtomicU64>,
    n_sent: AtomicU64,
    n_accepted: AtomicU64,
    n_refused: AtomicU64,
    n_placed: AtomicU64,
    n_ended: AtomicU64,
}

/// A distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Spread {
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// The name of a job.
pub(super) fn name_of(number: u64) -> String {
    format!("{PREFIX}{number}")
}

impl Measure {
    /// Room for so many jobs, all of it touched, so that it does not count as growth later.
    pub(super) fn new(n_jobs: u64) -> Self {
        let cells = || {
            let cells: Vec<AtomicU64> = (0..n_jobs).map(|_| AtomicU64::new(1)).collect();
            for cell in &cells {
                cell.store(0, Ordering::Relaxed);
            }
            cells
        };
        Self {
            begun: OnceLock::new(),
            due_us: cells(),
            answered_us: cells(),
            placed_us: cells(),
            n_sent: AtomicU64::new(0),
            n_accepted: AtomicU64::new(0),
            n_refused: AtomicU64::new(0),
            n_placed: AtomicU64::new(0),
            n_ended: AtomicU64::new(0),
        }
    }

    pub(super) fn begin(&self, at: Instant) {
        let _ = self.begun.set(at);
    }

    fn elapsed_us(&self) -> u64 {
        let begun = self.begun.get().map_or(Duration::ZERO, Instant::elapsed);
        // 0 stands for what has not happened.
        u64::try_from(begun.as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// The number of the next job to submit, if there is one.
    pub(super) fn next(&self) -> Option<u64> {
        let number = self.n_sent.fetch_add(1, Ordering::Relaxed);
        usize::try_from(number).is_ok_and(|at| at < self.due_us.len()).then_some(number)
    }

    /// When a job is due.
    pub(super) fn due(&self, number: u64, rate: u32) -> Instant {
        let micros = number.saturating_mul(1_000_000) / u64::from(rate.max(1));
        set(&self.due_us, number, micros.max(1));
        let begun = self.begun.get().copied().unwrap_or_else(Instant::now);
        begun + Duration::from_micros(micros)
    }

    pub(super) fn accepted(&self, number: u64) {
        set(&self.answered_us, number, self.elapsed_us());
        self.n_accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.n_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A job of this name was seen to be placed; what is told twice counts once.
    pub(super) fn placed(&self, name: &str) {
        let Some(number) = name.strip_prefix(PREFIX).and_then(|text| text.parse().ok()) else {
            return;
        };
        if set(&self.placed_us, number, self.elapsed_us()) {
            self.n_placed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn ended(&self) {
        self.n_ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn n_accepted(&self) -> u64 {
        self.n_accepted.load(Ordering::Relaxed)
    }

    pub(super) fn n_refused(&self) -> u64 {
        self.n_refused.load(Ordering::Relaxed)
    }

    pub(super) fn n_placed(&self) -> u64 {
        self.n_placed.load(Ordering::Relaxed)
    }

    pub(super) fn n_ended(&self) -> u64 {
        self.n_ended.load(Ordering::Relaxed)
    }

    /// From due to answered.
    pub(super) fn to_answered(&self) -> Option<Spread> {
        spread(&self.due_us, &self.answered_us)
    }

    /// From due to placed.
    pub(super) fn to_placed(&self) -> Option<Spread> {
        spread(&self.due_us, &self.placed_us)
    }

    /// The busiest stretch between the first and the last event, in events each second.
    pub(super) fn placed_per_s(&self) -> f64 {
        per_second(&self.placed_us)
    }

    /// The same of answers.
    pub(super) fn answered_per_s(&self) -> f64 {
        per_second(&self.answered_us)
    }
}

/// True if it was not set before.
fn set(cells: &[AtomicU64], number: u64, value: u64) -> bool {
    let cell = usize::try_from(number).ok().and_then(|at| cells.get(at));
    cell.is_some_and(|cell| {
        cell.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    })
}

#[expect(clippy::cast_precision_loss, reason = "rates and times for people")]
fn per_second(cells: &[AtomicU64]) -> f64 {
    let times = cells.iter().map(|cell| cell.load(Ordering::Relaxed)).filter(|time| *time > 0);
    let (mut first, mut last, mut count) = (u64::MAX, 0, 0_u64);
    for time in times {
        (first, last, count) = (first.min(time), last.max(time), count.saturating_add(1));
    }
    let span_us = last.saturating_sub(first);
    if span_us == 0 { 0.0 } else { count as f64 * 1e6 / span_us as f64 }
}

fn spread(from: &[AtomicU64], to: &[AtomicU64]) -> Option<Spread> {
    let pairs = from.iter().zip(to);
    let pairs = pairs.map(|(a, b)| (a.load(Ordering::Relaxed), b.load(Ordering::Relaxed)));
    spread_of(pairs.filter(|(_, b)| *b > 0).map(|(a, b)| b.saturating_sub(a)).collect())
}

/// The distribution of these times, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn spread_of(mut times: Vec<u64>) -> Option<Spread> {
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    // Nearest rank: the smallest time that so many of a hundred do not exceed.
    let at = |percent: usize| {
        let rank = times.len().saturating_mul(percent).div_ceil(100).saturating_sub(1).min(last);
        times.get(rank).copied().unwrap_or(0) as f64 / 1_000.0
    };
    Some(Spread { p50_ms: at(50), p95_ms: at(95), p99_ms: at(99), max_ms: at(100) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_and_count_from_when_a_job_was_due() {
        let due: Vec<AtomicU64> = (0..200).map(|_| AtomicU64::new(1_000)).collect();
        let placed: Vec<AtomicU64> = (1..=200).map(|n| AtomicU64::new(1_000 + n * 1_000)).collect();
        let spread = spread(&due, &placed).unwrap();
        assert_eq!(spread, Spread { p50_ms: 100.0, p95_ms: 190.0, p99_ms: 198.0, max_ms: 200.0 });
        assert_eq!(super::spread(&due, &[AtomicU64::new(0)]), None);
    }

    #[test]
    fn a_job_that_is_seen_twice_counts_once() {
        let measure = Measure::new(2);
        measure.begin(Instant::now());
        for name in ["load-1", "load-1", "load-7", "other"] {
            measure.placed(name);
        }
        assert_eq!(measure.n_placed(), 1);
    }
}
