//! What is asked: how long the work takes, when it must be done, and how long it may wait.

use std::error::Error;
use std::fmt;

use super::series::Series;

/// Deferrable work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When it can start, in seconds on the clock of the series.
    pub earliest_s: i64,
    /// How long it takes, in seconds; a prediction will do, see [`super::carbon_time_start`].
    pub length_s: u64,
    /// When it must be done, in seconds on the same clock.
    pub finish_by_s: i64,
    /// How long it may be delayed altogether, in seconds: interruptions count as well.
    pub wait_max_s: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// The work takes no time.
    NoLength,
    /// It cannot be done by its deadline even if it starts at once.
    DeadlineTooEarly {
        /// When it would be done, in seconds.
        done_s: i64,
        /// When it must be done, in seconds.
        finish_by_s: i64,
    },
    /// The series does not cover the time in question.
    OutsideSeries {
        /// What is needed, in seconds.
        needed_s: (i64, i64),
        /// What the series has, in seconds.
        series_s: (i64, i64),
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength => f.write_str("`length_s` is 0: give the time that the work takes"),
            Self::DeadlineTooEarly { done_s, finish_by_s } => write!(
                f,
                "`finish_by_s` is {finish_by_s}, but the work is done at {done_s} at the earliest: \
                 move the deadline or start without waiting"
            ),
            Self::OutsideSeries { needed_s, series_s } => write!(
                f,
                "values are needed from {} to {}, the series has {} to {}: get a longer forecast \
                 or allow less waiting",
                needed_s.0, needed_s.1, series_s.0, series_s.1
            ),
        }
    }
}

impl Error for RequestError {}

impl Request {
    /// The latest end within deadline and waiting.
    #[must_use]
    pub fn last_end_s(&self) -> i64 {
        let waited_s = self.earliest_s.saturating_add_unsigned(self.length_s);
        waited_s.saturating_add_unsigned(self.wait_max_s).min(self.finish_by_s)
    }

    /// The same request with no more waiting than the series covers. It may still be refused: a
    /// series that is too short for the work itself stays too short.
    #[must_use]
    pub fn within(self, series: &Series) -> Self {
        Self { finish_by_s: self.finish_by_s.min(series.end_s()), ..self }
    }

    /// Checks the request against a series and gives the end of the work if it starts at once, and
    /// its latest end.
    pub(super) fn ends_s(&self, series: &Series) -> Result<(i64, i64), RequestError> {
        if self.length_s == 0 {
            return Err(RequestError::NoLength);
        }
        let done_s = self.earliest_s.saturating_add_unsigned(self.length_s);
        if done_s > self.finish_by_s {
            let finish_by_s = self.finish_by_s;
            return Err(RequestError::DeadlineTooEarly { done_s, finish_by_s });
        }
        let last_end_s = self.last_end_s();
        let series_s = (series.start_s(), series.end_s());
        if self.earliest_s < series_s.0 || last_end_s > series_s.1 {
            let needed_s = (self.earliest_s, last_end_s);
            return Err(RequestError::OutsideSeries { needed_s, series_s });
        }
        Ok((done_s, last_end_s))
    }
}
