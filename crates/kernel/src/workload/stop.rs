//! Stopping: by whom it may be asked, and what it means in each phase.

use units::{Id, kinds};

use super::{Event, Outcome, Phase, StopCause, Workload, array};
use crate::State;

/// The event that stops a workload, if anything is left to stop.
pub(crate) fn stop_one(
    state: &State,
    id: Id<kinds::Workload>,
    cause: StopCause,
) -> Option<crate::Event> {
    state.workloads.get(&id).and_then(|workload| stop(workload, cause)).map(crate::Event::Workload)
}

/// Stops a workload, or every task of an array.
pub(super) fn stop_whole(
    state: &State,
    workload: &Workload,
    cause: StopCause,
) -> Vec<crate::Event> {
    if workload.is_array() {
        return array::stop_all(state, workload, cause);
    }
    stop(workload, cause).map(crate::Event::Workload).into_iter().collect()
}

/// Stops everything that a project runs or waits for.
pub(crate) fn stop_all_of(
    state: &State,
    project: Id<kinds::Project>,
    cause: StopCause,
) -> Vec<crate::Event> {
    let own = state.active_workloads().filter(|workload| workload.project == project);
    own.filter_map(|workload| stop(workload, cause)).map(crate::Event::Workload).collect()
}

/// Stops everything that runs on a node.
pub(crate) fn stop_all_on(
    state: &State,
    node: Id<kinds::Node>,
    cause: StopCause,
) -> Vec<crate::Event> {
    let ids = state.index.by_node.get(&node).into_iter().flatten();
    ids.filter_map(|id| stop_one(state, *id, cause)).collect()
}

/// The event that stops this workload, if anything is left to stop.
pub(super) fn stop(workload: &Workload, cause: StopCause) -> Option<Event> {
    let request = || Event::StopRequested {
        id: workload.id,
        generation: workload.generation.saturating_add(1),
        cause,
        preemption: None,
    };
    match &workload.phase {
        // It ends with its tasks, which are stopped themselves.
        _ if workload.is_array() => None,
        Phase::Queued { .. } if cause.is_final() => {
            Some(Event::Ended { id: workload.id, outcome: Outcome::Stopped { cause } })
        }
        Phase::Queued { .. } | Phase::Ended { .. } => None,
        Phase::Placed { .. } | Phase::Running { .. } => Some(request()),
        // A stop that would lead back to the queue can become final, never the other way.
        Phase::Stopping { cause: earlier, .. } => {
            (cause.is_final() && !earlier.is_final()).then(request)
        }
    }
}
