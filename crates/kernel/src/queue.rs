//! The waiting line as people read it: who is served before whom, and why each one waits.
//!
//! Only a query; it places nothing. The order is that within a project, over all: priority with age,
//! then submission. Whose project has its turn is decided by shares, which change with every start.

use std::collections::BTreeMap;

use units::{Id, UnixMicros, kinds};

use crate::{
    Planner, State, Waiting,
    workload::{Phase, Workload},
};

/// Why a waiting workload waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueuedReason {
    /// It would be placed now: the next round does it.
    AboutToStart,
    /// Its last attempt failed; it is tried again at this time.
    BackingOff(UnixMicros),
    /// The scheduler's reason.
    Waiting(Waiting),
}

/// Everything that waits, by priority with age and submission, each with its reason.
///
/// Plans once for all of them: as long as one round of the scheduler.
#[must_use]
pub fn queue(state: &State, now: UnixMicros) -> Vec<(&Workload, QueuedReason)> {
    let mut planner = Planner::of(state, now);
    let plan = planner.plan(now);
    let mut reasons: BTreeMap<Id<kinds::Workload>, Waiting> = planner.queue(&plan).collect();
    let line = state.index.line.iter().filter_map(|(_, _, id)| state.workloads.get(id));
    line.map(|workload| {
        let reason = match (backing_off(workload, now), reasons.remove(&workload.id)) {
            (Some(time), _) => QueuedReason::BackingOff(time),
            (None, Some(reason)) => QueuedReason::Waiting(reason),
            (None, None) => QueuedReason::AboutToStart,
        };
        (workload, reason)
    })
    .collect()
}

fn backing_off(workload: &Workload, now: UnixMicros) -> Option<UnixMicros> {
    match &workload.phase {
        Phase::Queued { not_before, .. } => not_before.filter(|time| *time > now),
        Phase::Placed { .. }
        | Phase::Running { .. }
        | Phase::Stopping { .. }
        | Phase::Ended { .. } => None,
    }
}
