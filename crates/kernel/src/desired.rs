//! What engines must make true on a node: a query, level-triggered, without any message.

use units::{DurationMicros, Id, kinds};

use crate::{
    State,
    workload::{Phase, Workload},
};

/// What must be true of one rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// It runs, or has run to its end.
    Run,
    /// It is gone, after this grace.
    Stop(DurationMicros),
}

/// One rank that belongs on a node.
#[derive(Debug, Clone, Copy)]
pub struct DesiredProcess<'a> {
    /// The workload with its specification.
    pub workload: &'a Workload,
    /// The attempt's number.
    pub attempt: u32,
    /// The rank.
    pub rank: u32,
    /// What must be true.
    pub goal: Goal,
}

/// Everything that belongs on a node, by workload id and rank; whatever else runs there is to be
/// stopped.
#[must_use]
pub fn desired(state: &State, node: Id<kinds::Node>) -> Vec<DesiredProcess<'_>> {
    let ids = state.index.by_node.get(&node).into_iter().flatten();
    let mut processes = Vec::new();
    for workload in ids.filter_map(|id| state.workloads.get(id)) {
        let goal = match &workload.phase {
            Phase::Placed { .. } | Phase::Running { .. } => Goal::Run,
            Phase::Stopping { .. } => Goal::Stop(workload.spec.grace),
            Phase::Queued { .. } | Phase::Ended { .. } => continue,
        };
        let Some(attempt) = workload.attempt() else { continue };
        for (rank, found) in (0_u32..).zip(&attempt.ranks) {
            if found.node == node {
                processes.push(DesiredProcess { workload, attempt: attempt.number, rank, goal });
            }
        }
    }
    processes
}
