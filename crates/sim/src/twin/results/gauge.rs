//! A value over time in bounded memory: equal steps that become twice as long when there would be too
//! many. Each step keeps the mean and the peak, so nothing that happened is missed.

use crate::twin::{number, time::Time};

/// Length of a step at first.
const STEP_MICROS: u64 = 1_000_000;

/// One step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Step {
    /// Value times microseconds.
    area: u128,
    peak: u64,
}

/// A value over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gauge {
    steps_max: usize,
    step_micros: u64,
    steps: Vec<Step>,
    value: u64,
    since: Time,
}

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// Where the step begins.
    pub(crate) at: Time,
    /// Mean within it.
    pub(crate) mean: u64,
    /// Largest value within it.
    pub(crate) peak: u64,
}

impl Gauge {
    /// A value from time zero on, kept in at most so many steps (at least two).
    pub(crate) fn new(steps_max: usize, value: u64) -> Self {
        let steps_max = steps_max.max(2);
        let (step_micros, steps, since) = (STEP_MICROS, Vec::new(), Time::ZERO);
        Self { steps_max, step_micros, steps, value, since }
    }

    /// The value now.
    pub(crate) const fn value(&self) -> u64 {
        self.value
    }

    /// Changes the value.
    pub(crate) fn set(&mut self, now: Time, value: u64) {
        self.advance(now);
        self.value = value;
    }

    /// Adds to the value.
    pub(crate) fn add(&mut self, now: Time, by: u64) {
        self.set(now, self.value.saturating_add(by));
    }

    /// Takes from the value.
    pub(crate) fn sub(&mut self, now: Time, by: u64) {
        self.set(now, self.value.saturating_sub(by));
    }

    /// The value has been what it is until now.
    pub(crate) fn advance(&mut self, now: Time) {
        if now <= self.since {
            return;
        }
        let last = |step: u64| number::index_wide((now.0 - 1) / step);
        while last(self.step_micros) >= self.steps_max {
            self.double();
        }
        let mut at = self.since.0;
        while at < now.0 {
            let position = at / self.step_micros;
            let end = (position + 1).saturating_mul(self.step_micros).min(now.0);
            let position = number::index_wide(position);
            if self.steps.len() <= position {
                self.steps.resize(position + 1, Step::default());
            }
            if let Some(step) = self.steps.get_mut(position) {
                step.area += u128::from(self.value) * u128::from(end - at);
                step.peak = step.peak.max(self.value);
            }
            at = end;
        }
        self.since = now;
    }

    fn double(&mut self) {
        let merged = self.steps.chunks(2).map(|pair| Step {
            area: pair.iter().map(|step| step.area).sum(),
            peak: pair.iter().map(|step| step.peak).max().unwrap_or(0),
        });
        self.steps = merged.collect();
        self.step_micros = self.step_micros.saturating_mul(2);
    }

    /// The curve so far.
    pub(crate) fn points(&self) -> Vec<Point> {
        let point = |(position, step): (u64, &Step)| {
            let at = position.saturating_mul(self.step_micros);
            let length = self.since.0.saturating_sub(at).min(self.step_micros).max(1);
            let mean = number::scale_wide(step.area, 1, u128::from(length));
            Point { at: Time(at), mean, peak: step.peak }
        };
        (0..).zip(&self.steps).map(point).collect()
    }

    /// Value times microseconds so far.
    pub(crate) fn area(&self) -> u128 {
        self.steps.iter().map(|step| step.area).sum()
    }

    /// The mean so far.
    pub(crate) fn mean(&self) -> u64 {
        number::scale_wide(self.area(), 1, u128::from(self.since.0.max(1)))
    }

    /// The largest value so far that lasted.
    pub(crate) fn peak(&self) -> u64 {
        self.steps.iter().map(|step| step.peak).max().unwrap_or(0)
    }
}
