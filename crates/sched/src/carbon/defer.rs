//! Which waiting work is put off, and until when: one decision for each job, from its submission, its
//! limit, its deadline and the series of the sites where it may run.
//!
//! The decision does not depend on when it is asked for, so a job whose time has come stays due: what
//! was put off once is not put off again because its nodes were busy at the best moment. Of several
//! sites the best start of any decides; where the job runs then is placement's choice.
//!
//! Must never put off work without a series that covers the wait, nor beyond the last start that its
//! deadline and its limit leave.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::request::Request;
use super::series::{Series, SeriesError};
use super::start::least_mean_start;
use crate::mask::SiteMask;
use crate::problem::{Job, JobIdx, Micros, SiteIdx};
use crate::reason::Reason;

const SECOND_US: Micros = 1_000_000;

/// Run time that is reckoned with for work without a limit: an hour.
const LENGTH_UNKNOWN_S: u64 = 3_600;

/// What is to be least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// CO2e.
    #[default]
    Carbon,
    /// Money for energy.
    Price,
}

/// How far a start may be put off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Latest start.
    pub start_by_us: Option<Micros>,
    /// Latest end, reckoned with the job's limit; nothing is put off for it without a limit.
    pub end_by_us: Option<Micros>,
    /// What is to be least.
    pub by: Measure,
}

/// What energy costs at a site by time, in carbon or in money, which may be below 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The values, all raised by `raised_by`.
    series: Series,
    raised_by: i64,
}

impl Forecast {
    /// A forecast from its first slot on: seconds on the caller's clock, and milligrams of CO2e or
    /// micro-euro for each kilowatt-hour.
    ///
    /// # Errors
    /// [`SeriesError`]; of a negative value its distance from the least one counts.
    pub fn new(start_s: i64, step_s: u32, values: &[i64]) -> Result<Self, SeriesError> {
        let least = values.iter().copied().min().unwrap_or(0).min(0);
        let raised = |value: &i64| u32::try_from(value.saturating_sub(least)).unwrap_or(u32::MAX);
        let series = Series::new(start_s, step_s, values.iter().map(raised).collect())?;
        Ok(Self { series, raised_by: least.saturating_neg() })
    }

    /// Value × seconds over a time; `None` if a part of it is not covered.
    fn sum(&self, from_s: i64, length_s: u64) -> Option<i128> {
        let sum = self.series.sum(from_s, from_s.saturating_add_unsigned(length_s))?;
        let raised = i128::from(self.raised_by).saturating_mul(i128::from(length_s));
        Some(i128::from(sum).saturating_sub(raised))
    }

    /// The mean over a time, rounded down; `None` if a part of it is not covered.
    #[must_use]
    pub fn mean(&self, from_s: i64, length_s: u64) -> Option<i64> {
        let mean = self.sum(from_s, length_s)?.checked_div_euclid(i128::from(length_s))?;
        i64::try_from(mean).ok()
    }
}

/// The start decided for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decision {
    site: SiteIdx,
    by: Measure,
    /// From when on the series says anything.
    known_from_s: i64,
    start_s: i64,
    length_s: u64,
}

/// Forecasts by site, and what was decided by them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deferrals {
    forecasts: BTreeMap<(Measure, SiteIdx), Forecast>,
    decided: BTreeMap<JobIdx, Decision>,
}

impl Deferrals {
    /// Sets or removes the forecast of a site. What waits has to be decided anew.
    pub(crate) fn set(&mut self, by: Measure, site: SiteIdx, forecast: Option<Forecast>) {
        match forecast {
            Some(forecast) => drop(self.forecasts.insert((by, site), forecast)),
            None => drop(self.forecasts.remove(&(by, site))),
        }
    }

    /// Decides for a job that waits from now on.
    pub(crate) fn decide(&mut self, index: JobIdx, job: &Job) {
        match job.deferral.and_then(|deferral| self.best(job, &deferral)) {
            Some(decision) => drop(self.decided.insert(index, decision)),
            None => self.forget(index),
        }
    }

    /// A job no longer waits.
    pub(crate) fn forget(&mut self, index: JobIdx) {
        self.decided.remove(&index);
    }

    /// Why the job is not to start at this time.
    pub(crate) fn reason(&self, index: JobIdx, now_us: Micros) -> Option<Reason> {
        let Decision { site, by, known_from_s, start_s, length_s } = *self.decided.get(&index)?;
        let now_s = now_us.div_euclid(SECOND_US);
        if now_s < known_from_s || now_s >= start_s {
            return None;
        }
        let forecast = self.forecasts.get(&(by, site))?;
        let now_per_kwh = forecast.mean(now_s, length_s)?;
        let then_per_kwh = forecast.mean(start_s, length_s)?;
        let saved = now_per_kwh.saturating_sub(then_per_kwh).saturating_mul(1_000);
        let saved = if now_per_kwh > 0 { saved.checked_div(now_per_kwh) } else { None };
        let saved_permille = saved.and_then(|saved| u32::try_from(saved).ok()).unwrap_or(0);
        let until_us = start_s.saturating_mul(SECOND_US);
        Some(Reason::Deferred { until_us, by, now_per_kwh, then_per_kwh, saved_permille })
    }

    /// When the next of the starts that are put off at this time is due.
    pub(crate) fn next_us(&self, now_us: Micros) -> Option<Micros> {
        let now_s = now_us.div_euclid(SECOND_US);
        let later = |one: &&Decision| (one.known_from_s..one.start_s).contains(&now_s);
        let next_s = self.decided.values().filter(later).map(|one| one.start_s).min()?;
        Some(next_s.saturating_mul(SECOND_US))
    }

    fn best(&self, job: &Job, deferral: &Deferral) -> Option<Decision> {
        let limit_s = job.limit_us.map(|limit| limit.div_ceil(SECOND_US.unsigned_abs()).max(1));
        let likely_s = job.predicted_us.map(|time| time.div_ceil(SECOND_US.unsigned_abs()).max(1));
        let longest_s = limit_s.or(likely_s).unwrap_or(LENGTH_UNKNOWN_S);
        let length_s = likely_s.unwrap_or(longest_s).min(longest_s);
        let start_by_s = deferral.start_by_us.map(|time| time.div_euclid(SECOND_US));
        let end_by_s = deferral.end_by_us.map(|time| time.div_euclid(SECOND_US));
        let start_by_s = match (start_by_s, end_by_s, limit_s) {
            (start, None, _) => start?,
            // Nobody knows when it ends: nothing can be promised, so nothing is put off.
            (_, Some(_), None) => return None,
            (start, Some(end), Some(limit)) => {
                end.saturating_sub_unsigned(limit).min(start.unwrap_or(i64::MAX))
            }
        };
        let request = Request {
            earliest_s: job.submitted_us.div_euclid(SECOND_US),
            length_s,
            finish_by_s: start_by_s.saturating_add_unsigned(length_s),
            wait_max_s: u64::from(u32::MAX),
        };
        self.best_site(deferral.by, &job.allowed_sites, &request)
    }

    fn best_site(&self, by: Measure, sites: &SiteMask, request: &Request) -> Option<Decision> {
        let range = (by, SiteIdx(0))..=(by, SiteIdx(u32::MAX));
        let mut best: Option<(i128, Decision)> = None;
        for ((_, site), forecast) in self.forecasts.range(range) {
            if !sites.allows(*site) {
                continue;
            }
            let known_from_s = request.earliest_s.max(forecast.series.start_s());
            let request = Request { earliest_s: known_from_s, ..*request }.within(&forecast.series);
            let Ok(start) = least_mean_start(&forecast.series, &request) else { continue };
            let length_s = request.length_s;
            let Some(sum) = forecast.sum(start.start_s, length_s) else { continue };
            let start_s = start.start_s;
            let found = Decision { site: *site, by, known_from_s, start_s, length_s };
            let key = (sum, start_s);
            if best.as_ref().is_none_or(|(sum, best)| key < (*sum, best.start_s)) {
                best = Some((sum, found));
            }
        }
        best.map(|(_, decision)| decision)
    }
}
