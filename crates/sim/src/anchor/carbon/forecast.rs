//! Forecasts with a known error: the true series plus noise.
//!
//! The study draws normal noise whose standard deviation is a share of the mean of the series,
//! independently for each slot. Here it is the sum of twelve even draws (Irwin and Hall), which is
//! near enough to normal and needs no float; a value below 0 becomes 0.

use sched::carbon::{Series, SeriesError};

use crate::rng::Rng;

/// How wrong forecasts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Standard deviation as a share of the mean of the series, in per mille; 0 is no error.
    pub error_permille: u64,
    /// Seed of the noise.
    pub seed: u64,
}

impl Forecast {
    /// The forecast of a series.
    ///
    /// # Errors
    /// [`SeriesError::Value`] if noise takes a value above the limit.
    pub fn of(&self, series: &Series) -> Result<Series, SeriesError> {
        if self.error_permille == 0 {
            return Ok(series.clone());
        }
        let n_slots = u64::try_from(series.values().len()).unwrap_or(u64::MAX).max(1);
        let total: u64 = series.values().iter().copied().map(u64::from).sum();
        let sigma = i64::try_from(total / n_slots * self.error_permille / 1_000).unwrap_or(0);
        let mut rng = Rng::new(self.seed).child("carbon forecast");
        let noisy = |value: &u32| {
            // Twelve draws from 0 to 1 have mean 6 and variance 1.
            let draws = (0..12).map(|_| i64::try_from(rng.below(1_000_001)).unwrap_or(0));
            let millionths = draws.sum::<i64>() - 6_000_000;
            let moved = i64::from(*value) + millionths * sigma / 1_000_000;
            u32::try_from(moved.max(0)).unwrap_or(u32::MAX)
        };
        let values = series.values().iter().map(noisy).collect();
        Series::new(series.start_s(), series.step_s(), values)
    }
}
