//! The best times of work that can be interrupted at will.

use super::request::{Request, RequestError};
use super::series::Series;

/// When interruptible work runs, and what that costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    /// From when to when it runs, in seconds, in order and not touching; together the length.
    pub runs: Vec<(i64, i64)>,
    /// Intensity × seconds over all of them, in mg·s/kWh.
    pub sum: u64,
    /// The same if it ran at once and in one piece.
    pub sum_at_once: u64,
}

/// The times of least intensity that add up to the length; of equal ones the earliest. What an
/// interruption costs is not counted. O(n log n) in the slots of the time allowed.
///
/// # Errors
/// [`RequestError`] if the work cannot be done in time or the series does not cover the time.
pub fn cheapest_runs(series: &Series, request: &Request) -> Result<Runs, RequestError> {
    let (done_s, last_end_s) = request.ends_s(series)?;
    let mut pieces = Vec::new();
    let first_slot = series.slot_at(request.earliest_s).unwrap_or(0);
    for (slot, value) in series.values().iter().enumerate().skip(first_slot) {
        let from_s = series.slot_start_s(slot).max(request.earliest_s);
        if from_s >= last_end_s {
            break;
        }
        let to_s = series.slot_start_s(slot.saturating_add(1)).min(last_end_s);
        pieces.push((*value, from_s, to_s));
    }
    pieces.sort_unstable();
    let mut rest_s = request.length_s;
    let mut chosen = Vec::new();
    for (_, from_s, to_s) in pieces {
        if rest_s == 0 {
            break;
        }
        let used_s = to_s.saturating_sub(from_s).unsigned_abs().min(rest_s);
        chosen.push((from_s, from_s.saturating_add_unsigned(used_s)));
        rest_s = rest_s.saturating_sub(used_s);
    }
    chosen.sort_unstable();
    let runs = joined(chosen);
    let cost = |(from_s, to_s): &(i64, i64)| series.sum(*from_s, *to_s).unwrap_or(u64::MAX);
    let sum = runs.iter().map(cost).fold(0, u64::saturating_add);
    Ok(Runs { runs, sum, sum_at_once: cost(&(request.earliest_s, done_s)) })
}

/// Joins what touches; the pieces are in order.
fn joined(pieces: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for (from_s, to_s) in pieces {
        match runs.last_mut() {
            Some(last) if last.1 == from_s => last.1 = to_s,
            Some(_) | None => runs.push((from_s, to_s)),
        }
    }
    runs
}
