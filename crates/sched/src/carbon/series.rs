//! Carbon intensity by time: one value for each slot, with sums in front.
//!
//! INVARIANT: the sums cannot overflow, because slots, step and values have limits.

use std::error::Error;
use std::fmt;

/// Slots in one series: 39 years of five minutes.
pub const SLOTS_MAX: usize = 1 << 22;

/// Seconds in one slot, at most: a day.
pub const STEP_S_MAX: u32 = 86_400;

/// Milligrams of CO2e for each kilowatt-hour, at most. Lignite is near 1,200,000.
pub const VALUE_MG_PER_KWH_MAX: u32 = 10_000_000;

/// Carbon intensity of one site, forecast or measured, in slots of equal length without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    start_s: i64,
    step_s: u32,
    values: Vec<u32>,
    /// Intensity × seconds before each slot and after the last, in mg·s/kWh.
    sums: Vec<u64>,
}

/// Why values are no series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesError {
    /// There are no slots.
    Empty,
    /// More than [`SLOTS_MAX`] slots.
    TooManySlots {
        /// Slots given.
        count: usize,
    },
    /// The step is 0 or above [`STEP_S_MAX`].
    Step {
        /// The step, in seconds.
        step_s: u32,
    },
    /// The series would end beyond what a time can say.
    TooLate {
        /// Its start, in seconds.
        start_s: i64,
    },
    /// A value is above [`VALUE_MG_PER_KWH_MAX`].
    Value {
        /// Position of the slot.
        slot: usize,
        /// The value, in mg/kWh.
        value: u32,
    },
    /// A slot is missing between others.
    Missing {
        /// Start of the first slot that is missing, in seconds.
        time_s: i64,
        /// The next time that is given, in seconds.
        next_s: i64,
    },
    /// A time is not after the one before it.
    NotAscending {
        /// The time, in seconds.
        time_s: i64,
    },
    /// A time lies between two slots.
    OffStep {
        /// The time, in seconds.
        time_s: i64,
    },
}

impl fmt::Display for SeriesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the series has no slots: give at least one value"),
            Self::TooManySlots { count } => {
                write!(f, "{count} slots, at most {SLOTS_MAX}: cut the series or use longer slots")
            }
            Self::Step { step_s } => {
                write!(f, "`step_s` is {step_s}: use 1 to {STEP_S_MAX} seconds")
            }
            Self::TooLate { start_s } => {
                write!(f, "`start_s` {start_s} is too late for a series: use seconds, not micros")
            }
            Self::Value { slot, value } => write!(
                f,
                "value {value} of slot {slot} is above {VALUE_MG_PER_KWH_MAX} mg/kWh: check its unit"
            ),
            Self::Missing { time_s, next_s } => write!(
                f,
                "the slot at {time_s} is missing, the next is at {next_s}: fill it or cut the \
                 series there"
            ),
            Self::NotAscending { time_s } => {
                write!(
                    f,
                    "the time {time_s} is not after the one before it: sort, and leave out \
                 what stands twice"
                )
            }
            Self::OffStep { time_s } => {
                write!(f, "the time {time_s} is between two slots: correct it or the step")
            }
        }
    }
}

impl Error for SeriesError {}

impl Series {
    /// A series from its first slot on. Values are in milligrams of CO2e for each kilowatt-hour,
    /// times in seconds from any origin.
    ///
    /// # Errors
    /// [`SeriesError`] for no or too many slots, or a step or value beyond its limit.
    pub fn new(start_s: i64, step_s: u32, values: Vec<u32>) -> Result<Self, SeriesError> {
        if values.is_empty() {
            return Err(SeriesError::Empty);
        }
        if values.len() > SLOTS_MAX {
            return Err(SeriesError::TooManySlots { count: values.len() });
        }
        if step_s == 0 || step_s > STEP_S_MAX {
            return Err(SeriesError::Step { step_s });
        }
        let length_s =
            i64::try_from(values.len()).unwrap_or(i64::MAX).saturating_mul(step_s.into());
        if start_s.checked_add(length_s).is_none() {
            return Err(SeriesError::TooLate { start_s });
        }
        let mut sums = Vec::with_capacity(values.len().saturating_add(1));
        let mut sum = 0_u64;
        sums.push(sum);
        for (slot, value) in values.iter().enumerate() {
            if *value > VALUE_MG_PER_KWH_MAX {
                return Err(SeriesError::Value { slot, value: *value });
            }
            sum = sum.saturating_add(u64::from(*value).saturating_mul(u64::from(step_s)));
            sums.push(sum);
        }
        Ok(Self { start_s, step_s, values, sums })
    }

    /// A series from times and values, for input that may have gaps.
    ///
    /// # Errors
    /// [`SeriesError`], also for a time that is missing, repeated or between two slots.
    pub fn from_points(step_s: u32, points: &[(i64, u32)]) -> Result<Self, SeriesError> {
        let Some((start_s, _)) = points.first() else { return Err(SeriesError::Empty) };
        if step_s == 0 || step_s > STEP_S_MAX {
            return Err(SeriesError::Step { step_s });
        }
        let mut expected_s = *start_s;
        let mut values = Vec::with_capacity(points.len());
        for (time_s, value) in points {
            if *time_s < expected_s {
                let is_slot =
                    values.is_empty() || expected_s.saturating_sub(*time_s) >= step_s.into();
                let time_s = *time_s;
                return Err(match is_slot {
                    true => SeriesError::NotAscending { time_s },
                    false => SeriesError::OffStep { time_s },
                });
            }
            if *time_s > expected_s {
                let beyond_s = time_s.saturating_sub(expected_s);
                return Err(match beyond_s.checked_rem(step_s.into()) {
                    Some(0) => SeriesError::Missing { time_s: expected_s, next_s: *time_s },
                    Some(_) | None => SeriesError::OffStep { time_s: *time_s },
                });
            }
            values.push(*value);
            expected_s = expected_s.saturating_add(step_s.into());
        }
        Self::new(*start_s, step_s, values)
    }

    /// Start of the first slot, in seconds.
    #[must_use]
    pub const fn start_s(&self) -> i64 {
        self.start_s
    }

    /// End of the last slot, in seconds.
    #[must_use]
    pub fn end_s(&self) -> i64 {
        self.slot_start_s(self.values.len())
    }

    /// Length of a slot, in seconds.
    #[must_use]
    pub const fn step_s(&self) -> u32 {
        self.step_s
    }

    /// The values by slot, in mg/kWh.
    #[must_use]
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    /// The slot that a time lies in; `None` outside the series.
    #[must_use]
    pub fn slot_at(&self, time_s: i64) -> Option<usize> {
        let since_s = u64::try_from(time_s.checked_sub(self.start_s)?).ok()?;
        let slot = usize::try_from(since_s.checked_div(u64::from(self.step_s))?).ok()?;
        (slot < self.values.len()).then_some(slot)
    }

    /// Start of a slot, in seconds; that of the slot after the last is the end.
    #[must_use]
    pub fn slot_start_s(&self, slot: usize) -> i64 {
        let slots = i64::try_from(slot).unwrap_or(i64::MAX);
        self.start_s.saturating_add(slots.saturating_mul(self.step_s.into()))
    }

    /// Intensity × seconds from one time to another, in mg·s/kWh; `None` if a part of it lies
    /// outside the series. O(1).
    #[must_use]
    pub fn sum(&self, from_s: i64, to_s: i64) -> Option<u64> {
        self.sum_before(to_s)?.checked_sub(self.sum_before(from_s)?)
    }

    fn sum_before(&self, time_s: i64) -> Option<u64> {
        if time_s == self.end_s() {
            return self.sums.last().copied();
        }
        let slot = self.slot_at(time_s)?;
        let within_s = u64::try_from(time_s.checked_sub(self.slot_start_s(slot))?).ok()?;
        let part = u64::from(*self.values.get(slot)?).saturating_mul(within_s);
        Some(self.sums.get(slot)?.saturating_add(part))
    }
}

/// The carbon of a constant draw, in milligrams rounded to the nearest: `sum` is the intensity ×
/// seconds over its time.
#[must_use]
pub fn carbon_mg(power_mw: u64, sum: u64) -> u64 {
    /// Milliwatt-seconds in a kilowatt-hour.
    const KWH_MWS: u128 = 3_600_000_000;
    let twice = u128::from(power_mw).saturating_mul(u128::from(sum)).saturating_mul(2);
    let rounded = twice.saturating_add(KWH_MWS).checked_div(KWH_MWS.saturating_mul(2));
    rounded.and_then(|mg| u64::try_from(mg).ok()).unwrap_or(u64::MAX)
}
