//! A value over time: a constant, or equal steps that repeat, such as a year of half hours.

use units::DurationMicros;

use crate::twin::{number, time::Time};

/// Most steps of a series: two years of five minutes.
pub(super) const STEPS_MAX: usize = 210_240;

/// A step function of time that repeats for ever. It always has at least one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    first: u64,
    rest: Vec<u64>,
    step: DurationMicros,
}

impl Series {
    /// The same value for ever.
    #[must_use]
    pub const fn constant(value: u64) -> Self {
        Self { first: value, rest: Vec::new(), step: DurationMicros(u64::MAX) }
    }

    /// Equal steps; `None` without values or with a step of zero.
    #[must_use]
    pub fn steps(step: DurationMicros, values: &[u64]) -> Option<Self> {
        let (first, rest) = values.split_first()?;
        (step.0 > 0).then(|| Self { first: *first, rest: rest.to_vec(), step })
    }

    /// The value at a time.
    #[must_use]
    pub fn at(&self, time: Time) -> u64 {
        let length = number::count(self.rest.len()).saturating_add(1);
        let position = (time.0 / self.step.0) % length;
        let Some(after_first) = position.checked_sub(1) else { return self.first };
        self.rest.get(number::index_wide(after_first)).copied().unwrap_or(self.first)
    }

    /// When the value may change next, after a time.
    #[must_use]
    pub const fn next_change(&self, time: Time) -> Time {
        if self.rest.is_empty() {
            return Time::NEVER;
        }
        Time((time.0 / self.step.0).saturating_add(1).saturating_mul(self.step.0))
    }
}
