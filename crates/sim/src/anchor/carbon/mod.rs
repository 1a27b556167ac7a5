//! Carbon-aware starts over a year: what waiting saves, against two published studies.
//!
//! - [`awhile`]: "Let's Wait Awhile" (Wiesner et al., Middleware 2021), scenario II: machine learning
//!   jobs that may finish by the next working day, or on Monday or Thursday, in one piece or not.
//! - [`gaia`]: "Going Green for Less Green" (Hanafy et al., ASPLOS 2024): short jobs may wait six
//!   hours and long ones a day, and nobody knows how long they take.
//! - [`read_series`] reads intensities, [`Shape`] invents them. Whatever comes from a [`Shape`] is
//!   simulated and must be labelled so.
//! - [`Forecast`] adds the error that the first study adds to its forecasts.
//!
//! All choices are made by `sched::carbon`; here is only what the studies wrap around them.

pub mod awhile;
pub mod dates;
mod decimal;
mod error;
mod forecast;
pub mod gaia;
pub mod report;
mod series;
mod shape;

pub use error::CarbonError;
pub use forecast::Forecast;
pub use series::read_series;
pub use shape::Shape;

use std::fmt;

/// Intensity × time × size of all jobs, with and without waiting, in the same unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Saving {
    /// Without waiting.
    pub at_once: u128,
    /// With it.
    pub waited: u128,
}

impl Saving {
    /// Share saved, in hundredths of a per cent, rounded to the nearest; negative if waiting made it
    /// worse, as a wrong forecast can.
    #[must_use]
    pub fn basis_points(&self) -> i64 {
        let (more, less, sign) = match self.waited <= self.at_once {
            true => (self.at_once, self.waited, 1),
            false => (self.waited, self.at_once, -1),
        };
        let twice = more.saturating_sub(less).saturating_mul(20_000).saturating_add(self.at_once);
        let points = twice.checked_div(self.at_once.saturating_mul(2)).unwrap_or(0);
        i64::try_from(points).unwrap_or(i64::MAX).saturating_mul(sign)
    }

    /// Adds another.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            at_once: self.at_once.saturating_add(other.at_once),
            waited: self.waited.saturating_add(other.waited),
        }
    }
}

impl fmt::Display for Saving {
    /// In per cent with two digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.basis_points();
        let sign = if points < 0 { "-" } else { "" };
        let points = points.unsigned_abs();
        write!(f, "{sign}{}.{:02} %", points / 100, points % 100)
    }
}

#[cfg(test)]
mod tests;
