//! When jobs arrive: by hour and weekday, with hours that are busier or calmer than their place, and
//! exactly as many jobs as were asked for.

use super::{
    Parameters,
    tables::{DAYS_PERCENT, HOURS_PERCENT},
};
use crate::{
    Rng,
    twin::{
        number,
        time::{HOUR_MICROS, Time},
    },
};

/// Submission times in order.
pub(super) struct Arrivals {
    rng: Rng,
    jobs: u64,
    horizon: u64,
    /// Weight of all hours, of those so far, and jobs so far.
    total: u128,
    before: u128,
    given: u64,
    hour: u64,
    /// Times of the present hour, the last one first.
    waiting: Vec<Time>,
}

impl Arrivals {
    pub(super) fn new(parameters: &Parameters, rng: Rng) -> Self {
        let horizon = parameters.horizon.0;
        let hours = horizon.div_ceil(HOUR_MICROS);
        let total = (0..hours).map(|hour| weight(&rng, horizon, hour)).sum();
        let (before, given, hour, waiting) = (0, 0, 0, Vec::new());
        Self { rng, jobs: parameters.jobs, horizon, total, before, given, hour, waiting }
    }
}

/// How much of all arrivals fall into an hour; the last hour may be cut short.
fn weight(rng: &Rng, horizon: u64, hour: u64) -> u128 {
    let start = hour.saturating_mul(HOUR_MICROS);
    let length = horizon.saturating_sub(start).min(HOUR_MICROS);
    let of_day = HOURS_PERCENT.get(number::index_wide(hour % 24)).copied().unwrap_or(100);
    let of_week = DAYS_PERCENT.get(number::index_wide(hour / 24 % 7)).copied().unwrap_or(100);
    let mood = rng.child(&format!("hour {hour}")).between(70, 130);
    u128::from(length / 1_000) * u128::from(of_day) * u128::from(of_week) * u128::from(mood)
}

impl Iterator for Arrivals {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        while self.waiting.is_empty() {
            let start = self.hour.saturating_mul(HOUR_MICROS);
            if start >= self.horizon {
                return None;
            }
            self.before += weight(&self.rng, self.horizon, self.hour);
            let due = self.before.saturating_mul(u128::from(self.jobs)) / self.total.max(1);
            let due = number::narrow(due);
            let length = self.horizon.saturating_sub(start).min(HOUR_MICROS);
            let mut rng = self.rng.child(&format!("times {}", self.hour));
            // Milliseconds are fine enough, and shorter to write.
            let times = (self.given..due).map(|_| Time(start + rng.below(length / 1_000) * 1_000));
            self.waiting = times.collect();
            self.waiting.sort_unstable_by(|a, b| b.cmp(a));
            self.given = due;
            self.hour += 1;
        }
        self.waiting.pop()
    }
}
