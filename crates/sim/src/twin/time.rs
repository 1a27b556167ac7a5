//! Time inside a run: whole microseconds since its start. It is never the time of a clock; a list of
//! jobs with dates is moved so that its first submission is zero.

use std::fmt;

use serde::Serialize;
use units::DurationMicros;

/// Microseconds in a second.
pub const SECOND_MICROS: u64 = 1_000_000;
/// Microseconds in an hour.
pub const HOUR_MICROS: u64 = 3_600 * SECOND_MICROS;
/// Microseconds in a day.
pub const DAY_MICROS: u64 = 24 * HOUR_MICROS;

/// A point in a run, in microseconds since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens.
    pub const NEVER: Self = Self(u64::MAX);

    /// Time since an earlier point; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> DurationMicros {
        DurationMicros(self.0.saturating_sub(earlier.0))
    }

    /// This point moved forward, at most to [`Time::NEVER`].
    #[must_use]
    pub const fn plus(self, duration: DurationMicros) -> Self {
        Self(self.0.saturating_add(duration.0))
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / SECOND_MICROS
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.secs();
        let (days, hours) = (secs / 86_400, (secs / 3_600) % 24);
        write!(f, "{days}d {hours:02}:{:02}:{:02}", (secs / 60) % 60, secs % 60)
    }
}
