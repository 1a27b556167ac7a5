//! The best start of work that runs in one piece.
//!
//! The intensity is constant within a slot, so the carbon of the work is piecewise linear in its
//! start, and the saving for each hour piecewise monotone: both are best where the start or the end
//! of the work meets the border of a slot, or at the ends of the time allowed. Only these are tried,
//! O(slots in that time), each in O(1); the answer is exact to the second.

use super::request::{Request, RequestError};
use super::series::Series;

/// A start and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// When to start, in seconds.
    pub start_s: i64,
    /// Intensity × seconds over the work, in mg·s/kWh; see [`super::carbon_mg`].
    pub sum: u64,
    /// The same if it started at once.
    pub sum_at_once: u64,
}

impl Start {
    /// Share of the carbon that the waiting saves, in per mille, rounded down.
    #[must_use]
    pub fn saved_permille(&self) -> u32 {
        let saved = u128::from(self.sum_at_once.saturating_sub(self.sum)).saturating_mul(1_000);
        let share = saved.checked_div(u128::from(self.sum_at_once)).unwrap_or(0);
        u32::try_from(share).unwrap_or(1_000)
    }
}

/// The start of least mean intensity; the earliest of several.
///
/// # Errors
/// [`RequestError`] if the work cannot be done in time or the series does not cover the time.
pub fn least_mean_start(series: &Series, request: &Request) -> Result<Start, RequestError> {
    best(series, request, |best, start| (start.sum, start.start_s) < (best.sum, best.start_s))
}

/// The start that saves most carbon for each hour from the earliest start to the end of the work
/// (GAIA's Carbon-Time); the earliest of several, so at once if nothing can be saved. A longer wait
/// must save in proportion: this gets most of the saving for a part of the waiting.
///
/// # Errors
/// [`RequestError`] if the work cannot be done in time or the series does not cover the time.
pub fn carbon_time_start(series: &Series, request: &Request) -> Result<Start, RequestError> {
    let rate = |start: &Start| {
        let done_s = start.start_s.saturating_add_unsigned(request.length_s);
        let hours = u128::from(done_s.saturating_sub(request.earliest_s).unsigned_abs());
        (u128::from(start.sum_at_once.saturating_sub(start.sum)), hours)
    };
    best(series, request, |best, start| {
        // saved / time, compared by cross multiplication: both factors are below 2⁶⁴.
        let ((best_saved, best_time), (saved, time)) = (rate(best), rate(start));
        let (mine, others) = (saved.saturating_mul(best_time), best_saved.saturating_mul(time));
        mine > others || (mine == others && start.start_s < best.start_s)
    })
}

/// The candidate that no other is better than.
fn best(
    series: &Series,
    request: &Request,
    is_better: impl Fn(&Start, &Start) -> bool,
) -> Result<Start, RequestError> {
    let (_, last_end_s) = request.ends_s(series)?;
    let last_start_s = last_end_s.saturating_sub_unsigned(request.length_s);
    let cost = |start_s: i64| {
        let end_s = start_s.saturating_add_unsigned(request.length_s);
        series.sum(start_s, end_s).unwrap_or(u64::MAX)
    };
    let sum_at_once = cost(request.earliest_s);
    let mut best = Start { start_s: request.earliest_s, sum: sum_at_once, sum_at_once };
    let mut consider = |start_s: i64| {
        if start_s > request.earliest_s && start_s <= last_start_s {
            let start = Start { start_s, sum: cost(start_s), sum_at_once };
            if is_better(&best, &start) {
                best = start;
            }
        }
    };
    consider(last_start_s);
    let first_slot = series.slot_at(request.earliest_s).unwrap_or(0);
    for slot in first_slot..=series.values().len() {
        let border_s = series.slot_start_s(slot);
        if border_s > last_end_s {
            break;
        }
        consider(border_s);
        consider(border_s.saturating_sub_unsigned(request.length_s));
    }
    Ok(best)
}
