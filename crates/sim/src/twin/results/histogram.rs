//! Counts of values by size, in steps of about three percent: bounded memory for any number of jobs.
//! Count, sum, smallest and largest are exact; a quantile is the upper end of its step, so at most
//! 3.2 % above the exact one.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::twin::number;

/// Steps of one power of two.
const STEPS: u64 = 32;
/// Its logarithm.
const STEPS_BITS: u32 = 5;

/// Counts of values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    counts: BTreeMap<u32, u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// What a distribution is told as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// How many values.
    pub count: u64,
    /// Their mean.
    pub mean: u64,
    /// Half of them are at most this.
    pub p50: u64,
    /// Nine tenths of them.
    pub p90: u64,
    /// Ninety-nine hundredths of them.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl Histogram {
    /// Counts a value.
    pub(crate) fn add(&mut self, value: u64) {
        let count = self.counts.entry(step_of(value)).or_default();
        *count = count.saturating_add(1);
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(u128::from(value));
    }

    /// How many values.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The mean, rounded; zero without values.
    pub(crate) fn mean(&self) -> u64 {
        number::scale_wide(self.sum, 1, u128::from(self.count))
    }

    /// How many values are above a bound; exact to its step.
    pub(crate) fn above(&self, bound: u64) -> u64 {
        self.counts.range(step_of(bound).saturating_add(1)..).map(|(_, count)| count).sum()
    }

    /// The value that so many thousandths of all values do not exceed.
    pub(crate) fn quantile(&self, milli: u64) -> u64 {
        let wanted = u128::from(self.count) * u128::from(milli.min(1_000));
        let wanted = number::narrow(wanted.div_ceil(1_000)).max(1);
        let mut seen = 0_u64;
        for (step, count) in &self.counts {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return upper_end(*step).clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// The curve of the cumulative distribution: upper ends with how many values are at most that.
    pub(crate) fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut seen = 0_u64;
        let step = |(step, count): (&u32, &u64)| {
            seen = seen.saturating_add(*count);
            (upper_end(*step).min(self.max), seen)
        };
        self.counts.iter().map(step).collect()
    }

    /// The usual figures.
    pub(crate) fn distribution(&self) -> Distribution {
        Distribution {
            count: self.count,
            mean: self.mean(),
            p50: self.quantile(500),
            p90: self.quantile(900),
            p99: self.quantile(990),
            max: self.max,
        }
    }
}

/// Small values have a step each; above, 32 steps for each power of two.
fn step_of(value: u64) -> u32 {
    if value < STEPS {
        return number::small(value);
    }
    let power = value.ilog2();
    let within = (value >> (power - STEPS_BITS)) - STEPS;
    number::small(u64::from(power - STEPS_BITS + 1) * STEPS + within)
}

/// The largest value of a step.
fn upper_end(step: u32) -> u64 {
    let step = u64::from(step);
    if step < STEPS {
        return step;
    }
    let shift = number::small(step / STEPS - 1);
    let first = u128::from(step % STEPS + STEPS) << shift;
    number::narrow(first + (1_u128 << shift) - 1)
}
