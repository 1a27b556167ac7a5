//! Axes: from values to places, and the marks that say which. Integers only; places are in tenths of a
//! pixel along the axis.

use crate::twin::{
    number,
    time::{DAY_MICROS, HOUR_MICROS, SECOND_MICROS},
};

/// How values of an axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Millionths of a whole, as percent.
    Percent,
    /// A number of things.
    Count,
    /// Milliwatts.
    Power,
}

/// One mark of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Tenths of a pixel from the start.
    pub(super) place: i64,
    pub(super) label: String,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axis {
    /// Time of the run, in microseconds, from zero.
    Time { end: u64 },
    /// Values from zero.
    Linear { end: u64, unit: Unit },
    /// Values by their logarithm between two bounds, with the marks given.
    Log { low: u64, high: u64, marks: Vec<(u64, &'static str)> },
}

/// Marks of durations in milliseconds.
const DURATIONS: [(u64, &str); 14] = [
    (1_000, "≤ 1 s"),
    (10_000, "10 s"),
    (60_000, "1 min"),
    (600_000, "10 min"),
    (3_600_000, "1 h"),
    (6 * 3_600_000, "6 h"),
    (86_400_000, "1 d"),
    (3 * 86_400_000, "3 d"),
    (7 * 86_400_000, "7 d"),
    (30 * 86_400_000, "30 d"),
    (100 * 86_400_000, "100 d"),
    (365 * 86_400_000, "1 y"),
    (3_650 * 86_400_000, "10 y"),
    (36_500 * 86_400_000, "100 y"),
];

/// Marks of ratios in thousandths.
const RATIOS: [(u64, &str); 13] = [
    (250, "0.25"),
    (500, "≤ 0.5"),
    (1_000, "1"),
    (2_000, "2"),
    (5_000, "5"),
    (10_000, "10"),
    (20_000, "20"),
    (50_000, "50"),
    (100_000, "100"),
    (1_000_000, "1,000"),
    (10_000_000, "10,000"),
    (100_000_000, "100,000"),
    (1_000_000_000, "1,000,000"),
];

impl Axis {
    /// Durations in milliseconds up to the largest, from one second.
    pub(super) fn durations(largest: u64) -> Self {
        Self::log(&DURATIONS, 1_000, largest)
    }

    /// Ratios in thousandths up to the largest, from a half.
    pub(super) fn ratios(largest: u64) -> Self {
        Self::log(&RATIOS, 500, largest)
    }

    fn log(marks: &[(u64, &'static str)], low: u64, largest: u64) -> Self {
        // Up to the mark after the largest value, at least two marks.
        let mut after = marks.iter().map(|(value, _)| *value).filter(|value| *value > low);
        let high = after.clone().find(|value| *value >= largest).or_else(|| after.next_back());
        let high = high.unwrap_or(low.saturating_mul(10));
        let within = marks.iter().filter(|(value, _)| (low..=high).contains(value));
        Self::Log { low, high, marks: within.copied().collect() }
    }

    /// Values from zero to a round one above the largest.
    pub(super) fn linear(largest: u64, unit: Unit) -> Self {
        if unit == Unit::Percent && (500_001..=1_000_000).contains(&largest) {
            return Self::Linear { end: 1_000_000, unit };
        }
        let step = step(largest.max(1), 5);
        Self::Linear { end: largest.max(1).div_ceil(step).saturating_mul(step), unit }
    }

    /// The place of a value on an axis of a length, all in tenths of a pixel.
    pub(super) fn place(&self, value: u64, length: i64) -> i64 {
        let length = u64::try_from(length).unwrap_or(0);
        let place = match self {
            Self::Time { end } | Self::Linear { end, .. } => {
                number::scale(value.min(*end), length, (*end).max(1))
            }
            Self::Log { low, high, .. } => {
                let from = number::log2(*low);
                let along = number::log2(value.clamp(*low, *high)).saturating_sub(from);
                number::scale(along, length, number::log2(*high).saturating_sub(from).max(1))
            }
        };
        i64::try_from(place).unwrap_or(0)
    }

    /// Its marks.
    pub(super) fn marks(&self, length: i64) -> Vec<Mark> {
        let mark = |value: u64, label: String| Mark { place: self.place(value, length), label };
        match self {
            Self::Time { end } => {
                let step = time_step(*end);
                let count = end / step;
                (0..=count).map(|n| mark(n * step, time_label(n * step, step))).collect()
            }
            Self::Linear { end, unit } => {
                let step = step(*end, 5);
                let count = end / step;
                (0..=count).map(|n| mark(n * step, label(n * step, step, *unit))).collect()
            }
            Self::Log { marks, .. } => {
                marks.iter().map(|(value, label)| mark(*value, (*label).to_owned())).collect()
            }
        }
    }
}

/// A round step of 1, 2 or 5 times a power of ten, so that there are at most so many.
fn step(end: u64, most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = unit.saturating_mul(factor);
            if end.div_ceil(step) <= most || step == u64::MAX {
                return step;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A step of time that people count in, so that there are at most eight.
fn time_step(end: u64) -> u64 {
    let minutes = [1, 2, 5, 10, 15, 30].map(|n| n * 60 * SECOND_MICROS);
    let hours = [1, 2, 3, 6, 12].map(|n| n * HOUR_MICROS);
    let days = [1, 2, 4, 7, 14, 28, 60, 120, 365, 730, 3_650].map(|n| n * DAY_MICROS);
    let seconds = [1, 5, 10].map(|n| n * SECOND_MICROS);
    let all = seconds.into_iter().chain(minutes).chain(hours).chain(days);
    let fits = |step: &u64| end / step <= 8;
    all.clone().find(fits).or_else(|| all.last()).unwrap_or(DAY_MICROS).max(end / 1_000).max(1)
}

fn time_label(value: u64, step: u64) -> String {
    let (unit, name) = match step {
        0..60_000_000 => (SECOND_MICROS, "s"),
        60_000_000..HOUR_MICROS => (60 * SECOND_MICROS, "min"),
        HOUR_MICROS..DAY_MICROS => (HOUR_MICROS, "h"),
        _ => (DAY_MICROS, "d"),
    };
    format!("{} {name}", number::grouped(value / unit))
}

/// A value in its unit, with as many decimals as its step needs.
pub(super) fn label(value: u64, step: u64, unit: Unit) -> String {
    match unit {
        Unit::Count => short_count(value),
        Unit::Percent => {
            let decimals = match step {
                10_000.. => 0,
                1_000.. => 1,
                _ => 2,
            };
            format!("{}%", number::thousandths(value / 10, decimals))
        }
        Unit::Power => {
            let (unit, name) = match value.max(step) {
                1_000_000_000_000.. => (1_000_000_000, "GW"),
                1_000_000_000.. => (1_000_000, "MW"),
                1_000_000.. => (1_000, "kW"),
                _ => (1, "W"),
            };
            let milli = value / unit;
            let decimals = if milli.is_multiple_of(1_000) { 0 } else { 1 };
            format!("{} {name}", number::thousandths(milli, decimals))
        }
    }
}

/// `1.2 M`, `35 k`, `800`.
pub(super) fn short_count(value: u64) -> String {
    let (milli, name) = match value {
        1_000_000.. => (value / 1_000, " M"),
        10_000.. => (value, " k"),
        _ => return number::grouped(value),
    };
    let decimals = if milli.is_multiple_of(1_000) { 0 } else { 1 };
    format!("{}{name}", number::thousandths(milli, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.marks(1_000).into_iter().map(|mark| mark.label).collect()
    }

    #[test]
    fn marks_are_round_and_few() {
        let percent = Axis::linear(823_000, Unit::Percent);
        assert_eq!(labels(&percent), ["0%", "20%", "40%", "60%", "80%", "100%"]);
        assert_eq!(labels(&Axis::linear(12_345, Unit::Count)), ["0", "5,000", "10 k", "15 k"]);
        assert_eq!(labels(&Axis::linear(3, Unit::Count)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::linear(31_000, Unit::Percent)), ["0%", "1%", "2%", "3%", "4%"]);
        let power = Axis::linear(48_600_000_000, Unit::Power);
        assert_eq!(labels(&power), ["0 MW", "10 MW", "20 MW", "30 MW", "40 MW", "50 MW"]);
        assert_eq!(labels(&Axis::Time { end: 7 * DAY_MICROS }).last().unwrap(), "7 d");
        assert_eq!(
            labels(&Axis::Time { end: HOUR_MICROS }),
            ["0 min", "10 min", "20 min", "30 min", "40 min", "50 min", "60 min"]
        );
        assert_eq!(labels(&Axis::durations(50_000)), ["≤ 1 s", "10 s", "1 min"]);
    }

    #[test]
    fn places_are_in_order_and_within_the_axis() {
        for axis in [
            Axis::Time { end: 90 * DAY_MICROS },
            Axis::linear(7_777, Unit::Count),
            Axis::durations(86_400_000),
            Axis::ratios(40_000),
        ] {
            let places: Vec<i64> = axis.marks(5_000).iter().map(|mark| mark.place).collect();
            assert!(places.is_sorted(), "{places:?}");
            assert!(places.iter().all(|place| (0..=5_000).contains(place)), "{places:?}");
            assert_eq!(axis.place(u64::MAX, 5_000), 5_000);
        }
    }
}
