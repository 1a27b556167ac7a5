//! The waiting line by turn (priority with age, then submission), for whoever asks for a place in it.
//!
//! Derived; what else orders the queue is the scheduler's.

use std::collections::BTreeSet;

use units::{Id, kinds};

use super::Workload;
use crate::State;

/// Turns of waiting work, first to last; the order of two never changes while both wait.
pub(crate) type Line = BTreeSet<(i128, u64, Id<kinds::Workload>)>;

pub(super) fn enter(line: &mut Line, workload: &Workload) {
    line.insert(workload.turn());
}

pub(super) fn leave(line: &mut Line, workload: &Workload) {
    line.remove(&workload.turn());
}

/// Position of a waiting workload in the queue, from 1, and how many wait: by priority with age, then
/// by submission. `None` for what does not wait, and if more than `counted_max` wait both before and
/// behind it, because those are counted.
#[must_use]
pub fn queue_position(
    state: &State,
    id: Id<kinds::Workload>,
    counted_max: usize,
) -> Option<(usize, usize)> {
    let own = state.workloads.get(&id).filter(|_| state.index.queued.contains(&id))?;
    let (line, turn) = (&state.index.line, own.turn());
    let most = counted_max.saturating_add(1);
    // Who asks has mostly just come, so few stand behind.
    let behind = line.range(turn..).skip(1).take(most).count();
    if behind <= counted_max {
        return Some((line.len().saturating_sub(behind), line.len()));
    }
    let before = line.range(..turn).take(most).count();
    (before <= counted_max).then(|| (before.saturating_add(1), line.len()))
}
