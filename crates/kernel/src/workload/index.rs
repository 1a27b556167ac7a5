//! Keeps the indices over workloads: what waits, what is active, what runs where, who waits for whom.
//!
//! Everything here is derived; a rebuild gives the same.

use super::{OutputStatus, Phase, Workload, line};
use crate::state::Index;

/// Puts a workload into every index that its phase belongs to.
pub(crate) fn index_into(index: &mut Index, workload: &Workload) {
    let id = workload.id;
    if !workload.has_ended() {
        index.active.insert(id);
    }
    if workload.is_array() {
        // Its tasks wait, not the array; they may be indexed before it.
        index.arrays.entry(id).or_default();
    } else if matches!(workload.phase, Phase::Queued { .. }) {
        index.queued.insert(id);
        line::enter(&mut index.line, workload);
        for dependency in &workload.spec.terms.after {
            index.dependents.entry(dependency.workload).or_default().insert(id);
        }
    }
    if let Some(task) = workload.task {
        let count = index.arrays.entry(task.array).or_default().of(&workload.phase);
        *count = count.saturating_add(1);
    }
    if workload.outputs == OutputStatus::Pending {
        index.outputs_pending.insert(id);
    }
    if workload.holds_nodes() {
        for rank in workload.attempts.last().into_iter().flat_map(|attempt| &attempt.ranks) {
            index.by_node.entry(rank.node).or_default().insert(id);
        }
    }
}

/// Takes a workload out of every index.
pub(super) fn unindex(index: &mut Index, workload: &Workload) {
    let id = workload.id;
    index.active.remove(&id);
    if let Some(tally) = workload.task.and_then(|task| index.arrays.get_mut(&task.array)) {
        let count = tally.of(&workload.phase);
        *count = count.saturating_sub(1);
    }
    if index.queued.remove(&id) {
        line::leave(&mut index.line, workload);
        for dependency in &workload.spec.terms.after {
            if let Some(set) = index.dependents.get_mut(&dependency.workload) {
                set.remove(&id);
                if set.is_empty() {
                    index.dependents.remove(&dependency.workload);
                }
            }
        }
    }
    index.outputs_pending.remove(&id);
    if !workload.holds_nodes() {
        return;
    }
    for rank in workload.attempts.last().into_iter().flat_map(|attempt| &attempt.ranks) {
        if let Some(set) = index.by_node.get_mut(&rank.node) {
            set.remove(&id);
            if set.is_empty() {
                index.by_node.remove(&rank.node);
            }
        }
    }
}
