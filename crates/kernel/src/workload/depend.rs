//! Work that waits for other work, and what the end of one means for those that wait for it.
//!
//! No circle can arise: what is waited for existed before what waits was submitted, and the list
//! never changes after.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use units::{Id, UnixMicros, kinds};

use super::{Condition, Dependency, Event, Outcome, Phase, StopCause, Workload, array};
use crate::{Reject, State, limits};

/// The first thing that a workload still waits for; `None` if it waits for no other work.
#[must_use]
pub fn unmet<'a>(state: &State, workload: &'a Workload) -> Option<&'a Dependency> {
    workload.spec.terms.after.iter().find(|dependency| !is_met(state, dependency))
}

/// How many of the workloads that it waits for have not ended as it wants.
#[must_use]
pub(crate) fn n_unmet(state: &State, workload: &Workload) -> u32 {
    let after = workload.spec.terms.after.iter();
    let unmet = after.filter(|dependency| !is_met(state, dependency)).count();
    u32::try_from(unmet).unwrap_or(u32::MAX)
}

fn is_met(state: &State, dependency: &Dependency) -> bool {
    let phase = state.workloads.get(&dependency.workload).map(|workload| &workload.phase);
    match phase {
        Some(Phase::Ended { outcome, .. }) => {
            dependency.on == Condition::Any || *outcome == Outcome::Succeeded
        }
        Some(
            Phase::Queued { .. }
            | Phase::Placed { .. }
            | Phase::Running { .. }
            | Phase::Stopping { .. },
        )
        | None => false,
    }
}

/// True if a waiting workload may be placed now: its pause is over, what it waited for has ended, and
/// its array may run one more task.
#[must_use]
pub fn is_due(state: &State, workload: &Workload, now: UnixMicros) -> bool {
    match &workload.phase {
        Phase::Queued { not_before, .. } => {
            not_before.is_none_or(|time| time <= now)
                && !workload.is_array()
                && unmet(state, workload).is_none()
                && array::free_slots(state, workload) != Some(0)
        }
        Phase::Placed { .. }
        | Phase::Running { .. }
        | Phase::Stopping { .. }
        | Phase::Ended { .. } => false,
    }
}

/// Refuses to wait for what is not there, what can no longer end as wished, or for too much.
pub(super) fn check(
    state: &State,
    project: Id<kinds::Project>,
    after: &[Dependency],
) -> Result<(), Reject> {
    Reject::limit("dependencies", after.len(), limits::DEPENDENCIES_MAX.saturating_add(1))?;
    for (position, dependency) in after.iter().enumerate() {
        let id = dependency.workload;
        let found = state.workloads.get(&id).filter(|workload| workload.project == project);
        // Work of other projects does not exist for this one.
        let found = found.ok_or_else(|| Reject::not_found("workload", id))?;
        if after.iter().take(position).any(|other| other.workload == id) {
            return Err(Reject::invalid("after", format!("`{id}` is named twice: keep one")));
        }
        if found.has_ended() && !is_met(state, dependency) {
            let message = format!(
                "`{id}` has {} and will not succeed any more: run it again, or write `{id}: any`",
                found.state_name()
            );
            return Err(Reject::invalid("after", message));
        }
        let waiting = state.index.dependents.get(&id).map_or(0, BTreeSet::len);
        Reject::limit("workloads waiting for one", waiting, limits::DEPENDENTS_MAX)?;
    }
    Ok(())
}

/// Adds what follows from the ends among the events of one command: what waited for success in vain
/// is stopped, and so on along the chain; an array ends with its last task.
pub(crate) fn with_consequences(state: &State, mut events: Vec<crate::Event>) -> Vec<crate::Event> {
    let ends = events.iter().filter_map(|event| {
        let crate::Event::Workload(Event::Ended { id, outcome }) = event else { return None };
        Some((*id, outcome.clone()))
    });
    let mut open: VecDeque<(Id<kinds::Workload>, Outcome)> = ends.collect();
    let mut ended: BTreeSet<Id<kinds::Workload>> = open.iter().map(|(id, _)| *id).collect();
    let mut tallies = BTreeMap::new();
    while let Some((id, outcome)) = open.pop_front() {
        let mut follow = |id: Id<kinds::Workload>, outcome: Outcome| {
            if ended.insert(id) {
                open.push_back((id, outcome.clone()));
                events.push(crate::Event::Workload(Event::Ended { id, outcome }));
            }
        };
        if let Some(Event::Ended { id, outcome }) =
            array::end_with_task(state, &mut tallies, id, &outcome)
        {
            follow(id, outcome);
        }
        if outcome == Outcome::Succeeded {
            continue;
        }
        for waiting in state.index.dependents.get(&id).into_iter().flatten() {
            if needs_success(state, *waiting, id) {
                follow(*waiting, Outcome::Stopped { cause: StopCause::DependencyFailed });
            }
        }
    }
    events
}

fn needs_success(state: &State, waiting: Id<kinds::Workload>, id: Id<kinds::Workload>) -> bool {
    let after = state.workloads.get(&waiting).map(|workload| &workload.spec.terms.after);
    let mut own = after.into_iter().flatten().filter(|dependency| dependency.workload == id);
    own.any(|dependency| dependency.on == Condition::Success)
}
