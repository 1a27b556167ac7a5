//! The waiting line by priority and submission, for whoever asks for a place in it.
//!
//! Derived; what else orders the queue is the scheduler's.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use units::{Id, kinds};

use super::Workload;
use crate::State;

/// Waiting work by priority, highest first, then by submission.
pub(crate) type Line = BTreeMap<Reverse<i32>, BTreeSet<(u64, Id<kinds::Workload>)>>;

pub(super) fn enter(line: &mut Line, workload: &Workload) {
    let same = line.entry(Reverse(workload.spec.priority)).or_default();
    same.insert((workload.submitted_seq, workload.id));
}

pub(super) fn leave(line: &mut Line, workload: &Workload) {
    let priority = Reverse(workload.spec.priority);
    let Some(same) = line.get_mut(&priority) else { return };
    same.remove(&(workload.submitted_seq, workload.id));
    if same.is_empty() {
        line.remove(&priority);
    }
}

/// Position of a waiting workload in the queue, from 1, and how many wait: by priority, then by
/// submission. `None` for what does not wait, and if more than `counted_max` of its priority were
/// submitted after it, because those are counted.
#[must_use]
pub fn queue_position(
    state: &State,
    id: Id<kinds::Workload>,
    counted_max: usize,
) -> Option<(usize, usize)> {
    let own = state.workloads.get(&id).filter(|_| state.index.queued.contains(&id))?;
    let priority = Reverse(own.spec.priority);
    let line = &state.index.line;
    let same = line.get(&priority)?;
    // Who asks has mostly just come, so few stand behind.
    let from = (own.submitted_seq, id);
    let behind = same.range(from..).skip(1).take(counted_max.saturating_add(1)).count();
    if behind > counted_max {
        return None;
    }
    let before = line.range(..priority).map(|(_, one)| one.len()).fold(0, usize::saturating_add);
    let position = before.saturating_add(same.len()).saturating_sub(behind);
    Some((position, state.index.queued.len()))
}
